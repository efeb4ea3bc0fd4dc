"""The command `compare`: several configurations, several seeds, one table."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mixtrast.cli._errors import INPUT, failed, print_resume
from mixtrast.cli._flags import Call, add_flags, add_settings
from mixtrast.options import BY_NAME
from mixtrast.options import PARTS as PARTS

if TYPE_CHECKING:
    from mixtrast.studies import Comparison, PreparedComparison

HELP = "several methods or settings, several seeds, one table"
EPILOG = """\
a configuration is a set of train's own flags, over those that all configurations share:

  mixtrast compare digits --configuration "--method simclr" --configuration "--method supervised --mixer mixup"
  mixtrast compare digits --vary method=imix,mixsupcon --vary mixer.alpha=0.2,0.5,1 --epochs 30
  mixtrast compare table.csv --label species --grid grid.yaml --seed 0 1 2 3 4
  mixtrast compare --out runs/compare-digits --resume      continue one that was stopped

grid.yaml:
  common: {epochs: 30}
  plain:  {method: simclr}
  warm:   "--method simclr --method.temperature 0.8"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.add_argument("data", nargs="?", metavar="DATA", help="as of train")
    grid = parser.add_argument_group("configurations")
    grid.add_argument(
        "--configuration", action="append", default=[], metavar="FLAGS",
        help="flags of one configuration, in quotes; may be repeated",
    )  # fmt: skip
    grid.add_argument(
        "--vary", action="append", default=[], metavar="KEY=V1,V2", help="all configurations with each value of a flag"
    )
    grid.add_argument("--grid", metavar="FILE", help="configurations by name from a YAML file")
    grid.add_argument("--against", metavar="NAME", help="a configuration that all others are compared with, besides the best")
    grid.add_argument("--seed", nargs="+", type=int, metavar="S", help="seeds of each configuration (default: 0 1 2)")
    add_settings(parser)
    group = parser.add_argument_group("run")
    group.add_argument("--workers", type=int, metavar="N", help="runs at a time (default: from cores and memory)")
    group.add_argument("--out", metavar="DIR", help="a new folder (default: a free name under runs/)")
    group.add_argument(
        "--resume", action="store_true", help="continue the comparison in --out; more configurations and seeds may be added"
    )
    add_flags(group, [BY_NAME["quiet"]])


def run(call: Call) -> int:
    """Check all configurations, run them, and print the table."""
    from mixtrast import studies
    from mixtrast.cli import _comparison_output as output

    arguments = call.arguments
    file = None if arguments.grid is None else Path(arguments.grid)
    request = studies.ComparisonRequest(
        grid=studies.Grid.read(arguments.configuration, arguments.vary, file, call.values()),
        data=arguments.data,
        test=arguments.test,
        seeds=arguments.seed,
        workers=arguments.workers,
        out=None if arguments.out is None else Path(arguments.out).expanduser(),
        resume=arguments.resume,
        against=arguments.against,
        command=shlex.join(["mixtrast", *call.words]),
    )
    prepared = studies.prepare(request)
    if not arguments.quiet:
        output.print_plan(prepared)
    found = _executed(call, prepared)
    if isinstance(found, int):
        return found
    if not arguments.quiet:
        output.print_ranking(found)
    for name, lines in found.failed.items():
        last = " ".join(line.removeprefix("mixtrast: failed: ") for line in lines[-2:])
        print(f"mixtrast: failed: {name}: {last}", file=sys.stderr)
    if found.failed:
        print(f"The others are in {found.folder}; --resume tries those that failed again.", file=sys.stderr)
    return 1 if found.failed else 0


def _executed(call: Call, prepared: PreparedComparison) -> Comparison | int:
    """The comparison, or the exit code. Once its folder is made, nothing that fails is called wrong input."""
    from mixtrast.studies import Stopped, execute

    quiet = call.arguments.quiet
    say: Callable[[str], None] = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    try:
        return execute(prepared, quiet=quiet, say=say)
    except Stopped as stop:
        print(f"mixtrast: {stop}", file=sys.stderr)
        print_resume(call.words, prepared.folder)
        return stop.code
    except KeyboardInterrupt:
        print("mixtrast: interrupted; the checkpoints that were written are complete.", file=sys.stderr)
        print_resume(call.words, prepared.folder)
        return 130
    except (*INPUT, RuntimeError) as error:
        code = failed(error)
        print(f"The comparison is in {prepared.folder}; continue it with --resume.", file=sys.stderr)
        return code
