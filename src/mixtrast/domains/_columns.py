"""What the columns of a table are: numbers, or categories where they are text; with what is missing, dates, identifiers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtrast.domains._sheet import Sheet, commas, load_pandas
from mixtrast.domains._words import DECIMAL_COMMA, MISSING, count, is_number, listed, shortened

EXACT = 2**24  # float32 has every whole number up to here
MOST_KINDS = 1_000  # categories of a column
DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ].*)?$")


@dataclass(frozen=True, eq=False)
class Typed:
    """The columns of a table as numbers.

    Args:
        x: (N,F) float32: numbers, codes of categories, NaN where missing.
        levels: the categories of each column that has some, by its name.
        gaps: whether values may be missing.
        notes: sentences for the user.
    """

    x: np.ndarray
    levels: dict[str, list[str]]
    gaps: bool
    notes: tuple[str, ...]


def typed(frame: Any, sheet: Sheet, known: Mapping[str, Any] | None = None) -> Typed:
    """Finds out what each column is: a number, or one of some categories where it is text.

    Args:
        known: facts of earlier data, whose `levels` and `gaps` are to be kept: another category counts as missing.

    Raises: ValueError for dates, for text that is another in nearly every row, for infinite values, and for missing values or
        text where the earlier data had none.
    """
    api = load_pandas().api.types
    frame = frame.copy(deep=False)
    for name, numbers in _rescued(frame, sheet, api).items():
        frame[name] = numbers
    text = [name for name in frame.columns if not (api.is_numeric_dtype(frame[name]) or api.is_bool_dtype(frame[name]))]
    if any(api.is_complex_dtype(kind) for kind in frame.dtypes):
        raise ValueError(f"{sheet.name} must hold real numbers, got complex ones. Split them into two columns.")
    wanted = None if known is None or known.get("columns") is None else known.get("levels") or {}
    strange = [name for name in text if wanted is not None and name not in wanted]
    if strange:
        raise ValueError(_text(frame, strange, sheet))
    x = np.empty((len(frame), len(frame.columns)), dtype=np.float32)
    levels: dict[str, list[str]] = {}
    notes: list[str] = []
    for at, name in enumerate(frame.columns):
        values = frame[name]
        if name in text or (wanted is not None and name in wanted):
            words = Words.of(values)
            levels[name] = list(wanted[name]) if wanted is not None else _kinds(words, name, sheet)
            x[:, at] = _codes(words, levels[name], name, sheet, notes)
        else:
            with np.errstate(over="ignore"):
                x[:, at] = values.to_numpy(dtype=np.float64, na_value=np.nan)
    gone = np.isnan(x)
    _check_infinite(x, frame, sheet)
    gaps = bool(gone.any() or levels) if wanted is None else bool(known is not None and known.get("gaps"))
    if gone.any() and not gaps:
        raise ValueError(
            f"{_lacking(gone, frame, sheet)}, and the earlier data had none: what was learned from them has nothing to say of "
            "it. Fill them in, or leave those rows out."
        )
    if wanted is None and gone.any():
        notes.append(f"{_lacking(gone, frame, sheet)}: kept as missing, which encoders are told.")
    if wanted is None and levels:
        said = [f"{name} ({len(kinds)})" for name, kinds in levels.items()]
        notes.append(
            f"categories: {listed(said)}; numbers: {len(frame.columns) - len(levels)} of {len(frame.columns)} columns."
        )
    return Typed(x, levels, gaps, tuple(notes))


def _rescued(frame: Any, sheet: Sheet, api: Any) -> dict[str, Any]:
    """Columns of objects or text that are numbers or truth values all the same."""
    found = {}
    for name in frame.columns:
        values = frame[name]
        if api.is_datetime64_any_dtype(values):
            raise ValueError(
                f"column {name!r} of {sheet.name} holds dates, and a date is no number and no category. Leave it out, `--drop "
                f"{shlex.quote(name)}`, or write what matters of it: days since an event, the hour."
            )
        if not (api.is_numeric_dtype(values) or api.is_bool_dtype(values)):
            numbers = _truths(values)
            if numbers is None and values.notna().any() and all(map(is_number, Words.of(values).kinds)):
                stripped = values.astype(str).str.strip()
                numbers = load_pandas().to_numeric(stripped.where(values.notna() & ~stripped.isin(list(MISSING)), None))
            if numbers is not None:
                found[name] = numbers
    return found


@dataclass(frozen=True, eq=False)
class Words:
    """A column of text: `kinds`, and which of them stands in each row, (N,) int64, -1 where it is missing."""

    kinds: list[str]
    which: np.ndarray

    @classmethod
    def of(cls, values: Any) -> Words:
        try:
            which, raw = load_pandas().factorize(values)
        except TypeError as error:
            raise ValueError(
                f"column {values.name!r} must hold numbers or text, got {error}. Leave it out, or convert it."
            ) from error
        written = [None if value != value or value is None else _as_text(value) for value in raw.tolist()]
        kinds = sorted({value for value in written if value is not None and value not in MISSING})
        number = {kind: at for at, kind in enumerate(kinds)}
        codes = np.array([number.get(value, -1) if value is not None else -1 for value in written] + [-1])
        return cls(kinds, codes[which])

    @property
    def known(self) -> int:
        return int((self.which >= 0).sum())

    def first(self, kind: str) -> int:
        """The row where it stands first."""
        return int((self.which == self.kinds.index(kind)).argmax())


def _as_text(value: Any) -> str:
    """Whole numbers without a point, as a file has them."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _kinds(words: Words, name: str, sheet: Sheet) -> list[str]:
    """The categories of a column, in order; a column that is none is refused."""
    kinds, known = words.kinds, words.known
    comma = next((kind for kind in kinds if DECIMAL_COMMA.fullmatch(kind)), None)
    if comma is not None and all(is_number(kind) or DECIMAL_COMMA.fullmatch(kind) for kind in kinds):
        raise ValueError(commas(name, comma, sheet.where(words.first(comma))))
    drop = f"`--drop {shlex.quote(name)}`"
    if kinds and sum(DATE.match(kind) is not None for kind in kinds) > 0.9 * len(kinds):
        raise ValueError(
            f"column {name!r} of {sheet.name} holds dates, as {kinds[0]!r} in {sheet.where(words.first(kinds[0]))}, and a date "
            f"is no number and no category. Leave it out, {drop}, or write what matters of it: days since an event, the hour."
        )
    broken = [kind for kind in kinds if not is_number(kind)]
    if 0 < len(broken) < 0.2 * len(kinds):
        first = sheet.where(words.first(broken[0]))
        raise ValueError(
            f"column {name!r} of {sheet.name} holds numbers, but {listed([shortened(repr(kind)) for kind in broken], 3)} too, "
            f"first in {first}. Mend those cells, empty them (a missing value is allowed), or leave the column out, {drop}."
        )
    if len(kinds) <= MOST_KINDS and not len(kinds) > max(10, known / 2):
        return kinds
    raise ValueError(
        f"column {name!r} of {sheet.name} is text with {len(kinds):,} different values in {count(known, 'row')}, as "
        f"{shortened(repr(kinds[0]))} in {sheet.where(words.first(kinds[0]))}: too many to be categories (at most "
        f"{MOST_KINDS:,}, and each twice on average). Leave it out, {drop}, or group its values."
    )


