from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile

from mixtrast import spec as specs
from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, finite, is_asked, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._words import count, listed, nearest

X = ("x", "X", "data", "features")
LABEL = ("y", "label", "labels", "target")
COLOURS = (1, 3, 4)  # grey, RGB, RGBA: what the last axis of pictures in bytes is, when it is the colour
HALF = (torch.bfloat16, torch.float16)  # NumPy has no bfloat16
RESHAPE = "Reshape to (N, F) for tables, (N, C, L) for series, or (N, C, H, W) for images, one example a row."


class Arrays(Domain):
    """Arrays in an .npz file or in memory: examples under `x`, and, if there are any, labels under `y`.

    Takes .npz paths, dictionaries, (x, y) and (x, y, groups) tuples, and x alone; arrays of NumPy or tensors. x is a table
    (N,F), a series (N,C,L) or an image (N,C,H,W) of any numbers, and becomes float32; an array that is float32 is not copied.
    Images in bytes (uint8) stay bytes, and stand for x / 255.

    Args:
        label: key of the label; None: `y`, `label`, `labels` or `target`, if there is one.
        groups: key of the groups that stay in one split; None: `groups`, if there is one.
        task: what the label is; "auto" looks at it, and a note says what it saw.
    """

    def __init__(self, *, label: str | None = None, groups: str | None = None, task: Asked = "auto") -> None:
        check_choice("task", task, ASKED)
        self.label, self.groups, self.task = label, groups, task

    @staticmethod
    def takes(source: object) -> bool:
        if is_path(source):
            return str(source).lower().endswith(".npz")
        if isinstance(source, tuple):
            return len(source) in (2, 3) and isinstance(source[0], (np.ndarray, torch.Tensor))
        return isinstance(source, (np.ndarray, torch.Tensor, dict))

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """Reads x, label and groups; see `Domain.load`."""
        name = Path(str(source)).stem if is_path(source) else "arrays"
        other = None if test is None else self._read(test, "the test set", like)
        return assemble(self, name, self._read(source, name, like), test=other, task=self.task, like=like)

    def _read(self, source: Any, name: str, like: dict[str, Any] | None) -> Source:
        if is_path(source):
            with _unpacked(existing(source)) as arrays:
                return self._of_keys(arrays, str(source), like)
        if isinstance(source, dict):
            return self._of_keys(source, name, like)
        if isinstance(source, (np.ndarray, torch.Tensor)):
            source = (source,)
        if not isinstance(source, tuple) or not 1 <= len(source) <= 3:
            raise ValueError(
                f"{name} must be an .npz path, arrays, (x, y), (x, y, groups) or a dict, got {type(source).__name__}."
            )
        for option in ("label", "groups"):
            if is_asked(self, option, like):
                raise ValueError(
                    f"`{option}` of Arrays is a key of a file or dict, got {getattr(self, option)!r} for arrays alone."
                )
        x, label, groups = (*source, None, None)[:3]
        return _source(x, label, groups, like=like, names=("x", "y", "groups"))

    def _of_keys(self, arrays: Any, name: str, like: dict[str, Any] | None) -> Source:
        """Finds who is who among named arrays."""
        keys = list(arrays)
        label = self._key(keys, "label", LABEL, name, like)
        groups = self._key(keys, "groups", ("groups",), name, like)
        if label is not None and label == groups:
            raise ValueError(f"`label` and `groups` of {name} must be two arrays, got {label!r} for both.")
        left = [key for key in keys if key not in (label, groups)]
        x = next((key for key in X if key in left), left[0] if len(left) == 1 else None)
        if x is None:
            raise ValueError(
                f"{name} must have its examples under {', '.join(map(repr, X[:-1]))} or {X[-1]!r}, or nothing but them beside "
                f"labels and groups, got {listed(keys) or 'no arrays'}. Save with np.savez(path, x=..., y=...)."
            )
        unused = [key for key in left if key != x]
        notes = [f"not used: {listed(unused)}."] if unused else []
        values = [None if key is None else _get(arrays, key, name) for key in (x, label, groups)]
        return _source(*values, like=like, names=(x, label or "", groups or ""), notes=notes)

    def _key(self, keys: list[str], option: str, usual: tuple[str, ...], name: str, like: dict[str, Any] | None) -> str | None:
        """The key of the label or the groups: the one that was asked for, or the usual one if it is there."""
        asked: str | None = getattr(self, option)
        if asked in keys:
            return asked
        if asked is not None and is_asked(self, option, like):
            raise ValueError(f"{name} has no array {asked!r} for `{option}`.{nearest(asked, keys)} It has: {listed(keys)}.")
        found = [key for key in usual if key in keys]
        if len(found) > 1:
            raise ValueError(f"{name} has {' and '.join(map(repr, found))}; say which is the {option} with `--{option}`.")
        return found[0] if found else None


