"""The entry point of the command. Nothing heavy is imported before a command runs, so that --help is quick.

Exit codes: 0 done; 2 wrong usage or input, nothing written; 1 a run that failed; 130 interrupted, 143 terminated (saved).
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from mixtrast import registry
from mixtrast.cli._errors import INPUT, wrong
from mixtrast.cli._flags import Call, dotted, quoted, unknown
from mixtrast.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = make_parser()
    if not words:
        parser.print_help()
        return 2
    try:
        return _run(parser, words)
    except BrokenPipeError:  # the reader has closed the pipe: `mixtrast list methods | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich has met it, and has closed stdout
            return 128 + signal.SIGPIPE
        raise
    except INPUT as error:
        return wrong(error)
    except KeyboardInterrupt:
        print("\nmixtrast: interrupted.", file=sys.stderr)
        return 130


def commands() -> dict[str, ModuleType]:
    """The commands by name. Each has HELP, EPILOG, PARTS (whose dotted options it takes), add_arguments and run."""
    package = sys.modules[__package__]
    return {name: importlib.import_module(f"{__package__}.{name}") for name in registry.names(package)}


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="mixtrast",
        description="Learn representations by mixing examples and contrasting the mixtures; measure what they are worth.",
        epilog="Start with: mixtrast train digits     Help on a command: mixtrast train --help",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mixtrast {__version__}")
    each = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in commands().items():
        one = each.add_parser(
            name, help=command.HELP, epilog=command.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )  # fmt: skip
        command.add_arguments(one)
        one.set_defaults(command=command)
    return parser


def _run(parser: argparse.ArgumentParser, words: list[str]) -> int:
    rest, options = dotted(quoted(words))
    found, strange = parser.parse_known_args(rest)
    command: ModuleType = found.command
    if strange:
        raise ValueError(f"{unknown(strange, command.PARTS)} See mixtrast {words[0]} --help.")
    for name in options:
        if name.partition(".")[0] not in command.PARTS:
            allowed = f"takes options of {' and '.join(command.PARTS)} only" if command.PARTS else "takes no options of parts"
            raise ValueError(f"{words[0]} {allowed}, got --{name}.")
    code: int = command.run(Call(found, options, words))
    return code
