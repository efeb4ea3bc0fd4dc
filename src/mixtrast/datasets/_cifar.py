"""The official files of CIFAR-10 and CIFAR-100: Python pickles, read without running code that is in them."""

import io
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast.datasets._named import NamedDataset

ScalingChoice = Literal["own", "image", "pixel"]
File = dict[str, "np.ndarray | list[Any]"]  # the content of a file
_EMPTY = np.zeros(0).__reduce__()[0]  # how pickles of NumPy begin an array
ALLOWED = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _EMPTY for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _PlainUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, text, bytes, numbers and arrays, and refuses everything else that a pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which arrays and text do not need")
        return ALLOWED[module, name]


def unpickle(content: bytes, where: str) -> File:
    """Return the dictionary of a file. Raises: ValueError for any other pickle."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files are older than how NumPy writes a dtype now
            found = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a broken pickle may fail in any way
        raise ValueError(f"{where} cannot be read: {error}. Delete it, and it is downloaded again.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be a dictionary, got {type(found).__name__}. Delete it, and it is downloaded again.")
    return {_text(key): value for key, value in found.items()}


def contents(dataset: NamedDataset, folder: str, names: Sequence[str]) -> tuple[Path, list[File]]:
    """Return where a dataset was found, and its files, from its folder or from the archive."""
    path = dataset.find_or_download(dataset.info.files[0], folder)
    if path.is_dir():
        lacking = [name for name in names if not (path / name).is_file()]
        if lacking:
            raise FileNotFoundError(f"{path} lacks {', '.join(lacking)}. Delete the folder, and it is downloaded again.")
        return path, [unpickle((path / name).read_bytes(), str(path / name)) for name in names]
    try:
        with tarfile.open(path, "r:gz") as archive:
            packed = {Path(one.name).name: file.read() for one in archive if (file := archive.extractfile(one)) is not None}
        return path, [unpickle(packed[name], f"{name} of {path}") for name in names]
    except (tarfile.TarError, EOFError, OSError, zlib.error, KeyError) as error:
        raise ValueError(f"{path} is not the archive ({error}). Delete it, and it is downloaded again.") from error


def batch(found: File, key: str, classes: int, path: Path) -> tuple[Tensor, Tensor]:
    """Return pixels (N,3,32,32) uint8 and labels (N,) int64 of a file."""
    x, label = found.get("data"), found.get(key)
    labelled = isinstance(label, list) and all(isinstance(one, int) and 0 <= one < classes for one in label)
    if labelled and isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.shape == (len(label or ()), 3072):
        return torch.from_numpy(np.require(x, requirements=["C", "W"])).view(-1, 3, 32, 32), torch.tensor(label)
    raise ValueError(
        f"{path} must have rows of 3,072 bytes under 'data' and a label from 0 to {classes - 1} for each under {key!r}. "
        "Delete it, and it is downloaded again."
    )


def names_of(found: File, key: str, many: int, path: Path) -> tuple[str, ...]:
    """Return the names of the classes."""
    names = [_text(name) for name in found.get(key, [])]
    if len(names) != many:
        raise ValueError(
            f"{path} must name {many} classes under {key!r}, got {len(names)}. Delete it, and it is downloaded again."
        )
    return tuple(names)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
