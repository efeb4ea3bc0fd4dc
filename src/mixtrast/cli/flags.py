"""Flags become sections of a recipe: `--method.temperature 0.1` is {"method": {"temperature": "0.1"}}."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any

PARTS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation")


def sections(known: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """The sections of a recipe that were given on the command line."""
    plain = {"label": known.label, "groups": known.groups, "drop": known.drop, "task": known.task, "labels": known.labels}
    flags: dict[str, Any] = {"data": {key: value for key, value in plain.items() if value is not None}}
    numbers = {"epochs": known.epochs, "batch": known.batch, "lr": known.lr}
    flags["training"] = {key: value for key, value in numbers.items() if value is not None}
    for part in ("method", "mixer", "encoder"):
        if getattr(known, part) is not None:
            flags[part] = {"name": getattr(known, part)}
    if known.views is not None:
        flags["views"] = {} if known.views == "none" else {name.strip(): {} for name in known.views.split("+")}
    for part, details in options.items():
        if part == "views" and not set(details) <= set(flags.get("views", {})):
            raise ValueError(
                f"--views.{next(iter(details))} is an option of a view; name the views too, as in --views mask+noise."
            )
        if part == "evaluation":
            from mixtrast import evaluate

            details = {**{name: {} for name in evaluate.names()}, **details}
        if part == "views":
            flags["views"] = {name: details.get(name, {}) for name in flags["views"]}
        else:
            flags[part] = {**flags.get(part, {}), **details}
    return flags


def dotted(tokens: list[str]) -> dict[str, Any]:
    """`--method.temperature 0.1` -> {"method": {"temperature": "0.1"}}; what is no such flag is an error."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if not token.startswith("--"):
            raise ValueError(f"{token!r} is not understood here. Options of a part are flags: --method.temperature 0.1.")
        name, equals, value = token[2:].partition("=")
        keys = name.split(".")
        if keys[0] not in PARTS or len(keys) < 2:
            raise ValueError(_unknown_flag(token))
        if not equals:
            at += 1
            if at >= len(tokens) or tokens[at].startswith("--"):
                raise ValueError(f"{token} needs a value, as in {token} 0.1.")
            value = tokens[at]
        inner = found
        for key in keys[:-1]:
            inner = inner.setdefault(key.replace("-", "_"), {})
        numbers = re.fullmatch(r"[\d.eE+-]+(,[\d.eE+-]+)+", value)
        inner[keys[-1].replace("-", "_")] = f"[{value}]" if numbers else value
        at += 1
    return found


def _unknown_flag(token: str) -> str:
    flags = [
        "label",
        "groups",
        "drop",
        "task",
        "test",
        "labels",
        "method",
        "mixer",
        "encoder",
        "views",
        "epochs",
        "batch",
        "lr",
    ]
    flags += ["seed", "out", "resume", "recipe", "quiet", *(f"{part}." for part in PARTS)]
    near = difflib.get_close_matches(token[2:], flags, 1, 0.5)
    hint = f" Did you mean --{near[0]}?" if near else ""
    return f"there is no option {token}.{hint} See mixtrast train --help."
