"""Boosted trees are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from mixtrast import evaluation
from mixtrast.evaluation import Features


def test_trees_with_few_labels():
    """A label a class is more than nothing, and every class is held out where it can be."""
    from mixtrast.evaluation import Features, get
    from mixtrast.evaluation._folds import held_out

    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = (rng.normal(size=(300, 4)) * 0.3 + y[:, None]).astype(np.float32)
    for many in (3, 6, 30):
        features = Features.of(train=(x[:many], y[:many]), test=(x[100:], y[100:]), classes=3)
        assert get("boosting", trees=20)(features, seed=0).values["accuracy"] > 0.5, many
    assert np.bincount(y[:30][held_out(y[:30], 3, 0)]).tolist() == [2, 2, 2]
    assert held_out(y[:30], 0, 0).sum() == 6


@pytest.mark.parametrize("classes", [3, 0])
def test_boosting_is_that_of_scikit_learn(classes):
    """With the rate and the number of trees that validation chose, the same predictions."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 4)).astype(np.float32)
    y = np.digitize(x[:, 0] * x[:, 1], [-0.3, 0.3]) if classes else (x[:, 0] * x[:, 1]).astype(np.float64)
    parts = {"train": (x[:120], y[:120]), "val": (x[120:180], y[120:180]), "test": (x[180:], y[180:])}
    features = Features.of(**parts, classes=classes)
    said = evaluation.get("boosting", trees=40)(features, seed=0)
    train, _, test = features.scaled()
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    chosen = {"learning_rate": said.chosen["rate"], "max_iter": said.chosen["trees"]}
    model = kind(**chosen, early_stopping=False, min_samples_leaf=len(train) // 20, random_state=0)
    right = model.fit(train.features, train.label).predict(test.features)
    key = "accuracy" if classes else "r2"
    assert said.values[key] == pytest.approx(evaluation.score(test.label, right, classes).values[key])
    assert said.values[key] > (0.6 if classes else 0.3)