def _codes(words: Words, kinds: Sequence[str], name: str, sheet: Sheet, notes: list[str]) -> np.ndarray:
    """(N,) float32 codes, NaN where missing; a category that is not known counts as missing, and is told."""
    number = {kind: code for code, kind in enumerate(kinds)}
    codes = np.array([number.get(kind, np.nan) for kind in words.kinds] + [np.nan], dtype=np.float32)[words.which]
    if strange := [kind for kind in words.kinds if kind not in number]:
        rows = int(np.isin(words.which, [words.kinds.index(kind) for kind in strange]).sum())
        notes.append(
            f"column {name!r} has {count(rows, 'row')} with a category that was not there before, as "
            f"{shortened(repr(strange[0]))} in {sheet.where(words.first(strange[0]))}: taken as missing."
        )
    found: np.ndarray = codes
    return found


def _check_infinite(x: np.ndarray, frame: Any, sheet: Sheet) -> None:
    bad = np.isinf(x)
    if bad.any():
        column = int(bad.any(0).argmax())
        many = count(int(bad.any(0).sum()), "column")
        raise ValueError(
            f"{sheet.name} has infinite values, or more than 3.4e38, in {many}, as in {frame.columns[column]!r}, "
            f"{sheet.where(int(bad[:, column].argmax()))}. Leave those rows out, or use `--drop COL`."
        )


def _lacking(gone: np.ndarray, frame: Any, sheet: Sheet) -> str:
    """ "t.csv has missing values in 2 columns: 'age' (3 rows, first in line 5), ..."."""
    bad = np.flatnonzero(gone.any(0))
    said = [
        f"{frame.columns[at]!r} ({count(int(gone[:, at].sum()), 'row')}, first in {sheet.where(int(gone[:, at].argmax()))})"
        for at in bad[:3]
    ]
    more = ", ..." if len(bad) > 3 else ""
    return f"{sheet.name} has missing values in {count(len(bad), 'column')}: {', '.join(said)}{more}"


def about_columns(x: np.ndarray, names: Sequence[str]) -> list[str]:
    """Notes on columns that say nothing, say who an example is, or are larger than float32 can tell apart."""
    notes = []
    whole = np.where(np.isnan(x), np.float32(-np.inf), x)  # a missing value is a value here
    same = [name for name, constant in zip(names, (whole == whole[:1]).all(0), strict=True) if constant and len(x) > 1]
    if same:
        notes.append(f"{count(len(same), 'column')} with one value in all rows, kept: {listed(same)}.")
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


def _text(frame: Any, text: list[str], sheet: Sheet) -> str:
    """The sentence about columns that were numbers before."""
    names = [repr(name) for name in text]
    values = frame[text[0]]
    there = values.notna().to_numpy().nonzero()[0].tolist()
    row = next((row for row in there if not is_number(str(values.iat[row]))), there[0] if there else 0)
    example = values.iat[row]
    if isinstance(example, str) and DECIMAL_COMMA.fullmatch(example.strip()):
        return commas(text[0], example, sheet.where(row))
    return (
        f"{sheet.name} has text where the earlier data had numbers: {listed(names)}; {names[0]} is "
        f"{shortened(repr(example))} in {sheet.where(row)}. Mend those cells, or leave those rows out."
    )
