"""The command `train`: data in, a trained encoder and a report out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mixtrast.cli._errors import FULL_DISK, INPUT, failed, print_resume, wrong
from mixtrast.cli._flags import Call, add_flags, add_settings
from mixtrast.options import PARTS as PARTS
from mixtrast.options import RUN

if TYPE_CHECKING:
    from mixtrast.recipe import Request
    from mixtrast.run import ClaimedRun, ReadOnce, Run

HELP = "data in, a trained encoder and a report out"
EPILOG = """\
options of a part are flags: --method.temperature 0.1 --mixer.alpha 0.2 --encoder.width 16 --views.mask.p 0.3
--training.clip 1 --evaluation.linear.protocol sgd; `mixtrast list methods imix` and
`mixtrast list training` show them with their meaning.

examples:
  mixtrast train digits                                    real scans, built in: try this first
  mixtrast train table.csv --label species                 a table, one column the label
  mixtrast train table.csv --label species --labels 10     as if only 10 labels of each class were known
  mixtrast train windows.npz --method imix --seed 0 1 2    without labels, three seeds, one report
  mixtrast train --out runs/digits-imix --resume           continue a run that was stopped
"""
DATA = (
    "a table (.csv, .parquet, ...), .npz, .ts, .fasta, text, a folder of images, tiles or sounds, hf:owner/name, or a dataset "
    "by name (mixtrast list datasets)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    parser.add_argument("data", nargs="?", metavar="DATA", help=DATA)
    add_settings(parser)
    group = parser.add_argument_group("run")
    add_flags(group, RUN)
    group.add_argument("--probe-cache", metavar="DIR", help=argparse.SUPPRESS)  # scores that the runs of a comparison share


def run(call: Call) -> int:
    """Train with every seed, one after the other, and make one report of all."""
    from mixtrast import run as runs

    read_inputs = runs.ReadOnce()  # opens the data once for all seeds
    jobs = _jobs(call, read_inputs)
    several, folders = len(jobs) > 1, list[Path]()
    for request, out in jobs:
        code, folder = _one(call, request, out, read_inputs, first=not folders, several=several)
        if code:
            if code in (130, 143):
                print_resume(call.words, folder.parent if several else folder)
            return code
        folders.append(folder)
    if several:
        _report(folders, call.arguments.quiet)
    return 0


# --- the runs -------------------------------------------------------------------------------------------------------------


def _jobs(call: Call, read_inputs: ReadOnce) -> list[tuple[Request, Path | None]]:
    """The request of each seed's run, and its folder where one is named. All folders are checked before anything runs."""
    from mixtrast import run as runs
    from mixtrast.recipe import sections

    arguments, seeds = call.arguments, call.arguments.seed or [None]
    root = None if arguments.out is None else Path(arguments.out).expanduser()
    _check_seeds(arguments, root)
    chosen = sections(call.values())
    jobs: list[tuple[Request, Path | None]] = []
    for seed in seeds:
        out = root if root is None or len(seeds) == 1 else root / f"seed-{seed}"
        own = chosen if seed is None else {**chosen, "seed": seed}
        jobs.append((runs.settings(own, out=out, resume=arguments.resume, recipe=arguments.recipe), out))
    if len(jobs) > 1 and root is None:
        root = runs.free_folder(runs.prepare(jobs[0][0], arguments.data, arguments.test, read_inputs=read_inputs))
        jobs = [(request, root / f"seed-{request.seed}") for request, _ in jobs]
    if len(jobs) > 1 and root is not None:
        _check_folders(root, [out for _, out in jobs if out is not None], resume=arguments.resume)
    return jobs


def _check_seeds(arguments: argparse.Namespace, root: Path | None) -> None:
    seeds = arguments.seed or [None]
    if arguments.resume and root is None:
        raise ValueError("--resume continues a run. Name its folder: --out DIR.")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed names a seed twice, got {' '.join(map(str, seeds))}. The same seed twice is the same run.")
    if arguments.resume and root is not None and len(seeds) == 1 and (inside := sorted(root.glob("seed-*/recipe.yaml"))):
        names = " ".join(path.parent.name.removeprefix("seed-") for path in inside)
        raise ValueError(
            f"{root} holds the runs of several seeds. Resume them together: --seed {names}, and the data as before."
        )


def _check_folders(root: Path, folders: list[Path], *, resume: bool) -> None:
    """Several seeds overwrite neither a run nor each other's folders."""
    taken = root if (root / "recipe.yaml").exists() else next((each for each in folders if each.exists() and not resume), None)
    if taken is not None:
        raise FileExistsError(f"{taken} exists already, and nothing is overwritten. Choose another --out.")


def _one(
    call: Call, request: Request, out: Path | None, read_inputs: ReadOnce, *, first: bool, several: bool
) -> tuple[int, Path]:
    """One run: exit code and folder. Once its folder is made, nothing that fails is called wrong input."""
    from mixtrast import run as runs
    from mixtrast.cli import _run_output as output

    arguments = call.arguments
    try:
        claimed = runs.claim(request, arguments.data, arguments.test, out=out, resume=arguments.resume, read_inputs=read_inputs)
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        return failed(error), out or Path()
    if not arguments.quiet:
        output.print_settings(claimed.prepared) if first else output.print_seed(claimed.prepared)
    found = _executed(claimed, arguments, maps=first and not arguments.no_maps)
    if isinstance(found, int):
        return found, claimed.folder
    if not arguments.quiet:
        output.print_line(found) if several else output.print_outcome(found)
    return 0, claimed.folder


def _executed(claimed: ClaimedRun, arguments: argparse.Namespace, *, maps: bool) -> Run | int:
    """The finished run, or the exit code."""
    from mixtrast.records.folder import CHECKPOINT, CHECKPOINT_BEFORE
    from mixtrast.training import CheckpointError, Interrupted

    say: Callable[[str], None] = (lambda text: None) if arguments.quiet else print
    try:
        return claimed.execute(quiet=arguments.quiet, maps=maps, say=say, probe_cache=arguments.probe_cache)
    except CheckpointError as error:
        return wrong(error)
    except Interrupted as stop:
        print(f"mixtrast: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("mixtrast: interrupted; the last checkpoint is complete.", file=sys.stderr)
        return 130
    except (*INPUT, RuntimeError) as error:
        code = failed(error)
        written = any((claimed.folder / name).exists() for name in (CHECKPOINT, CHECKPOINT_BEFORE))
        rest = "its last checkpoint is complete" if written else "no checkpoint was written yet"
        print(f"The run is in {claimed.folder}; {rest}.", file=sys.stderr)
        return code


def _report(folders: list[Path], quiet: bool) -> None:
    """One page and one table of several seeds."""
    from mixtrast import report

    page = folders[0].parent / "report.html"
    report.write(folders, page)
    if not quiet:
        from mixtrast.cli._run_output import print_seeds

        print_seeds(folders, page)
