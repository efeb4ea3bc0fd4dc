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

    A class with fewer than n rows gives all it has, and `fewer` says so: one rare class does not end the curve. Such a point
    is not what a run with n granted labels would see, as `--labels n` is refused there.

    Args:
        per_class: values of n; those that fewer than half of the classes have are left out, and `skipped` says so.
        draws: how many times.
        strengths: values of C to choose from.

    Returns (when called): {"points": [{"per_class", "labels", "rows": {name: [test accuracy of each draw]}}], "skipped",
        "fewer"}, the last two sentences or None.

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
            says = "Labels are numbers, and this evaluation grants labels class by class."
            return {"points": [], "skipped": says, "fewer": None}
        label = first.train.label
        sizes = np.unique(label, return_counts=True)[1]
        fitting = [n for n in self.per_class if 2 * (sizes >= n).sum() >= len(sizes)]
        scaled = {name: features.scaled() for name, features in rows.items()}
        points = []
        for n in fitting:
            index = np.stack([grant(label, n, seed=(seed, draw)) for draw in range(self.draws)])
            found = {
                name: self._accuracies(train, test, index, first.classes, seed) for name, (train, _, test) in scaled.items()
            }
            points.append({"per_class": n, "labels": index.shape[1], "rows": found})
        left = [str(n) for n in self.per_class if n not in fitting]
        skipped = f"{', '.join(left)} labels a class: fewer than half of the classes have as many rows." if left else None
        short = sizes[sizes < max(fitting, default=0)]
        who = f"{len(short)} of {len(sizes)} classes, the smallest of {sizes.min()}"
        fewer = f"Classes with fewer rows than a point asks for give all they have: {who}." if len(short) else None
        return {"points": points, "skipped": skipped, "fewer": fewer}

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
    """n rows of each class, or all it has: the first in an order that depends on the seed only, so larger n hold smaller."""
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
