"""Sheets: text files and DataFrames as columns by name."""

import csv
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.data import Schema
from mixtrast.data.cells import CODE, DECIMAL_COMMA, INTEGER, MISSING, is_number
from mixtrast.readers._layout import Header, check_widths, layout, line_of
from mixtrast.readers._optional import optional
from mixtrast.readers._packed import opened, stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.text import listed, nearest, repeated

PARQUET = ".parquet"


class Sheet(ABC):
    """Rows of named columns.

    Attributes:
        name: how messages call it.
        header: whether the columns have names of their own.
        notes: sentences for the user.
    """

    name: str
    columns: tuple[str, ...]
    header: bool
    notes: tuple[str, ...]

    @abstractmethod
    def read(self, text: Sequence[str]) -> Any:
        """Return a pandas DataFrame of all columns; those in `text` as they are written."""

    @abstractmethod
    def where(self, row: int) -> str:
        """Return how messages call a row, counted from 0."""

    @abstractmethod
    def column_values(self, values: Any) -> np.ndarray:
        """Return a column of `read` with labels or groups, (N,): numbers, or objects, None where missing."""

    def find(self, name: str, option: str) -> str:
        """Return the column that an option names; "first" and "last" are positions."""
        at = {"first": self.columns[0], "last": self.columns[-1]}.get(name)
        if at is not None:
            if name in self.columns and at != name:
                raise ValueError(f"`{option}` {name!r} is a position, and also the name of another column. Rename that column.")
            return at
        if name not in self.columns:
            raise ValueError(
                f"{self.name} has no column {name!r} for `{option}`.{nearest(name, self.columns)} "
                f"Its columns are: {listed(self.columns)}; `first` and `last` work too."
            )
        return name

    def role(self, reader: Reader, option: str, schema: Schema | None) -> str | None:
        """Return the column of label or groups. One that is only remembered from the schema may be missing."""
        if reader.is_set(option, schema):
            return self.find(getattr(reader, option), option)
        remembered: str | None = getattr(schema, option, None)
        return remembered if remembered in self.columns else None


class FileSheet(Sheet):
    """A text file. Its columns are known at once, its rows are read by `read`."""

    def __init__(self, path: Path, header: Header) -> None:
        self.form = layout(path, header)
        self.name, _ = stem_and_ending(path)
        self.columns, self.header, self.notes = self.form.columns, self.form.header, self.form.notes

    def read(self, text: Sequence[str]) -> Any:
        pandas = load_pandas()
        with opened(self.form.path) as file:
            for _ in range(self.form.skip):
                file.readline()
            try:
                frame = pandas.read_csv(
                    file,
                    sep=self.form.separator,
                    header=None,
                    names=list(self.columns),
                    dtype=dict.fromkeys(text, str),
                    keep_default_na=False,
                    na_values={column: sorted(MISSING) for column in self.columns if column not in text},
                    skipinitialspace=True,
                    low_memory=False,  # a column has one type
                    quoting=csv.QUOTE_MINIMAL if self.form.quoted else csv.QUOTE_NONE,
                )
            except pandas.errors.EmptyDataError:
                raise ValueError(f"{self.form.path} has a header and no rows. Give a row for each example.") from None
            except pandas.errors.ParserError as error:
                check_widths(self.form)
                raise ValueError(f"{self.form.path} could not be read as a table: {error}.") from error
        last = frame.iloc[:, -1]
        if (last.isna() | (last == "")).any():
            check_widths(self.form)  # a row that is too short ends in missing values
        return frame

    def where(self, row: int) -> str:
        return f"line {line_of(self.form, row):,}"

    def column_values(self, values: Any) -> np.ndarray:
        text: np.ndarray = values.str.strip().fillna("").to_numpy(dtype=object)
        kinds, inverse = np.unique(text.astype(str), return_inverse=True)
        there = [kind for kind in kinds.tolist() if kind not in MISSING]
        if any(map(DECIMAL_COMMA.fullmatch, there)) and all(is_number(kind) or DECIMAL_COMMA.fullmatch(kind) for kind in there):
            comma = next(kind for kind in there if DECIMAL_COMMA.fullmatch(kind))
            raise ValueError(comma_message(str(values.name), comma, self.where(int((text == comma).argmax()))))
        if not there or not all(map(is_number, there)) or any(map(CODE.fullmatch, there)):
            return text
        if len(there) == len(kinds) and all(map(INTEGER.fullmatch, there)):
            return np.array([int(kind) for kind in kinds.tolist()])[inverse]
        return np.array([np.nan if kind in MISSING else float(kind) for kind in kinds.tolist()])[inverse]


class FrameSheet(Sheet):
    """A pandas DataFrame."""

    def __init__(self, frame: Any, name: str = "the frame") -> None:
        self.frame, self.name, self.header, self.notes = frame, name, True, ()
        self.columns = tuple(str(column) for column in frame.columns)
        if again := repeated(self.columns):
            raise ValueError(f"{name} has more than one column {' and '.join(map(repr, again))}. Rename them.")

    def read(self, text: Sequence[str]) -> Any:
        return self.frame.set_axis(list(self.columns), axis=1)

    def where(self, row: int) -> str:
        return f"row {row:,}"

    def column_values(self, values: Any) -> np.ndarray:
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
            return np.asarray(values)
        plain = values.astype(object)
        return np.asarray(plain.where(plain.notna(), None), dtype=object)


def comma_message(column: str, example: str, where: str) -> str:
    """Return the message about numbers with a comma."""
    return (
        f"column {column!r} has {example!r} in {where}, a decimal comma or a separator of thousands. "
        "Write numbers as 1234.5, with a point."
    )


def load_pandas() -> Any:
    """Return the module pandas."""
    return optional("pandas", "")


def read_parquet(path: Path) -> Any:
    """Return the DataFrame of a file. Raises: ImportError without pyarrow, ValueError for another kind of file."""
    try:
        return load_pandas().read_parquet(path)
    except ImportError as error:
        raise ImportError("reading .parquet needs pyarrow. Use `pip install 'mixtrast[parquet]'`, or a .csv.") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} could not be read as Parquet: {error}.") from error
