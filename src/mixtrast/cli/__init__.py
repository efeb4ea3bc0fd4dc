"""The command door. Nothing heavy is imported before work starts, so that --help answers at once.

Exit codes: 0 done; 2 wrong usage or input, nothing written; 1 a run that failed; 130 interrupted, 143 terminated (saved).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixtrast.cli.flags import dotted, sections
from mixtrast.cli.parser import parser

INPUT = (ValueError, TypeError, LookupError, OSError, ImportError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    door = parser({"train": _train, "evaluate": _evaluate, "embed": _embed, "report": _report, "list": _list})
    if not given:
        door.print_help()
        return 2
    known, rest = door.parse_known_args(given)
    command: Callable[..., int] = known.run
    takes_parts = command in (_train, _evaluate)
    try:
        options = dotted(rest) if takes_parts else _none_left(rest)
        return command(known, options, given)
    except INPUT as error:
        return _wrong(error)
    except KeyboardInterrupt:
        print("\ninterrupted.", file=sys.stderr)
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
    """The settings of each seed's run, and its folder where one is named."""
    from mixtrast import recipe, run

    if known.resume and known.out is None:
        raise ValueError("--resume goes on with a run folder. Name it: --out DIR.")
    seeds = known.seed or [None]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed names a seed twice, got {' '.join(map(str, seeds))}. The same seed twice is no spread.")
    file = recipe.read(Path(known.recipe)) if known.recipe else {}
    jobs: list[tuple[dict[str, Any], Path | None]] = []
    for seed in seeds:
        out = None if known.out is None else Path(known.out) / (f"seed-{seed}" if len(seeds) > 1 else "")
        begun = known.resume and out is not None and (out / "recipe.yaml").is_file()
        base = recipe.read(out / "recipe.yaml") if begun and out is not None else file
        jobs.append((run.merge(base, flags | ({} if seed is None else {"seed": seed})), out))
    if len(jobs) > 1 and known.out is None:
        group = run.free_folder(run.prepare(jobs[0][0], known.data, known.test))
        jobs = [(settings, group / f"seed-{settings['seed']}") for settings, _ in jobs]
    return jobs


def _one(
    known: argparse.Namespace, settings: dict[str, Any], out: Path | None, *, first: bool, several: bool
) -> tuple[int, Path]:
    """One run: exit code and folder."""
    from mixtrast import run
    from mixtrast.cli import show
    from mixtrast.training import CheckpointError, Interrupted, TrainingError

    say: Callable[[str], None] = (lambda text: None) if known.quiet else print
    ready = run.ready(settings, known.data, known.test, out=out, resume=known.resume)
    if not known.quiet:
        show.settings(ready.prepared, brief=not first)
    code, said = 0, ""
    try:
        done = ready.go(quiet=known.quiet, maps=first, say=say)
    except (TrainingError, OSError) as error:
        kept = any((ready.folder / name).exists() for name in ("checkpoint.pt", "checkpoint.before.pt"))
        rest = "its last checkpoint is whole: mend what was wrong, and --resume." if kept else "no checkpoint was written yet."
        code, said = 1, f"failed: {error}\nThe run is in {ready.folder}; {rest}"
    except CheckpointError as error:
        code, said = 2, f"error: {error}"
    except Interrupted as stop:
        code, said = stop.code, str(stop)
    except KeyboardInterrupt:
        code, said = 130, "interrupted while evaluating; the trained encoder is saved."
    if code:
        print(f"mixtrast: {said}", file=sys.stderr)
    elif not known.quiet:
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


def _evaluate(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run
    from mixtrast.cli import show

    chosen: Any = known.evaluation
    details = options.get("evaluation", {})
    if set(options) - {"evaluation"}:
        raise ValueError(f"evaluate takes options of evaluations only, got --{next(iter(set(options) - {'evaluation'}))}....")
    if details:
        names = chosen.split("+") if chosen else []
        chosen = {**{name: {} for name in names}, **details}
    done = run.Run(Path(known.folder))
    done.evaluate(chosen or "linear+knn+labels")
    show.outcome(done)
    return 0


def _embed(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import run

    out = Path(known.out)
    written = run.write_features(run.Run(Path(known.folder)), known.data, out)
    print(f"{written.rows:,} x {written.columns:,} features in {out}")
    return 0


def _report(known: argparse.Namespace, options: dict[str, Any], given: list[str]) -> int:
    from mixtrast import report

    folders = [Path(folder) for folder in known.folders]
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


def _none_left(rest: list[str]) -> dict[str, Any]:
    if rest:
        raise ValueError(f"{' '.join(rest)} is not understood. See mixtrast --help.")
    return {}


def _wrong(error: BaseException) -> int:
    text = str(error) if not isinstance(error, KeyError) else str(error.args[0])
    print(f"mixtrast: error: {text}", file=sys.stderr)
    return 2
