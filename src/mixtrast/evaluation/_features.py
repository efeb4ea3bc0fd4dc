"""Features and labels in three splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from mixtrast.algebra._validation import NOBODY
from mixtrast.evaluation._score import Array, score
from mixtrast.records import Score

Pair = tuple[ArrayLike | Tensor, ArrayLike | Tensor]


@dataclass(frozen=True, eq=False)
class FeatureSplit:
    """One split: features (N,D) float32; label (N,), int64 classes or float64 numbers. No label is missing here."""

    features: Array
    label: Array

    @classmethod
    def of(cls, features: ArrayLike | Tensor, label: ArrayLike | Tensor, classes: int, name: str = "features") -> FeatureSplit:
        """Check both and drop the rows whose label is missing: -1 for classes, NaN for numbers (`classes` = 0)."""
        z, y = check_features(features, name), _checked_label(label, classes, name)
        if len(z) != len(y):
            raise ValueError(
                f"`{name}` must have one label for each row of its features, got {len(z)} rows and {len(y)} labels."
            )
        known = y != NOBODY if classes else ~np.isnan(y)
        return cls(z[known], y[known])

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Array) -> FeatureSplit:
        """These rows, by index or mask."""
        return FeatureSplit(self.features[rows], self.label[rows])


@dataclass(frozen=True, eq=False)
class Features:
    """Vectors already computed, with labels, in three splits.

    Args:
        classes: how many there are; 0 where the label is a number.
        centre, spread: (D,) float64, with which `scaled` standardises. None: those of the rows of `train`. `of` takes all
            training rows, labelled or not: a mean needs no label.
    """

    train: FeatureSplit
    val: FeatureSplit
    test: FeatureSplit
    classes: int
    centre: Array | None = None
    spread: Array | None = None

    @classmethod
    def of(cls, *, train: Pair, test: Pair, classes: int, val: Pair | None = None) -> Features:
        """From (features (N,D), label (N,)) of each split, tensors or arrays; rows without a label (-1, NaN) are dropped.

        `val` may be left out or have no label at all: probes then choose by cross-validation within train.
        """
        if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 0 or classes == 1:
            raise ValueError(f"`classes` must be 2 or more, or 0 where the label is a number, got {classes!r}.")
        rows = check_features(train[0], "train")
        ours = FeatureSplit.of(rows, train[1], classes, "train")
        held = ours.take(np.arange(0)) if val is None else FeatureSplit.of(*val, classes, "val")
        tested = FeatureSplit.of(*test, classes, "test")
        for name, part in (("val", held), ("test", tested)):
            if part.features.shape[1] != rows.shape[1]:
                raise ValueError(
                    f"`{name}` must have as many dimensions as train, {rows.shape[1]}, got {part.features.shape[1]}. Compute "
                    "the features of all splits with one encoder."
                )
        _check_labelled(ours, tested, len(rows), classes)
        return cls(ours, held, tested, int(classes), *statistics(rows))

    def scaled(self) -> tuple[FeatureSplit, FeatureSplit, FeatureSplit]:
        """Train, val and test, each feature minus its training mean, over its training standard deviation (0 counts as 1)."""
        centre, spread = (
            statistics(self.train.features) if self.centre is None or self.spread is None else (self.centre, self.spread)
        )
        train, val, test = (
            FeatureSplit(((part.features - centre) / spread).astype(np.float32, copy=False), part.label)
            for part in (self.train, self.val, self.test)
        )
        return train, val, test


def majority(features: Features) -> Score:
    """The scores on test of the most frequent class of train, for numbers of its mean: the majority-class baseline."""
    label = features.train.label
    guess = np.bincount(label).argmax() if features.classes else label.mean()
    return score(features.test.label, np.full_like(features.test.label, guess), features.classes)


def statistics(rows: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each feature, in float64; that of a constant feature is 1."""
    constant = rows.max(0) == rows.min(0)  # rounding in the mean leaves a tiny deviation
    return rows.mean(0, dtype=np.float64), np.where(constant, 1.0, rows.std(0, dtype=np.float64))


def check_features(features: ArrayLike | Tensor, name: str) -> Array:
    """Return finite vectors as (N,D) float32."""
    if isinstance(features, Tensor):
        features = features.detach().to("cpu", torch.float32)
    z = np.ascontiguousarray(features, dtype=np.float32)
    if z.ndim != 2 or not z.shape[1]:
        raise ValueError(f"features of `{name}` must be (N,D), one vector an example, got shape {z.shape}. Flatten them first.")
    bad = ~np.isfinite(z).all(1)
    if bad.any():
        raise ValueError(
            f"features of `{name}` must be finite, got NaN or infinity in {bad.sum()} of {len(z)} rows, first in row "
            f"{bad.argmax()}. Check whether training diverged and whether the input has missing values."
        )
    return z


def _check_labelled(train: FeatureSplit, test: FeatureSplit, rows: int, classes: int) -> None:
    """Raise ValueError where nothing can be learned or scored; `rows` are those of train, labelled or not."""
    found = len(np.unique(train.label))
    if found < 2:
        what = "labels of 2 or more classes" if classes else "2 or more different numbers as labels"
        raise ValueError(
            f"`train` must have {what}, got {found} in {len(train)} labelled of {rows} rows. Label more rows, or split "
            "so that every class is in train."
        )
    if not len(test):
        raise ValueError("`test` must have labelled rows, got none. Label some, or leave evaluation out.")


def _checked_label(label: ArrayLike | Tensor, classes: int, name: str) -> Array:
    y = np.asarray(label.detach().cpu() if isinstance(label, Tensor) else label)
    if y.ndim != 1:
        raise ValueError(f"label of `{name}` must be one for each row, (N,), got shape {y.shape}.")
    if not classes:
        if y.dtype.kind not in "fiu" or np.isinf(y).any():
            raise ValueError(f"label of `{name}` must be finite numbers, NaN where missing, got infinity or {y.dtype}.")
        return y.astype(np.float64)
    if y.dtype.kind not in "iu":
        raise ValueError(f"label of `{name}` must be integers, classes 0 to {classes - 1} or -1, got {y.dtype}.")
    if y.size and not -1 <= y.min() <= y.max() < classes:
        raise ValueError(
            f"label of `{name}` must be classes 0 to {classes - 1}, or -1 where missing, got {y.min()} to {y.max()}."
        )
    return y.astype(np.int64)
