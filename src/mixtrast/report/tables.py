"""Tables as plain cells, with the best of a column and what is not clearly worse."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mixtrast.significance import Difference, Sample, difference

Mark = Literal["", "best", "near"]
SIGNS: dict[Mark, str] = {"": "", "best": "*", "near": "≈"}  # in a terminal


@dataclass(frozen=True)
class Cell:
    """A text, and whether it is the best of its column ("best") or not clearly worse than that ("near")."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Line:
    """A row of a table; `key` is a row of scores ("raw") or the anchor of what the line links to."""

    key: str
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Headings (the first is over the names), lines and the notes under the table."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marks:
    """The mark of each row of a column, and the differences of rows to the best that were tested."""

    marks: dict[str, Mark]
    tested: tuple[Difference, ...] = ()


def marks_of(samples: Mapping[str, Sample]) -> Marks:
    """Mark the best row and those that are not clearly worse; constant baselines do not compete."""
    means = {
        row: statistics.fmean(values) for row, sample in samples.items() if not sample.constant and (values := sample.finite)
    }
    marks: dict[str, Mark] = dict.fromkeys(samples, "")
    if len(means) < 2:
        return Marks(marks)
    top = max(means, key=lambda row: means[row])
    tested = []
    for row in means:
        if means[row] >= means[top] - 1e-12:
            marks[row] = "best"
            continue
        found = difference(samples[top], samples[row])
        if found is not None:
            tested.append(found)
            marks[row] = "near" if found.clarity in ("unclear", "worse") else ""
    return Marks(marks, tuple(tested))
