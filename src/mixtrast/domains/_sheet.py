"""Two kinds of sheets, a file and a DataFrame, that give columns by name; and what these are: numbers or categories."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.domains._text import Header, check_widths, layout, line_of, opened, parts
from mixtrast.domains._words import CODE, DECIMAL_COMMA, MISSING, WHOLE, is_number, listed, nearest, twice

PARQUET = ".parquet"


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

    def written(self, values: Any) -> np.ndarray:
        text: np.ndarray = values.str.strip().fillna("").to_numpy(dtype=object)
        kinds, inverse = np.unique(text.astype(str), return_inverse=True)
        there = [kind for kind in kinds.tolist() if kind not in MISSING]
        if any(map(DECIMAL_COMMA.fullmatch, there)) and all(is_number(kind) or DECIMAL_COMMA.fullmatch(kind) for kind in there):
            comma = next(kind for kind in there if DECIMAL_COMMA.fullmatch(kind))
            raise ValueError(commas(str(values.name), comma, self.where(int((text == comma).argmax()))))
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


def commas(column: str, example: str, where: str) -> str:
    return (
        f"column {column!r} has {example!r} in {where}, a decimal comma or a separator of thousands. "
        "Write numbers as 1234.5, with a point."
    )


def load_pandas() -> Any:
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError("tables are read with pandas, which is not installed: `pip install pandas`.") from error
    return pandas


def read_parquet(path: Path) -> Any:
    """A DataFrame. Raises: ImportError without pyarrow, ValueError where the file is none."""
    try:
        return load_pandas().read_parquet(path)
    except ImportError as error:
        raise ImportError(
            "reading .parquet needs pyarrow: pip install 'mixtrast[parquet]'. Or save the table as .csv."
        ) from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} could not be read as Parquet: {error}.") from error
