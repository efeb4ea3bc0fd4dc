"""The command `export`: the encoder of a run as a file for other programs."""

import argparse
from pathlib import Path

from mixtrast.cli._flags import Call

HELP = "the encoder of a run as a file for others: .onnx, .pt2 or .safetensors"
EPILOG = """\
The file is run and compared with the encoder before it gets its name. .onnx and .pt2 hold the scaling too: they take
images as intensities in 0 to 1, everything else as it was read.
"""
PARTS = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("-o", "--out", metavar="FILE", help="a new file; its ending names the format")
    parser.add_argument(
        "--format", choices=("safetensors", "onnx", "torch"), help="without -o the file has the name of the run, in this folder"
    )


def run(call: Call) -> int:
    """Write the file."""
    arguments = call.arguments
    if arguments.out is None and arguments.format is None:
        raise ValueError("export writes one file. Name it: -o encoder.onnx (or .pt2, .safetensors).")
    from mixtrast.export import formats
    from mixtrast.run import Run

    folder = Path(arguments.folder)
    out = Path(arguments.out or f"{folder.name}{formats.FORMATS[arguments.format]}")
    error = formats.write(Run(folder).encoder(), folder, out, arguments.format)
    print(f"{out}, run and compared with the encoder: features differ by at most {error:.0e} of their length.")
    return 0
