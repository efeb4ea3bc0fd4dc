from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, MOST_CLASSES, Asked
from mixtrast.domains._text import ENDINGS, HEADER, Header, parts
from mixtrast.domains._words import count
from mixtrast.domains.tabular import Tabular
from mixtrast.spec import Series

BLOCKS = 20  # parts in time of one recording, each of which stays in one split


class Windows(Domain):
    """Long recordings in a table, a row a moment, cut into windows: each becomes a series (C,L) of the columns of numbers.

    Takes text tables as `tabular` does, where `window` is given. A recording ends where the group changes. Windows of one group
    stay in one split; without groups the recording is cut in time into 20 blocks that do, and windows across their borders
    are left out where windows overlap, so that no moment is in two splits. A window has the label of most of its rows, or
    the mean of what is a number to predict.

    Args:
        window: rows of a window.
        stride: rows from the beginning of one to that of the next; None: `window`, no overlap.
        label: the column to predict.
        groups: the column that says which recording, or whose, a row is of.
        drop: columns to leave out.
        task: what the label is; "auto" looks at it.
        header: whether the first row names the columns.
    """

    first: ClassVar[bool] = True
    asked: ClassVar[tuple[str, ...]] = ("window",)

    def __init__(
        self,
        *,
        window: int | None = None,
        stride: int | None = None,
        label: str | None = None,
        groups: str | None = None,
        drop: tuple[str, ...] = (),
        task: Asked = "auto",
        header: Header = "auto",
    ) -> None:
        check_choice("task", task, ASKED)
        check_choice("header", header, HEADER)
        for name, value in (("window", window), ("stride", stride)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ValueError(f"`{name}` of Windows must be a whole number of rows, 1 or more, got {value!r}.")
        self.window, self.stride, self.label, self.groups, self.task, self.header = window, stride, label, groups, task, header
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)

    @staticmethod
    def takes(source: object) -> bool:
        return False  # only where it is asked for

    @staticmethod
    def reads(source: object) -> bool:
        return is_path(source) and parts(Path(str(source)))[1] in ENDINGS

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,C,L), NaN where values are missing."""
        if self.window is None:
            raise ValueError("`window` of Windows must be given: how many rows a window has. Use `--window N`.")
        read = self._read(source, like)
        other = None if test is None else self._read(test, {"domain": self.called, "options": self.options(), **read.facts})
        return assemble(self, parts(existing(source))[0], read, test=other, task=self.task, like=like)

    def _read(self, source: Any, like: dict[str, Any] | None) -> Source:
        assert self.window is not None
        table = Tabular(label=self.label, groups=self.groups, drop=self.drop, task=self.task, header=self.header)
        if like is not None:  # the label may be away, as it may for a table
            like = {**like, "domain": table.called, "options": table.options()}
        rows = table._read(source, like)
        if any(rows.facts.get("levels") or ()):
            names = ", ".join(rows.facts["levels"])
            raise ValueError(f"a recording must be numbers over time, but {names} is text. Leave it out: `--drop COL`.")
        stride = self.window if self.stride is None else self.stride
        begins, recording = _begins(rows, self.window, stride, apart=like is None or like.get("split", False))
        if not len(begins):
            longest = int(np.bincount(_recordings(rows)).max())
            raise ValueError(
                f"`window` of Windows must fit into a recording, the longest of which has {count(longest, 'row')}, got "
                f"{self.window:,}. Use a shorter one."
            )
        at = begins[:, None] + np.arange(self.window)
        x = np.ascontiguousarray(rows.x[at].transpose(0, 2, 1))
        gaps = bool(getattr(rows.spec, "gaps", False))
        label, mixed = (None, 0) if rows.label is None else _most(rows.label[at], self.task)
        short = len(np.unique(_recordings(rows))) - len(np.unique(recording))
        notes = [f"{count(len(x), 'window')} of {count(self.window, 'row')}, one every {count(stride, 'row')}."]
        notes += [f"{count(mixed, 'window')} with more than one label: that of most rows is taken."] if mixed else []
        notes += [f"{count(short, 'recording')} shorter than a window: left out."] if short else []
        groups = recording if rows.groups is None else rows.groups[begins]
        if rows.groups is None:
            groups = np.array([f"{source}, block {number}" for number in begins // _block(rows, self.window)], dtype=object)
        return replace(
            rows,
            x=x,
            label=label,
            groups=np.asarray(groups),
            where=lambda window: f"the window from {rows.where(int(begins[window]))} on",
            groups_name="blocks in time" if rows.groups is None else rows.groups_name,
            notes=(*rows.notes, *notes),
            spec=Series(x.shape[1], self.window, gaps),
        )


def _recordings(rows: Source) -> np.ndarray:
    """(N,) number of the recording of each row: another where the group changes."""
    if rows.groups is None:
        return np.zeros(len(rows.x), dtype=np.int64)
    names = np.asarray(rows.groups, dtype=str)
    found: np.ndarray = np.cumsum(np.r_[False, names[1:] != names[:-1]])
    return found


def _begins(rows: Source, window: int, stride: int, *, apart: bool) -> tuple[np.ndarray, np.ndarray]:
    """First rows of the windows, and their recordings; `apart`: none across the border of two blocks in time."""
    recording = _recordings(rows)
    starts = np.flatnonzero(np.r_[True, recording[1:] != recording[:-1]])
    ends = np.r_[starts[1:], len(recording)]
    begins = [np.arange(start, end - window + 1, stride) for start, end in zip(starts, ends, strict=True)]
    found = np.concatenate(begins) if begins else np.empty(0, dtype=np.int64)
    if apart and rows.groups is None and stride < window and len(found):
        size = _block(rows, window)
        found = found[found // size == (found + window - 1) // size]
    return found, recording[found]


def _block(rows: Source, window: int) -> int:
    """Rows of a block in time, two windows at least."""
    return max(2 * window, -(-len(rows.x) // BLOCKS))


def _most(labels: np.ndarray, task: Asked) -> tuple[np.ndarray, int]:
    """(N,L) -> the most frequent of each row, or the mean of numbers to predict; and how many rows have more than one."""
    averaged = labels.dtype.kind in "iuf" and task in ("number", "auto")
    if averaged and task == "auto":
        known = np.unique(labels[~np.isnan(labels)])
        averaged = len(known) > MOST_CLASSES or not np.equal(known, np.rint(known)).all()
    kinds, number = np.unique(labels.astype(str), return_inverse=True)
    number = number.reshape(labels.shape)
    mixed = int((number != number[:, :1]).any(1).sum())
    if averaged:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a window without any number is NaN, which is missing
            return np.nanmean(labels.astype(np.float64), 1), mixed
    first = np.empty(len(kinds), dtype=labels.dtype)
    first[number.ravel()[::-1]] = labels.ravel()[::-1]  # as written, of its own type
    most = [np.bincount(row).argmax() for row in number]
    found: np.ndarray = first[most]
    return found, mixed
