"""What people write in tables: numbers, empty fields, names that are nearly right."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

Where = Callable[[int], str]  # a row, counted from 0, as its owner can find it: "line 7", "row 5"

# As written by spreadsheets, R, SQL, Python and the UCI repository.
MISSING = frozenset(
    ["", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "null", "NULL", "None", "?"]
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?[Ii]nf(inity)?")
WHOLE = re.compile(r"[+-]?\d{1,18}")
CODE = re.compile(r"0\d+")  # 007 is a name
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def twice(names: Iterable[str]) -> list[str]:
    """Those that are there more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def is_number(text: str) -> bool:
    return NUMBER.fullmatch(text.strip()) is not None


def nearest(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?", or nothing."""
    known = list(known)
    folded = {other.lower(): other for other in reversed(known)}
    near = difflib.get_close_matches(name, known, 1) or [
        folded[other] for other in difflib.get_close_matches(name.lower(), folded, 1)
    ]
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Sequence[str], most: int = 12) -> str:
    """ "a, b, c", and of many only the first and how many there are."""
    shown = ", ".join(shortened(str(name)) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names):,} in all)"


def shortened(text: str, most: int = 60) -> str:
    """Text that is to stand in a sentence."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def count(number: int, what: str) -> str:
    """ "1 row", "1,797 rows", "2 classes", "3 series"."""
    return f"{number:,} {what}" + ("" if number == 1 or what == "series" else "es" if what.endswith("s") else "s")


def size_of(numbers: int) -> str:
    """Bytes for people: "184 MB", "1.2 GB", of 1,000 each."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if numbers >= size:
            return f"{numbers / size:,.{1 if numbers < 10 * size else 0}f} {unit}"
    return count(numbers, "byte")
