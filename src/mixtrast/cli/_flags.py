"""Flags of the list of options, and dotted flags of parts: `--method.temperature 0.1`."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mixtrast.options import DATA, PARTS, SELECTION, SETTINGS, TRAIN, TRAINING, Option, Values
from mixtrast.text import closest

_COMPARE = ("configuration", "vary", "grid", "against", "workers")


@dataclass(frozen=True)
class Call:
    """One call of a command.

    Args:
        arguments: its plain flags.
        options: its dotted flags, "method.temperature" -> text.
        words: as they were typed.
    """

    arguments: argparse.Namespace
    options: dict[str, str]
    words: list[str]

    def values(self) -> Values:
        """The settings of a recipe among the flags, by name; flags that were not typed are left out."""
        plain = {option.name: getattr(self.arguments, option.name) for option in SETTINGS if option.name != "test"}
        return {name: value for name, value in plain.items() if value is not None and value is not False} | self.options


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of everything that a recipe is made of, in groups."""
    for title, options in (("data", DATA), ("parts (mixtrast list methods, ...)", SELECTION), ("training", TRAINING)):
        add_flags(parser.add_argument_group(title), options)


def add_flags(parser: argparse._ActionsContainer, options: Iterable[Option]) -> None:
    """Add a flag for each option."""
    for option in options:
        if option.switch:
            parser.add_argument(option.flag, action="store_true", help=option.help)
            continue
        number = "+" if option.many else None
        parser.add_argument(
            option.flag,
            nargs=number,
            type=option.type,
            choices=option.choices or None,
            metavar=option.metavar,
            help=option.help,
        )


def dotted(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take `--part.option value` and `--part.option=value` out of the words: the others, and {"part.option": "value"}."""
    found: dict[str, str] = {}
    others, rest = [], iter(words)
    for word in rest:
        name, equals, value = word[2:].partition("=")
        part, dot, _ = name.partition(".")
        if not (word.startswith("--") and dot and part in PARTS):
            others.append(word)
            continue
        value = value if equals else next(rest, "--")
        if value.startswith("--"):
            raise ValueError(f"{word} needs a value, as in {word} 0.1.")
        found[name.replace("-", "_")] = value
    return others, found


def quoted(words: list[str]) -> list[str]:
    """`--configuration "--method simclr"` as one word: what stands in the quotes is no flag of the command."""
    found, rest = [], iter(words)
    for word in rest:
        following = next(rest, None) if word in ("--configuration", "--vary") else None
        found.append(word if following is None else f"{word}={following}")
    return found


def unknown(words: list[str], parts: Sequence[str]) -> str:
    """What to say of words that are no flag of a command.

    Args:
        parts: whose dotted options the command takes.
    """
    word = next((word for word in words if word.startswith("-")), words[0])
    if not word.startswith("-"):
        hint = " Options of a part are flags: --method.temperature 0.1." if parts else ""
        return f"{word!r} is not understood here.{hint}"
    flags = [*(option.flag.lstrip("-") for option in TRAIN), *_COMPARE, *(f"{part}." for part in parts)]
    if word.lstrip("-") in flags:
        return f"{word} is no option of this command."
    near = closest(word.lstrip("-"), flags, 0.5) if parts else None
    hint = f" Did you mean --{near}{'...' if near.endswith('.') else ''}?" if near else ""
    return f"there is no option {word}.{hint}"
