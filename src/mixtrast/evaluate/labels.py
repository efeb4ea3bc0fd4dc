from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mixtrast.evaluate._evaluation import Array, Features, Part, check_count, check_grid, scores
from mixtrast.evaluate._granted import STRENGTHS, choose


class Labels:
    """Label efficiency: what a linear probe reaches when only n examples of each class have a label.

    For each n, `draws` times, n training rows of every class are granted and all other labels of train and validation are
    unknown: a logistic regression is fitted on the granted rows, its C chosen by stratified cross-validation among them, in
    min(5, n) folds. n = 1 leaves nothing to choose by: C = 1. Features are standardised with the statistics of all training
    rows, since features need no label. All rows of the table get the same draws, and the draws are nested: those of a larger
    n hold those of a smaller one.

    Args:
        per_class: values of n; those above the size of the smallest class are left out, and `skipped` says so.
        draws: how many times.
        strengths: values of C to choose from.

    Returns (when called): {"points": [{"per_class", "labels", "rows": {name: [test accuracy of each draw]}}], "skipped"}.

    Reference: the protocol of few labels a class is usual; MixMatch, Berthelot et al., 2019, arXiv:1905.02249, has such draws.
    """

    def __init__(
        self,
        *,
        per_class: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100),
        draws: int = 5,
        strengths: tuple[float, ...] = STRENGTHS,
    ):
        self.per_class = tuple(sorted({check_count("Labels", "per_class", n) for n in per_class}))
        self.draws = check_count("Labels", "draws", draws)
        self.strengths = check_grid("Labels", "strengths", strengths)

    def __call__(self, rows: dict[str, Features], *, seed: int) -> dict[str, Any]:
        """`rows`: features of the same examples by name, "trained", "untrained", "raw". JSON-able."""
        first = _same_examples(rows)
        if not first.classes:
            return {"points": [], "skipped": "Labels are numbers, and this evaluation grants labels class by class."}
        label = first.train.label
        smallest = int(np.unique(label, return_counts=True)[1].min())
        fitting = [n for n in self.per_class if n <= smallest]
        scaled = {name: features.scaled() for name, features in rows.items()}
        points = []
        for n in fitting:
            index = np.stack([grant(label, n, seed=(seed, draw)) for draw in range(self.draws)])
            found = {
                name: self._accuracies(train, test, index, first.classes, seed) for name, (train, _, test) in scaled.items()
            }
            points.append({"per_class": n, "labels": index.shape[1], "rows": found})
        left = [str(n) for n in self.per_class if n > smallest]
        skipped = f"{', '.join(left)} labels a class: the smallest class of train has {smallest}." if left else None
        return {"points": points, "skipped": skipped}

    def _accuracies(self, train: Part, test: Part, index: Array, classes: int, seed: int) -> list[float]:
        """index (draws,n): the granted rows. Of train's labels only theirs are read."""
        names, label = np.unique(train.label[index], return_inverse=True)
        x, y = torch.from_numpy(train.features[index]), torch.from_numpy(label.reshape(index.shape))
        found = choose(x, y, np.array(self.strengths), classes=len(names), seed=seed)
        predicted = names[found.predict(torch.from_numpy(test.features)).numpy()]
        return [scores(test.label, own, classes)["accuracy"] for own in predicted]

    def __repr__(self) -> str:
        return f"Labels({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def grant(label: Array, n: int, *, seed: int | tuple[int, ...]) -> Array:
    """n rows of each class: the first ones in an order that depends on the seed only, so larger n hold smaller ones."""
    order = np.random.default_rng(seed).permutation(len(label))
    return np.concatenate([order[label[order] == name][:n] for name in np.unique(label)])


def _same_examples(rows: dict[str, Features]) -> Features:
    if not isinstance(rows, dict) or not rows or not all(isinstance(features, Features) for features in rows.values()):
        raise TypeError(f"`rows` of Labels must be Features by name, got {type(rows).__name__}. Use {{'trained': features}}.")
    first = next(iter(rows.values()))
    for name, features in rows.items():
        for split in ("train", "test"):
            if not np.array_equal(getattr(features, split).label, getattr(first, split).label):
                raise ValueError(
                    f"`rows` of Labels must be features of the same examples in the same order, but the {split} labels of "
                    f"{name!r} are others than those of {next(iter(rows))!r}."
                )
    return first
