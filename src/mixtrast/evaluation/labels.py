"""The label-efficiency curve."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import ClassVar

import numpy as np

from mixtrast.evaluation._contract import Context, Evaluation
from mixtrast.evaluation._features import Features
from mixtrast.evaluation._few_labels import STRENGTHS, score_few_labels
from mixtrast.evaluation._options import check_count, check_grid
from mixtrast.evaluation._score import Array, mean_examples
from mixtrast.records import LabelCurve, LabelPoint, Score


class Labels(Evaluation):
    """The label-efficiency curve: the accuracy of a linear probe when only n examples of each class have a label.

    For each n, `draws` times, n training rows of every class are drawn and all other labels of train and validation are
    hidden: a logistic regression is fitted on the drawn rows, its C chosen by stratified cross-validation among them, in
    min(5, n) folds. n = 1 leaves nothing to choose by: C = 1. Features are standardised with the statistics of all training
    rows. All rows of the table get the same draws, and those of a larger n contain those of a smaller one.

    Of a class with fewer than n rows all are used, and `fewer` says so.

    Args:
        per_class: values of n; those that fewer than half of the classes have are left out, and `skipped` says so.
        draws: how many times.
        strengths: values of C, the inverse of the regularisation strength, to choose from.

    Returns (when called): the points, each with the test accuracy of every draw by row; `skipped` and `fewer` are sentences.

    Reference: few labels per class are drawn like this in MixMatch, Berthelot et al., 2019, arXiv:1905.02249.
    """

    title, phrase, kind, order = "few labels", "a linear probe", "curve", 6
    rows: ClassVar[tuple[str, ...]] = ("trained", "untrained", "raw")

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

    def fit_score(self, context: Context) -> LabelCurve:
        """The curve, or why there is none."""
        if context.label_sets is not None:
            return LabelCurve(withheld="an example has several labels, and this curve needs one class per example")
        if context.labels_used:
            return LabelCurve(
                withheld=f"the encoder was trained with all {context.labels_used:,} labels, which would overstate few-label "
                "accuracy. Train with few labels instead: --labels 10"
            )
        features = {row: context.features[row] for row in self.rows_among(context.features)}
        return self(features, seed=context.seed, progress=context.progress)

    def __call__(
        self, rows: Mapping[str, Features], *, seed: int, progress: Callable[[str], None] = lambda text: None
    ) -> LabelCurve:
        """The curve of each row: features of the same examples by name, "trained", "untrained", "raw"."""
        first = _same_examples(rows)
        if not first.classes:
            return LabelCurve(withheld="Labels are numbers, and this evaluation draws labels class by class.")
        label = first.train.label
        sizes = np.unique(label, return_counts=True)[1]
        fitting = [n for n in self.per_class if 2 * (sizes >= n).sum() >= len(sizes)]
        drawn = [np.stack([draw_labels(label, n, seed=(seed, draw)) for draw in range(self.draws)]) for n in fitting]
        found: dict[str, list[list[Score]]] = {}
        for row, features in rows.items():
            progress(f"{self.title}, {row}")
            train, _, test = features.scaled()
            probe = partial(score_few_labels, train, test, classes=first.classes, strengths=self.strengths, seed=seed)
            found[row] = [probe(index) for index in drawn]
        points = []
        for at, (n, index) in enumerate(zip(fitting, drawn, strict=True)):
            values = {row: tuple(draw.values["accuracy"] for draw in scores[at]) for row, scores in found.items()}
            examples = {row: mean_examples(scores[at], "accuracy") for row, scores in found.items()}
            points.append(LabelPoint(n, index.shape[1], values, examples))
        left = [str(n) for n in self.per_class if n not in fitting]
        skipped = f"{', '.join(left)} labels per class: fewer than half of the classes have as many rows." if left else None
        short = sizes[sizes < max(fitting, default=0)]
        which = f"{len(short)} of {len(sizes)} classes, the smallest of {sizes.min()}"
        fewer = f"All rows are used of classes with fewer rows than a point needs: {which}." if len(short) else None
        return LabelCurve(tuple(points), None if points else skipped, fewer, skipped if points else None)


def draw_labels(label: Array, n: int, *, seed: int | tuple[int, ...]) -> Array:
    """n rows of each class, or all it has: the first in an order that depends on the seed only, so larger n contain smaller."""
    order = np.random.default_rng(seed).permutation(len(label))
    return np.concatenate([order[label[order] == name][:n] for name in np.unique(label)])


def _same_examples(rows: Mapping[str, Features]) -> Features:
    """The features of the first row; all must have the same labels."""
    if not isinstance(rows, Mapping) or not rows or not all(isinstance(features, Features) for features in rows.values()):
        raise TypeError(f"`rows` of Labels must be Features by name, got {type(rows).__name__}. Use {{'trained': features}}.")
    (label, first), *others = rows.items()
    for (name, features), split in product(others, ("train", "test")):
        if not np.array_equal(getattr(features, split).label, getattr(first, split).label):
            raise ValueError(
                f"`rows` of Labels must be features of the same examples in the same order, but the {split} labels of "
                f"{name!r} differ from those of {label!r}."
            )
    return first
