from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast import spec as specs
from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.data.cells import is_number
from mixtrast.readers._assemble import assemble
from mixtrast.readers._packed import opened, stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.readers._source import Source, existing_file
from mixtrast.text import count
from mixtrast.validation import check_choice

LARGEST = 2**30  # numbers in all: 4 GB


class Series(Reader):
    """Time series in the .ts files of the UEA and UCR archives: one example a line, channels between colons, the label last.

    Series may differ in length, and values may be missing (?): both are NaN in x, and the encoder gets a missing-value flag.
    For a file NAME_TRAIN.ts, a file NAME_TEST.ts in the same folder is the test set. Packed files are read too.

    Args:
        task: what the label is; "auto" decides by its values. The file says whether it has one (@classLabel, @targetLabel).

    Reference: the format is that of Bagnall et al., The UEA multivariate time series classification archive, arXiv:1811.00075.
    """

    sources = ".ts"
    endings = (".ts",)

    def __init__(self, *, task: TaskOption = "auto") -> None:
        check_choice("task", task, TASKS)
        self.task = task

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,C,L), NaN after the end of shorter series."""
        path = existing_file(source)
        notes: tuple[str, ...] = ()
        if test is None and (schema is None or schema.split) and (test := _test_of(path)) is not None:
            notes = (f"the test set is {test.name}, in the same folder.",)
        files = [read(path), *([read(existing_file(test))] if test is not None else [])]
        longest = [file.longest for file in files]
        length, gaps = max(longest), any(file.gaps for file in files) or len(set(longest)) > 1
        if schema is not None and isinstance(schema.spec, specs.Series):
            length, gaps = schema.spec.length, schema.spec.gaps
        first, *others = (self._source(file, length, gaps) for file in files)
        task: TaskOption = "number" if self.task == "auto" and files[0].target else self.task
        return assemble(
            stem_and_ending(path)[0].removesuffix("_TRAIN"),
            replace(first, notes=(*first.notes, *notes)),
            test=others[0] if others else None,
            task=task,
            schema=schema,
        )

    def _source(self, file: SeriesFile, length: int, gaps: bool) -> Source:
        """Return a file as a source, all series of one length."""
        n, channels = len(file.examples), len(file.examples[0])
        if n * channels * length > LARGEST:
            size = f"{count(n, 'example')} of {channels} x {length:,} values"
            raise ValueError(f"{file.path} would be {size}, which is too many. Cut the long ones.")
        x = np.full((n, channels, length), np.nan, dtype=np.float32)
        for at, example in enumerate(file.examples):
            for number, channel in enumerate(example):
                x[at, number, : len(channel)] = channel[:length]
        if np.isnan(x).any() and not gaps:
            raise ValueError(f"{file.path} has shorter series or missing values, and the earlier data had none. Complete them.")
        label = np.array(file.labels, dtype=object) if any(file.labels) else None
        spec = specs.Series(channels, length, gaps)
        return Source(
            x=x,
            schema=self.schema_of(spec),
            where=lambda row: f"line {file.lines[row]:,}",
            label=label,
            notes=tuple(_notes(file, spec)),
        )


@dataclass
class SeriesFile:
    """A file as written: the channels (length,) float32 of each example, and its label.

    Args:
        target: whether the file says that the label is a number to predict.
    """

    path: Path
    target: bool = False
    examples: list[list[np.ndarray]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def longest(self) -> int:
        """The length of the longest series."""
        return max(len(channel) for example in self.examples for channel in example)

    @property
    def gaps(self) -> bool:
        """Whether lengths differ or values are missing."""
        lengths = {len(channel) for example in self.examples for channel in example}
        return len(lengths) > 1 or any(np.isnan(channel).any() for example in self.examples for channel in example)


def read(path: Path) -> SeriesFile:
    """Return the examples of a file. Raises: ValueError with the line."""
    found, labelled, body = SeriesFile(path), False, False
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
                    raise ValueError(f"{path} has {line[:40]!r} in line {number}, before @data. Begin with the header.")
                continue
            cells = line.split(":")
            found.labels.append(cells.pop().strip() if labelled else "")
            found.examples.append([_channel(cell, path, number) for cell in cells])
            found.lines.append(number)
    _check_channels(found, labelled)
    return found


def _check_channels(file: SeriesFile, labelled: bool) -> None:
    """Raise ValueError unless there are examples, all with the same number of channels."""
    if not file.examples:
        raise ValueError(f"{file.path} holds no series: there is no line after @data. Give a line for each example.")
    channels = len(file.examples[0])
    for example, number in zip(file.examples, file.lines, strict=True):
        if len(example) != channels or not all(map(len, example)):
            last = ", with the label last" if labelled else ""
            raise ValueError(
                f"{file.path} must have {count(channels, 'channel')} with values in every line, as line {file.lines[0]} has, "
                f"got {len(example)} in line {number}. Write channels between colons{last}."
            )


def _channel(cell: str, path: Path, number: int) -> np.ndarray:
    """Return the values of a channel, written between commas; ? is missing."""
    words = cell.replace("?", "nan").split(",")
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        wrong = next((w for w in words if not is_number(w.replace("nan", "0"))), cell)
        raise ValueError(
            f"{path} has {wrong.strip()[:40]!r} in line {number}, which is not a number. Write values between commas, "
            "and ? for a missing one."
        ) from None
    with np.errstate(over="ignore"):
        found: np.ndarray = values.astype(np.float32)
    if np.isinf(found).any():
        raise ValueError(f"{path} has an infinite value, or more than 3.4e38, in line {number}. Write ? for an unknown value.")
    return found


def _notes(file: SeriesFile, spec: specs.Series) -> list[str]:
    """Return notes on the lengths of series, on missing values, and on what is cut."""
    lengths = [len(example[0]) for example in file.examples]
    same = min(lengths) == spec.length
    size = f"length {spec.length:,}" if same else f"lengths {min(lengths):,} to {max(lengths):,}"
    channels = count(spec.channels, "channel")
    notes = [f"{file.path.name}: {count(len(file.examples), 'series')} of {channels}, {size}."]
    if spec.gaps:
        notes.append(
            "missing values, and those after the end of a shorter series, stay missing: the encoder gets a flag for them."
        )
    if cut := sum(any(len(channel) > spec.length for channel in example) for example in file.examples):
        notes.append(f"{count(cut, 'series')} longer than {spec.length:,}, the length of the earlier data: cut at the end.")
    return notes


def _test_of(path: Path) -> Path | None:
    """Return NAME_TEST.ts in the folder of NAME_TRAIN.ts, packed or not."""
    stem, _, rest = path.name.partition("_TRAIN.ts")
    if not rest and not path.name.endswith("_TRAIN.ts"):
        return None
    there = sorted(path.parent.glob(f"{stem}_TEST.ts*"))
    return there[0] if there else None
