from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._text import opened, parts
from mixtrast.domains._words import count, is_number
from mixtrast.spec import Series as Spec
from mixtrast.spec import from_dict

ENDING = ".ts"
LARGEST = 2**30  # numbers in all: 4 GB


class Series(Domain):
    """Time series in the .ts files of the UEA and UCR archives: an example a line, its channels between colons, the label last.

    Series may be of unequal length, and values may be missing (?): both are NaN in x, and encoders are told. Of a file
    NAME_TRAIN.ts, a file NAME_TEST.ts beside it is the test set. Packed files (.gz, .bz2, .xz, .zip) are read too.

    Args:
        task: what the label is; "auto" looks at it. A file says itself whether it has one (@classLabel, @targetLabel).

    Reference: the format is that of Bagnall et al., The UEA multivariate time series classification archive, arXiv:1811.00075.
    """

    def __init__(self, *, task: Asked = "auto") -> None:
        check_choice("task", task, ASKED)
        self.task = task

    @staticmethod
    def takes(source: object) -> bool:
        return is_path(source) and parts(Path(str(source)))[1] == ENDING

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,C,L), NaN after the end of shorter ones."""
        path = existing(source)
        notes = []
        if test is None and (like is None or like.get("split")) and (beside := _test_of(path)) is not None:
            test = beside
            notes = [f"the test set is {beside.name}, which lies beside it."]
        first, second = read(path), None if test is None else read(existing(test))
        wanted = None if like is None else from_dict(like["spec"])
        length = max(first.longest, second.longest if second else 0)
        gaps = first.gaps or (second is not None and (second.gaps or second.longest != first.longest)) or first.longest < length
        if isinstance(wanted, Spec):
            length, gaps = wanted.length, wanted.gaps
        made = [_source(each, length, gaps) for each in (first, second) if each is not None]
        made[0] = Source(**{**vars(made[0]), "notes": (*made[0].notes, *notes)})
        task: Asked = "number" if self.task == "auto" and first.target else self.task
        return assemble(self, parts(path)[0].removesuffix("_TRAIN"), made[0], test=made[1] if second else None,
                        task=task, like=like)  # fmt: skip


@dataclass
class Written:
    """A file: for each example its channels, each (length,) float32, and its label as written."""

    path: Path
    target: bool = False  # whether the label is a number to predict, as the file says
    examples: list[list[np.ndarray]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def longest(self) -> int:
        return max(len(channel) for example in self.examples for channel in example)

    @property
    def gaps(self) -> bool:
        lengths = {len(channel) for example in self.examples for channel in example}
        return len(lengths) > 1 or any(np.isnan(channel).any() for example in self.examples for channel in example)


def read(path: Path) -> Written:
    """The examples of a file. Raises: ValueError with the line."""
    found, labelled, body = Written(path), False, False
    with opened(path) as text:
        for number, raw in enumerate(text, 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if not body:
                words = line.lower().split()
                if words[0] in ("@classlabel", "@targetlabel"):
                    labelled = len(words) > 1 and words[1] == "true"
                    found.target = labelled and words[0] == "@targetlabel"
                if words[0] == "@timestamps" and words[-1] == "true":
                    raise ValueError(f"{path} has time stamps, which are not read. Write the values alone, at equal steps.")
                body = words[0] == "@data"
                if not body and not line.startswith("@"):
                    raise ValueError(f"{path} has {line[:40]!r} in line {number} before @data. A .ts file has its head first.")
                continue
            cells = line.split(":")
            label = cells.pop().strip() if labelled else ""
            found.examples.append([_channel(cell, path, number) for cell in cells])
            found.labels.append(label)
            found.lines.append(number)
    if not found.examples:
        raise ValueError(f"{path} holds no series: there is no line after @data. Give a line for each example.")
    channels = len(found.examples[0])
    for example, number in zip(found.examples, found.lines, strict=True):
        if len(example) != channels or not all(map(len, example)):
            raise ValueError(
                f"{path} must have {count(channels, 'channel')} with values in every line, as in line {found.lines[0]}, got "
                f"{len(example)} in line {number}. Channels stand between colons{', and the label last' if labelled else ''}."
            )
    return found


def _channel(cell: str, path: Path, number: int) -> np.ndarray:
    """Values between commas; ? is missing."""
    words = cell.replace("?", "nan").split(",")
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        wrong = next((w for w in words if not is_number(w.replace("nan", "0"))), cell)
        raise ValueError(
            f"{path} has {wrong.strip()[:40]!r} in line {number}, which is no number. Values stand between commas, and ? is "
            "one that is missing."
        ) from None
    with np.errstate(over="ignore"):
        found: np.ndarray = values.astype(np.float32)
    if np.isinf(found).any():
        raise ValueError(f"{path} has an infinite value, or more than 3.4e38, in line {number}. Write ? where it is not known.")
    return found


def _source(written: Written, length: int, gaps: bool) -> Source:
    n, channels = len(written.examples), len(written.examples[0])
    if n * channels * length > LARGEST:
        raise ValueError(
            f"{written.path} would be {count(n, 'example')} of {channels} x {length:,} values: too many. Cut the long ones."
        )
    x = np.full((n, channels, length), np.nan, dtype=np.float32)
    cut = 0
    for at, example in enumerate(written.examples):
        cut += any(len(channel) > length for channel in example)
        for number, channel in enumerate(example):
            x[at, number, : len(channel)] = channel[:length]
    if np.isnan(x).any() and not gaps:
        raise ValueError(
            f"{written.path} has shorter series or missing values, and the earlier data had none: what was learned from them "
            "has nothing to say of it. Give whole series."
        )
    lengths = [len(example[0]) for example in written.examples]
    size = f"length {length:,}" if min(lengths) == length else f"lengths {min(lengths):,} to {max(lengths):,}"
    notes = [f"{written.path.name}: {count(n, 'series')} of {count(channels, 'channel')}, {size}."]
    if gaps:
        notes.append("what is missing, or after the end of a shorter series, stays missing, and encoders are told.")
    if cut:
        notes.append(f"{count(cut, 'series')} longer than {length:,}, as those before were at most: cut at the end.")
    label = np.array(written.labels, dtype=object) if any(written.labels) else None
    return Source(
        x=x, label=label, groups=None, where=lambda row: f"line {written.lines[row]:,}", notes=tuple(notes),
        spec=Spec(channels, length, gaps),
    )  # fmt: skip


def _test_of(path: Path) -> Path | None:
    """NAME_TEST.ts beside NAME_TRAIN.ts, packed alike or not."""
    stem, _, rest = path.name.partition("_TRAIN.ts")
    if not rest and not path.name.endswith("_TRAIN.ts"):
        return None
    there = sorted(path.parent.glob(f"{stem}_TEST.ts*"))
    return there[0] if there else None
