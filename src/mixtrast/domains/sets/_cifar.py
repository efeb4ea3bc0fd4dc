"""The official files of CIFAR-10 and CIFAR-100: Python pickles, read without running any code that is in them."""

from __future__ import annotations

import io
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains._sets import Set, find, obtain

_EMPTY = np.zeros(0).__reduce__()[0]  # how NumPy's own pickles begin an array
ALLOWED = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _EMPTY for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Plain(pickle.Unpickler):
    """Dictionaries, lists, text, bytes, numbers and arrays; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which arrays and text have no need of")
        return ALLOWED[module, name]


def unpickle(content: bytes, where: str) -> dict[str, Any]:
    """A dictionary of plain things. Raises: ValueError for any other pickle."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files are older than how NumPy writes a dtype now
            found = _Plain(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a broken pickle may fail in any way
        raise ValueError(f"{where} cannot be read: {error}. Delete it, and the set is fetched again.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be a dictionary, got {type(found).__name__}. Delete it, and the set is fetched again.")
    return {_text(key): value for key, value in found.items()}


def contents(about: Set, folder: str, names: Sequence[str], data_dir: str | None) -> tuple[Path, list[dict[str, Any]]]:
    """Where the set was found, and its files, from its folder or from the archive as it is."""
    place = find(about, (folder, about.files[0].name), data_dir) or obtain(about, about.files[0], data_dir)
    if place.is_dir():
        lacking = [name for name in names if not (place / name).is_file()]
        if lacking:
            raise FileNotFoundError(f"{place} lacks {', '.join(lacking)}. Delete the folder, and the set is fetched again.")
        return place, [unpickle((place / name).read_bytes(), str(place / name)) for name in names]
    try:
        with tarfile.open(place, "r:gz") as archive:
            packed = {Path(one.name).name: file.read() for one in archive if (file := archive.extractfile(one)) is not None}
        return place, [unpickle(packed[name], f"{name} of {place}") for name in names]
    except (tarfile.TarError, EOFError, OSError, zlib.error, KeyError) as error:
        raise ValueError(f"{place} is not the archive of the set ({error}). Delete it, and it is fetched again.") from error


def batch(found: dict[str, Any], key: str, classes: int, where: Path) -> tuple[Tensor, Tensor]:
    """Pixels (N,3,32,32) uint8 and labels (N,) int64 of one file."""
    x: Any = found.get("data")
    label: Any = found.get(key)
    whole = isinstance(label, list) and all(isinstance(one, int) and 0 <= one < classes for one in label)
    if whole and isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.shape == (len(label), 3072):
        return torch.from_numpy(np.require(x, requirements=["C", "W"])).view(-1, 3, 32, 32), torch.tensor(label)
    raise ValueError(
        f"{where} must have rows of 3,072 bytes under 'data' and a label from 0 to {classes - 1} for each under {key!r}. "
        "Delete it, and the set is fetched again."
    )


def names_of(found: dict[str, Any], key: str, many: int, where: Path) -> tuple[str, ...]:
    """Names of the classes."""
    names = [_text(name) for name in found.get(key, [])]
    if len(names) != many:
        raise ValueError(
            f"{where} must name {many} classes under {key!r}, got {len(names)}. Delete it, and it is fetched again."
        )
    return tuple(names)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
