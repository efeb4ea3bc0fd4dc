"""Labels: from whatever they are written as, to class numbers or to numbers to predict. One rule for all domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains._words import MISSING, Where, count, is_number, listed, nearest, shortened

Asked = Literal["auto", "classes", "number", "several"]
ASKED = ("auto", "classes", "number", "several")
BETWEEN = ";"  # several labels of a row
OFTEN = 0.05  # of the cells have it, where a label is taken for several
LEAST_ROWS = 10  # from which a label that is another in every row is taken for an identifier
MOST_CLASSES = 50  # whole numbers with more different values are numbers to predict, unless asked otherwise
MOST_FRACTIONS = 1_000  # different values with fractions that can be classes, when asked


@dataclass(frozen=True, eq=False)
class Encoded:
    """Labels as `Data` has them."""

    label: Tensor  # (N,) int64 with -1 where missing, or float32 with NaN
    task: Literal["classes", "number"]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    several: Tensor | None = (
        None  # (N,K) int64, all labels of each row, of which `label` is the first; -1 where there are fewer
    )


def encode(values: np.ndarray, *, name: str, where: Where, task: Asked = "auto", like: dict[str, Any] | None = None) -> Encoded:
    """Labels (N,) as read -> what to train on, and sentences that say how they were understood.

    Missing is what is empty, None, NaN or written so ("NA", "?", ...), and the number -1 where labels are classes; the text
    "-1" among other text is a class. Text and truth values are classes. Numbers are classes, if nothing else is asked for,
    when they are whole, none but -1 is negative, and they have at most 2 different values, or at most 50 with two rows each
    on average; else they are numbers to predict.

    Args:
        name: what the label is called in sentences.
        task: "auto", or what to take it as; "several" are classes, more than one in a cell, between semicolons.
        like: facts with `task` and `classes` to follow: same class numbers, and an unknown class is an error.

    Raises: ValueError with a sentence.
    """
    asked = like["task"] if like is not None and like["task"] != "none" else task
    if like is not None and like["task"] != "none" and like.get("several"):
        asked = "several"
    if values.ndim != 1:
        raise ValueError(
            f"{name} must be one label a row, of shape (N,), got {values.shape}. Of one-hot rows, give `y.argmax(1)`."
        )
    if values.dtype.kind == "b" and asked == "number":
        values = values.astype(np.float64)
    plain, missing, notes = _plain(values, name)
    numeric = plain.dtype.kind != "O"
    if numeric and np.isinf(plain).any():
        bad = np.isinf(plain).nonzero()[0]
        raise ValueError(
            f"{name} must be finite, got infinity in {count(len(bad), 'row')}, first in {where(bad[0])}. "
            "Leave those rows out, or the field empty: a missing label is allowed."
        )
    if asked == "auto":
        asked, why = _decide(plain[~missing]) if numeric else ("classes", "")
        notes += [f"{name} is taken as {why}"] if why else []
    if asked == "classes" and numeric:
        missing |= _minus_one(plain, missing, name, like, notes)
    if missing.all() and (like is None or like["task"] == "none"):
        raise ValueError(
            f"{name} has no value at all, it is missing in all {count(len(values), 'row')}. Name another, or none."
        )
    if asked == "number":
        return _numbers(plain, missing, name, where, notes)
    free = like is None or like["task"] == "none"
    if asked == "several" or (task == "auto" and free and not numeric and _are_several(plain[~missing])):
        return _several(plain, missing, name, where, like, notes)
    return _classes(plain, missing, name, where, like, notes)


def _plain(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Numbers, or objects that are str; what is missing, (N,) bool; a note where it was written in words."""
    kind = values.dtype.kind
    if kind in "iuf":
        return values, np.isnan(values), []
    if kind not in "bUSO":
        raise ValueError(f"{name} must be text, whole numbers, numbers or truth values, got {values.dtype}. Convert it to one.")
    items = [_bare(value) for value in values.tolist()]
    missing = np.array([item is None or (isinstance(item, str) and item in MISSING) for item in items], dtype=bool)
    there = [item for item, gone in zip(items, missing, strict=True) if not gone]
    words = sorted({str(item) for item in items if item is not None} & MISSING - {""})
    spelled = " or ".join(map(repr, words))
    notes = [f"{name}: {spelled} counts as missing. If it is a class, call it otherwise."] if words else []
    if there and all(isinstance(item, Real) and not isinstance(item, bool) for item in there):
        filled = [np.nan if gone else item for item, gone in zip(items, missing, strict=True)] if missing.any() else there
        return np.array(filled), missing, notes
    plain = np.empty(len(items), dtype=object)
    plain[:] = ["" if gone else str(item) for item, gone in zip(items, missing, strict=True)]
    return plain, missing, notes


def _bare(value: Any) -> Any:
    """Text without spaces around it, None for all that says missing, else the value."""
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    if isinstance(value, str):
        return value.strip()
    if isinstance(
        value, list | tuple | set | frozenset | np.ndarray
    ):  # several labels, as Parquet and DataFrames may have them
        return BETWEEN.join(_called(_bare(each)) for each in value)
    unequal = value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas may not be installed
    return None if unequal or value != value else value


