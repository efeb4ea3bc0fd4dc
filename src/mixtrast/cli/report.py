"""The command `report`: the page of a run or a comparison made again, or one page of several runs."""

import argparse
from pathlib import Path

from mixtrast.cli._flags import Call

HELP = "the page of a run made again, or one page of several runs"
EPILOG = "example: mixtrast report runs/digits-imix runs/digits-simclr -o page.html"
PARTS = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    parser.add_argument("folders", nargs="+", metavar="RUN", help="run folders, or the folder of a comparison")
    parser.add_argument("-o", "--out", metavar="FILE", help="the page (needed for several runs)")
    parser.add_argument("--png", action="store_true", help="also save its pictures under figures/ of the first run")


def run(call: Call) -> int:
    """Write the page, and print where it is."""
    from mixtrast import report

    out, folders = call.arguments.out, [Path(folder) for folder in call.arguments.folders]
    if len(folders) == 1 and out is None and (folders[0] / "compare.yaml").is_file():
        print(report.write_comparison(folders[0]))
        return 0
    if out is None and len(folders) > 1:
        raise ValueError("a page of several runs belongs to none of them. Name it: -o page.html.")
    page = Path(out) if out else folders[0] / "report.html"
    if out and page.exists():
        raise FileExistsError(f"{page} exists already, and nothing is overwritten. Choose another -o.")
    print(report.write(folders, page, png=call.arguments.png))
    return 0