@contextmanager
def _unpacked(path: Path) -> Iterator[NpzFile]:
    """The arrays of a file, read when they are asked for."""
    with path.open("rb") as file:  # np.load leaves it open when the content is broken
        try:
            arrays = np.load(file, allow_pickle=False)
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            kind = type(error).__name__
            raise ValueError(f"{path} is no .npz file ({kind}). Write it with np.savez(path, x=..., y=...).") from error
        if not isinstance(arrays, NpzFile):
            raise ValueError(
                f"{path} holds one array, without a name, as .npy does. Write it with np.savez(path, x=..., y=...)."
            )
        with arrays:
            yield arrays


def _get(arrays: Any, key: str, name: str) -> Any:
    try:
        return arrays[key]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{key!r} of {name} could not be unpacked ({error}). Is the file complete?") from error
    except ValueError as error:
        raise ValueError(
            f"{key!r} of {name} is an array of Python objects, which is not read: it could run code. Save plain numbers, "
            "and text with np.array(values, dtype=str)."
        ) from error


def _source(
    x: Any,
    label: Any,
    groups: Any,
    *,
    like: dict[str, Any] | None,
    names: tuple[str, str, str],
    notes: list[str] | None = None,
) -> Source:
    """Checks x and makes it (N, *shape) float32; images in bytes stay bytes."""
    owner = f"`{names[0]}`"
    examples = _numeric(x, owner)
    if examples.ndim not in (2, 3, 4):
        raise ValueError(f"{owner} must have 2 to 4 dimensions, got shape {examples.shape}. {RESHAPE}")
    if 0 in examples.shape:
        raise ValueError(f"{owner} must have examples with numbers in them, got shape {examples.shape}.")
    examples, more = _channels_first(examples, owner)
    examples, intensities = _kept(examples, owner, like)
    shape = " × ".join(f"{side:,}" for side in examples.shape[1:])
    kind = {"Table": "table", "Series": "series", "Image": "image"}[type(specs.of(examples.shape[1:])).__name__]
    found = f"{count(len(examples), 'example')} of shape {shape}, read as {kind}."
    return Source(
        x=examples,
        label=None if label is None else _plain(label),
        groups=None if groups is None else _plain(groups),
        where=_row,
        label_name=f"`{names[1]}`",
        groups_name=f"`{names[2]}`",
        facts={"intensities": True} if intensities else {},
        notes=(found, *more, *(notes or ())),
    )


def _kept(x: np.ndarray, owner: str, like: dict[str, Any] | None) -> tuple[np.ndarray, bool]:
    """In the type that is kept, and whether values are intensities: bytes, or 0 to 1. Bytes that must be like other numbers,
    read before as 0 to 255, become such numbers."""
    wanted = None if like is None else bool(like.get("intensities"))
    if x.dtype == np.uint8 and x.ndim == 4 and wanted is not False:
        return np.require(x, requirements=["C", "W"]), True
    x = finite(x, owner=owner, where=_row)
    if wanted and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"{owner} must be bytes (uint8), or numbers from 0 to 1, as the earlier images were, got {x.min():g} to "
            f"{x.max():g}. Use `x.astype(numpy.uint8)` where these are 0 to 255."
        )
    return x, bool(wanted)


def _row(row: int) -> str:
    return f"row {row:,}"


def _plain(values: Any) -> np.ndarray:
    """Labels or groups in NumPy, from tensors, lists, pandas."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype in HALF else values
    array: np.ndarray = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _numeric(x: Any, owner: str) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        if x.layout is not torch.strided or x.is_quantized:
            raise ValueError(
                f"{owner} must be a dense tensor, got {x.layout} of {x.dtype}. Use `.to_dense()` or `.dequantize()`."
            )
        x = x.detach().cpu()
        x = x.float() if x.dtype in HALF else x
    array: np.ndarray = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{owner} must hold numbers, got {array.dtype}. Encode what is not a number first.")
    return array


def _channels_first(x: np.ndarray, owner: str) -> tuple[np.ndarray, list[str]]:
    """Pictures in bytes as they are usually kept, (N,H,W,C), become (N,C,H,W); what only looks so is said, not changed."""
    colours_last = x.ndim == 4 and x.shape[3] in COLOURS and min(x.shape[1:3]) > 4
    if colours_last and x.dtype == np.uint8:
        n, h, w, c = x.shape
        return x.transpose(0, 3, 1, 2), [f"{owner} is (N, H, W, C) = {n, h, w, c} in bytes: channels were put first."]
    note = ""
    if colours_last:
        read = f"{owner} is read as {x.shape[1]} channels of {x.shape[2]} × {x.shape[3]}"
        note = f"{read}; if channels come last, give x.transpose(0, 3, 1, 2)."
    elif x.ndim == 3 and x.dtype == np.uint8:
        read = f"{owner} is read as series of {x.shape[1]} channels and length {x.shape[2]}"
        note = f"{read}; if these are grey images, give x[:, None]."
    return x, [note] if note else []
