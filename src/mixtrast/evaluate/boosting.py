from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from mixtrast.evaluate._evaluation import Array, Evaluation, Fitted, Part, check_count, check_grid, scores
from mixtrast.spec import Spec, Table

LARGE = 10_000_000  # numbers in a table, from which on several threads grow a tree


class Boosting(Evaluation):
    """Gradient-boosted trees on the raw input: what a practitioner with a table would try first.

    Asked of raw input alone, of tables unless it is named. The learning rate and the number of trees are chosen by accuracy
    (r²) on the validation split, without one by holding out a fifth of train.

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
        by = "validation"
        if not len(val):
            order, many = np.random.default_rng(seed).permutation(len(train)), max(1, len(train) // 5)
            val = Part(train.features[order[:many]], train.label[order[:many]])
            train, by = Part(train.features[order[many:]], train.label[order[many:]]), "a fifth of train, held out"
        key = "accuracy" if classes else "r2"
        found: list[tuple[float, float, int, Any]] = []
        for rate in self.rates:
            with _threads(train.features.size):
                model = _model(bool(classes), rate, self.trees, seed).fit(train.features, train.label)
            path = [scores(val.label, said, classes)[key] for said in model.staged_predict(val.features)]
            best = int(np.argmax(path))
            found.append((path[best], -rate, best, model))
        value, rate, best, model = max(found, key=lambda each: each[:2])

        def predict(z: Array) -> Array:
            *_, said = (each for at, each in enumerate(model.staged_predict(z)) if at <= best)
            predicted: Array = np.asarray(said)
            return predicted

        return Fitted(predict, {f"val_{key}": value, "chosen": {"rate": -rate, "trees": best + 1}, "chosen_by": by})


def _threads(numbers: int) -> AbstractContextManager[Any]:
    """One thread for a small table: threads that wait for each other at every split, beside other work, took a hundred times
    as long."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return nullcontext() if numbers > LARGE else threadpool_limits(1, "openmp")


def _model(of_classes: bool, rate: float, trees: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if of_classes else HistGradientBoostingRegressor
    return kind(learning_rate=rate, max_iter=trees, early_stopping=False, random_state=seed)
