"""Gradient-boosted trees on raw input."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from mixtrast.evaluation._contract import Task
from mixtrast.evaluation._features import FeatureSplit
from mixtrast.evaluation._folds import held_out
from mixtrast.evaluation._options import check_count, check_grid
from mixtrast.evaluation._probes import FeatureProbe, FittedProbe
from mixtrast.evaluation._score import main_metric, score
from mixtrast.records import Score
from mixtrast.spec import Spec, Table

LARGE = 10_000_000  # numbers in a table, from which on several threads grow a tree


class Boosting(FeatureProbe):
    """Gradient-boosted trees on raw input, the baseline that a practitioner with a table tries first.

    Computed for raw input only, of tables unless it is named. The learning rate and the number of trees are chosen by accuracy
    (r²) on the validation split, without one by holding out a fifth of train; the chosen model is fitted again on all of train.

    Args:
        rates: learning rates.
        trees: boosting rounds at most; of classes each round grows a tree for each.

    Returns (when called): the scores of test; val_accuracy or val_r2; chosen {"rate", "trees"}; chosen_by.

    Reference: Ke et al., LightGBM, NeurIPS 2017, as scikit-learn's HistGradientBoosting has it; that trees are hard to beat on
        tables: Grinsztajn et al., NeurIPS 2022 (datasets and benchmarks), arXiv:2207.08815.
    """

    title, phrase, kind, order = "boosted trees", "boosted trees on raw input", "baseline", 2
    rows: ClassVar[tuple[str, ...]] = ("raw",)

    def __init__(self, *, rates: tuple[float, ...] = (0.1, 0.3), trees: int = 200):
        self.rates = check_grid("Boosting", "rates", rates)
        self.trees = check_count("Boosting", "trees", trees)

    @staticmethod
    def applies_to(spec: Spec, task: Task) -> bool:
        return isinstance(spec, Table)

    def fit(self, train: FeatureSplit, val: FeatureSplit, *, classes: int, seed: int) -> FittedProbe:
        metric, by, part = main_metric(classes), "validation", train
        if not len(val):
            held = held_out(train.label, classes, seed)
            by, part, val = "a fifth of train, held out", train.take(~held), train.take(held)
        if not len(val):  # no class has enough rows to hold one out
            model = self._fitted(train, classes, self.rates[0], self.trees // 4 or 1, seed)
            return FittedProbe(model.predict, Score(chosen_by="default"))
        found: list[tuple[float, float, int, Any]] = []
        for rate in self.rates:
            model = self._fitted(part, classes, rate, self.trees, seed)
            path = [score(val.label, each, classes).values[metric] for each in model.staged_predict(val.features)]
            best = int(np.argmax(path))
            found.append((path[best], -rate, best + 1, model))
        value, rate, trees, model = max(found, key=lambda each: each[:2])
        if part is not train or trees < self.trees:  # on all of train, with what was chosen
            model = self._fitted(train, classes, -rate, trees, seed)
        return FittedProbe(model.predict, Score({f"val_{metric}": value}, {"rate": -rate, "trees": trees}, by))

    def _fitted(self, part: FeatureSplit, classes: int, rate: float, trees: int, seed: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        leaf = min(20, max(1, len(part) // 20))  # rows of a leaf; scikit-learn's 20 cannot split what few labels give
        model = kind(learning_rate=rate, max_iter=trees, early_stopping=False, min_samples_leaf=leaf, random_state=seed)
        with _threads(part.features.size):
            return model.fit(part.features, part.label)


def _threads(numbers: int) -> AbstractContextManager[Any]:
    """One thread for a small table: several wait for each other at every split, for minutes where the machine is shared."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return nullcontext() if numbers > LARGE else threadpool_limits(1, "openmp")
