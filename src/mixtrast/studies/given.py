"""What is given from Python: options as sections of a recipe, and data in memory as files that other processes can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast import registry
from mixtrast.domains.text import Text

PARTS = ("method", "mixer", "encoder", "views", "evaluation")
DATA = ("label", "groups", "drop", "task", "labels")
NUMBERS = ("epochs", "batch", "lr")
Write = Callable[[Path], None]


def sections(options: Mapping[str, Any], problems: list[str], who: str) -> dict[str, Any]:
    """Sections of a recipe, from the options of `mt.train` and their parts by dotted name.

    Args:
        options: {"method": "imix", "mixer.alpha": 0.5, "epochs": 10, "training": {"clip": 1.0}, "labels": 5}.
        problems: takes what is wrong.
        who: names the cell in them.

    >>> sections({"method": "imix", "method.temperature": 0.1, "lr": 0.01}, [], "a")
    {'method': {'name': 'imix', 'temperature': 0.1}, 'training': {'lr': 0.01}}
    """
    found: dict[str, Any] = {}
    for key, value in options.items():
        first, _, rest = key.partition(".")
        if key == "seed":
            problems.append(f"{who}: the seeds are the same for all cells. Give them once: seeds=(0, 1, 2).")
        elif key in ("options", "training") and isinstance(value, Mapping):
            found.setdefault("data" if key == "options" else key, {}).update(value)
        elif key in DATA or key in NUMBERS:
            found.setdefault("data" if key in DATA else "training", {})[key] = value
        elif first not in (*PARTS, "training", "data"):
            known = (*PARTS, *DATA, *NUMBERS, "training", "options")
            problems.append(f"{who}: there is no option {key!r}.{registry.near([key], known)} There are: {', '.join(known)}.")
        elif rest:
            inner = found[first] = _mapping(first, found.get(first))
            *path, last = rest.split(".")
            for name in path:
                inner = inner.setdefault(name, {})
            inner[last] = value
        elif not isinstance(value, str | Mapping | None):
            problems.append(
                f"{who}: {key} must be a name or a mapping of options, got {type(value).__name__}: every run is a process of "
                "its own, and takes no objects."
            )
        else:
            found[key] = _mapping(first, value) | _mapping(first, found.get(first)) if first in found else value
    return found


def _mapping(section: str, part: Any) -> dict[str, Any]:
    """A part by its bare name as a mapping, to which options can be added."""
    if part is None:
        return {}
    if isinstance(part, Mapping):
        return dict(part)
    if section in ("views", "evaluation"):
        return {} if part == "none" else {name.strip(): {} for name in str(part).split("+")}
    return {"name": part}


def in_memory(data: Any) -> bool:
    return data is not None and not isinstance(data, str | Path)


def as_file(data: Any) -> tuple[str, Write, dict[str, Any]]:
    """The ending of the file that these data are kept in, what writes it, and what its reader has to be told.

    Args:
        data: a DataFrame, one and its labels, arrays, (x, y), (x, y, groups), or a mapping of arrays.

    Raises: TypeError for anything else.
    """
    if isinstance(data, tuple) and data and hasattr(data[0], "columns"):
        name = next(name for name in ("label", "label_", "label__") if name not in data[0].columns)
        frame = data[0].assign(**{name: np.asarray(data[1])})
        return ".csv", lambda path: frame.to_csv(path, index=False), {"label": name} | _header(frame)
    if hasattr(data, "columns"):
        return ".csv", lambda path: data.to_csv(path, index=False), _header(data)
    arrays = dict(data) if isinstance(data, Mapping) else None
    if arrays is None:
        parts = data if isinstance(data, tuple) else (data,)
        arrays = {name: part for name, part in zip(("x", "y", "groups"), parts, strict=False) if part is not None}
    plain = {name: _plain(array) for name, array in arrays.items()}
    return ".npz", lambda path: _save(path, plain), {}


def is_table(data: Any) -> bool:
    """Whether it is a DataFrame, alone or with its labels."""
    return hasattr(data[0] if isinstance(data, tuple) and data else data, "columns")


def _header(frame: Any) -> dict[str, Any]:
    """That its first line names the columns, which numbers may be; the reader of text looks for itself."""
    return {} if Text.takes(frame) else {"header": "yes"}


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _plain(array: Any) -> np.ndarray:
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array  # NumPy has no bfloat16
    plain = np.asarray(array)
    if plain.dtype == object:
        plain = np.array([str(value) for value in plain.ravel()]).reshape(plain.shape)  # names; no file of ours runs code
    return plain
