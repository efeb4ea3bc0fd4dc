"""The command `embed`: features of more data, by the encoder of a run."""

import argparse
from pathlib import Path

from mixtrast.cli._flags import Call

HELP = "features of more data, by a run's encoder"
EPILOG = "example: mixtrast embed runs/digits-imix new.csv -o features.npz"
PARTS = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `embed`."""
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("data", metavar="DATA", help="data with the columns of the run's own; the label may be missing")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="a new .npz, .csv or .parquet")


def run(call: Call) -> int:
    """Write the features."""
    from mixtrast.run import Run

    out = Path(call.arguments.out)
    rows, columns = Run(Path(call.arguments.folder)).write_features(call.arguments.data, out)
    print(f"{rows:,} x {columns:,} features in {out}")
    return 0
