"""The command door. Nothing heavy is imported before work starts, so that --help answers at once.

Exit codes: 0 done; 2 wrong usage or input, nothing written; 1 a run that failed; 130 interrupted, 143 terminated (saved).
"""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixtrast.cli.cells import cells_of, whole_cells
from mixtrast.cli.flags import dotted, sections, unknown
from mixtrast.cli.parser import parser

INPUT = (ValueError, TypeError, LookupError, OSError, ImportError)
FULL = (errno.ENOSPC, errno.EDQUOT)  # no one's wrong input


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = {
        "train": _train,
        "compare": _compare,
        "evaluate": _evaluate,
        "embed": _embed,
        "export": _export,
        "report": _report,
        "list": _list,
    }
    door = parser(commands)
    if not given:
        door.print_help()
        return 2
    try:
        words, options = dotted(whole_cells(given) if given[0] == "compare" else given)
        known, rest = door.parse_known_args(words)
        if rest:
            told = unknown(rest) if known.run in (_train, _compare) else f"{' '.join(rest)} is not understood."
            raise ValueError(f"{told} See mixtrast {given[0]} --help.")
        if options and known.run not in (_train, _compare, _evaluate):
            raise ValueError(f"{given[0]} takes no options of parts, got --{next(iter(options))}....")
        return int(known.run(known, options, given))
    except BrokenPipeError:  # who was reading has read enough: `mixtrast list methods | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich has met it, and has looked after stdout
            return 128 + signal.SIGPIPE
        raise
    except INPUT as error:
        return _wrong(error)
    except KeyboardInterrupt:
        print("\nmixtrast: interrupted.", file=sys.stderr)
        return 130


# --- commands -------------------------------------------------------------------------------------------------------------


