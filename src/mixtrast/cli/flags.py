"""Flags become sections of a recipe: `--method.temperature 0.1` is {"method": {"temperature": "0.1"}}."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any

PLAIN = (
    "label", "groups", "drop", "task", "header", "window", "stride", "size", "skip-bad", "data-dir", "test", "labels",
    "examples", "method", "mixer", "encoder", "views", "evaluation", "epochs", "batch", "lr", "seed", "out", "resume",
    "recipe", "no-maps", "quiet",
)  # fmt: skip
GRID = ("cell", "vary", "grid", "against", "jobs")
SWITCHES = ("skip-bad",)  # flags without a value
CELL = tuple(flag for flag in PLAIN[: PLAIN.index("seed")] if flag not in SWITCHES)  # what may stand in a cell
PARTS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation")

EVERY = (*PLAIN, *GRID, *(f"{part}." for part in PARTS))


def sections(known: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """The sections of a recipe that were given on the command line."""
    plain = {"label": known.label, "groups": known.groups, "drop": known.drop, "task": known.task}
    plain |= {"labels": known.labels, "examples": known.examples, "header": known.header, "size": known.size}
    plain |= {"skip_bad": known.skip_bad or None, "data_dir": known.data_dir, "window": known.window, "stride": known.stride}
    flags: dict[str, Any] = {"data": {key: value for key, value in plain.items() if value is not None}}
    numbers = {"epochs": known.epochs, "batch": known.batch, "lr": known.lr}
    flags["training"] = {key: value for key, value in numbers.items() if value is not None}
    for part in ("method", "mixer", "encoder"):
        if getattr(known, part) is not None:
            flags[part] = {"name": getattr(known, part)}
    chosen = {"views": known.views, "evaluation": known.evaluation}
    for part, names in chosen.items():
        if names is not None:
            flags[part] = {} if names == "none" else {name.strip(): {} for name in names.split("+")}
    for part, details in options.items():
        if part == "views" and not set(details) <= _views(flags.get("views", {})):
            raise ValueError(
                f"--views.{next(iter(details))} is an option of a view; name the views too, as in --views mask+noise."
            )
        if part == "evaluation" and known.evaluation is None:
            flags[part] = {"usual": {}}  # options alone leave out none
        flags[part] = {**flags.get(part, {}), **details}
    return flags


def _views(chosen: dict[str, Any]) -> set[str]:
    """The views that are named, and those that pipelines among them stand for."""
    from mixtrast import views

    return {view for name in chosen for view in (name, *views.PIPELINES.get(name, ()))}


def dotted(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Takes `--part.option value` and `--part.option=value` out of the words: the others, and {part: {option: value}}."""
    found: dict[str, Any] = {}
    left, waiting = [], iter(words)
    for word in waiting:
        name, equals, value = word[2:].partition("=")
        keys = [key.replace("-", "_") for key in name.split(".")]
        if not word.startswith("--") or keys[0] not in PARTS or len(keys) < 2:
            left.append(word)
            continue
        value = value if equals else next(waiting, "--")
        if value.startswith("--"):
            raise ValueError(f"{word} needs a value, as in {word} 0.1.")
        inner = found
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{word} is an option of something that was given as a value before.")
        numbers = re.fullmatch(r"[\d.eE+-]+(,[\d.eE+-]+)+", value)
        inner[keys[-1]] = f"[{value}]" if numbers else value
    return left, found


def unknown(rest: list[str], flags: Sequence[str] = EVERY) -> str:
    """What to say of words that no flag knows."""
    token = next((word for word in rest if word.startswith("-")), rest[0])
    if not token.startswith("-"):
        return f"{token!r} is not understood here. Options of a part are flags: --method.temperature 0.1."
    if token.lstrip("-") in flags:
        return f"{token} is no option of this command."
    near = difflib.get_close_matches(token.lstrip("-"), flags, 1, 0.5)
    hint = f" Did you mean --{near[0]}{'...' if near[0].endswith('.') else ''}?" if near else ""
    return f"there is no option {token}.{hint}"
