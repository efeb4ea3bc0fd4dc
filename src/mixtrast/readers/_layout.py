"""The layout of a table in a text file: what separates the fields, whether the first row is a header, where a row is."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal, get_args

from mixtrast.data.cells import MISSING, is_number
from mixtrast.readers._packed import opened, stem_and_ending
from mixtrast.text import count, repeated

Header = Literal["auto", "yes", "no"]
HEADERS = get_args(Header)
ENDINGS = (".csv", ".tsv", ".txt", ".data")
SAMPLE = 100  # lines that are looked at before reading
SPACES = r"\s+"
OPEN_QUOTE = re.compile(r'(?:^|\t) *"(?![^\t]*" *(?:\t|$))')  # a quote at the beginning of a field, and none at its end
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", SPACES: "spaces"}


@dataclass(frozen=True)
class Layout:
    """How a file is read.

    Args:
        header: whether the first row names the columns.
        skip: lines before the first row of data.
        quoted: whether fields may be in quotes; else quotes are characters like others.
        notes: sentences for the user.
    """

    path: Path
    separator: str
    columns: tuple[str, ...]
    header: bool
    skip: int
    quoted: bool
    notes: tuple[str, ...]


def layout(path: Path, header: Header) -> Layout:
    """Return the layout of a file, by its first lines.

    Raises: ValueError when the file is empty, its rows are of different lengths, or a column name is there twice.
    """
    with opened(path) as text:
        lines = list(islice(text, SAMPLE))
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty. Give a row for each example.")
    separator = _separator(lines, spaces=stem_and_ending(path)[1] in (".txt", ".data"))
    quoted = separator != "\t" or not _literal(path)
    rows = list(rows_of(iter(lines), separator, quoted))
    if len(lines) == SAMPLE and len(rows) > 1:
        rows.pop()  # its other half may be in the next line
    line, first = rows[0]
    check_width(rows, len(first), line, path)
    rest = [fields for _, fields in rows[1:]]
    has, note = (header == "yes", "") if header != "auto" else _has_header(first, rest)
    columns = tuple(_name(cell, at) for at, cell in enumerate(first)) if has else tuple(str(n + 1) for n in range(len(first)))
    if again := repeated(columns):
        raise ValueError(f"{path} has more than one column {' and '.join(map(repr, again))}. Rename them.")
    notes = [note] if note else []
    if not has:
        notes.append(f"no header: the columns are called 1 to {len(columns)}.")
    if separator != "," and not (separator == "\t" and stem_and_ending(path)[1] == ".tsv"):
        notes.append(f"fields are separated by {NAMES[separator]}.")
    return Layout(path, separator, columns, has, line if has else 0, quoted, tuple(notes))


def _literal(path: Path) -> bool:
    """Return whether quotes in a file with tabs are characters like others.

    They are where one opens a field and none closes it in its line, and all lines have the same number of fields as they are.
    Read as quotation marks, they would join all rows up to the next of them.
    """
    with opened(path) as text:
        return _are_literal(text)


def _are_literal(lines: Iterable[str]) -> bool:
    """Return whether quotes in these lines are characters like others."""
    open_, widths = False, set[int]()
    for line in lines:
        if line.strip():
            widths.add(line.count("\t"))
            open_ = open_ or ('"' in line and OPEN_QUOTE.search(line.rstrip("\r\n")) is not None)
        if len(widths) > 1:
            return False
    return open_


def line_of(form: Layout, row: int) -> int:
    """Return the line of a file, from 1, where a row of the data, from 0, ends. Reads the file again: for errors only."""
    with opened(form.path) as text:
        rows = rows_of(text, form.separator, form.quoted)
        line, _ = next(islice(rows, row + form.header, None))
        return line


def check_width(rows: Iterable[tuple[int, list[str]]], width: int, line: int, path: Path) -> None:
    """Raise ValueError unless all rows have as many fields as the row in `line`."""
    for here, fields in rows:
        if len(fields) != width:
            raise ValueError(
                f"{path} must have the same number of fields in every row, got {count(width, 'field')} in line {line} and "
                f"{len(fields):,} in line {here}. Quote fields with a separator in them, and end no line with one."
            )


def check_widths(form: Layout) -> None:
    """Raise ValueError unless all rows of a file have the same number of fields."""
    with opened(form.path) as text:
        check_width(rows_of(text, form.separator, form.quoted), len(form.columns), max(form.skip, 1), form.path)


def rows_of(lines: Iterator[str], separator: str, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield the line, from 1, where each row ends, and its fields without spaces around them. Blank lines are left out."""
    if separator == SPACES:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line.split()
        return
    reader = csv.reader(
        lines, delimiter=separator, skipinitialspace=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    for fields in reader:
        fields = [field.strip() for field in fields]
        if any(fields) or len(fields) > 1:
            yield reader.line_num, fields


def _separator(lines: list[str], *, spaces: bool) -> str:
    """Return the separator that gives all rows the same length: tab, semicolon or comma. Else the most frequent one."""
    lengths = {
        sep: [len(fields) for _, fields in rows_of(iter(lines), sep, sep != "\t" or not _are_literal(lines))]
        for sep in ("\t", ";", ",")
    }
    if spaces:
        lengths[SPACES] = [len(fields) for _, fields in rows_of(iter(lines), SPACES)]
    if len(lines) == SAMPLE:
        lengths = {sep: length[:-1] or length for sep, length in lengths.items()}
    for sep, length in lengths.items():
        if length[0] > 1 and len(set(length)) == 1:
            return sep
    lengths.pop(SPACES, None)
    return max((",", ";", "\t"), key=lambda sep: sorted(lengths[sep])[len(lengths[sep]) // 2])


def _has_header(first: list[str], rest: list[list[str]]) -> tuple[bool, str]:
    """Return whether the first row names the columns, with a note where that is not plain."""
    text = [at for at, cell in enumerate(first) if cell not in MISSING and not is_number(cell)]
    numbers = [float(cell) for cell in first if is_number(cell)]
    positions = list(range(len(numbers)))
    if not text:
        if first[0] == "" and len(first) > 2 and numbers == positions and len(numbers) == len(first) - 1:
            return True, "the first row is empty, 0, 1, 2, ...: read as the header of a data frame without names."
        looks = len(first) > 2 and numbers == positions
        return (
            False,
            "the first row is 0, 1, 2, ...: if these are names and not an example, use `--header yes`." if looks else "",
        )
    later = {at: [row[at] for row in rest if row[at] not in MISSING] for at in text}
    if not numbers or not rest or any(cells and all(map(is_number, cells)) for cells in later.values()):
        return True, ""
    repeats = any(first[at] in cells for at, cells in later.items())
    names = not repeats and all(low < high for low, high in pairwise(numbers))
    what, other = ("names of the columns", "no") if names else ("an example", "yes")
    return names, f"the first row, with text and numbers, is read as {what}. If it is not, use `--header {other}`."


def _name(cell: str, at: int) -> str:
    """Return the name of a column, as pandas names one without a name."""
    return cell or f"Unnamed: {at}"
