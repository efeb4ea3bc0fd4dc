"""Words for messages: counts, sizes, lists, and the known name that is nearest to a wrong one."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence


def count(number: int, what: str) -> str:
    """Return a number with its noun: "1 row", "1,797 rows", "2 classes", "3 series"."""
    return f"{number:,} {plural(what, number)}"


def plural(what: str, number: int = 2) -> str:
    """Return a noun as it stands after a number: "row" after 1, else "rows"."""
    if number == 1 or what.endswith("series"):
        return what
    if what.endswith("y") and what[-2:-1] not in "aeiou":
        return f"{what[:-1]}ies"
    return what + ("es" if what.endswith(("s", "x", "ch", "sh")) else "s")


def size_of(numbers: int) -> str:
    """Return a number of bytes in units of 1,000: "184 MB", "1.2 GB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if numbers >= size:
            return f"{numbers / size:,.{1 if numbers < 10 * size else 0}f} {unit}"
    return count(numbers, "byte")


def duration(seconds: float) -> str:
    """Return a number of seconds in words.

    >>> duration(8.2), duration(75), duration(5400), duration(3725)
    ('8 s', '1 min 15 s', '1 h 30 min', '1 h 2 min')
    """
    total = round(seconds)
    hours, minutes = total // 3600, total % 3600 // 60
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return " ".join([*([f"{minutes} min"] if minutes else []), *([f"{total % 60} s"] if total % 60 or not minutes else [])])


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return "a, b, c"; of many names only the first `most`, and how many there are."""
    first = ", ".join(shortened(str(name)) for name in names[:most])
    return first if len(names) <= most else f"{first}, ... ({len(names):,} in all)"


def shortened(text: str, most: int = 60) -> str:
    """Return text cut to at most `most` characters, to stand in a sentence."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def closest(wrong: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most similar to `wrong`, or None. Similarity in other capitals counts too."""
    known = list(known)
    folded = {name.lower(): name for name in reversed(known)}
    near = difflib.get_close_matches(wrong, known, 1, cutoff)
    near += [folded[name] for name in difflib.get_close_matches(wrong.lower(), folded, 1, cutoff)]
    return near[0] if near else None


def nearest(wrong: str | Iterable[str], known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" with the known names nearest to the wrong ones, or nothing where none is near."""
    known = list(known)
    wrong = [wrong] if isinstance(wrong, str) else wrong
    near = [repr(name) for each in wrong if (name := closest(each, known)) is not None]
    return f" Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, times in Counter(names).items() if times > 1]
