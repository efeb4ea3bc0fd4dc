"""Values as people write them: numbers, missing values, names of classes; and a column of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from mixtrast.text import count

Where = Callable[[int], str]  # a row, counted from 0, as its owner finds it: "line 7", "row 5"

# As written by spreadsheets, R, SQL, Python and the UCI repository.
MISSING = frozenset(
    ["", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "null", "NULL", "None", "?"]
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?[Ii]nf(inity)?")
INTEGER = re.compile(r"[+-]?\d{1,18}")
CODE = re.compile(r"0\d+")  # 007 is a name
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
SEPARATOR = ";"  # between the labels of a cell


@dataclass(frozen=True, eq=False)
class Column:
    """Values of a column, one for each row.

    Args:
        name: how messages call it.
        values: (N,) numbers, or objects that are all str.
        missing: (N,) bool.
        where: how messages call a row.
        notes: sentences for the user.
    """

    name: str
    values: np.ndarray
    missing: np.ndarray
    where: Where
    notes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.values.dtype.kind != "O"

    @property
    def known(self) -> np.ndarray:
        """The values that are not missing."""
        found: np.ndarray = self.values[~self.missing]
        return found

    def missing_note(self) -> tuple[str, ...]:
        """Return a sentence on how many values are missing, if there are some."""
        many = int(self.missing.sum())
        total = count(len(self.missing), "row")
        return (f"{self.name} is missing in {many:,} of {total}.",) if many else ()


def column_of(values: np.ndarray, name: str, where: Where) -> Column:
    """Return values of any type (N,) as a column, with a note where missing ones are written as words.

    Raises: ValueError for a type that is neither text, numbers nor truth values.
    """
    kind = values.dtype.kind
    if kind in "iuf":
        return Column(name, values, np.isnan(values), where)
    if kind not in "bUSO":
        raise ValueError(f"{name} must be text, numbers or truth values, got {values.dtype}. Convert it to one of these.")
    items = [_plain(value) for value in values.tolist()]
    missing = np.array([item is None or (isinstance(item, str) and item in MISSING) for item in items], dtype=bool)
    known = [item for item, absent in zip(items, missing, strict=True) if not absent]
    words = sorted({str(item) for item in items if item is not None} & MISSING - {""})
    spelled = " or ".join(map(repr, words))
    notes = (f"{name}: {spelled} counts as missing. If it is a class, rename it.",) if words else ()
    if known and all(isinstance(item, Real) and not isinstance(item, bool) for item in known):
        filled = [np.nan if absent else item for item, absent in zip(items, missing, strict=True)] if missing.any() else known
        return Column(name, np.array(filled), missing, where, notes)
    text = np.empty(len(items), dtype=object)
    text[:] = ["" if absent else str(item) for item, absent in zip(items, missing, strict=True)]
    return Column(name, text, missing, where, notes)


def _plain(value: Any) -> Any:
    """Return text without spaces around it, None for any missing value, else the value."""
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):  # labels of a row, in Parquet and DataFrames
        return SEPARATOR.join(class_name(_plain(each)) for each in value)
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas may not be installed
    return None if missing or value != value else value


def is_number(text: str) -> bool:
    """Return whether text is a number."""
    return NUMBER.fullmatch(text.strip()) is not None


def class_name(value: Any) -> str:
    """Return the name of a class: 1.0 is "1"."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return str(int(value))
    number = float(value)
    return str(int(number)) if number.is_integer() else np.format_float_positional(number, trim="-")


def natural_order(name: str) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by value, and text after them by its letters."""
    return (False, float(name), name) if is_number(name) else (True, 0.0, name)