def _train(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    jobs = _jobs(known, sections(known, options))
    several = len(jobs) > 1
    folders = []
    for at, (settings, out) in enumerate(jobs):
        code, folder = _one(known, settings, out, first=at == 0, several=several)
        if code:
            if code in (130, 143):
                _go_on(given, folder.parent if several else folder)
            return code
        folders.append(folder)
    if several:
        _together(folders, known.quiet)
    return 0


def _jobs(known: argparse.Namespace, flags: dict[str, Any]) -> list[tuple[dict[str, Any], Path | None]]:
    """The settings of each seed's run, and its folder where one is named. All folders are looked at before anything runs."""
    from mixtrast import run

    if known.resume and known.out is None:
        raise ValueError("--resume goes on with a run folder. Name it: --out DIR.")
    seeds = known.seed or [None]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed names a seed twice, got {' '.join(map(str, seeds))}. The same seed twice is no spread.")
    root = None if known.out is None else Path(known.out).expanduser()
    if known.resume and root is not None and len(seeds) == 1 and (inside := sorted(root.glob("seed-*/recipe.yaml"))):
        names = " ".join(path.parent.name.removeprefix("seed-") for path in inside)
        raise ValueError(
            f"{root} holds the runs of several seeds. Resume them all with: --seed {names}, and the data as before."
        )
    jobs: list[tuple[dict[str, Any], Path | None]] = []
    for seed in seeds:
        out = root if root is None or len(seeds) == 1 else root / f"seed-{seed}"
        chosen = flags | ({} if seed is None else {"seed": seed})
        jobs.append((run.layers(chosen, out=out, resume=known.resume, file=known.recipe), out))
    if len(jobs) > 1 and root is None:
        root = run.free_folder(run.prepare(jobs[0][0], known.data, known.test))
        jobs = [(settings, root / f"seed-{settings['seed']}") for settings, _ in jobs]
    there = [out for _, out in jobs if out is not None and out.exists()]
    if len(jobs) > 1 and root is not None and (root / "recipe.yaml").exists():
        there = [root]
    if there and (not known.resume or there == [root]) and len(jobs) > 1:
        raise FileExistsError(f"{there[0]} exists already, and nothing is overwritten. Choose another --out.")
    return jobs


def _one(
    known: argparse.Namespace, settings: dict[str, Any], out: Path | None, *, first: bool, several: bool
) -> tuple[int, Path]:
    """One run: exit code and folder. Once its folder is made, nothing that goes wrong is called wrong input."""
    from mixtrast import run
    from mixtrast.cli import show
    from mixtrast.training import CheckpointError, Interrupted

    say: Callable[[str], None] = (lambda text: None) if known.quiet else print
    try:
        ready = run.ready(settings, known.data, known.test, out=out, resume=known.resume)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _failed(error), out or Path()
    if not known.quiet:
        show.settings(ready.prepared, brief=not first)
    code = 0
    try:
        done = ready.go(quiet=known.quiet, maps=first and not known.no_maps, say=say)
    except CheckpointError as error:
        code = _wrong(error)
    except Interrupted as stop:
        code = stop.code
        print(f"mixtrast: {stop}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
        print("mixtrast: interrupted; what was saved is whole.", file=sys.stderr)
    except (*INPUT, RuntimeError) as error:
        code = _failed(error)
        kept = any((ready.folder / name).exists() for name in ("checkpoint.pt", "checkpoint.before.pt"))
        rest = "its last checkpoint is whole" if kept else "no checkpoint was written yet"
        print(f"The run is in {ready.folder}; {rest}.", file=sys.stderr)
    if not code and not known.quiet:
        (show.brief if several else show.outcome)(done)
    return code, ready.folder


def _together(folders: list[Path], quiet: bool) -> None:
    """One page and one table of several seeds."""
    from mixtrast import report

    page = folders[0].parent / "report.html"
    report.write(folders, page)
    if not quiet:
        from mixtrast.cli import show

        show.together(folders, page)


def _compare(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    """A grid of runs. Once its folder is made, nothing that goes wrong is called wrong input."""
    cells, problems = cells_of(known, options)
    from mixtrast import studies
    from mixtrast.cli import show

    ready = studies.ready(
        cells, known.data, known.test, seeds=known.seed, jobs=known.jobs, out=known.out, resume=known.resume,
        against=known.against, problems=problems, command=shlex.join(["mixtrast", *given]),
    )  # fmt: skip
    say: Callable[[str], None] = (lambda text: None) if known.quiet else (lambda text: print(text, flush=True))
    if not known.quiet:
        show.grid(ready)
    try:
        done = ready.go(quiet=known.quiet, say=say)
    except studies.Stopped as stop:
        print(f"mixtrast: {stop}", file=sys.stderr)
        _go_on(given, ready.folder)
        return stop.code
    except KeyboardInterrupt:
        print("mixtrast: interrupted; what was saved is whole.", file=sys.stderr)
        _go_on(given, ready.folder)
        return 130
    except (*INPUT, RuntimeError) as error:
        code = _failed(error)
        print(f"The comparison is in {ready.folder}; go on with it: --resume.", file=sys.stderr)
        return code
    if not known.quiet:
        show.compared(done)
    for name, said in done.failed.items():
        print(
            f"mixtrast: failed: {name}: {' '.join(line.removeprefix('mixtrast: failed: ') for line in said[-2:])}",
            file=sys.stderr,
        )
    if done.failed:
        print(f"The others are in {done.folder}; --resume tries those that failed again.", file=sys.stderr)
    return 1 if done.failed else 0


def _evaluate(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run
    from mixtrast.cli import show

    allowed = {"evaluation", "data"} if known.on else {"evaluation"}
    if set(options) - allowed:
        strange = next(iter(set(options) - allowed))
        more = ", and of the data" if known.on else ""
        raise ValueError(f"evaluate takes options of evaluations only{more}, got --{strange}....")
    details = options.get("evaluation", {})
    named: dict[str, Any] = {name.strip(): {} for name in known.evaluation.split("+")} if known.evaluation else {}
    done, chosen = run.Run(Path(known.folder)), {**named, **details}
    if known.on:
        done.transfer(
            known.on, test=known.test, label=known.label, groups=known.groups, evaluation=chosen or "linear+knn",
            options=options.get("data"),
        )  # fmt: skip
        show.elsewhere(done)
        return 0
    lost = next((flag for flag in ("test", "label", "groups") if getattr(known, flag)), None)
    if lost:
        raise ValueError(f"--{lost} is about other data: name them with --on DATA.")
    done.evaluate(chosen or "linear+knn+labels")
    show.outcome(done)
    return 0


def _embed(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run
    from mixtrast.run import features

    out = Path(known.out)
    rows, columns = features.write(run.Run(Path(known.folder)), known.data, out)
    print(f"{rows:,} x {columns:,} features in {out}")
    return 0


def _export(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    if known.out is None and known.format is None:
        raise ValueError("export writes one file. Name it: -o encoder.onnx (or .pt2, .safetensors).")
    from mixtrast import run
    from mixtrast.export import formats

    out = Path(known.out or f"{Path(known.folder).name}{formats.FORMATS[known.format]}")
    off = formats.write(run.Run(Path(known.folder)).encoder(), Path(known.folder), out, known.format)
    print(f"{out}, run and compared with the encoder: features differ by {off:.0e} of their length at most.")
    return 0


def _report(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import report

    folders = [Path(folder) for folder in known.folders]
    if len(folders) == 1 and known.out is None and (folders[0] / "compare.yaml").is_file():
        print(report.write_comparison(folders[0]))
        return 0
    if known.out is None and len(folders) > 1:
        raise ValueError("a page of several runs belongs to none of them. Name it: -o page.html.")
    out = Path(known.out) if known.out else folders[0] / "report.html"
    if known.out and out.exists():
        raise FileExistsError(f"{out} exists already, and nothing is overwritten. Choose another -o.")
    print(report.write(folders, out, png=known.png))
    return 0


def _list(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast.cli import show

    show.listing(known.what, known.name)
    return 0


# --- what is said when a run ends early ---


def _go_on(given: list[str], folder: Path) -> None:
    named = any(word == "--out" or word.startswith("--out=") for word in given)
    words = [*given, *([] if named else ["--out", str(folder)]), *([] if "--resume" in given else ["--resume"])]
    print(f"Go on with: mixtrast {shlex.join(words)}", file=sys.stderr)


def _failed(error: BaseException) -> int:
    what = str(error) if not isinstance(error, KeyError) else repr(error)
    print(f"mixtrast: failed: {what or type(error).__name__}", file=sys.stderr)
    return 1


def _wrong(error: BaseException) -> int:
    text = str(error) if not isinstance(error, KeyError) else str(error.args[0])
    print(f"mixtrast: error: {text}", file=sys.stderr)
    return 2
