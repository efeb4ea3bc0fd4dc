"""Logistic regression with few labels: its strength is chosen by cross-validation among them."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mixtrast.evaluation._features import Features, FeatureSplit
from mixtrast.evaluation._folds import folds
from mixtrast.evaluation._logistic import logistic
from mixtrast.evaluation._options import check_grid
from mixtrast.evaluation._score import Array, score
from mixtrast.records import Score

STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
TOLERANCE = 1e-3  # thousands of fits: about where scikit-learn's default stops


def probe_few_labels(
    features: Features, rows: Array | None = None, *, seed: int, strengths: tuple[float, ...] = STRENGTHS
) -> Score:
    """The test scores of a logistic regression that uses the labels of these training rows only.

    C is chosen by stratified cross-validation within them, in 5 folds or as many as the most frequent class has rows; where
    that is 1, nothing can be chosen and C = 1. Features are standardised with the statistics of `features`.

    Args:
        rows: indices of rows of `features.train`, or a mask (N,) bool. None: all.

    Returns: accuracy, balanced_accuracy, chosen {"C"}, chosen_by, and cv_accuracy where there was a choice.
    """
    if not features.classes:
        raise ValueError("`probe_few_labels` needs classes, got numbers as labels. Use the linear probe.")
    grid, (train, _, test) = check_grid("probe_few_labels", "strengths", strengths), features.scaled()
    rows = np.arange(len(train)) if rows is None else np.arange(len(train))[rows]
    classes = len(np.unique(train.label[rows]))
    if classes < 2:
        raise ValueError(f"`rows` of probe_few_labels must have 2 or more classes, got {classes} in {len(rows)}. Use more.")
    return score_few_labels(train, test, rows[None], classes=features.classes, strengths=grid, seed=seed)[0]


def score_few_labels(
    train: FeatureSplit, test: FeatureSplit, index: Array, *, classes: int, strengths: tuple[float, ...], seed: int
) -> list[Score]:
    """The same for each of several sets of rows of the same size, index (B,n), of features that are standardised."""
    names, label = np.unique(train.label[index], return_inverse=True)
    x, y = torch.from_numpy(train.features[index]), torch.from_numpy(label.reshape(index.shape))
    fit = fit_few_labels(x, y, np.array(strengths), classes=len(names), seed=seed)
    by = "default" if fit.accuracy is None else "cross-validation"
    found = []
    for at, predicted in enumerate(names[fit.predict(torch.from_numpy(test.features)).numpy()]):
        one = score(test.label, predicted, classes)
        values = one.values if fit.accuracy is None else {**one.values, "cv_accuracy": float(fit.accuracy[at])}
        found.append(replace(one, values=values, chosen={"C": float(fit.strength[at])}, chosen_by=by))
    return found


@dataclass(frozen=True, eq=False)
class FewLabelFit:
    """The chosen fit of each of B sets: weight (B,D,C), bias (B,C), C (B,), held-out accuracy (B,) or None for no choice."""

    weight: Tensor
    bias: Tensor
    strength: Array
    accuracy: Array | None

    def predict(self, x: Tensor) -> Tensor:
        """(N,D) -> (B,N) int64."""
        return torch.cat([(block @ self.weight + self.bias[:, None]).argmax(2) for block in x.split(4096)], 1)


def fit_few_labels(x: Tensor, label: Tensor, strengths: Array, *, classes: int, seed: int) -> FewLabelFit:
    """x (B,N,D), label (B,N): for each set the C that predicts held-out rows best, the stronger of equals, fitted on all."""
    fold = torch.from_numpy(np.stack([folds(own, classes, seed) for own in label.numpy()]))
    number, (sets, rows) = int(fold.max()) + 1, label.shape
    picked, accuracy = np.ones(sets), None
    if number > 1:
        held = one_hot(fold, number).bool().repeat_interleave(len(strengths), 2)  # (B,N,P), fold by fold
        grid = torch.from_numpy(np.tile(strengths, number))
        fits = logistic(x, label, grid, classes=classes, used=~held, tolerance=TOLERANCE)
        right = (fits.predict(x) == label[:, None]) & held.mT
        share = right.view(sets, number, len(strengths), rows).sum((1, 3)).numpy() / rows
        picked, accuracy = strengths[share.argmax(1)], share.max(1)
    final = logistic(x, label, torch.from_numpy(picked)[:, None], classes=classes, tolerance=TOLERANCE)
    return FewLabelFit(final.weight[:, 0], final.bias[:, 0], picked, accuracy)
