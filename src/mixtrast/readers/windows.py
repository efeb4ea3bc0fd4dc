import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.data.labels import MOST_CLASSES
from mixtrast.readers._assemble import assemble
from mixtrast.readers._layout import ENDINGS, HEADERS, Header
from mixtrast.readers._packed import has_ending, stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import Source, existing_file
from mixtrast.readers.tabular import Tabular
from mixtrast.spec import Series
from mixtrast.text import count
from mixtrast.validation import check_choice, check_whole

BLOCKS = 20  # parts in time of one recording, each of which stays in one part of a split


class Windows(Reader):
    """Long recordings in a table, one row a moment, cut into windows: each becomes a series (C,L) of the columns of numbers.

    Reads text tables as `tabular` does, where `window` is set. A recording ends where the group changes. Windows of one group
    stay in one part of a split. Without groups the recording is cut in time into 20 blocks that do; where windows overlap,
    those across the border of two blocks are left out, so that no moment is in two parts. A window has the label of most of its
    rows, or the mean of a number to predict.

    Args:
        window: rows of a window.
        stride: rows from the beginning of one window to that of the next; None: `window`, no overlap.
        label: the column to predict.
        groups: the column that says to which recording, or person, a row belongs.
        drop: columns to leave out.
        task: what the label is; "auto" decides by its values, with a note.
        header: whether the first row names the columns.
    """

    sources = "tables of recordings, with `--window N`"
    first = True
    chosen_by = ("window",)

    def __init__(
        self,
        *,
        window: int | None = None,
        stride: int | None = None,
        label: str | None = None,
        groups: str | None = None,
        drop: tuple[str, ...] = (),
        task: TaskOption = "auto",
        header: Header = "auto",
    ) -> None:
        check_choice("task", task, TASKS)
        check_choice("header", header, HEADERS)
        check_whole("Windows", window=1 if window is None else window, stride=1 if stride is None else stride)
        self.window, self.stride, self.label, self.groups, self.task, self.header = window, stride, label, groups, task, header
        self.drop = (drop,) if isinstance(drop, str) else tuple(drop)

    @classmethod
    def takes(cls, source: object) -> bool:
        return False  # only where `window` or a schema chooses it

    @classmethod
    def reads(cls, source: object) -> bool:
        return has_ending(source, ENDINGS)

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,C,L), NaN where values are missing."""
        if self.window is None:
            raise ValueError("`window` must be set: how many rows a window has. Use `--window N`.")
        first = self._read(source, schema)
        second = None if test is None else self._read(test, first.schema)
        return assemble(stem_and_ending(existing_file(source))[0], first, test=second, task=self.task, schema=schema)

    def _read(self, source: Any, schema: Schema | None) -> Source:
        """Return the windows of a table as a source."""
        assert self.window is not None
        table = Tabular(label=self.label, groups=self.groups, drop=self.drop, task=self.task, header=self.header)
        if schema is not None:  # the label may be missing, as in a table
            schema = replace(schema, reader=table.name, options=table.options())
        rows = table.read(source, schema)
        if rows.schema.levels:
            names = ", ".join(rows.schema.levels)
            raise ValueError(f"a recording must be numbers over time, but {names} is text. Leave it out: `--drop COL`.")
        stride = self.window if self.stride is None else self.stride
        begins, recording = _begins(rows, self.window, stride, apart=schema is None or schema.split)
        if not len(begins):
            longest = int(np.bincount(_recordings(rows)).max())
            raise ValueError(
                f"`window` must fit into a recording, the longest of which has {count(longest, 'row')}, got {self.window:,}. "
                "Use a shorter window."
            )
        at = begins[:, None] + np.arange(self.window)
        x = np.ascontiguousarray(rows.x[at].transpose(0, 2, 1))
        label, mixed = (None, 0) if rows.label is None else _most(rows.label[at], self.task)
        short = len(np.unique(_recordings(rows))) - len(np.unique(recording))
        notes = [f"{count(len(x), 'window')} of {count(self.window, 'row')}, one every {count(stride, 'row')}."]
        notes += [f"{count(mixed, 'window')} with more than one label: that of most rows is used."] if mixed else []
        notes += [f"{count(short, 'recording')} shorter than a window: left out."] if short else []
        spec = Series(x.shape[1], self.window, getattr(rows.spec, "gaps", False))
        return replace(
            rows,
            x=x,
            schema=replace(rows.schema, reader=self.name, options=self.options(), spec=spec),
            where=lambda window: f"the window from {rows.where(int(begins[window]))} on",
            label=label,
            groups=_blocks(source, rows, begins, self.window) if rows.groups is None else rows.groups[begins],
            groups_name="blocks in time" if rows.groups is None else rows.groups_name,
            notes=(*rows.notes, *notes),
        )


def _blocks(source: Any, rows: Source, begins: np.ndarray, window: int) -> np.ndarray:
    """Return the block in time of each window. Those of two files differ."""
    return np.array([f"{source}, block {number}" for number in begins // _block(rows, window)], dtype=object)


def _recordings(rows: Source) -> np.ndarray:
    """Return (N,) the number of the recording of each row: it changes where the group changes."""
    if rows.groups is None:
        return np.zeros(len(rows.x), dtype=np.int64)
    names = np.asarray(rows.groups, dtype=str)
    found: np.ndarray = np.cumsum(np.r_[False, names[1:] != names[:-1]])
    return found


def _begins(rows: Source, window: int, stride: int, *, apart: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the first rows of the windows, and their recordings. `apart`: none across two blocks in time."""
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
    """Return the rows of a block in time, at least two windows."""
    return max(2 * window, -(-len(rows.x) // BLOCKS))


def _most(labels: np.ndarray, task: TaskOption) -> tuple[np.ndarray, int]:
    """Return one label for each window (N,L), the most frequent or the mean of numbers, and how many windows have several."""
    averaged = labels.dtype.kind in "iuf" and task in ("number", "auto")
    if averaged and task == "auto":
        known = np.unique(labels[~np.isnan(labels)])
        averaged = len(known) > MOST_CLASSES or not np.equal(known, np.rint(known)).all()
    kinds, number = np.unique(labels.astype(str), return_inverse=True)
    number = number.reshape(labels.shape)
    mixed = int((number != number[:, :1]).any(1).sum())
    if averaged:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a window without a number is missing, NaN
            return np.nanmean(labels.astype(np.float64), 1), mixed
    first = np.empty(len(kinds), dtype=labels.dtype)
    first[number.ravel()[::-1]] = labels.ravel()[::-1]  # as written, of its own type
    most = [np.bincount(row).argmax() for row in number]
    found: np.ndarray = first[most]
    return found, mixed
