"""The command `list`: what there is, by name, with options and their meaning."""

import argparse

from mixtrast.cli._flags import Call

HELP = "what there is: methods, mixers, views, encoders, ..."
EPILOG = "example: mixtrast list methods imix"
PARTS = ()
KINDS = ("methods", "mixers", "views", "encoders", "readers", "datasets", "evaluations", "recipes", "training")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `list`."""
    parser.add_argument(
        "what", choices=KINDS, nargs="?", metavar="WHAT", help=f"one of {', '.join(KINDS)} (default: all names)"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of them, with its options")


def run(call: Call) -> int:
    """Print the list."""
    from mixtrast.cli._listing import print_list

    print_list(call.arguments.what, call.arguments.name)
    return 0
