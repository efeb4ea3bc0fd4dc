import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import ArrayLike

from mixtrast import spec as specs
from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.readers._assemble import assemble
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import Source, existing_file, finite, is_path
from mixtrast.text import count, listed, nearest
from mixtrast.validation import check_choice

X = ("x", "X", "data", "features")
LABEL = ("y", "label", "labels", "target")
GROUPS = ("groups",)
CHANNELS = (1, 3, 4)  # grey, RGB, RGBA: the last axis of images in bytes, where it holds the channels
HALF = (torch.bfloat16, torch.float16)  # NumPy has no bfloat16


class Arrays(Reader):
    """Arrays in an .npz file or in memory: examples under `x`, and labels, if there are any, under `y`.

    Takes .npz paths, dictionaries, (x, y) and (x, y, groups) tuples, and x alone; arrays of NumPy or tensors. x is a table
    (N,F), a series (N,C,L) or an image (N,C,H,W) of any numbers, and becomes float32; a float32 array is not copied. Images in
    bytes (uint8) stay bytes, and stand for x / 255.

    Args:
        label: key of the label; None: `y`, `label`, `labels` or `target`, if there is one.
        groups: key of the groups that stay in one part of a split; None: `groups`, if there is one.
        task: what the label is; "auto" decides by its values, with a note.
    """

    sources = ".npz; arrays and tensors, (x, y) tuples and dictionaries of them"

    def __init__(self, *, label: str | None = None, groups: str | None = None, task: TaskOption = "auto") -> None:
        check_choice("task", task, TASKS)
        self.label, self.groups, self.task = label, groups, task

    @classmethod
    def takes(cls, source: object) -> bool:
        if is_path(source):
            return str(source).lower().endswith(".npz")
        if isinstance(source, tuple):
            return len(source) in (2, 3) and isinstance(source[0], (np.ndarray, torch.Tensor))
        return isinstance(source, (np.ndarray, torch.Tensor, dict))

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x, label and groups; see `Reader.load`."""
        name = Path(str(source)).stem if is_path(source) else "arrays"
        second = None if test is None else self._read(test, "the test set", schema)
        return assemble(name, self._read(source, name, schema), test=second, task=self.task, schema=schema)

    def _read(self, source: Any, name: str, schema: Schema | None) -> Source:
        """Return a file or arrays as a source."""
        if is_path(source):
            with _opened(existing_file(source)) as arrays:
                return self._of_keys(arrays, str(source), schema)
        if isinstance(source, dict):
            return self._of_keys(source, name, schema)
        if isinstance(source, (np.ndarray, torch.Tensor)):
            source = (source,)
        if not isinstance(source, tuple) or not 1 <= len(source) <= 3:
            got = type(source).__name__
            raise ValueError(f"{name} must be an .npz path, arrays, (x, y), (x, y, groups) or a dict, got {got}.")
        for option in ("label", "groups"):
            if self.is_set(option, schema):
                raise ValueError(f"`{option}` is a key of a file or dict, got {getattr(self, option)!r} for arrays alone.")
        x, label, groups = (*source, None, None)[:3]
        return self._source(x, label, groups, schema=schema, names=("x", "y", "groups"))

    def _of_keys(self, arrays: Mapping[str, ArrayLike], name: str, schema: Schema | None) -> Source:
        """Return named arrays as a source."""
        keys = list(arrays)
        label, groups = self._key(keys, "label", LABEL, name, schema), self._key(keys, "groups", GROUPS, name, schema)
        if label is not None and label == groups:
            raise ValueError(f"`label` and `groups` of {name} must be two arrays, got {label!r} for both.")
        rest = [key for key in keys if key not in (label, groups)]
        x = next((key for key in X if key in rest), rest[0] if len(rest) == 1 else None)
        if x is None:
            raise ValueError(
                f"{name} must have its examples under {', '.join(map(repr, X[:-1]))} or {X[-1]!r}, or no other array than "
                f"labels and groups, got {listed(keys) or 'no arrays'}. Save with np.savez(path, x=..., y=...)."
            )
        unused = [key for key in rest if key != x]
        others = (None if key is None else _get(arrays, key, name) for key in (label, groups))
        found = self._source(_get(arrays, x, name), *others, schema=schema, names=(x, label or "", groups or ""))
        return replace(found, notes=(*found.notes, f"not used: {listed(unused)}.")) if unused else found

    def _key(self, keys: Sequence[str], option: str, defaults: Sequence[str], name: str, schema: Schema | None) -> str | None:
        """Return the key of the label or the groups: the one of the option, or a default one that is there."""
        wanted: str | None = getattr(self, option)
        if wanted in keys:
            return wanted
        if wanted is not None and self.is_set(option, schema):
            raise ValueError(f"{name} has no array {wanted!r} for `{option}`; it has: {listed(keys)}.{nearest(wanted, keys)}")
        found = [key for key in defaults if key in keys]
        if len(found) > 1:
            raise ValueError(f"{name} has {' and '.join(map(repr, found))}. Name the {option} with `--{option}`.")
        return found[0] if found else None

    def _source(self, x: Any, label: Any, groups: Any, *, schema: Schema | None, names: tuple[str, str, str]) -> Source:
        """Return arrays as a source: x is checked and becomes (N, *shape) float32; images in bytes stay bytes."""
        owner = f"`{names[0]}`"
        examples = _numeric(x, owner)
        if examples.ndim not in (2, 3, 4):
            raise ValueError(
                f"{owner} must have 2 to 4 dimensions, got shape {examples.shape}. Reshape to (N, F) for tables, (N, C, L) for "
                "series, or (N, C, H, W) for images."
            )
        if 0 in examples.shape:
            raise ValueError(f"{owner} must have examples with numbers in them, got shape {examples.shape}.")
        examples, more = _channels_first(examples, owner)
        examples, intensities = _stored(examples, owner, schema)
        spec = specs.of(examples.shape[1:])
        shape = " × ".join(f"{side:,}" for side in examples.shape[1:])
        found = f"{count(len(examples), 'example')} of shape {shape}, read as {type(spec).__name__.lower()}."
        return Source(
            x=examples,
            schema=replace(self.schema_of(spec), intensities=intensities),
            where=_row,
            label=None if label is None else _plain(label),
            groups=None if groups is None else _plain(groups),
            label_name=f"`{names[1]}`",
            groups_name=f"`{names[2]}`",
            notes=(found, *more),
        )


@contextmanager
def _opened(path: Path) -> Iterator[NpzFile]:
    """Open the arrays of a file; each is read when it is asked for."""
    with path.open("rb") as file:  # np.load leaves it open when the content is broken
        try:
            arrays = np.load(file, allow_pickle=False)
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            kind = type(error).__name__
            raise ValueError(f"{path} is not an .npz file ({kind}). Write it with np.savez(path, x=..., y=...).") from error
        if not isinstance(arrays, NpzFile):
            raise ValueError(f"{path} holds one array without a name. Write it with np.savez(path, x=..., y=...).")
        with arrays:
            yield arrays


def _get(arrays: Mapping[str, ArrayLike], key: str, name: str) -> ArrayLike:
    """Return an array of a file. Raises: ValueError where it is damaged, or holds objects."""
    try:
        return arrays[key]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{key!r} of {name} could not be unpacked ({error}). Is the file complete?") from error
    except ValueError as error:
        raise ValueError(
            f"{key!r} of {name} is an array of Python objects, which is not read: it could run code. Save plain numbers, "
            "and text with np.array(values, dtype=str)."
        ) from error


def _stored(x: np.ndarray, owner: str, schema: Schema | None) -> tuple[np.ndarray, bool]:
    """Return x in the type it is stored in, and whether values are intensities of pixels: bytes, or 0 to 1.

    Bytes become numbers from 0 to 255 where the earlier data were read as such.
    """
    if x.dtype == np.uint8 and x.ndim == 4 and (schema is None or schema.intensities):
        return np.require(x, requirements=["C", "W"]), True
    x = finite(x, owner=owner, where=_row)
    intensities = schema is not None and schema.intensities
    if intensities and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"{owner} must be bytes (uint8), or numbers from 0 to 1, as the earlier images were, got {x.min():g} to "
            f"{x.max():g}. Use `x.astype(numpy.uint8)` where these are 0 to 255."
        )
    return x, intensities


def _row(row: int) -> str:
    return f"row {row:,}"


def _plain(values: Any) -> np.ndarray:
    """Return labels or groups as an array, from tensors, lists or pandas."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype in HALF else values
    array: np.ndarray = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _numeric(x: Any, owner: str) -> np.ndarray:
    """Return x as an array of numbers. Raises: ValueError for another type."""
    if isinstance(x, torch.Tensor):
        if x.layout is not torch.strided or x.is_quantized:
            raise ValueError(f"{owner} must be dense, got {x.layout} of {x.dtype}. Use `.to_dense()` or `.dequantize()`.")
        x = x.detach().cpu()
        x = x.float() if x.dtype in HALF else x
    array: np.ndarray = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{owner} must hold numbers, got {array.dtype}. Encode everything else as numbers first.")
    return array


def _channels_first(x: np.ndarray, owner: str) -> tuple[np.ndarray, list[str]]:
    """Return images in bytes (N,H,W,C) as (N,C,H,W); other arrays that may have channels last get a note."""
    channels_last = x.ndim == 4 and x.shape[3] in CHANNELS and min(x.shape[1:3]) > 4
    if channels_last and x.dtype == np.uint8:
        n, h, w, c = x.shape
        return x.transpose(0, 3, 1, 2), [f"{owner} is (N, H, W, C) = {n, h, w, c} in bytes: channels were put first."]
    note = ""
    if channels_last:
        read = f"{owner} is read as {x.shape[1]} channels of {x.shape[2]} × {x.shape[3]}"
        note = f"{read}; if channels come last, use x.transpose(0, 3, 1, 2)."
    elif x.ndim == 3 and x.dtype == np.uint8:
        read = f"{owner} is read as series of {x.shape[1]} channels and length {x.shape[2]}"
        note = f"{read}; if these are grey images, use x[:, None]."
    return x, [note] if note else []
