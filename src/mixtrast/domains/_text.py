"""Tables in text files: packed or not, what separates the fields, whether the first row is a header, where a row stands."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Literal, TextIO, cast

from mixtrast.domains._words import MISSING, count, is_number, twice

Header = Literal["auto", "yes", "no"]
HEADER = ("auto", "yes", "no")
ENDINGS = (".csv", ".tsv", ".txt", ".data")
PACKED = (".gz", ".bz2", ".xz", ".zip")
SAMPLE = 100  # lines that are looked at before reading
SPACES = r"\s+"
OPEN = re.compile(r'(?:^|\t) *"(?![^\t]*" *(?:\t|$))')  # a quote at the beginning of a field, and none at its end
SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", SPACES: "spaces"}


@dataclass(frozen=True)
class Layout:
    """How a file is to be read."""

    path: Path
    separator: str
    columns: tuple[str, ...]
    header: bool
    skip: int  # physical lines before the first row of data
    quoted: bool  # whether a field may stand in quotes; else these are signs like others
    notes: tuple[str, ...]


def parts(path: Path) -> tuple[str, str]:
    """The name without endings, and the ending without that of a packer: "a.CSV.gz" -> ("a", ".csv")."""
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.stem, path.suffix.lower()


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The text of a file, unpacked, line ends as they are. What goes wrong while it is read becomes a sentence."""
    try:
        with ExitStack() as stack:
            text = io.TextIOWrapper(_unpacked(path, stack), encoding="utf-8-sig", newline="")
            yield stack.enter_context(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got something else ({error}). Save it as UTF-8.") from error
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} could not be unpacked: {error}. Is it complete, and packed as its ending says?") from error
    except OSError as error:
        if error.errno is not None or path.suffix.lower() != ".bz2":
            raise
        raise ValueError(f"{path} could not be unpacked: {error}. Is it complete, and packed as its ending says?") from error


def _unpacked(path: Path, stack: ExitStack) -> IO[bytes]:
    match path.suffix.lower():
        case ".gz":
            return cast(IO[bytes], stack.enter_context(gzip.open(path)))
        case ".bz2":
            return cast(IO[bytes], stack.enter_context(bz2.open(path)))
        case ".xz":
            return cast(IO[bytes], stack.enter_context(lzma.open(path)))
        case ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = [member for member in archive.namelist() if not member.endswith("/")]
            if len(members) != 1:
                raise ValueError(f"{path} must hold one file, got {len(members)}. Unpack it, and give the one that is meant.")
            return stack.enter_context(archive.open(members[0]))
    return stack.enter_context(path.open("rb"))


def layout(path: Path, header: Header) -> Layout:
    """Looks at the first lines.

    Raises: ValueError when the file is empty, its rows are of different lengths, or a column name is there twice.
    """
    with opened(path) as text:
        lines = list(islice(text, SAMPLE))
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty. A table has a row for each example.")
    separator = _separator(lines, spaces=parts(path)[1] in (".txt", ".data"))
    quoted = separator != "\t" or not _literal(path)
    rows = list(rows_of(iter(lines), separator, quoted))
    if len(lines) == SAMPLE and len(rows) > 1:
        rows.pop()  # its other half may be in the next line
    line, first = rows[0]
    check_width(rows, len(first), line, path)
    rest = [fields for _, fields in rows[1:]]
    has, note = (header == "yes", "") if header != "auto" else _has_header(first, rest)
    columns = tuple(_name(cell, at) for at, cell in enumerate(first)) if has else tuple(str(n + 1) for n in range(len(first)))
    if again := twice(columns):
        raise ValueError(
            f"{path} has more than one column {' and '.join(map(repr, again))}. Give each column a name of its own."
        )
    notes = [note] if note else []
    if not has:
        notes.append(f"no header: the columns are called 1 to {len(columns)}.")
    if separator != "," and not (separator == "\t" and parts(path)[1] == ".tsv"):
        notes.append(f"fields are separated by {SPOKEN[separator]}.")
    return Layout(path, separator, columns, has, line if has else 0, quoted, tuple(notes))


def _literal(path: Path) -> bool:
    """Whether quotes in a file with tabs are signs like others: one opens a field and none closes it in its line, and the lines
    are equally wide as they stand. Taken for marks, such quotes would swallow all up to the next of them."""
    with opened(path) as text:
        return _are_literal(text)


def _are_literal(lines: Iterable[str]) -> bool:
    open_, widths = False, set[int]()
    for line in lines:
        if line.strip():
            widths.add(line.count("\t"))
            open_ = open_ or ('"' in line and OPEN.search(line.rstrip("\r\n")) is not None)
        if len(widths) > 1:
            return False
    return open_


def line_of(form: Layout, row: int) -> int:
    """The line of the file, counted from 1, where row `row` of the data ends. Reads the file again: for errors only."""
    with opened(form.path) as text:
        rows = rows_of(text, form.separator, form.quoted)
        line, _ = next(islice(rows, row + form.header, None))
        return line


def check_width(rows: Iterator[tuple[int, list[str]]] | list[tuple[int, list[str]]], width: int, line: int, path: Path) -> None:
    for here, fields in rows:
        if len(fields) != width:
            raise ValueError(
                f"{path} must have the same number of fields in every row, got {count(width, 'field')} in line {line} and "
                f"{len(fields):,} in line {here}. Look for a separator within a field (quote it), or one too many at the end."
            )


def check_widths(form: Layout) -> None:
    """As `check_width`, for the whole file: when reading it has failed."""
    with opened(form.path) as text:
        check_width(rows_of(text, form.separator, form.quoted), len(form.columns), max(form.skip, 1), form.path)


def rows_of(lines: Iterator[str], separator: str, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Line numbers from 1, of the end of the row, and its fields without spaces around them; blank lines left out."""
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
    """The separator by which rows are equally long: tab, semicolon, comma; without any, the one that cuts rows most."""
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
    """Whether the first row names the columns, and a note where that is not plain."""
    text = [at for at, cell in enumerate(first) if cell not in MISSING and not is_number(cell)]
    numbers = [float(cell) for cell in first if is_number(cell)]
    positions = list(range(len(numbers)))
    if not text:
        if first[0] == "" and len(first) > 2 and numbers == positions and len(numbers) == len(first) - 1:
            return True, "the first row is empty, 0, 1, 2, ...: taken as the header that a data frame without names writes."
        looks = len(first) > 2 and numbers == positions
        return False, "the first row is 0, 1, 2, ...: if these are no example but names, use `--header yes`." if looks else ""
    later = {at: [row[at] for row in rest if row[at] not in MISSING] for at in text}
    if not numbers or not rest or any(cells and all(map(is_number, cells)) for cells in later.values()):
        return True, ""
    repeats = any(first[at] in cells for at, cells in later.items())
    names = not repeats and all(low < high for low, high in pairwise(numbers))
    seen = "names of the columns" if names else "an example"
    return (
        names,
        f"the first row, with text and numbers, is taken as {seen}. `--header {'no' if names else 'yes'}` if it is not.",
    )


def _name(cell: str, at: int) -> str:
    return cell or f"Unnamed: {at}"
