"""Two kinds of sheets, a text file and a DataFrame, that give columns by name; and a matrix of numbers from them."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.domains._text import Header, check_widths, layout, line_of, opened, parts
from mixtrast.domains._words import CODE, DECIMAL_COMMA, MISSING, WHOLE, count, is_number, listed, nearest, shortened, twice

EXACT = 2**24  # float32 has every whole number up to here


class Sheet(ABC):
    """Named columns of rows."""

    name: str
    columns: tuple[str, ...]
    header: bool  # whether the columns have names of their own
    notes: tuple[str, ...]

    @abstractmethod
    def read(self, text: Sequence[str]) -> Any:
        """A pandas DataFrame of all columns; those in `text` as they are written."""

    @abstractmethod
    def where(self, row: int) -> str:
        """Row, from 0, as its owner finds it."""

    @abstractmethod
    def written(self, values: Any) -> np.ndarray:
        """A column of `read` that holds labels or groups, (N,): numbers, or objects, None where missing."""

    def find(self, name: str, option: str) -> str:
        """The column that an option names; "first" and "last" are positions."""
        at = {"first": self.columns[0], "last": self.columns[-1]}.get(name)
        if at is not None:
            if name in self.columns and at != name:
                raise ValueError(f"`{option}` {name!r} is a position and also the name of another column. Rename that column.")
            return at
        if name not in self.columns:
            raise ValueError(
                f"{self.name} has no column {name!r} for `{option}`.{nearest(name, self.columns)} "
                f"Its columns are: {listed(self.columns)}; `first` and `last` work too."
            )
        return name


class FileSheet(Sheet):
    """A text file. The columns in the file are found out at once, its rows are read by `read`."""

    def __init__(self, path: Path, header: Header) -> None:
        self.form = layout(path, header)
        self.name, _ = parts(path)
        self.columns, self.header, self.notes = self.form.columns, self.form.header, self.form.notes

    def read(self, text: Sequence[str]) -> Any:
        pandas = _pandas()
        with opened(self.form.path) as file:
            for _ in range(self.form.skip):
                file.readline()
            try:
                return pandas.read_csv(
                    file,
                    sep=self.form.separator,
                    header=None,
                    names=list(self.columns),
                    dtype=dict.fromkeys(text, str),
                    keep_default_na=False,
                    na_values={column: sorted(MISSING) for column in self.columns if column not in text},
                    skipinitialspace=True,
                    low_memory=False,  # a column has one type
                )
            except pandas.errors.EmptyDataError:
                raise ValueError(f"{self.form.path} has a header and no rows. Give a row for each example.") from None
            except pandas.errors.ParserError as error:
                check_widths(self.form)
                raise ValueError(f"{self.form.path} could not be read as a table: {error}.") from error

    def where(self, row: int) -> str:
        return f"line {line_of(self.form, row):,}"

    def written(self, values: Any) -> np.ndarray:
        text: np.ndarray = values.str.strip().fillna("").to_numpy(dtype=object)
        kinds, inverse = np.unique(text.astype(str), return_inverse=True)
        there = [kind for kind in kinds.tolist() if kind not in MISSING]
        if any(map(DECIMAL_COMMA.fullmatch, there)) and all(is_number(kind) or DECIMAL_COMMA.fullmatch(kind) for kind in there):
            comma = next(kind for kind in there if DECIMAL_COMMA.fullmatch(kind))
            raise ValueError(_commas(str(values.name), comma, self.where(int((text == comma).argmax()))))
        if not there or not all(map(is_number, there)) or any(map(CODE.fullmatch, there)):
            return text
        if len(there) == len(kinds) and all(map(WHOLE.fullmatch, there)):
            return np.array([int(kind) for kind in kinds.tolist()])[inverse]
        return np.array([np.nan if kind in MISSING else float(kind) for kind in kinds.tolist()])[inverse]


class FrameSheet(Sheet):
    """A pandas DataFrame, or one column of labels beside it."""

    def __init__(self, frame: Any, name: str = "the frame") -> None:
        self.frame, self.name, self.header, self.notes = frame, name, True, ()
        self.columns = tuple(str(column) for column in frame.columns)
        if again := twice(self.columns):
            raise ValueError(f"{name} has more than one column {' and '.join(map(repr, again))}. Give each a name of its own.")

    def read(self, text: Sequence[str]) -> Any:
        return self.frame.set_axis(list(self.columns), axis=1)

    def where(self, row: int) -> str:
        return f"row {row:,}"

    def written(self, values: Any) -> np.ndarray:
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
            return np.asarray(values)
        plain = values.astype(object)
        return np.asarray(plain.where(plain.notna(), None), dtype=object)


def matrix(frame: Any, sheet: Sheet) -> np.ndarray:
    """(N, F) float32 of the columns of a frame that must be numbers, all of them there.

    Raises: ValueError for text, with an example; for missing and infinite values, with the columns and the first row.
    """
    api = _pandas().api.types
    kinds = frame.dtypes.tolist()
    text = [at for at, kind in enumerate(kinds) if not (api.is_numeric_dtype(kind) or api.is_bool_dtype(kind))]
    rescued = {frame.columns[at]: numbers for at in text if (numbers := _truths(frame.iloc[:, at])) is not None}
    frame = frame.assign(**rescued) if rescued else frame
    text = [at for at in text if frame.columns[at] not in rescued]
    if text:
        raise ValueError(_text(frame, text, sheet))
    if any(api.is_complex_dtype(kind) for kind in kinds):
        raise ValueError(f"{sheet.name} must hold real numbers, got complex ones. Split them into two columns.")
    with np.errstate(over="ignore"):
        x: np.ndarray = np.require(frame.to_numpy(dtype=np.float32, na_value=np.nan), requirements=["C", "W"])
    fine = np.isfinite(x)
    if not fine.all():
        bad = (~fine.all(0)).nonzero()[0]
        rows = [(~fine[:, at]).nonzero()[0].tolist() for at in bad[:3]]
        said = [
            f"{frame.columns[at]!r} ({count(len(gone), 'row')}, first in {sheet.where(gone[0])})"
            for at, gone in zip(bad[:3], rows, strict=True)
        ]
        raise ValueError(
            f"{sheet.name} has missing or infinite values, or more than 3.4e38, in {count(len(bad), 'column')}: "
            f"{', '.join(said)}{', ...' if len(bad) > 3 else ''}. Fill them in, leave those rows out, or use `--drop COL`."
        )
    return x


def about_columns(x: np.ndarray, names: Sequence[str]) -> list[str]:
    """Notes on columns that say nothing, say who an example is, or are larger than float32 can tell apart."""
    notes = []
    same = [name for name, constant in zip(names, (x == x[:1]).all(0), strict=True) if constant and len(x) > 1]
    if same:
        notes.append(f"{count(len(same), 'column')} with one value in all rows, kept: {listed(same)}.")
    counting = (np.diff(x, axis=0) == 1).all(0) & (x[0] % 1 == 0) if len(x) >= 5 else np.zeros(x.shape[1], dtype=bool)
    called = [name.lower() in ("id", "index", "idx", "row", "row_id") or name.startswith("Unnamed: ") for name in names]
    keys = [name for name, counts, named in zip(names, counting, called, strict=True) if counts or named]
    if keys:
        looks = "looks like an identifier" if len(keys) == 1 else "look like identifiers"
        notes.append(f"{listed(keys)} {looks}, not like a measurement: `--drop {shlex.quote(keys[0])}` leaves it out.")
    large = [name for name, most in zip(names, np.abs(x).max(0), strict=True) if most > EXACT and name not in keys]
    large = [name for name in large if (x[:, names.index(name)] % 1 == 0).all()]
    if large:
        notes.append(f"whole numbers above {EXACT:,} are rounded to float32: {listed(large)}. If digits count, subtract first.")
    return notes


def _truths(values: Any) -> Any:
    """A column of objects that all are numbers or truth values, as numbers; None if it is not one."""
    if values.dtype != object:
        return None
    there = values[values.notna()]
    if not all(isinstance(value, (bool, int, float, np.bool_, np.number)) for value in there):
        return None
    return values.where(values.notna(), np.nan).astype(np.float64)


def _text(frame: Any, text: list[int], sheet: Sheet) -> str:
    """The sentence about columns that are not numbers."""
    names = [repr(frame.columns[at]) for at in text]
    values = frame.iloc[:, text[0]]
    there = values.notna().to_numpy().nonzero()[0].tolist()
    row = next((row for row in there if not is_number(str(values.iat[row]))), there[0])
    example = values.iat[row]
    if isinstance(example, str) and DECIMAL_COMMA.fullmatch(example.strip()):
        return _commas(str(frame.columns[text[0]]), example, sheet.where(row))
    has = "a column that is" if len(text) == 1 else f"{len(text):,} columns that are"
    return (
        f"{sheet.name} has {has} not numbers: {listed(names)}; {names[0]} is {shortened(repr(example))} in {sheet.where(row)}. "
        "Text and categories are not read yet: leave columns out with `--drop COL`, or encode them as numbers."
    )


def _commas(column: str, example: str, where: str) -> str:
    return (
        f"column {column!r} has {example!r} in {where}, a decimal comma or a separator of thousands. "
        "Write numbers as 1234.5, with a point."
    )


def _pandas() -> Any:
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError("tables are read with pandas, which is not installed: `pip install pandas`.") from error
    return pandas
