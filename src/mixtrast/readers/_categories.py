"""Categories: columns of text as codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtrast.data.cells import DECIMAL_COMMA, MISSING, is_number
from mixtrast.readers._sheet import Sheet, comma_message, load_pandas
from mixtrast.text import count, listed, shortened

MOST_KINDS = 1_000  # categories of a column
DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ].*)?$")


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of text.

    Args:
        kinds: the different texts, sorted.
        codes: (N,) int64, which of them each row has, -1 where it is missing.
    """

    kinds: list[str]
    codes: np.ndarray

    @classmethod
    def of(cls, values: Any) -> Categories:
        """Return the categories of a pandas column. Raises: ValueError for objects that are neither text nor numbers."""
        try:
            which, raw = load_pandas().factorize(values)
        except TypeError as error:
            raise ValueError(f"column {values.name!r} must hold numbers or text, got {error}. Leave it out.") from error
        written = [None if value != value or value is None else _text_of(value) for value in raw.tolist()]
        kinds = sorted({value for value in written if value is not None and value not in MISSING})
        number = {kind: at for at, kind in enumerate(kinds)}
        codes = np.array([number.get(value, -1) if value is not None else -1 for value in written] + [-1])
        return cls(kinds, codes[which])

    @property
    def known(self) -> int:
        """How many rows are not missing."""
        return int((self.codes >= 0).sum())

    def first(self, kind: str) -> int:
        """Return the first row that has a category."""
        return int((self.codes == self.kinds.index(kind)).argmax())


def _text_of(value: Any) -> str:
    """Return a value as a file has it: integers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def categories_of(words: Categories, name: str, sheet: Sheet) -> tuple[str, ...]:
    """Return the categories of a column, in order. Raises: ValueError for dates, broken numbers and free text."""
    kinds, known = words.kinds, words.known
    comma = next((kind for kind in kinds if DECIMAL_COMMA.fullmatch(kind)), None)
    if comma is not None and all(is_number(kind) or DECIMAL_COMMA.fullmatch(kind) for kind in kinds):
        raise ValueError(comma_message(name, comma, sheet.where(words.first(comma))))
    drop = f"`--drop {shlex.quote(name)}`"
    if kinds and sum(DATE.match(kind) is not None for kind in kinds) > 0.9 * len(kinds):
        raise ValueError(
            f"column {name!r} of {sheet.name} holds dates, as {kinds[0]!r} in {sheet.where(words.first(kinds[0]))}, which are "
            f"neither numbers nor categories. Leave it out, {drop}, or write what matters of it: days since an event, the hour."
        )
    broken = [kind for kind in kinds if not is_number(kind)]
    if 0 < len(broken) < 0.2 * len(kinds):
        first = sheet.where(words.first(broken[0]))
        raise ValueError(
            f"column {name!r} of {sheet.name} holds numbers, but also {listed([shortened(repr(kind)) for kind in broken], 3)}, "
            f"first in {first}. Correct those cells, empty them (a value may be missing), or leave the column out, {drop}."
        )
    if len(kinds) <= MOST_KINDS and not len(kinds) > max(10, known / 2):
        return tuple(kinds)
    raise ValueError(
        f"column {name!r} of {sheet.name} is text with {len(kinds):,} different values in {count(known, 'row')}, as "
        f"{shortened(repr(kinds[0]))} in {sheet.where(words.first(kinds[0]))}: too many to be categories (at most "
        f"{MOST_KINDS:,}, and each twice on average). Leave it out, {drop}, or group its values."
    )


def codes_of(words: Categories, kinds: Sequence[str], name: str, sheet: Sheet) -> tuple[np.ndarray, list[str]]:
    """Return (N,) float32 codes, NaN where missing, with a note on categories that are not known and so missing."""
    number = {kind: code for code, kind in enumerate(kinds)}
    codes: np.ndarray = np.array([number.get(kind, np.nan) for kind in words.kinds] + [np.nan], dtype=np.float32)[words.codes]
    unknown = [kind for kind in words.kinds if kind not in number]
    if not unknown:
        return codes, []
    rows = int(np.isin(words.codes, [words.kinds.index(kind) for kind in unknown]).sum())
    first = f"{shortened(repr(unknown[0]))} in {sheet.where(words.first(unknown[0]))}"
    return codes, [f"column {name!r} has {count(rows, 'row')} with a new category, as {first}: read as missing."]
