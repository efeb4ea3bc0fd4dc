from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mixtrast.checks import NOBODY
from mixtrast.spec import Spec

Array = NDArray[Any]
Pair = tuple[ArrayLike | Tensor, ArrayLike | Tensor]


@dataclass(frozen=True, eq=False)
class Part:
    """One split: features (N,D) float32; label (N,), int64 classes or float64 numbers. No label is missing here."""

    features: Array
    label: Array

    @classmethod
    def of(cls, features: ArrayLike | Tensor, label: ArrayLike | Tensor, classes: int, name: str = "part") -> Part:
        """Checks both and drops the rows whose label is missing: -1 for classes, NaN for numbers (`classes` = 0)."""
        z, y = check_features(features, name), _label(label, classes, name)
        if len(z) != len(y):
            raise ValueError(
                f"`{name}` must have one label for each row of its features, got {len(z)} rows and {len(y)} labels."
            )
        known = y != NOBODY if classes else ~np.isnan(y)
        return cls(z[known], y[known])

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, eq=False)
class Features:
    """Vectors already computed, in three splits.

    Args:
        classes: how many there are; 0 where the label is a number.
        centre, spread: (D,) float64, what `scaled` standardises with. None: those of the rows of `train`. `of` takes all
            training rows, labelled or not: a mean needs no label.
    """

    train: Part
    val: Part
    test: Part
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
        ours = Part.of(rows, train[1], classes, "train")
        nothing = Part(rows[:0], ours.label[:0])
        theirs = {"val": nothing if val is None else Part.of(*val, classes, "val"), "test": Part.of(*test, classes, "test")}
        for name, part in theirs.items():
            if part.features.shape[1] != rows.shape[1]:
                raise ValueError(
                    f"`{name}` must have as many dimensions as train, {rows.shape[1]}, got {part.features.shape[1]}. One "
                    "encoder must make the features of all splits."
                )
        kinds = len(np.unique(ours.label))
        if kinds < 2:
            what = "labels of 2 or more classes" if classes else "2 or more different numbers as labels"
            raise ValueError(
                f"`train` must have {what}, got {kinds} in {len(ours)} labelled of {len(rows)} rows. Label more rows, or split "
                "so that every class is in train."
            )
        if not len(theirs["test"]):
            raise ValueError(
                "`test` must have labelled rows, got none. Without them nothing can be scored: leave evaluation out."
            )
        return cls(ours, theirs["val"], theirs["test"], int(classes), *statistics(rows))

    def scaled(self) -> tuple[Part, Part, Part]:
        """Train, val and test, each feature minus its training mean, over its training spread (0 counts as 1)."""
        centre, spread = (
            statistics(self.train.features) if self.centre is None or self.spread is None else (self.centre, self.spread)
        )
        parts = (self.train, self.val, self.test)
        train, val, test = (
            Part(((part.features - centre) / spread).astype(np.float32, copy=False), part.label) for part in parts
        )
        return train, val, test


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a probe has learned: `predict`, (N,D) standardised -> (N,), and what it says of its choice."""

    predict: Callable[[Array], Array]
    says: dict[str, Any]


class Evaluation(ABC):
    """The contract of probes: the constructor's keywords are what can be set; `fit` is never given the test split."""

    rows: ClassVar[tuple[str, ...]] = ()  # of the table, that it is asked of; none are all

    @staticmethod
    def suits(spec: Spec) -> bool:
        """Whether it is asked of such data where no evaluation is named."""
        return True

    def __call__(self, features: Features, *, seed: int) -> dict[str, Any]:
        """{"accuracy", "balanced_accuracy"} of test, or {"r2", "mae"} for numbers, and how they came about. JSON-able."""
        if not isinstance(features, Features):
            raise TypeError(f"{type(self).__name__} takes `Features`, got {type(features).__name__}. Use `Features.of(...)`.")
        train, val, test = features.scaled()
        fitted = self.fit(train, val, classes=features.classes, seed=seed)
        return {**scores(test.label, fitted.predict(test.features), features.classes), **fitted.says}

    @abstractmethod
    def fit(self, train: Part, val: Part, *, classes: int, seed: int) -> Fitted:
        """Learns from train and chooses on val, both standardised; val may be empty."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items() if k[0] != '_')})"


def scores(truth: ArrayLike, predicted: ArrayLike, classes: int) -> dict[str, float]:
    """Classes: accuracy, and its mean over the classes that are in `truth`. Numbers (`classes` = 0): r² and mean |error|.

    r² = 1 - Σ(y - ŷ)² / Σ(y - ȳ)², 0 where all y are alike and ŷ is not y.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or not truth.size:
        raise ValueError(f"`predicted` must be as long as `truth` and not empty, got {predicted.shape} for {truth.shape}.")
    if classes:
        right = np.bincount(truth, truth == predicted, minlength=classes)
        count = np.bincount(truth, minlength=classes)
        recall = right[count > 0] / count[count > 0]
        return {"accuracy": float(right.sum() / len(truth)), "balanced_accuracy": float(recall.mean())}
    error, around = ((truth - value).astype(np.float64) for value in (predicted, truth.mean()))
    left, all_ = float(error @ error), float(around @ around)
    return {"r2": 1 - left / all_ if all_ > 0 else float(left == 0), "mae": float(np.abs(error).mean())}


def majority(features: Features) -> dict[str, float]:
    """The scores on test of always saying the most frequent class of train, or for numbers its mean: what costs nothing."""
    label = features.train.label
    guess = np.bincount(label).argmax() if features.classes else label.mean()
    return scores(features.test.label, np.full_like(features.test.label, guess), features.classes)


def statistics(rows: Array) -> tuple[Array, Array]:
    """Mean and spread of each feature, in float64; a feature that is constant has spread 1."""
    constant = rows.max(0) == rows.min(0)  # rounding in the mean leaves a tiny spread
    return rows.mean(0, dtype=np.float64), np.where(constant, 1.0, rows.std(0, dtype=np.float64))


def check_grid(owner: str, name: str, values: tuple[float, ...]) -> tuple[float, ...]:
    """A grid to choose from: positive and finite numbers, sorted, no number twice."""
    grid = tuple(values) if isinstance(values, tuple | list) else (values,)
    wrong = [v for v in grid if isinstance(v, bool) or not isinstance(v, int | float) or not 0 < v < float("inf")]
    if wrong or not grid:
        raise ValueError(f"`{name}` of {owner} must be one or more numbers above 0, got {values!r}.")
    return tuple(sorted(set(grid)))


def check_count(owner: str, name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` of {owner} must be a whole number, 1 or more, got {value!r}.")
    return value


def check_features(features: ArrayLike | Tensor, name: str) -> Array:
    if isinstance(features, Tensor):
        features = features.detach().to("cpu", torch.float32)
    z = np.ascontiguousarray(features, dtype=np.float32)
    if z.ndim != 2 or not z.shape[1]:
        raise ValueError(f"features of `{name}` must be (N,D), one vector an example, got shape {z.shape}. Flatten them first.")
    bad = ~np.isfinite(z).all(1)
    if bad.any():
        raise ValueError(
            f"features of `{name}` must be finite, got NaN or infinity in {bad.sum()} of {len(z)} rows, first in row "
            f"{bad.argmax()}. Look at what made them: a training that diverged, missing values in the input."
        )
    return z


def _label(label: ArrayLike | Tensor, classes: int, name: str) -> Array:
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
