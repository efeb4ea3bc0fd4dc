"""Values of unknown origin: as what they should be, or as absent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def section(written: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = written.get(key)
    return value if isinstance(value, Mapping) else {}


def items(written: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = written.get(key)
    return value if isinstance(value, list | tuple) else ()


def numbers(written: Mapping[str, Any]) -> dict[str, float]:
    found = {str(key): number(value) for key, value in written.items()}
    return {key: value for key, value in found.items() if value is not None}


def or_nan(value: object) -> float:
    found = number(value)
    return math.nan if found is None else found


def whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def text(value: object) -> str:
    return "" if value is None else str(value).strip()


def stated(value: object) -> str:
    return text(value.get("name")) if isinstance(value, Mapping) else text(value)


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def in_words(value: object) -> str:
    """A setting as it is read, not as Python writes it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else "not finite"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(item)}" for key, item in value.items()) or "none"
    return str(value)
