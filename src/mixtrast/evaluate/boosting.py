from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from mixtrast.evaluate._choice import held_out
from mixtrast.evaluate._evaluation import Array, Evaluation, Fitted, Part, check_count, check_grid, scores
from mixtrast.spec import Spec, Table

LARGE = 10_000_000  # numbers in a table, from which on several threads grow a tree


class Boosting(Evaluation):
    """Gradient-boosted trees on the raw input: what a practitioner with a table would try first.

    Asked of raw input alone, of tables unless it is named. The learning rate and the number of trees are chosen by accuracy
    (r²) on the validation split, without one by holding out a fifth of train; what is chosen is grown again on all of train.

    Args:
        rates: learning rates.
        trees: boosting rounds at most; of classes each round grows a tree for each.

    Returns (when called): the scores of test; val_accuracy or val_r2; chosen {"rate", "trees"}; chosen_by.

    Reference: Ke et al., LightGBM, NeurIPS 2017, as scikit-learn's HistGradientBoosting has it; that trees are hard to beat on
        tables: Grinsztajn et al., NeurIPS 2022 (datasets and benchmarks), arXiv:2207.08815.
    """

    rows: ClassVar[tuple[str, ...]] = ("raw",)

    def __init__(self, *, rates: tuple[float, ...] = (0.1, 0.3), trees: int = 200):
        self.rates = check_grid("Boosting", "rates", rates)
        self.trees = check_count("Boosting", "trees", trees)

    @staticmethod
    def suits(spec: Spec) -> bool:
        return isinstance(spec, Table)

    def fit(self, train: Part, val: Part, *, classes: int, seed: int) -> Fitted:
        key, by, part = ("accuracy" if classes else "r2"), "validation", train
        if not len(val):
            by, (part, val) = "a fifth of train, held out", _parted(train, held_out(train.label, classes, seed))
        if not len(val):  # no class has enough to hold one out
            model = self._grown(train, classes, self.rates[0], self.trees // 4 or 1, seed)
            return Fitted(model.predict, {"chosen_by": "default"})
        found: list[tuple[float, float, int, Any]] = []
        for rate in self.rates:
            model = self._grown(part, classes, rate, self.trees, seed)
            path = [scores(val.label, said, classes)[key] for said in model.staged_predict(val.features)]
            best = int(np.argmax(path))
            found.append((path[best], -rate, best + 1, model))
        value, rate, trees, model = max(found, key=lambda each: each[:2])
        if part is not train or trees < self.trees:  # on all of train, with what was chosen
            model = self._grown(train, classes, -rate, trees, seed)
        return Fitted(model.predict, {f"val_{key}": value, "chosen": {"rate": -rate, "trees": trees}, "chosen_by": by})

    def _grown(self, part: Part, classes: int, rate: float, trees: int, seed: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        least = min(20, max(1, len(part) // 20))  # of a leaf; scikit-learn's 20 cannot split what few labels give
        model = kind(learning_rate=rate, max_iter=trees, early_stopping=False, min_samples_leaf=least, random_state=seed)
        with _threads(part.features.size):
            return model.fit(part.features, part.label)


def _parted(part: Part, held: Array) -> tuple[Part, Part]:
    return Part(part.features[~held], part.label[~held]), Part(part.features[held], part.label[held])


def _threads(numbers: int) -> AbstractContextManager[Any]:
    """One thread for a small table: two, which wait for each other at every split, had not fitted 2,506 rows of abalone after
    nine minutes beside three other processes; with one thread the whole run took 15 s."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return nullcontext() if numbers > LARGE else threadpool_limits(1, "openmp")
