"""A probe that may see only the labels that were granted: its strength is chosen by cross-validation among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

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
    """x (B,N,D), label (B,N): for each set the C that predicts held-out rows best, the stronger of equals, fitted on all."""
    fold = torch.from_numpy(np.stack([folds(own, classes, seed) for own in label.numpy()]))
    many, (sets, rows) = int(fold.max()) + 1, label.shape
    picked, accuracy = np.ones(sets), None
    if many > 1:
        held = one_hot(fold, many).bool().repeat_interleave(len(strengths), 2)  # (B,N,P), fold by fold
        grid = torch.from_numpy(np.tile(strengths, many))
        fits = logistic(x, label, grid, classes=classes, used=~held, tolerance=TOLERANCE)
        right = (fits.predict(x) == label[:, None]) & held.mT
        share = right.view(sets, many, len(strengths), rows).sum((1, 3)).numpy() / rows
        picked, accuracy = strengths[share.argmax(1)], share.max(1)
    final = logistic(x, label, torch.from_numpy(picked)[:, None], classes=classes, tolerance=TOLERANCE)
    return Chosen(final.weight[:, 0], final.bias[:, 0], picked, accuracy)
