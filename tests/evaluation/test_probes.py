"""What holds for all probes: scores, and what must not change them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics

from mixtrast import evaluation
from mixtrast.evaluation import FeatureSplit
from support.clouds import PROBES, SIZES, C, D, made, mapped, numbers, relabelled, without_val


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 3, 50), rng.integers(0, 4, 50)  # class 3 is never true
    found = evaluation.score(truth, said, 4)
    recalls = [np.mean(said[truth == c] == c) for c in range(3)]
    assert found.values == pytest.approx(
        {"accuracy": metrics.accuracy_score(truth, said), "balanced_accuracy": np.mean(recalls)}
    )
    truth, said = rng.normal(size=50), rng.normal(size=50)
    expected = {"r2": metrics.r2_score(truth, said), "mae": metrics.mean_absolute_error(truth, said)}
    assert evaluation.score(truth, said, 0).values == pytest.approx(expected)
    assert evaluation.score(np.ones(3), np.ones(3), 0).values["r2"] == 1
    assert evaluation.score(np.ones(3), np.zeros(3), 0).values["r2"] == 0
    with pytest.raises(ValueError, match="as long as"):
        evaluation.score(truth, said[:3], 0)


def test_majority():
    features = made()
    label = features.train.label
    most = max(range(C), key=lambda c: (label == c).sum())
    expected = {"accuracy": np.mean(features.test.label == most), "balanced_accuracy": 1 / C}
    assert evaluation.majority(features).values == pytest.approx(expected)
    features = numbers()
    mean = np.full(len(features.test), features.train.label.mean())
    assert evaluation.majority(features).values["r2"] == pytest.approx(metrics.r2_score(features.test.label, mean))


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_the_test_split_is_looked_at_last(name, val):
    """Permuted test labels change the test scores and nothing else; permuted test features neither."""
    features = made() if val else without_val(made())
    first, second = (PROBES[name]()(given, seed=0) for given in (features, relabelled(features, "test")))
    tested = {"accuracy", "balanced_accuracy"}
    assert first.values["accuracy"] > 0.5 > second.values["accuracy"]
    first, second = (found.to_json() for found in (first, second))
    assert {k: v for k, v in first.items() if k not in tested} == {k: v for k, v in second.items() if k not in tested}
    train, held, _ = features.scaled()
    x = features.test.features
    predict = [PROBES[name]().fit(train, held, classes=C, seed=0).predict(x) for _ in range(2)]
    assert np.array_equal(*predict)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_what_is_said(name, val):
    found = PROBES[name]()(made() if val else without_val(made()), seed=0)
    json.dumps(found.to_json(), allow_nan=False)
    within = {"knn": "leave-one-out", "boosting": "a fifth of train, held out"}.get(name, "cross-validation")
    assert found.chosen_by == ("validation" if val else within)
    assert list(found.chosen) == {"lbfgs": ["C"], "sgd": ["lr"], "knn": ["neighbours"], "boosting": ["rate", "trees"]}[name]
    assert {"accuracy", "balanced_accuracy", "val_accuracy"} <= set(found.values)
    assert (found.at_edge is None) == (name == "boosting")
    assert ("train_accuracy" in found.values) == (name not in ("knn", "boosting"))
    assert found.converged in (True, None)


@pytest.mark.parametrize("name", PROBES)
def test_scales_and_the_order_of_dimensions_do_not_matter(name):
    features = made()
    order = np.random.default_rng(1).permutation(D)
    powers = 2.0 ** np.random.default_rng(1).integers(-6, 6, D)
    scaled = mapped(features, lambda z: z * powers.astype(np.float32))  # powers of 2: exactly the same once standardised
    first = PROBES[name]()(features, seed=0)
    assert PROBES[name]()(scaled, seed=0) == first
    if name == "knn":
        turned = mapped(features, lambda z: z[:, order])
        assert PROBES[name]()(turned, seed=0) == first


@pytest.mark.parametrize("name", ["lbfgs", "knn"])
def test_the_order_of_rows_does_not_matter(name):
    features = made()
    order = {split: np.random.default_rng(2).permutation(rows) for split, rows in SIZES.items()}
    shuffled = replace(
        features,
        **{
            split: FeatureSplit(getattr(features, split).features[o], getattr(features, split).label[o])
            for split, o in order.items()
        },
    )
    assert PROBES[name]()(shuffled, seed=0) == PROBES[name]()(features, seed=0)


@pytest.mark.parametrize("name", PROBES)
def test_a_class_that_train_lacks_is_never_right(name):
    features = made()
    keep = features.train.label != 1
    features = replace(features, train=FeatureSplit(features.train.features[keep], features.train.label[keep]))
    train, val, test = features.scaled()
    predicted = PROBES[name]().fit(train, val, classes=C, seed=0).predict(test.features)
    assert set(predicted.tolist()) == {0, 2, 3}


def test_nothing_global_is_drawn_from():
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    features = without_val(made(sizes={"train": 40, "val": 10, "test": 20}))
    for make in PROBES.values():
        assert make()(features, seed=3) == make()(features, seed=3)
    evaluation.get("labels", per_class=(2,), draws=1)({"a": features}, seed=0)
    evaluation.tsne(features.test.features, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_a_probe_takes_features_only():
    with pytest.raises(TypeError, match=r"Linear takes `Features`, got tuple. Use `Features.of"):
        evaluation.get("linear")((1, 2), seed=0)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("knn", {"neighbours": (0, 5)}, "`neighbours` of KNN must be a whole number, 1 or more, got 0"),
        ("knn", {"neighbours": ()}, "`neighbours` of KNN must be one or more"),
        ("knn", {"temperature": 0}, "`temperature` of KNN must be one or more numbers above 0"),
        ("linear", {"protocol": "adam"}, "`protocol` must be one of 'lbfgs', 'sgd', got 'adam'"),
        ("linear", {"strengths": (1, -1)}, "`strengths` of Linear must be one or more numbers above 0"),
        ("linear", {"epochs": 0}, "`epochs` of Linear"),
        ("labels", {"per_class": (0,)}, "`per_class` of Labels"),
        ("labels", {"draws": 1.5}, "`draws` of Labels"),
    ],
)
def test_wrong_options_are_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        evaluation.get(name, **options)