def _decide(numbers: np.ndarray) -> tuple[Literal["classes", "number"], str]:
    """What numbers are, and a sentence that says why and how to have it otherwise."""
    otherwise = "`--task number` predicts it as a number instead."
    if (numbers != np.rint(numbers)).any():
        return "number", "a number to predict: it has fractions. `--task classes` makes each value a class instead."
    values = np.unique(numbers[numbers != -1])
    if len(values) <= 2 and (values >= 0).all():
        return "classes", f"{count(len(values), 'class')}: {listed([_called(v) for v in values])}. {otherwise}"
    why = ""
    if (values < 0).any():
        why = "some are negative"
    elif len(values) > MOST_CLASSES:
        why = f"it has {len(values):,} different values"
    elif len(numbers) < 2 * len(values):
        why = f"it has {len(values):,} different values in {count(len(numbers), 'row')}"
    if not why:
        return "classes", f"{len(values)} classes: its values are whole numbers, {len(values)} different. {otherwise}"
    return "number", f"a number to predict: its values are whole, but {why}. `--task classes` makes each a class instead."


def _numbers(plain: np.ndarray, missing: np.ndarray, name: str, where: Where, notes: list[str]) -> Encoded:
    if plain.dtype.kind == "O":
        texts = (~missing & np.array([not is_number(text) for text in plain], dtype=bool)).nonzero()[0]
        if len(texts):
            raise ValueError(
                f"{name} must hold numbers for the task 'number', got {shortened(repr(plain[texts[0]]))} in {where(texts[0])}. "
                "Text is for `--task classes`."
            )
        plain = np.array([np.nan if gone else float(text) for text, gone in zip(plain, missing, strict=True)])
    there = plain[~missing].astype(np.float64)
    if len(there) >= LEAST_ROWS and (np.diff(there) == 1).all():
        notes = [
            *notes,
            f"{name} counts the rows one by one: it looks like a row number, not like what is to be predicted.",
        ]
    with np.errstate(over="ignore"):
        numbers = plain.astype(np.float32)
    if np.isinf(numbers).any():
        raise ValueError(
            f"{name} must fit float32, up to 3.4e38, got more in {where(np.isinf(numbers).nonzero()[0][0])}. Scale it."
        )
    return Encoded(torch.from_numpy(numbers), "number", (), (*notes, *_absent(missing, name)))


def _minus_one(
    numbers: np.ndarray, missing: np.ndarray, name: str, like: dict[str, Any] | None, notes: list[str]
) -> np.ndarray:
    """Where a class is -1, which says that it is missing."""
    gone: np.ndarray = numbers == -1
    if not gone.any() or (like is not None and "-1" in like["classes"]):
        return np.zeros_like(gone)
    others = np.unique(numbers[~gone & ~missing])
    if (others < 0).any():
        raise ValueError(
            f"{name} has -1, which means a missing class, beside the negative {others[0]:g}. "
            "Write classes as 0 and up, or as text."
        )
    if len(others) == 1:
        notes.append(f"{name}: -1 means missing, which leaves one class; write the two classes as 0 and 1.")
    return gone


def _classes(
    plain: np.ndarray, missing: np.ndarray, name: str, where: Where, like: dict[str, Any] | None, notes: list[str]
) -> Encoded:
    values, inverse = np.unique(plain[~missing], return_inverse=True)
    if plain.dtype.kind == "f" and len(values) > MOST_FRACTIONS and (values != np.rint(values)).any():
        raise ValueError(
            f"{name} must have at most {MOST_FRACTIONS:,} different values to be classes, got {len(values):,} with fractions. "
            "Use `--task number`, or cut it into ranges first."
        )
    names = [_called(value) for value in values]
    known = None if like is None or like["task"] == "none" else list(like["classes"])
    classes = sorted(set(names), key=by_name) if known is None else known
    number = {called: code for code, called in enumerate(classes)}
    names = [called if called in number or not is_number(called) else _called(float(called)) for called in names]
    strange = [at for at, called in enumerate(names) if called not in number]
    label = np.full(len(plain), -1, dtype=np.int64)
    if strange:
        rows = (~missing).nonzero()[0][np.isin(inverse, strange)]
        raise ValueError(
            f"{name} has {listed([repr(names[at]) for at in strange])}, unknown to the data it must be like: "
            f"{count(len(rows), 'row')}, first in {where(rows[0])}.{nearest(names[strange[0]], classes)} "
            f"The classes are: {listed(classes)}. Leave those rows out, or their label empty."
        )
    label[~missing] = np.array([number[called] for called in names], dtype=np.int64)[inverse]
    notes += _absent(missing, name)
    if known is None:
        _check_told_apart(np.bincount(label[~missing], minlength=len(classes)), name)
        notes += _about(np.bincount(label[~missing], minlength=len(classes)), classes, name)
    return Encoded(torch.from_numpy(label), "classes", tuple(classes), tuple(notes))


