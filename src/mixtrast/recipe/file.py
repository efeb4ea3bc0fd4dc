"""A recipe on disk, and what two of them differ in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mixtrast.recipe.check import SECTIONS


def read(path: Path) -> dict[str, Any]:
    """A recipe from a YAML file, unchecked. Raises ValueError where it is none."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotFoundError(f"the recipe {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"the recipe {path} is not YAML: it is no UTF-8 text.") from error
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the recipe {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(loaded, dict):
        raise ValueError(f"the recipe {path} must be a mapping of {', '.join(SECTIONS)}, got {type(loaded).__name__}.")
    return loaded


def write(recipe: Mapping[str, Any], path: Path) -> None:
    """As YAML, atomically."""
    import yaml

    text = yaml.safe_dump(_plain(recipe), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What two recipes differ in, but for what was decided on the way: "training.lr: 0.1 and 0.2"."""
    first, second = (dict(_flat({k: _plain(r[k]) for k in SECTIONS if k in r})) for r in (one, other))
    keys = [*first, *(key for key in second if key not in first)]
    return [f"{k}: {first.get(k)!r} and {second.get(k)!r}" for k in keys if first.get(k) != second.get(k)]


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _plain(value: Any) -> Any:
    """Only what YAML has: mappings, lists, numbers, strings; anything else by its repr."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, str | bool | int | float) else repr(value)
