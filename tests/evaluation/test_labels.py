"""The label-efficiency curve: which labels it takes, and that no other changes it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mixtrast import evaluation
from mixtrast.evaluation import FeatureSplit
from mixtrast.evaluation._few_labels import fit_few_labels
from mixtrast.evaluation._folds import folds
from mixtrast.evaluation.labels import draw_labels
from mixtrast.records import Results
from support.clouds import C, made, mapped, numbers, reference, relabelled, standard, without_val


def test_drawn_rows_are_nested_and_of_every_class():
    label = np.random.default_rng(0).integers(0, C, 100)
    few, more = draw_labels(label, 3, seed=(0, 1)), draw_labels(label, 9, seed=(0, 1))
    assert np.bincount(label[few]).tolist() == [3] * C
    assert set(few) < set(more)
    assert len(set(more)) == 9 * C
    assert set(draw_labels(label, 3, seed=(0, 2))) != set(few)


def test_labels_draws_its_curve():
    features = made(sizes={"train": 120, "val": 10, "test": 200})
    rows = {
        "trained": features,
        "same": mapped(features, lambda z: z),
        "noise": mapped(features, np.random.default_rng(0).permutation),
    }
    middle = int(np.median(np.bincount(features.train.label)))
    found = evaluation.get("labels", per_class=(middle + 3, 1, 2, 20), draws=3)(rows, seed=0)
    json.dumps(Results(labels=found).to_dict(), allow_nan=False)
    assert [(point.per_class, point.labels) for point in found.points] == [(1, C), (2, 2 * C), (20, 20 * C)]
    assert found.skipped == f"{middle + 3} labels per class: fewer than half of the classes have as many rows."
    assert found.fewer is found.withheld is None
    for point in found.points:
        assert len(point.rows["trained"]) == 3
        assert point.rows["same"] == point.rows["trained"]
        for row, draws in point.rows.items():  # the mean over draws for each test example, and over these the mean of the draws
            assert (point.examples[row].shape, point.examples[row].dtype) == ((200,), np.float32)
            assert point.examples[row].mean() == pytest.approx(np.mean(draws), abs=1e-6)
    mean = [np.mean(point.rows["trained"]) for point in found.points]
    assert mean[0] < mean[-1]
    assert np.mean(found.points[-1].rows["noise"]) < 0.4 < mean[-1]


def test_a_rare_class_does_not_end_the_curve():
    """It gives all it has: the points are those of the other classes, and its one row is in every draw."""
    features = made(sizes={"train": 120, "val": 10, "test": 200})
    x, label = features.train.features, features.train.label
    keep = np.r_[np.flatnonzero(label != 1), np.flatnonzero(label == 1)[:1]]
    rare = replace(features, train=FeatureSplit(x[keep], label[keep]))
    found = evaluation.get("labels", per_class=(1, 5, 10, 500), draws=2)({"a": rare}, seed=0)
    assert [(point.per_class, point.labels) for point in found.points] == [(1, C), (5, 5 * 3 + 1), (10, 10 * 3 + 1)]
    assert found.fewer == "All rows are used of classes with fewer rows than a point needs: 1 of 4 classes, the smallest of 1."
    assert found.skipped == "500 labels per class: fewer than half of the classes have as many rows."
    accuracy = [np.mean(point.rows["a"]) for point in found.points]
    assert accuracy[-1] > accuracy[0]
    for draw in range(5):
        rows = draw_labels(label[keep], 10, seed=(0, draw))
        assert np.bincount(label[keep][rows]).tolist() == [10, 1, 10, 10]
        assert set(draw_labels(label[keep], 5, seed=(0, draw))) < set(rows)


def test_a_class_that_a_fold_lacks_is_fitted_all_the_same():
    """Its only row is held out once: the fit has nothing of that class, predicts others, and does not stray."""
    x, y = standard(41, 20)
    y = np.where(np.arange(41) == 0, 3, y % 3)
    found = fit_few_labels(torch.tensor(x)[None], torch.tensor(y)[None], np.array([1e-3, 0.1, 10.0, 1e3]), classes=C, seed=0)
    assert torch.isfinite(found.weight).all()
    assert torch.isfinite(found.bias).all()
    assert found.accuracy is not None
    assert found.accuracy[0] > 0.4


def test_labels_that_were_not_drawn_change_nothing():
    """Neither those of train that no draw took, nor any of val, nor for the choice those of test."""
    features = made()
    n, draws = 6, 3
    label = features.train.label
    taken = np.unique([draw_labels(label, n, seed=(0, draw)) for draw in range(draws)])
    labels = evaluation.get("labels", per_class=(2, n), draws=draws)
    expected = labels({"a": features}, seed=0)
    # A row that stands behind all drawn ones in the order of a draw may have any label and is still not drawn.
    orders = [np.random.default_rng((0, draw)).permutation(len(label)) for draw in range(draws)]
    behind = [set(o[max(np.flatnonzero(np.isin(o, draw_labels(label, n, seed=(0, d))))) + 1 :]) for d, o in enumerate(orders)]
    free = np.array(sorted(set.intersection(*behind) - set(taken)))
    assert len(free) > 10
    other = label.copy()
    other[free] = (other[free] + 1) % C
    changed = replace(features, train=FeatureSplit(features.train.features, other))
    assert labels({"a": changed}, seed=0) == expected
    assert labels({"a": relabelled(features, "val")}, seed=0) == expected
    assert labels({"a": without_val(features)}, seed=0) == expected


def test_few_labels_are_those_of_these_rows_only():
    features = made()
    rows = draw_labels(features.train.label, 5, seed=0)
    expected = evaluation.probe_few_labels(features, rows, seed=0)
    hidden = features.train.label.copy()
    hidden[np.setdiff1d(np.arange(len(hidden)), rows)] = 0
    changed = replace(features, train=FeatureSplit(features.train.features, hidden))
    assert evaluation.probe_few_labels(changed, rows, seed=0) == expected
    assert evaluation.probe_few_labels(relabelled(features, "val"), rows, seed=0) == expected
    assert (expected.chosen_by, list(expected.chosen)) == ("cross-validation", ["C"])
    mask = np.isin(np.arange(len(hidden)), rows)
    assert evaluation.probe_few_labels(features, mask, seed=0).values["accuracy"] == pytest.approx(
        expected.values["accuracy"], abs=0.1
    )
    tested = relabelled(features, "test")
    assert evaluation.probe_few_labels(tested, rows, seed=0).chosen == expected.chosen
    with pytest.raises(ValueError, match="2 or more classes, got 1"):
        evaluation.probe_few_labels(features, np.flatnonzero(features.train.label == 0), seed=0)
    with pytest.raises(ValueError, match="needs classes"):
        evaluation.probe_few_labels(numbers(), seed=0)


def test_choosing_within_few_labels_is_a_loop():
    x, y = standard(40, 60, spread=3.0)
    grid = np.array([1e-3, 0.1, 10.0])
    fold = folds(y, C, seed=7)
    right = np.zeros(len(grid))
    for f in range(5):
        for p, strength in enumerate(grid):
            right[p] += (reference(x[fold != f], y[fold != f], strength).predict(x[fold == f]) == y[fold == f]).sum()
    found = fit_few_labels(torch.tensor(x)[None], torch.tensor(y)[None], grid, classes=C, seed=7)
    assert abs(found.accuracy[0] * 40 - right.max()) <= 1
    assert right[list(grid).index(found.strength[0])] >= right.max() - 1
    final = reference(x, y, float(found.strength[0]))
    new = standard(200, 60, seed=3, spread=3.0)[0]
    assert np.mean(found.predict(torch.tensor(new))[0].numpy() == final.predict(new)) > 0.97


def test_labels_refuses_rows_of_other_examples():
    labels = evaluation.get("labels")
    with pytest.raises(ValueError, match="the train labels of 'b' differ from those of 'a'"):
        labels({"a": made(), "b": relabelled(made(), "train")}, seed=0)
    with pytest.raises(TypeError, match="must be Features by name"):
        labels(made(), seed=0)
    found = labels({"a": numbers()}, seed=0)
    assert found.points == ()
    assert "numbers" in found.withheld
