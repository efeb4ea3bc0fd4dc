"""Columns of a table as numbers: numbers as they are, categories as codes; dates and identifiers are found out."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtrast.data import Schema
from mixtrast.data.cells import DECIMAL_COMMA, MISSING, is_number
from mixtrast.readers._categories import Categories, categories_of, codes_of
from mixtrast.readers._sheet import Sheet, comma_message, load_pandas
from mixtrast.text import count, listed, shortened

EXACT = 2**24  # float32 has every integer up to here


@dataclass(frozen=True, eq=False)
class Numbers:
    """The columns of a table as numbers.

    Args:
        x: (N,F) float32: numbers, codes of categories, NaN where missing.
        levels: the categories of each column that has some, by its name.
        gaps: whether values may be missing.
        notes: sentences for the user.
    """

    x: np.ndarray
    levels: dict[str, tuple[str, ...]]
    gaps: bool
    notes: tuple[str, ...]


def numbers_of(frame: Any, sheet: Sheet, schema: Schema | None = None) -> Numbers:
    """Return each column as numbers, or as codes of categories where it is text.

    Args:
        schema: of earlier data, whose categories apply: another one counts as missing.

    Raises: ValueError for dates, for text that differs in nearly every row, for infinite values, and for missing values or text
        where the earlier data had none.
    """
    api = load_pandas().api.types
    frame = frame.copy(deep=False)
    for name, numbers in _converted(frame, sheet, api).items():
        frame[name] = numbers
    if any(api.is_complex_dtype(kind) for kind in frame.dtypes):
        raise ValueError(f"{sheet.name} must hold real numbers, got complex ones. Split them into two columns.")
    text = [name for name in frame.columns if not (api.is_numeric_dtype(frame[name]) or api.is_bool_dtype(frame[name]))]
    if schema is not None and (strange := [name for name in text if name not in schema.levels]):
        raise ValueError(_text_message(frame, strange, sheet))
    x = np.empty((len(frame), len(frame.columns)), dtype=np.float32)
    levels: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for at, name in enumerate(frame.columns):
        if name in text or (schema is not None and name in schema.levels):
            words = Categories.of(frame[name])
            levels[name] = categories_of(words, name, sheet) if schema is None else schema.levels[name]
            x[:, at], more = codes_of(words, levels[name], name, sheet)
            notes += more
        else:
            with np.errstate(over="ignore"):
                x[:, at] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(x)
    _check_infinite(x, frame, sheet)
    gaps = bool(missing.any() or levels) if schema is None else bool(getattr(schema.spec, "gaps", False))
    if missing.any() and not gaps:
        where = _missing_in(missing, frame, sheet)
        raise ValueError(f"{where}, and the earlier data had none. Fill them in, or leave those rows out.")
    if schema is None:
        notes += _type_notes(levels, missing, frame, sheet)
    return Numbers(x, levels, gaps, tuple(notes))


def _type_notes(levels: Mapping[str, Sequence[str]], missing: np.ndarray, frame: Any, sheet: Sheet) -> list[str]:
    """Return notes on missing values and on columns of categories."""
    notes = [f"{_missing_in(missing, frame, sheet)}: the encoder gets a missing-value flag."] if missing.any() else []
    if levels:
        kinds = listed([f"{name} ({len(names)})" for name, names in levels.items()])
        numbers = f"{len(frame.columns) - len(levels)} of {len(frame.columns)} columns"
        notes.append(f"categories: {kinds}; numbers: {numbers}.")
    return notes


def _converted(frame: Any, sheet: Sheet, api: Any) -> dict[str, Any]:
    """Return the columns of objects or text that hold numbers or truth values, as numbers."""
    found = {}
    for name in frame.columns:
        values = frame[name]
        if api.is_datetime64_any_dtype(values):
            raise ValueError(
                f"column {name!r} of {sheet.name} holds dates, which are neither numbers nor categories. Leave it out, `--drop "
                f"{shlex.quote(name)}`, or write what matters of it: days since an event, the hour."
            )
        if not (api.is_numeric_dtype(values) or api.is_bool_dtype(values)):
            numbers = _truths(values)
            if numbers is None and values.notna().any() and all(map(is_number, Categories.of(values).kinds)):
                stripped = values.astype(str).str.strip()
                numbers = load_pandas().to_numeric(stripped.where(values.notna() & ~stripped.isin(list(MISSING)), None))
            if numbers is not None:
                found[name] = numbers
    return found


def _truths(values: Any) -> Any:
    """Return a column of objects that all are numbers or truth values as numbers; None for another column."""
    if values.dtype != object:
        return None
    known = values[values.notna()]
    if not all(isinstance(value, (bool, int, float, np.bool_, np.number)) for value in known):
        return None
    return values.where(values.notna(), np.nan).astype(np.float64)


def _check_infinite(x: np.ndarray, frame: Any, sheet: Sheet) -> None:
    """Raise ValueError where a value is infinite."""
    bad = np.isinf(x)
    if bad.any():
        column = int(bad.any(0).argmax())
        many = count(int(bad.any(0).sum()), "column")
        raise ValueError(
            f"{sheet.name} has infinite values, or more than 3.4e38, in {many}, as in {frame.columns[column]!r}, "
            f"{sheet.where(int(bad[:, column].argmax()))}. Leave those rows out, or use `--drop COL`."
        )


def _missing_in(missing: np.ndarray, frame: Any, sheet: Sheet) -> str:
    """Return "t.csv has missing values in 2 columns: 'age' (3 rows, first in line 5), ..."."""
    bad = np.flatnonzero(missing.any(0))
    first = [
        f"{frame.columns[at]!r} ({count(int(missing[:, at].sum()), 'row')}, first in "
        f"{sheet.where(int(missing[:, at].argmax()))})"
        for at in bad[:3]
    ]
    more = ", ..." if len(bad) > 3 else ""
    return f"{sheet.name} has missing values in {count(len(bad), 'column')}: {', '.join(first)}{more}"


def _text_message(frame: Any, text: Sequence[str], sheet: Sheet) -> str:
    """Return the message about text in columns that were numbers before."""
    names = [repr(name) for name in text]
    values = frame[text[0]]
    known = values.notna().to_numpy().nonzero()[0].tolist()
    row = next((row for row in known if not is_number(str(values.iat[row]))), known[0] if known else 0)
    example = values.iat[row]
    if isinstance(example, str) and DECIMAL_COMMA.fullmatch(example.strip()):
        return comma_message(text[0], example, sheet.where(row))
    return (
        f"{sheet.name} has text where the earlier data had numbers: {listed(names)}; {names[0]} is "
        f"{shortened(repr(example))} in {sheet.where(row)}. Correct those cells, or leave those rows out."
    )


def column_notes(x: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return notes on columns with one value, on identifiers, and on integers that float32 rounds."""
    notes = []
    filled = np.where(np.isnan(x), np.float32(-np.inf), x)  # a missing value is a value here
    same = [name for name, constant in zip(names, (filled == filled[:1]).all(0), strict=True) if constant and len(x) > 1]
    if same:
        notes.append(f"{count(len(same), 'column')} with one value in all rows, used all the same: {listed(same)}.")
    counting = (np.diff(x, axis=0) == 1).all(0) & (x[0] % 1 == 0) if len(x) >= 5 else np.zeros(x.shape[1], dtype=bool)
    called = [name.lower() in ("id", "index", "idx", "row", "row_id") or name.startswith("Unnamed: ") for name in names]
    keys = [name for name, counts, named in zip(names, counting, called, strict=True) if counts or named]
    if keys:
        looks = "looks like an identifier" if len(keys) == 1 else "look like identifiers"
        notes.append(f"{listed(keys)} {looks}, not like a measurement: `--drop {shlex.quote(keys[0])}` leaves it out.")
    tops = np.abs(np.nan_to_num(x)).max(0)
    large = [name for name, most in zip(names, tops, strict=True) if most > EXACT and name not in keys]
    large = [name for name in large if (np.nan_to_num(x[:, names.index(name)]) % 1 == 0).all()]
    if large:
        notes.append(f"integers above {EXACT:,} are rounded to float32: {listed(large)}. If digits count, subtract first.")
    return notes
