"""A probe that may see only the labels that were granted: its strength is chosen by cross-validation among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast.evaluate._choice import folds
from mixtrast.evaluate._evaluation import Array, Features, check_grid, scores
from mixtrast.evaluate._logistic import logistic

STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
TOLERANCE = 1e-3  # thousands of fits: about where scikit-learn's default stops


def granted(
    features: Features, rows: Array | None = None, *, seed: int, strengths: tuple[float, ...] = STRENGTHS
) -> dict[str, Any]:
    """The test scores of a logistic regression fitted on exactly these labelled training rows, as if there were no others.

    C is chosen by stratified cross-validation within them, in 5 folds or as many as the most frequent class has rows; where
    that is 1, nothing can be chosen and C = 1. Features are standardised with the statistics of `features`: features of rows
    whose label is not known are free. The validation split is not looked at.

    Args:
        rows: indices of rows of `features.train`, or a mask (N,) bool. None: all.
        seed: of the folds.

    Returns: accuracy, balanced_accuracy, chosen {"C"}, chosen_by, and cv_accuracy where there was a choice.
    """
    if not features.classes:
        raise ValueError("`granted` takes classes, got numbers as labels. Use the linear probe without a validation split.")
    train, _, test = features.scaled()
    rows = np.arange(len(train)) if rows is None else np.arange(len(train))[rows]
    names, label = np.unique(train.label[rows], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"`rows` of granted must have 2 or more classes, got {len(names)} in {len(rows)} rows. Grant more.")
    x, y = torch.from_numpy(train.features[rows])[None], torch.from_numpy(label)[None]
    found = choose(x, y, np.array(check_grid("granted", "strengths", strengths)), classes=len(names), seed=seed)
    says: dict[str, Any] = {"chosen": {"C": float(found.strength[0])}, "chosen_by": "default"}
    if found.accuracy is not None:
        says |= {"chosen_by": "cross-validation", "cv_accuracy": float(found.accuracy[0])}
    predicted = names[found.predict(torch.from_numpy(test.features))[0].numpy()]
    return {**scores(test.label, predicted, features.classes), **says}


@dataclass(frozen=True, eq=False)
class Chosen:
    """The chosen fit of each of B sets: weight (B,D,C), bias (B,C), C (B,), held-out accuracy (B,) or None for no choice."""

    weight: Tensor
    bias: Tensor
    strength: Array
    accuracy: Array | None

    def predict(self, x: Tensor) -> Tensor:
        """(N,D) -> (B,N) int64."""
        return torch.cat([(block @ self.weight + self.bias[:, None]).argmax(2) for block in x.split(4096)], 1)


def choose(x: Tensor, label: Tensor, strengths: Array, *, classes: int, seed: int) -> Chosen:
    """x (B,N,D), label (B,N): for each set the C that predicts held-out folds best, the stronger of equals, fitted on all rows.

    The fits on folds and those on all rows are made together.
    """
    sets, rows = label.shape
    fold = np.stack([folds(own, classes, seed) for own in label.numpy()])
    many = int(fold.max()) + 1
    if many == 1:
        strengths = np.array([1.0])
    held = np.concatenate([np.eye(many, dtype=bool) if many > 1 else np.zeros((1, 0), bool), np.zeros((many, 1), bool)], 1)
    used = torch.from_numpy(~held[fold].repeat(len(strengths), 2))  # (B,N,(folds+1)P): fold by fold, then all rows
    grid = torch.from_numpy(np.tile(strengths, held.shape[1])).float()
    fits = logistic(x, label, grid, classes=classes, used=used, tolerance=TOLERANCE)
    pick, accuracy = np.zeros(sets, int), None
    if many > 1:
        right = (fits.predict(x) == label[:, None]).numpy().reshape(sets, held.shape[1], len(strengths), rows)
        share = (right[:, :-1] & held[fold].transpose(0, 2, 1)[:, :-1, None]).sum((1, 3)) / rows
        pick, accuracy = share.argmax(1), share.max(1)
    at, each = torch.from_numpy(pick + len(grid) - len(strengths)), torch.arange(sets)
    return Chosen(fits.weight[each, at], fits.bias[each, at], strengths[pick], accuracy)