def _are_several(cells: np.ndarray) -> bool:
    """Whether cells hold several labels each: often more than one, and the same ones in other company."""
    parted = [_labels_in(cell) for cell in cells.tolist()]
    if sum(len(labels) > 1 for labels in parted) < max(2, OFTEN * len(parted)):
        return False
    kinds = {tuple(labels) for labels in parted}
    return sum(map(len, kinds)) > len({label for labels in kinds for label in labels})


def _labels_in(cell: Any) -> list[str]:
    """Those of a cell, each once."""
    return list(dict.fromkeys(label for part in _called(cell).split(BETWEEN) if (label := part.strip())))


def _several(
    plain: np.ndarray, missing: np.ndarray, name: str, where: Where, like: dict[str, Any] | None, notes: list[str]
) -> Encoded:
    if plain.dtype.kind != "O":
        missing = missing | (plain == -1)
    parted = [[] if gone else _labels_in(cell) for cell, gone in zip(plain.tolist(), missing.tolist(), strict=True)]
    if not any(parted) and (like is None or like["task"] == "none"):
        raise ValueError(f"{name} has no value at all, it is missing in all {count(len(plain), 'row')}. Name another, or none.")
    here = sorted({label for labels in parted for label in labels}, key=by_name)
    known = None if like is None or like["task"] == "none" else list(like["classes"])
    classes = here if known is None else known
    number = {called: code for code, called in enumerate(classes)}
    strange = [label for label in here if label not in number]
    if strange:
        row = next(at for at, labels in enumerate(parted) if strange[0] in labels)
        raise ValueError(
            f"{name} has {listed([repr(label) for label in strange])}, unknown to the data it must be like, first in "
            f"{where(row)}."
            f"{nearest(strange[0], classes)} The labels are: {listed(classes)}. Leave those rows out, or their label empty."
        )
    most = max(1, max(map(len, parted), default=1))
    several = np.full((len(parted), most), -1, dtype=np.int64)
    for row, labels in enumerate(parted):
        several[row, : len(labels)] = sorted(number[label] for label in labels)
    there = [len(labels) for labels in parted if labels]
    if known is None:
        _check_told_apart(np.bincount(several[several >= 0], minlength=len(classes)), name)
    each = f", {np.mean(there):.1f} of a row" if there else ""
    notes += [
        f"{name} has several labels in a cell, between {BETWEEN!r}: {len(classes):,} in all{each}. `--task classes` takes each "
        "cell as one class instead.",
        *_absent(several[:, 0] < 0, name),
    ]
    if there and len(there) < len(parted):
        notes.append(f"{name}: an empty cell is a label that is not known. Where it means none of them, write a word: none.")
    found = torch.from_numpy(several)
    return Encoded(found[:, 0].clone(), "classes", tuple(classes), tuple(notes), found)


def _check_told_apart(sizes: np.ndarray, name: str) -> None:
    """Raises ValueError for a label that is another in nearly every row: an identifier, or free text."""
    rows = int(sizes.sum())
    if rows >= LEAST_ROWS and (sizes == 1).sum() > rows / 2:
        raise ValueError(
            f"{name} has {len(sizes):,} different values in {count(rows, 'row')}, most of them once: it looks like an "
            "identifier, and no class can be learned from one example. Name another column, or none: imix needs no label."
        )


def _absent(missing: np.ndarray, name: str) -> list[str]:
    return [f"{name} is missing in {missing.sum():,} of {count(len(missing), 'row')}."] if missing.any() else []


def _about(sizes: np.ndarray, classes: Sequence[str], name: str) -> list[str]:
    """What may surprise later: lonely classes, nothing to tell apart, text that looks like our sign of missing."""
    notes = []
    single = [called for called, size in zip(classes, sizes, strict=True) if size == 1]
    if single:
        has = "class has" if len(single) == 1 else "classes have"
        notes.append(f"{name}: {len(single):,} {has} a single example, which stays in training: {listed(single)}.")
    if len(classes) == 1:
        notes.append(f"{name} has one class only, {classes[0]!r}: there is nothing to tell apart.")
    if "-1" in classes:
        notes.append(f"{name}: '-1' is text and so a class. Leave the field empty where the class is missing.")
    return notes


def _called(value: Any) -> str:
    """A class's name: 1.0 is "1"."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return str(int(value))
    number = float(value)
    return str(int(number)) if number.is_integer() else np.format_float_positional(number, trim="-")


def by_name(name: str) -> tuple[bool, float, str]:
    """Numbers by value, then text by its letters."""
    return (False, float(name), name) if is_number(name) else (True, 0.0, name)


def group_names(values: np.ndarray, *, name: str, where: Where) -> np.ndarray:
    """Groups (N,) of any type as names, (N,) of str; a missing one is an error: who is not known to be apart may leak."""
    if values.ndim != 1:
        raise ValueError(f"{name} must be one group a row, of shape (N,), got {values.shape}.")
    plain, missing, _ = _plain(values, name)
    if missing.any():
        gone = missing.nonzero()[0]
        raise ValueError(
            f"{name} must be known for every row, got {len(gone):,} without, first in {where(gone[0])}. "
            "Give each a group of its own, or leave those rows out."
        )
    kinds, inverse = np.unique(plain, return_inverse=True)
    return np.array([_called(kind) for kind in kinds], dtype=np.str_)[inverse]
