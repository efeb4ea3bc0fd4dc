"""Labels: from values as they are written to class numbers, or to numbers to predict. One rule for all readers."""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch

from mixtrast.data._classes import EncodedLabels, encode_classes, encode_sets, has_sets
from mixtrast.data.cells import Column, Where, class_name, column_of, is_number
from mixtrast.data.schema import Schema
from mixtrast.text import count, listed, shortened

TaskOption = Literal["auto", "classes", "number", "multilabel"]
TASKS = get_args(TaskOption)
LEAST_ROWS = 10  # from which a label that counts the rows is worth a note
MOST_CLASSES = 50  # integers with more different values are numbers to predict, unless classes are asked for


def encode(
    values: np.ndarray, *, name: str, where: Where, task: TaskOption = "auto", schema: Schema | None = None
) -> EncodedLabels:
    """Return labels to train on from values as read, with sentences that say how they were understood.

    Missing are empty cells, None, NaN and words such as "NA" and "?", and the number -1 where labels are classes; the text "-1"
    among other text is a class. Text and truth values are classes. With task "auto", numbers are classes when they are
    integers, none but -1 is negative, and they have at most 2 different values, or at most 50 with two rows each on average;
    else they are numbers to predict.

    Args:
        values: (N,) of any type.
        name: how messages call the label.
        task: what to read it as; "multilabel" are classes, more than one in a cell, between semicolons.
        schema: earlier data, whose task and class numbers apply; an unknown class is then an error.

    Raises: ValueError.
    """
    earlier = None if schema is None or schema.task == "none" else schema
    if earlier is not None:
        task = "multilabel" if earlier.multilabel or earlier.task == "none" else earlier.task
    if values.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {values.shape}. Use `y.argmax(1)` for one-hot rows.")
    column = column_of(values.astype(np.float64) if values.dtype.kind == "b" and task == "number" else values, name, where)
    _check_finite(column)
    inferred = task == "auto"
    if task == "auto":
        task, why = _infer(column.known) if column.numeric else ("classes", "")
        column = replace(column, notes=(*column.notes, f"{name} is read as {why}")) if why else column
    if task == "classes" and column.numeric:
        column = _without_minus_one(column, earlier)
    if column.missing.all() and earlier is None:
        raise ValueError(f"{name} is missing in all {count(len(values), 'row')}. Name another column, or none.")
    if task == "number":
        return _numbers(column)
    if task == "multilabel" or (inferred and earlier is None and not column.numeric and has_sets(column)):
        return encode_sets(column, earlier)
    return encode_classes(column, earlier)


def _check_finite(column: Column) -> None:
    if column.numeric and np.isinf(column.values).any():
        bad = np.isinf(column.values).nonzero()[0]
        raise ValueError(
            f"{column.name} must be finite, got infinity in {count(len(bad), 'row')}, first in {column.where(bad[0])}. "
            "Leave those rows out, or leave the cell empty: a label may be missing."
        )


def _infer(numbers: np.ndarray) -> tuple[Literal["classes", "number"], str]:
    """Return what numbers are, and the rest of a sentence that says why and how to change it."""
    other = "`--task number` predicts a number instead."
    if (numbers != np.rint(numbers)).any():
        return "number", "a number to predict: it has fractions. `--task classes` makes each value a class instead."
    values = np.unique(numbers[numbers != -1])
    if len(values) <= 2 and (values >= 0).all():
        return "classes", f"{count(len(values), 'class')}: {listed([class_name(v) for v in values])}. {other}"
    why = ""
    if (values < 0).any():
        why = "some are negative"
    elif len(values) > MOST_CLASSES:
        why = f"it has {len(values):,} different values"
    elif len(numbers) < 2 * len(values):
        why = f"it has {len(values):,} different values in {count(len(numbers), 'row')}"
    if not why:
        return "classes", f"{len(values)} classes: its values are integers, {len(values)} different. {other}"
    return "number", f"a number to predict: its values are integers, but {why}. `--task classes` makes each a class instead."


def _without_minus_one(column: Column, earlier: Schema | None) -> Column:
    """Return the column with -1 as missing, unless the earlier data have a class -1."""
    gone: np.ndarray = column.values == -1
    if not gone.any() or (earlier is not None and "-1" in earlier.classes):
        return column
    others = np.unique(column.values[~gone & ~column.missing])
    if (others < 0).any():
        raise ValueError(
            f"{column.name} has -1, which means a missing class, and also the negative {others[0]:g}. "
            "Write classes as 0 and up, or as text."
        )
    note = f"{column.name}: -1 means missing, which leaves one class; write the two classes as 0 and 1."
    notes = (*column.notes, note) if len(others) == 1 else column.notes
    return replace(column, missing=column.missing | gone, notes=notes)


def _numbers(column: Column) -> EncodedLabels:
    """Return numbers to predict, float32, NaN where missing."""
    name, values, missing = column.name, column.values, column.missing
    if not column.numeric:
        texts = (~missing & np.array([not is_number(text) for text in values], dtype=bool)).nonzero()[0]
        if len(texts):
            got = f"{shortened(repr(values[texts[0]]))} in {column.where(texts[0])}"
            raise ValueError(f"{name} must hold numbers for the task 'number', got {got}. Use `--task classes` for text.")
        values = np.array([np.nan if absent else float(text) for text, absent in zip(values, missing, strict=True)])
    known = values[~missing].astype(np.float64)
    notes = column.notes
    if len(known) >= LEAST_ROWS and (np.diff(known) == 1).all():
        notes += (f"{name} counts the rows one by one: it looks like a row number, not like something to predict.",)
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    if np.isinf(numbers).any():
        first = column.where(np.isinf(numbers).nonzero()[0][0])
        raise ValueError(f"{name} must fit float32, up to 3.4e38, got more in {first}. Scale it.")
    return EncodedLabels(torch.from_numpy(numbers), "number", (), (*notes, *column.missing_note()))


def group_names(values: np.ndarray, *, name: str, where: Where) -> np.ndarray:
    """Return groups (N,) of any type as names, (N,) of str. A missing group is an error: its rows might leak."""
    if values.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), one group a row, got {values.shape}.")
    column = column_of(values, name, where)
    if column.missing.any():
        gone = column.missing.nonzero()[0]
        raise ValueError(
            f"{name} must be known for every row, got {len(gone):,} without, first in {where(gone[0])}. "
            "Give each a group of its own, or leave those rows out."
        )
    kinds, inverse = np.unique(column.values, return_inverse=True)
    return np.array([class_name(kind) for kind in kinds], dtype=np.str_)[inverse]
