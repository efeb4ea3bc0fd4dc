"""Arrays that a report draws: figures/map.npz and figures/strip.npz."""

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mixtrast import atomic

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Missing:
    """Something that a run folder does not have, and a sentence that says why."""

    reason: str


@dataclass(frozen=True, eq=False)
class Map:
    """Maps (n, 2) of test examples, by trained features and by raw input; label (n,), index (n,) in the test set."""

    trained: Array
    raw: Array | None = None
    label: Array | None = None
    index: Array | None = None


@dataclass(frozen=True, eq=False)
class Strip:
    """Examples (k, *shape) with their views, and mixtures (m, *shape) with their ingredients, all as scaled for the encoder.

    `weight` (m,): the share of the first ingredient.
    """

    x: Array | None = None
    view1: Array | None = None
    view2: Array | None = None
    mixed: Array | None = None
    first: Array | None = None
    second: Array | None = None
    weight: Array | None = None


def write_figure(path: Path, figure: Map | Strip) -> None:
    """Write the arrays of a map or a strip, atomically."""
    content = io.BytesIO()
    arrays = {name: np.asarray(values) for name, values in vars(figure).items() if values is not None}
    np.savez_compressed(content, allow_pickle=False, **arrays)
    path.parent.mkdir(exist_ok=True)
    atomic.write(path, content.getvalue())


def read_map(path: Path) -> Map | Missing:
    """Read figures/map.npz; parts of other shapes are left out."""
    arrays = _arrays(path)
    if isinstance(arrays, Missing):
        return arrays
    trained, raw, label = (arrays.get(name) for name in ("trained", "raw", "label"))
    if trained is None or trained.ndim != 2 or trained.shape[1] != 2:
        return Missing("Its figures/map.npz has no two-dimensional map of the features.")
    raw = raw.astype(float) if raw is not None and raw.shape == trained.shape else None
    label = label.astype(float) if label is not None and label.shape == trained.shape[:1] else None
    return Map(trained.astype(float), raw, label)


def read_strip(path: Path) -> Strip | Missing:
    """Read figures/strip.npz; parts of other shapes are left out."""
    arrays = _arrays(path)
    if isinstance(arrays, Missing):
        return arrays
    x, view1, view2 = (_examples(arrays.get(name), None) for name in ("x", "view1", "view2"))
    shape = next((array.shape[1:] for array in (x, view1, view2) if array is not None), None)
    mixed, first, second = (_examples(arrays.get(name), shape) for name in ("mixed", "first", "second"))
    weight = arrays.get("weight")
    return Strip(x, view1, view2, mixed, first, second, None if weight is None or weight.ndim != 1 else weight.astype(float))


def _arrays(path: Path) -> dict[str, Array] | Missing:
    if not path.is_file():
        return Missing(f"This run has no figures/{path.name}.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # a broken file is closed as well
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        return Missing(f"Its figures/{path.name} cannot be read ({error}).")
    return {name: array for name, array in arrays.items() if array.size and array.dtype.kind in "biuf"}


def _examples(array: Array | None, shape: tuple[int, ...] | None) -> Array | None:
    """Examples of one to three dimensions, of that shape if it is known."""
    if array is None or array.ndim not in (2, 3, 4) or (shape is not None and array.shape[1:] != shape):
        return None
    values = array.astype(float)
    return np.where(np.isfinite(values), values, 0.0)
