"""The cells of a comparison, from --cell, --vary and --grid: each is read by the very code that reads train's flags."""

from __future__ import annotations

import argparse
import copy
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mixtrast.cli.flags import CELL, PARTS, SWITCHES, dotted, sections, unknown
from mixtrast.cli.parser import cell_parser

Flags = dict[str, str]
_SEVERAL = ("drop",)  # flags that take several words


def whole_cells(words: list[str]) -> list[str]:
    """`--cell "--method simclr"` as one word, `--cell=--method simclr`: what a cell holds is no flag of the command."""
    found, waiting = [], iter(words)
    for word in waiting:
        following = next(waiting, None) if word in ("--cell", "--vary") else None
        found.append(word if following is None else f"{word}={following}")
    return found


def cells_of(known: argparse.Namespace, options: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Name -> sections of a recipe, and everything that is wrong with the words, each problem with its cell.

    Args:
        known, options: the command line, whose flags are common to all cells.
    """
    from mixtrast.studies import cells as room

    problems: list[str] = []
    given = [("", flags) for flags in _attempts(known.cell, _flags, problems)]
    shared: Flags = {}
    if known.grid is not None:
        shared, by_name = _grid(Path(known.grid), problems)
        given += list(by_name.items())
    vary: dict[str, list[str]] = {}
    for word in known.vary:
        key, equals, text = word.lstrip("-").partition("=")
        values = room.values(text)
        if not equals or not all(values):
            problems.append(f"--vary takes a flag and its values, as in --vary method=simclr,imix, got {word!r}.")
        elif len(set(values)) < len(values):
            problems.append(f"--vary {key} names a value twice, got {text!r}.")
        else:
            vary[key] = values
    if not given and not vary:
        return {}, problems
    made = room.named([each for name, flags in given or [("", {})] for each in room.multiplied({name: flags}, vary)])
    found = {}
    for name, flags in made.items():
        try:
            found[name] = _sections(known, options, {**shared, **flags})
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return found, problems


def _attempts(words: list[str], read: Any, problems: list[str]) -> Iterator[Flags]:
    for word in words:
        try:
            yield read(word)
        except ValueError as error:
            problems.append(f"--cell {word!r}: {error}")


def _flags(text: str) -> Flags:
    """The flags of a cell by name, without their dashes: "--method imix --lr=0.1" is {"method": "imix", "lr": "0.1"}."""
    found: Flags = {}
    name = ""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{str(error).lower()}.") from error
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            if name in SWITCHES:
                raise ValueError(f"--{name} is for all cells at once. Give it beside --cell.")
            found[name] = value
        elif not name:
            raise ValueError(f"{word!r} is not understood here. A cell is flags of train: --method simclr --lr 0.1.")
        else:
            found[name] = f"{found[name]} {word}".strip()
    if empty := [name for name, value in found.items() if not value]:
        raise ValueError(f"--{empty[0]} needs a value.")
    return found


def _sections(known: argparse.Namespace, options: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    """The cell's flags over the common ones: a part by another name takes none of the other's options."""
    words: list[str] = []
    for name, value in flags.items():
        words += [f"--{name}", *shlex.split(value)] if name in _SEVERAL else [f"--{name}={value}"]
    plain, own = dotted(words)
    mine = cell_parser().parse_known_args(plain)
    if wrong := [
        word for word in mine[1] if word.partition("=")[0] not in ("--seed", "--out", "--resume", "--recipe", "--quiet")
    ]:
        raise ValueError(unknown([wrong[0].partition("=")[0]], (*CELL, *(f"{part}." for part in PARTS))))
    if mine[1]:
        raise ValueError(f"{mine[1][0].partition('=')[0]} is for all cells at once. Give it beside --cell.")
    layered, merged = copy.copy(known), copy.deepcopy(dict(options))
    over = {key: value for key, value in vars(mine[0]).items() if value is not None and value is not False}
    if "test" in over:
        raise ValueError("--test is for all cells at once. Give it beside --cell.")
    for part in ("method", "mixer", "encoder"):
        if part in over and getattr(known, part) not in (None, over[part]):
            merged.pop(part, None)
            if part == "method":  # another method brings its own mixer
                layered.mixer = None
                merged.pop("mixer", None)
    for part in ("views", "evaluation"):
        if part in over:
            merged[part] = {name: value for name, value in merged.pop(part, {}).items() if name in over[part].split("+")}
            if not merged[part]:
                merged.pop(part)
    vars(layered).update(over)
    if "steps" in own.get("training", {}):
        layered.epochs = None
    elif "epochs" in over:
        merged.get("training", {}).pop("steps", None)
    return sections(layered, _over(merged, own))


def _over(base: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """All the way down."""
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        base[key] = _over(base[key], value) if both else value
    return base


def _grid(path: Path, problems: list[str]) -> tuple[Flags, dict[str, Flags]]:
    """The flags that are common, and those of each cell by its name."""
    from mixtrast import recipe

    try:
        loaded = recipe.read(path)
    except ValueError as error:
        raise ValueError(str(error).replace("the recipe", "the grid").partition(" must be a mapping of ")[0]) from error
    found: dict[str, Flags] = {}
    for name, cell in loaded.items():
        try:
            found[str(name)] = _flags(cell) if isinstance(cell, str) else _written(cell)
        except ValueError as error:
            problems.append(f"{name} in {path}: {error}")
    return found.pop("common", {}), found


def _written(cell: Any) -> Flags:
    """A mapping of flags and values, as YAML has them."""
    if cell is None:
        return {}
    if not isinstance(cell, Mapping):
        raise ValueError(f"a cell is a mapping of flags, or a text of them, got {cell!r}.")
    flags: Flags = {}
    for key, value in cell.items():
        key = str(key).lstrip("-")
        if key in SWITCHES:
            raise ValueError(f"--{key} is for all cells at once. Give it on the command line.")
        if isinstance(value, Mapping) or value is None:
            raise ValueError(
                f"{key} needs a value, got {value!r}. Options of a part are flags of their own: method.temperature: 0.1."
            )
        if isinstance(value, list):
            flags[key] = " ".join(map(str, value)) if key in _SEVERAL else f"[{','.join(map(str, value))}]"
        else:
            flags[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return flags
