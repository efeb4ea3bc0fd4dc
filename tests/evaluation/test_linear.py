"""The linear probe against loops and scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as SkRidge
from torch import nn

from mixtrast import evaluation
from mixtrast.evaluation import Features, FeatureSplit
from mixtrast.evaluation._descent import descend
from mixtrast.evaluation._folds import folds
from mixtrast.evaluation.linear import ridge
from support.clouds import PROBES, C, D, clouds, made, numbers, reference, standard, without_val


def test_linear_chooses_as_a_loop_would():
    features = made(spread=2.5)
    train, val, test = features.scaled()
    probe = evaluation.get("linear")
    fits = [reference(train.features, train.label, strength, 1e-6) for strength in probe.strengths]
    value = [fit.score(val.features, val.label) for fit in fits]
    best = int(np.argmax(value))
    found = probe(features, seed=0)
    assert found.chosen == {"C": probe.strengths[best]}
    assert found.values["val_accuracy"] == pytest.approx(value[best])
    assert found.values["accuracy"] == pytest.approx(fits[best].score(test.features, test.label))
    assert found.values["train_accuracy"] == pytest.approx(fits[best].score(train.features, train.label))


def test_of_equals_the_stronger_penalty_is_taken():
    features = made(spread=0.05)
    found = evaluation.get("linear", strengths=(100.0, 1.0, 10.0))(features, seed=0)
    assert (found.chosen, found.values["val_accuracy"], found.at_edge) == ({"C": 1.0}, 1.0, True)
    found = evaluation.get("linear", protocol="sgd", epochs=60)(features, seed=0)
    assert (found.chosen, found.values["val_accuracy"]) == ({"lr": 0.001}, 1.0)


def test_without_two_rows_of_a_class_there_is_no_choice():
    z, y = clouds(40, np.random.default_rng(0))
    features = Features.of(train=(z[:C], y[:C]), test=(z, y), classes=C)
    for make in (PROBES["lbfgs"], PROBES["sgd"]):
        found = make()(features, seed=0)
        assert (found.chosen_by, list(found.chosen.values())) == ("default", [1.0])
        assert "val_accuracy" not in found.values
    assert evaluation.probe_few_labels(features, seed=0).chosen == {"C": 1.0}


def test_sgd_is_torchs():
    """All rates at once against a torch.optim loop for each."""
    x, y = standard(300, 7)
    rates, epochs = (0.01, 1.0), 20
    path = descend(FeatureSplit(x, y), rates=rates, epochs=epochs, seed=4)
    for p, rate in enumerate(rates):
        generator = torch.Generator().manual_seed(4)
        model = nn.Linear(7, C)
        with torch.no_grad():
            model.weight.copy_(0.01 * torch.randn(7, 1, C, generator=generator)[:, 0].T)
            model.bias.zero_()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [12, 15, 18], gamma=0.2)
        for _ in range(epochs):
            for rows in torch.randperm(300, generator=generator).split(256):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(torch.tensor(x)[rows]), torch.tensor(y)[rows]).backward()
                optimizer.step()
            schedule.step()
        assert np.array_equal(path.predict(x)[p], model(torch.tensor(x)).argmax(1).numpy())


@pytest.mark.parametrize("dims", [D, 300])
def test_ridge_is_scikit_learns(dims):
    train, val, _ = numbers(dims=dims).scaled()
    alphas = (1e3, 10.0, 0.1)
    found = ridge(train, alphas).predict(val.features)
    for row, alpha in zip(found, alphas, strict=True):
        sk = SkRidge(alpha=alpha).fit(train.features.astype(np.float64), train.label)
        np.testing.assert_allclose(row, sk.predict(val.features.astype(np.float64)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_numbers_are_predicted(val):
    features = numbers() if val else without_val(numbers())
    linear, near = evaluation.get("linear")(features, seed=0), evaluation.get("knn")(features, seed=0)
    assert linear.values["r2"] > near.values["r2"] > evaluation.majority(features).values["r2"]
    assert {"mae", "val_r2", "train_r2"} <= set(linear.values)
    assert linear.chosen
    assert linear.at_edge is not None
    assert linear.chosen_by == ("validation" if val else "cross-validation")
    json.dumps([linear.to_json(), near.to_json()], allow_nan=False)


def test_folds_hold_out_every_row_and_share_out_every_class():
    label = np.repeat(np.arange(3), [20, 7, 3])
    fold = folds(label, 3, seed=0)
    table = np.array([[((fold == f) & (label == c)).sum() for c in range(3)] for f in range(5)])
    assert np.ptp(table, 0).max() <= 1
    assert np.ptp(table.sum(1)) == 0
    assert folds(np.repeat([0, 1], 3), 2, seed=0).max() == 2
    assert folds(np.arange(3), 3, seed=0).max() == 0
    assert np.bincount(folds(np.zeros(12), 0, seed=0)).tolist() == [3, 3, 2, 2, 2]
