"""Files of text: which columns or lines are text, and .jsonl and lines as sheets."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.data.cells import is_number
from mixtrast.readers._layout import ENDINGS, SAMPLE, layout, rows_of
from mixtrast.readers._packed import has_ending, opened
from mixtrast.readers._sheet import FileSheet, FrameSheet, Sheet, load_pandas

JSONL = ".jsonl"
LINE = "line"  # the column of a file of lines


def text_sheet(path: Path, *, lines: bool) -> Sheet:
    """Return a file as columns. `lines`: the earlier data were lines; a .txt is too, unless tabs separate it."""
    if has_ending(path, (JSONL,)):
        return FrameSheet(_json_lines(path), path.name)
    if lines or _is_lines(path):
        with opened(path) as file:
            texts = [line.strip() for line in file]
        return FrameSheet(load_pandas().DataFrame({LINE: [text for text in texts if text]}), path.name)
    return FileSheet(path, "auto")


def looks_like_text(path: Path) -> bool:
    """Return whether a file is .jsonl, has a column of text in its first rows, or is a .txt of lines of text."""
    if not path.is_file() or not has_ending(path, (*ENDINGS, JSONL)):
        return False
    try:
        if has_ending(path, (JSONL,)) or _is_lines(path):
            return True
        form = layout(path, "auto")
        if form.separator not in ("\t", ";", ","):
            return False
        with opened(path) as file:
            rows = [fields for _, fields in rows_of(islice(file, SAMPLE), form.separator, form.quoted)]
    except (ValueError, OSError):
        return False
    rows = [row for row in rows[1 if form.header else 0 :] if len(row) == len(form.columns)]
    return any(is_text([row[at] for row in rows]) for at in range(len(form.columns)))


def is_text(cells: Sequence[str]) -> bool:
    """Return whether cells are text: several words that are not numbers, and nearly all different."""
    known = [cell for cell in cells if cell and not is_number(cell)]
    if len(known) < 0.8 * len(cells) or not known:
        return False
    words = sum(not is_number(word.strip(",;")) for cell in known for word in cell.split())
    return words >= 2.5 * len(known) and len(set(known)) > 0.5 * len(known)


def is_text_column(values: Any) -> bool:
    """Return whether a column of a frame is text, and not another type that could be written as text."""
    some = values.head(SAMPLE).dropna().tolist()
    return all(isinstance(value, str) for value in some) and is_text([value.strip() for value in some])


def texts_of(values: Any) -> list[str]:
    """Return a column as texts, empty where missing."""
    plain = np.asarray(values.astype(object).where(values.notna(), ""), dtype=object).tolist()
    return [str(value).strip() for value in plain]


def _is_lines(path: Path) -> bool:
    """Return whether a file is a .txt of lines of text that tabs do not separate."""
    if not has_ending(path, (".txt",)):
        return False
    with opened(path) as file:
        some = [line.rstrip("\n") for line in islice(file, SAMPLE) if line.strip()]
    return is_text([line.strip() for line in some]) and not all("\t" in line for line in some)


def _json_lines(path: Path) -> Any:
    """Return a .jsonl file as a DataFrame. Raises: ValueError with the line."""
    rows = []
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{path} has no JSON in line {number}: {error}. Write one object a line.") from error
                if not isinstance(row, dict):
                    raise ValueError(f"{path} must have an object in every line, got {type(row).__name__} in line {number}.")
                rows.append(row)
    if not rows:
        raise ValueError(f"{path} is empty. Give an object for each example.")
    return load_pandas().DataFrame(rows)
