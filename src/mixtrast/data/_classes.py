"""Classes: labels of one class a row, and of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast.data.cells import SEPARATOR, Column, class_name, is_number, natural_order
from mixtrast.data.schema import Schema
from mixtrast.text import count, listed, nearest

OFTEN = 0.05  # share of cells with several labels from which a column is read as multilabel
LEAST_ROWS = 10  # from which a label that differs in nearly every row is refused as an identifier
MOST_FRACTIONS = 1_000  # different values with fractions that can be classes, when asked for


@dataclass(frozen=True, eq=False)
class EncodedLabels:
    """Labels as `Dataset` has them.

    Args:
        label: (N,) int64 with -1 where missing, or float32 with NaN.
        label_sets: (N,K) int64: all labels of each row, of which `label` is the first; -1 where there are fewer.
    """

    label: Tensor
    task: Literal["classes", "number"]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    label_sets: Tensor | None = None


def encode_classes(column: Column, earlier: Schema | None) -> EncodedLabels:
    """Return one class for each row, numbered as in the earlier data, or in the order of their names."""
    values, inverse = np.unique(column.known, return_inverse=True)
    if column.values.dtype.kind == "f" and len(values) > MOST_FRACTIONS and (values != np.rint(values)).any():
        raise ValueError(
            f"{column.name} must have at most {MOST_FRACTIONS:,} different values to be classes, got {len(values):,} with "
            "fractions. Use `--task number`, or cut it into ranges first."
        )
    names = [class_name(value) for value in values]
    classes = tuple(sorted(set(names), key=natural_order)) if earlier is None else earlier.classes
    number = {name: code for code, name in enumerate(classes)}
    names = [name if name in number or not is_number(name) else class_name(float(name)) for name in names]
    if unknown := [at for at, name in enumerate(names) if name not in number]:
        rows = (~column.missing).nonzero()[0][np.isin(inverse, unknown)]
        raise ValueError(_unknown(column, [names[at] for at in unknown], rows, classes))
    label = np.full(len(column.values), -1, dtype=np.int64)
    label[~column.missing] = np.array([number[name] for name in names], dtype=np.int64)[inverse]
    notes = (*column.notes, *column.missing_note())
    if earlier is None:
        sizes = np.bincount(label[~column.missing], minlength=len(classes))
        _check_repeated(sizes, column.name)
        notes += _class_notes(sizes, classes, column.name)
    return EncodedLabels(torch.from_numpy(label), "classes", classes, notes)


def has_sets(column: Column) -> bool:
    """Return whether cells hold several labels each: often more than one, and the same ones in other company."""
    cells = [_labels_of(cell) for cell in column.known.tolist()]
    if sum(len(labels) > 1 for labels in cells) < max(2, OFTEN * len(cells)):
        return False
    kinds = {tuple(labels) for labels in cells}
    return sum(map(len, kinds)) > len({label for labels in kinds for label in labels})


def encode_sets(column: Column, earlier: Schema | None) -> EncodedLabels:
    """Return several labels for each row, in the order of their numbers."""
    missing = column.missing | (column.values == -1) if column.numeric else column.missing
    cells = [[] if absent else _labels_of(cell) for cell, absent in zip(column.values.tolist(), missing.tolist(), strict=True)]
    if not any(cells) and earlier is None:
        raise ValueError(f"{column.name} is missing in all {count(len(cells), 'row')}. Name another column, or none.")
    here = sorted({label for labels in cells for label in labels}, key=natural_order)
    classes = tuple(here) if earlier is None else earlier.classes
    number = {name: code for code, name in enumerate(classes)}
    if unknown := [label for label in here if label not in number]:
        rows = np.array([at for at, labels in enumerate(cells) if not number.keys() >= set(labels)])
        raise ValueError(_unknown(column, unknown, rows, classes))
    sets = np.full((len(cells), max(1, max(map(len, cells), default=1))), -1, dtype=np.int64)
    for row, labels in enumerate(cells):
        sets[row, : len(labels)] = sorted(number[label] for label in labels)
    if earlier is None:
        _check_repeated(np.bincount(sets[sets >= 0], minlength=len(classes)), column.name)
    notes = (*column.notes, *_set_notes(column.name, cells, len(classes)))
    found = torch.from_numpy(sets)
    return EncodedLabels(found[:, 0].clone(), "classes", classes, notes, found)


def _labels_of(cell: Any) -> list[str]:
    """Return the labels of a cell, each once."""
    return list(dict.fromkeys(label for part in class_name(cell).split(SEPARATOR) if (label := part.strip())))


def _unknown(column: Column, names: Sequence[str], rows: np.ndarray, classes: Sequence[str]) -> str:
    """Return the message about classes that the earlier data do not have."""
    return (
        f"{column.name} has {listed([repr(name) for name in names])} in {count(len(rows), 'row')}, first in "
        f"{column.where(rows[0])}, and the earlier data have the classes {listed(classes)} only.{nearest(names[0], classes)} "
        "Leave those rows out, or their label empty."
    )


def _check_repeated(sizes: np.ndarray, name: str) -> None:
    """Raise ValueError for a label that differs in nearly every row: an identifier, or free text."""
    rows = int(sizes.sum())
    if rows >= LEAST_ROWS and (sizes == 1).sum() > rows / 2:
        raise ValueError(
            f"{name} has {len(sizes):,} different values in {count(rows, 'row')}, most of them once: it looks like an "
            "identifier, and a class cannot be learned from one example. Name another column, or none (imix needs no label)."
        )


def _class_notes(sizes: np.ndarray, classes: Sequence[str], name: str) -> tuple[str, ...]:
    """Return notes on single classes, on classes with one example, and on text that looks like our sign of missing."""
    notes = []
    single = [each for each, size in zip(classes, sizes, strict=True) if size == 1]
    if single:
        has = "class has" if len(single) == 1 else "classes have"
        notes.append(f"{name}: {len(single):,} {has} a single example, which stays in training: {listed(single)}.")
    if len(classes) == 1:
        notes.append(f"{name} has one class only, {classes[0]!r}: there is nothing to tell apart.")
    if "-1" in classes:
        notes.append(f"{name}: '-1' is text and so a class. Leave the cell empty where the class is missing.")
    return tuple(notes)


def _set_notes(name: str, cells: Sequence[Sequence[str]], classes: int) -> list[str]:
    """Return notes on how many labels rows have, and how many rows have none."""
    many = [len(labels) for labels in cells if labels]
    each = f", {np.mean(many):.1f} of a row" if many else ""
    notes = [
        f"{name} has several labels in a cell, between {SEPARATOR!r}: {classes:,} in all{each}. "
        "`--task classes` reads each cell as one class instead."
    ]
    if len(many) < len(cells):
        notes.append(f"{name} is missing in {len(cells) - len(many):,} of {count(len(cells), 'row')}.")
    if many and len(many) < len(cells):
        notes.append(f"{name}: an empty cell is an unknown label. Where it means no label, write a word such as `none`.")
    return notes
