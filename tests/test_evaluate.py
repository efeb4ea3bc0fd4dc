"""What vectors are worth: probes against loops and scikit-learn, what must not change them, and that nothing leaks."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SkRidge
from threadpoolctl import threadpool_limits
from torch import nn

from mixtrast import evaluate
from mixtrast.evaluate import Features, Part, _logistic
from mixtrast.evaluate._choice import folds
from mixtrast.evaluate._descent import descend
from mixtrast.evaluate._evaluation import statistics
from mixtrast.evaluate._granted import choose
from mixtrast.evaluate._logistic import logistic
from mixtrast.evaluate._ridge import ridge
from mixtrast.evaluate._span import Span
from mixtrast.evaluate.labels import grant

SIZES = {"train": 150, "val": 60, "test": 90}
C, D = 4, 12


def clouds(rows: int, rng: np.random.Generator, dims: int = D, spread: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds, features on very different scales."""
    y = rng.integers(0, C, rows)
    y[:C] = np.arange(C)
    means = np.random.default_rng(99).normal(size=(C, dims))
    z = means[y] + spread * rng.normal(size=(rows, dims))
    return (z * np.logspace(-2, 2, dims) + np.linspace(-5, 5, dims)).astype(np.float32), y


def made(seed: int = 0, dims: int = D, sizes: dict[str, int] = SIZES, spread: float = 1.6) -> Features:
    rng = np.random.default_rng(seed)
    return Features.of(classes=C, **{name: clouds(rows, rng, dims, spread) for name, rows in sizes.items()})


def numbers(seed: int = 0, dims: int = D) -> Features:
    rng = np.random.default_rng(seed)
    w = rng.normal(size=dims)
    parts = {}
    for name, rows in SIZES.items():
        z = rng.normal(size=(rows, dims))
        parts[name] = (z, z @ w + 2 * rng.normal(size=rows) + 7)
    return Features.of(classes=0, **parts)


def without_val(features: Features) -> Features:
    return replace(features, val=Part(features.val.features[:0], features.val.label[:0]))


def relabelled(features: Features, split: str, seed: int = 5) -> Features:
    part = getattr(features, split)
    return replace(features, **{split: Part(part.features, np.random.default_rng(seed).permutation(part.label))})


def mapped(features: Features, change) -> Features:
    """The same change to the features of all splits."""
    parts = {name: (change(part.features), part.label) for name in SIZES if (part := getattr(features, name)) is not None}
    return Features.of(classes=features.classes, **parts)


def reference(x: np.ndarray, y: np.ndarray, strength: float, tol: float = 1e-7) -> LogisticRegression:
    return LogisticRegression(C=strength, tol=tol, max_iter=20000).fit(x.astype(np.float64), y)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Problems this small take a hundred times as long when threads wait for one another on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


PROBES = {
    "lbfgs": lambda: evaluate.get("linear"),
    "sgd": lambda: evaluate.get("linear", protocol="sgd", epochs=8),
    "knn": lambda: evaluate.get("knn"),
    "boosting": lambda: evaluate.get("boosting", trees=30, rates=(0.3,)),
}

# --- features -----------------------------------------------------------------------------------------------------------


def test_rows_without_a_label_are_dropped_but_standardise():
    z, y = clouds(50, np.random.default_rng(0))
    y[20:30] = -1
    features = Features.of(train=(z, y), val=(z, np.full(50, -1)), test=(torch.tensor(z), torch.tensor(y)), classes=C)
    assert (len(features.train), len(features.val), len(features.test)) == (40, 0, 40)
    assert np.array_equal(features.test.features, z[y >= 0])
    assert np.array_equal(features.test.label, y[y >= 0])
    train, val, test = features.scaled()
    expected = (z[y >= 0] - z.mean(0, dtype=float)) / z.std(0, dtype=float)
    np.testing.assert_allclose(train.features, expected, atol=1e-5)
    assert np.array_equal(train.features, test.features)
    assert val.features.shape == (0, D)


def test_numbers_may_be_missing_too():
    z = np.random.default_rng(0).normal(size=(5, 2))
    y = torch.tensor([1.0, math.nan, 3, 4, math.nan])
    features = Features.of(train=(z, y), test=(z, y), classes=0)
    assert features.train.label.tolist() == [1, 3, 4]
    assert features.train.label.dtype == np.float64
    assert len(features.val) == 0


def test_a_constant_feature_has_spread_one():
    rows = np.full((7, 2), 0.1, np.float32)
    rows[:, 1] = np.arange(7)
    centre, spread = statistics(rows)
    assert spread.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(centre, [0.1, 3], atol=1e-7)


GOOD = clouds(12, np.random.default_rng(0))
BROKEN = GOOD[0].copy()
BROKEN[3, 1] = np.nan


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"train": (BROKEN, GOOD[1])}, "NaN or infinity in 1 of 12 rows, first in row 3"),
        ({"train": (GOOD[0], GOOD[1][:5])}, "12 rows and 5 labels"),
        ({"train": (GOOD[0], np.zeros(12, int))}, "2 or more classes, got 1"),
        ({"train": (GOOD[0], np.full(12, -1))}, "2 or more classes, got 0"),
        ({"train": (GOOD[0], GOOD[1] + 1)}, "classes 0 to 3, or -1 where missing, got 1 to 4"),
        ({"train": (GOOD[0], GOOD[1] * 1.0)}, "must be integers"),
        ({"train": (GOOD[0], GOOD[1][:, None])}, "one for each row"),
        ({"train": (GOOD[0][:, None], GOOD[1])}, r"must be \(N,D\)"),
        ({"val": (GOOD[0][:, :3], GOOD[1])}, "as many dimensions as train, 12, got 3"),
        ({"test": (GOOD[0], np.full(12, -1))}, "`test` must have labelled rows"),
        ({"classes": 1}, "`classes` must be 2 or more, or 0"),
        ({"classes": 0, "train": (GOOD[0], np.full(12, np.inf))}, "finite numbers"),
        ({"classes": 0, "train": (GOOD[0], np.ones(12))}, "2 or more different numbers"),
    ],
)
def test_wrong_features_are_refused(parts, sentence):
    given = {"train": GOOD, "val": GOOD, "test": GOOD, "classes": C} | parts
    with pytest.raises(ValueError, match=sentence):
        Features.of(**given)


# --- scores -------------------------------------------------------------------------------------------------------------


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 3, 50), rng.integers(0, 4, 50)  # class 3 is never true
    found = evaluate.scores(truth, said, 4)
    recalls = [np.mean(said[truth == c] == c) for c in range(3)]
    assert found == pytest.approx({"accuracy": metrics.accuracy_score(truth, said), "balanced_accuracy": np.mean(recalls)})
    truth, said = rng.normal(size=50), rng.normal(size=50)
    expected = {"r2": metrics.r2_score(truth, said), "mae": metrics.mean_absolute_error(truth, said)}
    assert evaluate.scores(truth, said, 0) == pytest.approx(expected)
    assert evaluate.scores(np.ones(3), np.ones(3), 0)["r2"] == 1
    assert evaluate.scores(np.ones(3), np.zeros(3), 0)["r2"] == 0
    with pytest.raises(ValueError, match="as long as"):
        evaluate.scores(truth, said[:3], 0)


def test_majority():
    features = made()
    label = features.train.label
    most = max(range(C), key=lambda c: (label == c).sum())
    expected = {"accuracy": np.mean(features.test.label == most), "balanced_accuracy": 1 / C}
    assert evaluate.majority(features) == pytest.approx(expected)
    features = numbers()
    mean = np.full(len(features.test), features.train.label.mean())
    assert evaluate.majority(features)["r2"] == pytest.approx(metrics.r2_score(features.test.label, mean))


# --- what holds for all probes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_the_test_split_is_looked_at_last(name, val):
    """Permuted test labels change the test scores and nothing else; permuted test features neither."""
    features = made() if val else without_val(made())
    first, second = (PROBES[name]()(given, seed=0) for given in (features, relabelled(features, "test")))
    tested = {"accuracy", "balanced_accuracy"}
    assert first["accuracy"] > 0.5 > second["accuracy"]
    assert {k: v for k, v in first.items() if k not in tested} == {k: v for k, v in second.items() if k not in tested}
    train, held, _ = features.scaled()
    x = features.test.features
    predict = [PROBES[name]().fit(train, held, classes=C, seed=0).predict(x) for _ in range(2)]
    assert np.array_equal(*predict)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_what_is_said(name, val):
    found = PROBES[name]()(made() if val else without_val(made()), seed=0)
    json.dumps(found, allow_nan=False)
    within = {"knn": "leave-one-out", "boosting": "a fifth of train, held out"}.get(name, "cross-validation")
    assert found["chosen_by"] == ("validation" if val else within)
    assert list(found["chosen"]) == {"lbfgs": ["C"], "sgd": ["lr"], "knn": ["neighbours"], "boosting": ["rate", "trees"]}[name]
    assert {"accuracy", "balanced_accuracy", "val_accuracy", *(["at_edge"] if name != "boosting" else [])} <= set(found)
    assert ("train_accuracy" in found) == (name not in ("knn", "boosting"))
    assert found.get("converged", True)


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
        **{split: Part(getattr(features, split).features[o], getattr(features, split).label[o]) for split, o in order.items()},
    )
    assert PROBES[name]()(shuffled, seed=0) == PROBES[name]()(features, seed=0)


@pytest.mark.parametrize("name", PROBES)
def test_a_class_that_train_lacks_is_never_right(name):
    features = made()
    keep = features.train.label != 1
    features = replace(features, train=Part(features.train.features[keep], features.train.label[keep]))
    train, val, test = features.scaled()
    predicted = PROBES[name]().fit(train, val, classes=C, seed=0).predict(test.features)
    assert set(predicted.tolist()) == {0, 2, 3}


def test_nothing_global_is_drawn_from():
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    features = without_val(made(sizes={"train": 40, "val": 10, "test": 20}))
    for make in PROBES.values():
        assert make()(features, seed=3) == make()(features, seed=3)
    evaluate.get("labels", per_class=(2,), draws=1)({"a": features}, seed=0)
    evaluate.tsne(features.test.features, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_a_probe_takes_features_only():
    with pytest.raises(TypeError, match=r"Linear takes `Features`, got tuple. Use `Features.of"):
        evaluate.get("linear")((1, 2), seed=0)


# --- logistic regression ------------------------------------------------------------------------------------------------


def standard(rows: int, dims: int, seed: int = 0, spread: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    z, y = clouds(rows, np.random.default_rng(seed), dims, spread)
    centre, scale = statistics(z)
    return ((z - centre) / scale).astype(np.float32), y


@pytest.mark.parametrize(("rows", "dims"), [(200, 10), (60, 150)])
def test_logistic_is_scikit_learns(rows, dims):
    x, y = standard(rows, dims)
    grid = (1e-3, 0.1, 1.0)
    found = logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor(grid), classes=C, tolerance=1e-6)
    assert found.converged.all()
    for p, strength in enumerate(grid):
        sk = reference(x, y, strength)
        ours = torch.tensor(x) @ found.weight[0, p] + found.bias[0, p]
        np.testing.assert_allclose(ours.softmax(1), sk.predict_proba(x), atol=2e-4)
        np.testing.assert_allclose(found.weight[0, p].T, sk.coef_, atol=2e-3 * np.abs(sk.coef_).max())
        assert np.array_equal(found.predict(torch.tensor(x))[0, p].numpy(), sk.predict(x))


def test_products_of_a_fit_hold_no_denormal_numbers():
    """They are many times slower; weights so large that probabilities vanish leave exact zeros."""
    problem = _logistic._Problem(
        torch.tensor([[[1.0], [-1.0]]]),
        torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]),
        torch.full((1, 2, 1, 1), 0.5),
        torch.zeros(1, 1, 1, 1),
        torch.ones(1, 1, 1, 1),
    )
    w = torch.tensor([45.0, -45.0]).view(1, 1, 2, 1)  # e^-90 = 8e-40
    assert 0 < float(torch.tensor([45.0, -45.0]).softmax(0)[1]) < torch.finfo(torch.float32).tiny
    assert torch.equal(problem.gradient(w), torch.zeros_like(w))
    assert float(problem.gradient(w / 2)[0, 0, 1, 0]) == pytest.approx(math.exp(-45), rel=1e-4)


def test_weak_penalties_reach_scikit_learns_minimum():
    x, y = standard(80, 100, spread=1.0)
    found = logistic(
        torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e3]), classes=C, max_iter=3000, tolerance=1e-6
    )
    sk = reference(x, y, 1e3, 1e-6)
    ours = [(found.weight[0, 0].double(), found.bias[0, 0].double()), (torch.tensor(sk.coef_.T), torch.tensor(sk.intercept_))]
    value = [
        nn.functional.cross_entropy(torch.tensor(x).double() @ w + b, torch.tensor(y)) + w.square().sum() / (2e3 * len(x))
        for w, b in ours
    ]
    assert float(value[0]) == pytest.approx(float(value[1]), rel=0.03)


@pytest.mark.parametrize(("rows", "dims"), [(30, 80), (80, 30)])
def test_fitting_in_the_span_is_exact(rows, dims):
    """The rows in an orthonormal basis of any space that holds them give the same predictions, and so do their scores."""
    x, y = standard(rows, dims)
    new = torch.tensor(standard(50, dims, seed=1)[0])
    basis = torch.linalg.qr(torch.randn(dims + 40, dims, generator=torch.Generator().manual_seed(0)))[0].T
    span = Span.of(torch.tensor(x)[None])
    found = []
    for change in (lambda z: z, lambda z: z @ basis, lambda z: span.scores(z[None])[0].float()):
        rows_ = change(torch.tensor(x))[None]
        fit = logistic(rows_, torch.tensor(y)[None], torch.tensor([0.01, 1.0]), classes=C, tolerance=1e-6)
        found.append((change(new) @ fit.weight[0] + fit.bias[0][:, None]).softmax(2))
    torch.testing.assert_close(found[1], found[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(found[2], found[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("rows", "dims"), [(30, 80), (80, 30)])
def test_the_span_holds_the_rows(rows, dims):
    x = torch.tensor(standard(rows, dims)[0])[None].repeat(2, 1, 1)
    x[1, :, 3:] = 0  # one set of rank 3
    span = Span.of(x)
    scores = span.scores(x)
    torch.testing.assert_close(scores @ span.axes.mT + span.centre, x.double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.mT @ scores, torch.diag_embed(span.power), atol=1e-5 * rows * dims, rtol=0)
    assert int((span.power[1] > 0).sum()) == 3


def test_fits_do_not_see_one_another():
    """Sets, subsets of rows and strengths, fitted together or alone: the same probabilities."""
    (a, ya), (b, yb) = standard(60, 20), standard(60, 20, seed=1)
    x, y = torch.tensor(np.stack([a, b])), torch.tensor(np.stack([ya, yb]))
    used = torch.rand(2, 60, 3, generator=torch.Generator().manual_seed(0)) < 0.8
    grid = torch.tensor([1e-3, 0.1, 10.0])
    together = logistic(x, y, grid, classes=C, used=used, tolerance=1e-5)
    for s in range(2):
        for p in range(3):
            seen = used[s, :, p]
            alone = logistic(x[s, seen][None], y[s, seen][None], grid[[p]], classes=C, tolerance=1e-5)
            probability = [
                (x[s] @ fit.weight[i, j] + fit.bias[i, j]).softmax(1) for fit, i, j in ((together, s, p), (alone, 0, 0))
            ]
            torch.testing.assert_close(*probability, atol=5e-3, rtol=0)


def test_too_few_steps_are_told():
    found = evaluate.get("linear", max_iter=1, strengths=(1.0,))(made(), seed=0)
    assert found["converged"] is False
    assert found["at_edge"] is False  # a grid of one has no edge


# --- the linear probe ---------------------------------------------------------------------------------------------------


def test_linear_chooses_as_a_loop_would():
    features = made(spread=2.5)
    train, val, test = features.scaled()
    probe = evaluate.get("linear")
    fits = [reference(train.features, train.label, strength, 1e-6) for strength in probe.strengths]
    value = [fit.score(val.features, val.label) for fit in fits]
    best = int(np.argmax(value))
    found = probe(features, seed=0)
    assert found["chosen"] == {"C": probe.strengths[best]}
    assert found["val_accuracy"] == pytest.approx(value[best])
    assert found["accuracy"] == pytest.approx(fits[best].score(test.features, test.label))
    assert found["train_accuracy"] == pytest.approx(fits[best].score(train.features, train.label))


def test_of_equals_the_stronger_penalty_is_taken():
    features = made(spread=0.05)
    found = evaluate.get("linear", strengths=(100.0, 1.0, 10.0))(features, seed=0)
    assert (found["chosen"], found["val_accuracy"], found["at_edge"]) == ({"C": 1.0}, 1.0, True)
    found = evaluate.get("linear", protocol="sgd", epochs=60)(features, seed=0)
    assert (found["chosen"], found["val_accuracy"]) == ({"lr": 0.001}, 1.0)


def test_without_two_rows_of_a_class_there_is_no_choice():
    z, y = clouds(40, np.random.default_rng(0))
    features = Features.of(train=(z[:C], y[:C]), test=(z, y), classes=C)
    for make in (PROBES["lbfgs"], PROBES["sgd"]):
        found = make()(features, seed=0)
        assert (found["chosen_by"], list(found["chosen"].values())) == ("default", [1.0])
        assert "val_accuracy" not in found
    assert evaluate.granted(features, seed=0)["chosen"] == {"C": 1.0}


def test_sgd_is_torchs():
    """All rates at once against a torch.optim loop for each."""
    x, y = standard(300, 7)
    rates, epochs = (0.01, 1.0), 20
    path = descend(Part(x, y), rates=rates, epochs=epochs, seed=4)
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
    linear, near = evaluate.get("linear")(features, seed=0), evaluate.get("knn")(features, seed=0)
    assert linear["r2"] > near["r2"] > evaluate.majority(features)["r2"]
    assert {"mae", "val_r2", "train_r2", "chosen", "at_edge"} <= set(linear)
    assert linear["chosen_by"] == ("validation" if val else "cross-validation")
    json.dumps([linear, near], allow_nan=False)


def test_folds_hold_out_every_row_and_share_out_every_class():
    label = np.repeat(np.arange(3), [20, 7, 3])
    fold = folds(label, 3, seed=0)
    table = np.array([[((fold == f) & (label == c)).sum() for c in range(3)] for f in range(5)])
    assert np.ptp(table, 0).max() <= 1
    assert np.ptp(table.sum(1)) == 0
    assert folds(np.repeat([0, 1], 3), 2, seed=0).max() == 2
    assert folds(np.arange(3), 3, seed=0).max() == 0
    assert np.bincount(folds(np.zeros(12), 0, seed=0)).tolist() == [3, 3, 2, 2, 2]


# --- neighbours ---------------------------------------------------------------------------------------------------------


def neighbours_loop(keys: np.ndarray, label: np.ndarray, query: np.ndarray, k: int, classes: int, leave: int = -1) -> float:
    """One query, in plain loops."""
    found = []
    for j, key in enumerate(keys):
        if j != leave:
            found.append((float(query @ key / np.linalg.norm(query) / np.linalg.norm(key)), j))
    found = sorted(found, reverse=True)[:k]
    weight = [(math.exp(s / 0.1), label[j]) for s, j in found]
    if not classes:
        return sum(w * y for w, y in weight) / sum(w for w, _ in weight)
    return max(range(classes), key=lambda c: sum(w for w, y in weight if y == c))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_knn_is_a_loop(kind, val):
    features = (made if kind == "classes" else numbers)()
    features = features if val else without_val(features)
    train, held, test = (Part(p.features.astype(np.float64), p.label) for p in features.scaled())
    classes = features.classes
    metric = "accuracy" if classes else "r2"

    def predicted(part, k, leave=False):
        return [
            neighbours_loop(train.features, train.label, q, k, classes, i if leave else -1) for i, q in enumerate(part.features)
        ]

    grid = (149 if not val else 150, 30, 7, 2)
    truth, part = (held.label, held) if val else (train.label, train)
    value = [evaluate.scores(truth, predicted(part, k, not val), classes)[metric] for k in grid]
    best = grid[int(np.argmax(value))]
    found = evaluate.get("knn", neighbours=(2, 7, 30, 200, 999))(features, seed=0)
    assert found["chosen"] == {"neighbours": best}
    assert found[f"val_{metric}"] == pytest.approx(max(value), abs=1e-5)
    assert found[metric] == pytest.approx(evaluate.scores(test.label, predicted(test, best), classes)[metric], abs=1e-5)


def test_knn_in_blocks_is_knn(monkeypatch):
    features = without_val(made())
    whole = evaluate.get("knn")(features, seed=0)
    monkeypatch.setattr("mixtrast.evaluate.knn._SCORES", 1000)
    assert evaluate.get("knn")(features, seed=0) == whole


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
        evaluate.get(name, **options)


# --- few labels ---------------------------------------------------------------------------------------------------------


def test_granted_rows_are_nested_and_of_every_class():
    label = np.random.default_rng(0).integers(0, C, 100)
    few, more = grant(label, 3, seed=(0, 1)), grant(label, 9, seed=(0, 1))
    assert np.bincount(label[few]).tolist() == [3] * C
    assert set(few) < set(more)
    assert len(set(more)) == 9 * C
    assert set(grant(label, 3, seed=(0, 2))) != set(few)


def test_labels_draws_its_curve():
    features = made(sizes={"train": 120, "val": 10, "test": 200})
    rows = {
        "trained": features,
        "same": mapped(features, lambda z: z),
        "noise": mapped(features, np.random.default_rng(0).permutation),
    }
    middle = int(np.median(np.bincount(features.train.label)))
    found = evaluate.get("labels", per_class=(middle + 3, 1, 2, 20), draws=3)(rows, seed=0)
    json.dumps(found, allow_nan=False)
    assert [(point["per_class"], point["labels"]) for point in found["points"]] == [(1, C), (2, 2 * C), (20, 20 * C)]
    assert found["skipped"] == f"{middle + 3} labels a class: fewer than half of the classes have as many rows."
    assert found["fewer"] is None
    for point in found["points"]:
        assert len(point["rows"]["trained"]) == 3
        assert point["rows"]["same"] == point["rows"]["trained"]
    mean = [np.mean(point["rows"]["trained"]) for point in found["points"]]
    assert mean[0] < mean[-1]
    assert np.mean(found["points"][-1]["rows"]["noise"]) < 0.4 < mean[-1]


def test_a_rare_class_does_not_end_the_curve():
    """It gives all it has: the points are those of the other classes, and its one row is in every draw."""
    features = made(sizes={"train": 120, "val": 10, "test": 200})
    x, label = features.train.features, features.train.label
    keep = np.r_[np.flatnonzero(label != 1), np.flatnonzero(label == 1)[:1]]
    rare = replace(features, train=Part(x[keep], label[keep]))
    found = evaluate.get("labels", per_class=(1, 5, 10, 500), draws=2)({"a": rare}, seed=0)
    assert [(point["per_class"], point["labels"]) for point in found["points"]] == [(1, C), (5, 5 * 3 + 1), (10, 10 * 3 + 1)]
    assert (
        found["fewer"] == "Classes with fewer rows than a point asks for give all they have: 1 of 4 classes, the smallest of 1."
    )
    assert found["skipped"] == "500 labels a class: fewer than half of the classes have as many rows."
    accuracy = [np.mean(point["rows"]["a"]) for point in found["points"]]
    assert accuracy[-1] > accuracy[0]
    for draw in range(5):
        rows = grant(label[keep], 10, seed=(0, draw))
        assert np.bincount(label[keep][rows]).tolist() == [10, 1, 10, 10]
        assert set(grant(label[keep], 5, seed=(0, draw))) < set(rows)


def test_a_class_that_a_fold_lacks_is_fitted_all_the_same():
    """Its only row is held out once: the fit has nothing of that class, predicts others, and does not stray."""
    x, y = standard(41, 20)
    y = np.where(np.arange(41) == 0, 3, y % 3)
    found = choose(torch.tensor(x)[None], torch.tensor(y)[None], np.array([1e-3, 0.1, 10.0, 1e3]), classes=C, seed=0)
    assert torch.isfinite(found.weight).all()
    assert torch.isfinite(found.bias).all()
    assert found.accuracy is not None
    assert found.accuracy[0] > 0.4


def test_labels_that_were_not_granted_change_nothing():
    """Neither those of train that no draw took, nor any of val, nor for the choice those of test."""
    features = made()
    n, draws = 6, 3
    label = features.train.label
    taken = np.unique([grant(label, n, seed=(0, draw)) for draw in range(draws)])
    labels = evaluate.get("labels", per_class=(2, n), draws=draws)
    expected = labels({"a": features}, seed=0)
    # A row that stands behind all granted ones in the order of a draw may have any label and is still not drawn.
    orders = [np.random.default_rng((0, draw)).permutation(len(label)) for draw in range(draws)]
    behind = [set(o[max(np.flatnonzero(np.isin(o, grant(label, n, seed=(0, d))))) + 1 :]) for d, o in enumerate(orders)]
    free = np.array(sorted(set.intersection(*behind) - set(taken)))
    assert len(free) > 10
    other = label.copy()
    other[free] = (other[free] + 1) % C
    changed = replace(features, train=Part(features.train.features, other))
    assert labels({"a": changed}, seed=0) == expected
    assert labels({"a": relabelled(features, "val")}, seed=0) == expected
    assert labels({"a": without_val(features)}, seed=0) == expected


def test_granted_sees_the_granted_rows_only():
    features = made()
    rows = grant(features.train.label, 5, seed=0)
    expected = evaluate.granted(features, rows, seed=0)
    hidden = features.train.label.copy()
    hidden[np.setdiff1d(np.arange(len(hidden)), rows)] = 0
    changed = replace(features, train=Part(features.train.features, hidden))
    assert evaluate.granted(changed, rows, seed=0) == expected
    assert evaluate.granted(relabelled(features, "val"), rows, seed=0) == expected
    assert (expected["chosen_by"], list(expected["chosen"])) == ("cross-validation", ["C"])
    mask = np.isin(np.arange(len(hidden)), rows)
    assert evaluate.granted(features, mask, seed=0)["accuracy"] == pytest.approx(expected["accuracy"], abs=0.1)
    tested = relabelled(features, "test")
    assert evaluate.granted(tested, rows, seed=0)["chosen"] == expected["chosen"]
    with pytest.raises(ValueError, match="2 or more classes, got 1"):
        evaluate.granted(features, np.flatnonzero(features.train.label == 0), seed=0)
    with pytest.raises(ValueError, match="takes classes"):
        evaluate.granted(numbers(), seed=0)


def test_choosing_within_the_granted_labels_is_a_loop():
    x, y = standard(40, 60, spread=3.0)
    grid = np.array([1e-3, 0.1, 10.0])
    fold = folds(y, C, seed=7)
    right = np.zeros(len(grid))
    for f in range(5):
        for p, strength in enumerate(grid):
            right[p] += (reference(x[fold != f], y[fold != f], strength).predict(x[fold == f]) == y[fold == f]).sum()
    found = choose(torch.tensor(x)[None], torch.tensor(y)[None], grid, classes=C, seed=7)
    assert abs(found.accuracy[0] * 40 - right.max()) <= 1
    assert right[list(grid).index(found.strength[0])] >= right.max() - 1
    final = reference(x, y, float(found.strength[0]))
    new = standard(200, 60, seed=3, spread=3.0)[0]
    assert np.mean(found.predict(torch.tensor(new))[0].numpy() == final.predict(new)) > 0.97


def test_labels_refuses_rows_of_other_examples():
    labels = evaluate.get("labels")
    with pytest.raises(ValueError, match="the train labels of 'b' are others than those of 'a'"):
        labels({"a": made(), "b": relabelled(made(), "train")}, seed=0)
    with pytest.raises(TypeError, match="must be Features by name"):
        labels(made(), seed=0)
    found = labels({"a": numbers()}, seed=0)
    assert found["points"] == []
    assert "numbers" in found["skipped"]


# --- geometry -----------------------------------------------------------------------------------------------------------


def unit_rows(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def loop_pairs(z: torch.Tensor):
    z = z / z.norm(dim=1, keepdim=True)
    return [(i, j, z[i] @ z[j], (z[i] - z[j]).square().sum()) for i in range(len(z)) for j in range(len(z)) if i != j]


def test_geometry_is_its_loops(monkeypatch):
    z, other, label = unit_rows(17, 0).double(), unit_rows(17, 1).double(), torch.arange(17) % 3
    label[0], label[1] = 7, -1  # a class of one, and no label
    distance = [(a / a.norm() - b / b.norm()).square().sum() for a, b in zip(z, other, strict=True)]
    assert evaluate.alignment(z, other) == pytest.approx(float(sum(distance)) / 17)
    pairs = loop_pairs(z)
    expected = math.log(sum(math.exp(-2 * d) for *_, d in pairs) / len(pairs))
    assert evaluate.uniformity(z) == pytest.approx(expected)
    monkeypatch.setattr("mixtrast.evaluate._geometry._BLOCK", 60)
    assert evaluate.uniformity(z) == pytest.approx(expected)
    known = [(label[i] == label[j], float(s)) for i, j, s, _ in pairs if label[i] >= 0 and label[j] >= 0]
    means = tuple(np.mean([s for same, s in known if same == wanted]) for wanted in (True, False))
    assert evaluate.similarity(z, label) == pytest.approx(means)
    assert evaluate.similarity(z[:2], torch.tensor([0, 1]))[0] is None
    assert evaluate.similarity(z[:2], torch.tensor([0, 0]))[1] is None
    assert evaluate.similarity(z[:2], torch.tensor([-1, -1])) == (None, None)


def test_rank_is_rankme():
    for shape in ((30, 8), (8, 30)):
        h = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 0, shape[1])
        sigma = np.linalg.svd(h.double().numpy(), compute_uv=False)
        p = sigma / sigma.sum() + 1e-7
        assert evaluate.rank(h) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert evaluate.rank(torch.eye(6)) == pytest.approx(6, rel=1e-4)
    assert evaluate.rank(torch.ones(50, 4)) == pytest.approx(1, abs=1e-4)
    assert evaluate.rank(torch.zeros(5, 4)) == 0


def test_geometry_of_what_is_all_alike():
    same = torch.ones(9, 4)
    assert evaluate.uniformity(same) == pytest.approx(0, abs=1e-6)
    assert evaluate.alignment(same, same) == 0
    with pytest.raises(TypeError, match="2 or more rows"):
        evaluate.uniformity(same[:1])
    with pytest.raises(ValueError, match="finite"):
        evaluate.rank(same * math.nan)
    with pytest.raises(ValueError, match="shape of z1"):
        evaluate.alignment(same, same[:3])
    with pytest.raises(TypeError, match="`label` of similarity"):
        evaluate.similarity(same, torch.zeros(3))


# --- diagnosis ----------------------------------------------------------------------------------------------------------

PROBE = {"metric": "accuracy", "trained": 0.97, "untrained": 0.93, "raw": 0.92, "majority": 0.1, "n_test": 449}
R2 = {"metric": "r2", "trained": 0.5, "untrained": 0.4, "raw": 0.49}
FEW = {"per_class": 10, "trained": [0.92, 0.91], "untrained": [0.88, 0.86], "raw": [0.87, 0.86]}
SPREAD = FEW | {"raw": [0.93, 0.80]}  # better by 5 points in the mean, and by 9 points of spread
SOUND = {
    "loss": 2.0,
    "loss_last": 1.9,
    "chance": 5.5,
    "floor": 0.4,
    "warmup_done": True,
    "rank": 60.0,
    "rank_untrained": 40.0,
    "dim": 512,
    "uniformity": -2.9,
    "alignment": 0.3,
    "gain_train": 3.5,
    "gain_val": 3.2,
    "gain_train_before": 0.9,
    "gain_val_before": 0.8,
    "gain_margin": 0.2,
    "steps": 5000,
    "probes": {"knn": PROBE | {"trained": 0.1}, "linear": PROBE},
}


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        ({}, ["learning", "worth it"]),
        ({"loss": 5.4}, ["at chance", "worth it"]),
        ({"loss": 5.9}, ["at chance", "worth it"]),
        ({"loss": 5.4, "warmup_done": False}, ["too early", "worth it"]),
        ({"loss": None, "loss_last": 5.4}, ["at chance", "worth it"]),
        ({"loss": math.nan}, ["diverged", "worth it"]),
        ({"loss_last": math.inf, "rank": math.nan}, ["diverged", "worth it"]),
        ({"floor": None}, ["learning", "worth it"]),
        ({"chance": None}, ["worth it"]),
        ({"loss_first": 5.5}, ["learning", "worth it"]),
        ({"loss_first": 2.5}, ["learning", "worth it"]),  # better than chance from the start, and better still
        ({"loss_first": 2.2}, ["stuck", "worth it"]),
        ({"loss_first": 1.8}, ["stuck", "worth it"]),
        ({"loss_first": 2.2, "warmup_done": False}, ["stuck", "worth it"]),
        ({"loss": 5.4, "loss_first": 5.4}, ["at chance", "worth it"]),
        ({"probes": {"linear": PROBE | {"supervised": 0.99}}}, ["plain labels do better", "learning"]),
        ({"probes": {"linear": PROBE, "boosting": {"raw": 0.99}}}, ["trees do as well", "learning"]),
        ({"probes": {"linear": PROBE, "boosting": {"raw": 0.5}}}, ["learning", "worth it"]),
        ({"probes": {"linear": PROBE | {"supervised": 0.975}}}, ["learning", "worth it"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.97}}, "few": FEW}, ["learning", "worth it with few labels"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.97}}, "few": SPREAD}, ["no better than untrained", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.99}}, "few": FEW}, ["worse than untrained", "learning"]),
        ({"rank": 1.3, "loss": 5.5}, ["collapsed", "at chance", "worth it"]),
        ({"rank": 1.3, "dim": 2}, ["learning", "worth it"]),
        ({"uniformity": -0.001}, ["collapsed", "learning", "worth it"]),
        ({"gain_val": 1.0}, ["memorising", "learning", "worth it"]),
        ({"gain_val": 1.0, "gain_train_before": None, "gain_val_before": None}, ["memorising", "learning", "worth it"]),
        ({"gain_val": 1.0, "gain_margin": 2.5}, ["learning", "worth it"]),  # another batch may be as far from these
        ({"gain_val": 1.0, "gain_margin": None}, ["learning", "worth it"]),
        ({"gain_val": 1.7, "gain_train_before": 3.2, "gain_val_before": 1.4}, ["learning", "worth it"]),  # so from the start
        ({"gain_train": 0.83, "gain_val": 0.41, "gain_train_before": 0.73, "gain_val_before": 0.42}, ["learning", "worth it"]),
        ({"gain_val": math.nan}, ["learning", "worth it"]),
        ({"gain_train": 0.05, "gain_val": -0.1}, ["learning", "worth it"]),
        ({"steps": 3}, ["learning", "worth it"]),
        ({"steps": 3, "probes": None}, ["too early", "learning"]),
        ({"steps": 99, "loss": 5.5}, ["at chance", "worth it"]),
        ({"steps": 100, "loss": 5.5, "probes": None}, ["at chance"]),
        ({"steps": 3, "loss": 5.4, "warmup_done": False, "probes": None}, ["too early"]),
        ({"steps": 3, "rank": 1.3, "probes": None}, ["collapsed", "too early", "learning"]),
        ({"warned": ["id looks like an identifier."]}, ["identifier", "learning", "worth it"]),
        ({"warned": []}, ["learning", "worth it"]),
        ({"probes": {"linear": PROBE | {"raw": 0.965}}}, ["no better than raw", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.955}}}, ["no better than untrained", "learning"]),  # 1.2 errors
        ({"probes": {"linear": PROBE | {"untrained": 0.985}}}, ["no better than untrained", "learning"]),
        ({"probes": {"linear": PROBE | {"n_test": 30}}}, ["no better than raw", "learning"]),
        ({"probes": {"linear": PROBE | {"trained": 1.0, "raw": 0.999}}}, ["no better than raw", "learning"]),  # one example
        ({"probes": {"linear": PROBE | {"untrained": 0.97, "n_test": 60}}, "few": FEW}, ["no better than raw", "learning"]),
        ({"probes": {"linear": R2 | {"raw": 0.3, "untrained": 0.3, "n_test": 1000}}}, ["learning", "worth it"]),
        ({"probes": {"linear": R2 | {"raw": 0.3, "untrained": 0.3, "n_test": 30}}}, ["no better than raw", "learning"]),
        ({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}}, ["worse than untrained", "learning"]),
        ({"probes": {"linear": R2 | {"majority": 0.0, "n_test": 8}}}, ["no better than majority", "learning"]),
        ({"probes": {"linear": PROBE | {"raw": 0.99}}}, ["no better than raw", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.99}}}, ["worse than untrained", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.971}}}, ["no better than untrained", "learning"]),
        ({"probes": {"linear": PROBE | {"majority": 0.97}}}, ["no better than majority", "learning"]),
        ({"probes": {"linear": {"trained": 0.97}}}, ["learning"]),
        ({"probes": {"knn": PROBE}}, ["learning", "worth it"]),
        ({"probes": {"linear": R2}}, ["no better than raw", "learning"]),
        ({"probes": None}, ["learning"]),
    ],
)
def test_diagnosis(change, verdicts):
    found = evaluate.diagnose(SOUND | change)
    assert [verdict["verdict"] for verdict in found] == verdicts
    for verdict in found:
        assert set(verdict) == {"verdict", "says"}
        assert verdict["says"][0].isupper()
        assert verdict["says"].endswith(".")
        assert "{" not in verdict["says"]


def test_a_difference_is_told_from_two_standard_errors():
    """Of a simulated pair of models that are alike, at most one run in twenty is said to differ; accuracy and r² alike."""
    rng, said = np.random.default_rng(0), {"accuracy": 0, "r2": 0}
    for _ in range(400):
        p, q = rng.binomial(60, 0.8, 2) / 60
        y, one, two = rng.normal(size=60), *rng.normal(scale=0.5, size=(2, 60))
        r2 = [1 - (error @ error) / ((y - y.mean()) @ (y - y.mean())) for error in (one, two)]
        for metric, (ours, theirs) in {"accuracy": (p, q), "r2": r2}.items():
            probe = {"metric": metric, "trained": float(ours), "untrained": float(theirs), "n_test": 60}
            (verdict,) = evaluate.diagnose({"probes": {"linear": probe}})
            said[metric] += verdict["verdict"] != "no better than untrained"
    assert 2 <= said["accuracy"] <= 30  # 20 expected of 400, their s.d. is 4.4
    assert 2 <= said["r2"] <= 30


def test_what_is_not_told_apart_is_said_to_be_so():
    (_, tie) = evaluate.diagnose(SOUND | {"probes": {"linear": PROBE | {"raw": 0.965}}})[::-1]
    error = 100 * math.sqrt((0.97 * 0.03 + 0.965 * 0.035) / 449)
    assert f"as far as 449 test examples can tell (two standard errors: {2 * error:.1f} points)" in tie["says"]
    (worse,) = evaluate.diagnose({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}})
    assert "wipe out" in worse["says"]
    early, worse = evaluate.diagnose({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}, "steps": 3})
    assert early["says"].startswith("Training took only 3 steps")
    assert worse["says"].endswith("Train for longer first.")
    assert "wipe out" not in worse["says"]
    (found,) = evaluate.diagnose({"warned": ["id looks like an identifier: `--drop id` leaves it out."]})
    assert "--drop id" in found["says"]


def test_diagnosis_says_the_numbers_and_what_to_try():
    (_, worth) = evaluate.diagnose(SOUND)
    assert (
        "Trained 97.0 %, untrained 93.0 %, raw data 92.0 %, always the most frequent answer 10.0 %, on 449 test"
        in worth["says"]
    )
    (chance,) = evaluate.diagnose({"loss": 5.4, "chance": 5.5})
    assert "5.40" in chance["says"]
    assert "Train for longer" in chance["says"]
    assert evaluate.diagnose({}) == []


# --- the map and the room -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [60, 9, 2, 1])
@pytest.mark.parametrize("dims", [70, 1])
def test_the_map_is_the_same_every_time(rows, dims):
    z = np.random.default_rng(0).normal(size=(rows, dims))
    (shown, first), (_, second) = evaluate.tsne(z, seed=1), evaluate.tsne(torch.tensor(z), seed=1)
    assert shown.tolist() == list(range(rows))
    assert first.shape == (rows, 2)
    assert np.isfinite(first).all()
    assert np.array_equal(first, second)


def test_the_map_keeps_neighbours_and_leaves_out_what_is_too_much():
    z = np.repeat(np.random.default_rng(0).normal(size=(3, 80)) * 10, 40, 0) + np.random.default_rng(1).normal(size=(120, 80))
    shown, at = evaluate.tsne(z, seed=0, most=90)
    assert len(np.unique(shown)) == 90
    assert (np.diff(shown) > 0).all()
    label = shown // 40
    far = np.linalg.norm(at[:, None] - at[None], axis=2) + np.diag(np.full(90, np.inf))
    assert (label[far.argmin(1)] == label).mean() > 0.95
    assert np.ptp(evaluate.tsne(np.ones((40, 3)), seed=0)[1]) == 0


def test_the_room():
    assert evaluate.names() == ["boosting", "convolutions", "dabs", "finetune", "knn", "labels", "linear"]
    assert {"KNN", "Labels", "Linear", "Features", "Part", "majority", "get"} <= set(dir(evaluate))
    assert isinstance(evaluate.get("linear"), evaluate.Linear)
    assert repr(evaluate.KNN(neighbours=5)) == "KNN(neighbours=(5,), temperature=0.1)"
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        evaluate.get("liner")
    with pytest.raises(TypeError, match="Its options are: neighbours, temperature"):
        evaluate.get("knn", k=5)


def test_the_room_is_light():
    code = "import sys; from mixtrast.evaluate import get; get('linear'), get('labels'), get('knn'); "
    code += "print([name for name in ('sklearn', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("classes", [3, 0])
def test_boosting_is_that_of_scikit_learn(classes):
    """With the rate and the number of trees that validation chose, the same predictions."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 4)).astype(np.float32)
    y = np.digitize(x[:, 0] * x[:, 1], [-0.3, 0.3]) if classes else (x[:, 0] * x[:, 1]).astype(np.float64)
    parts = {"train": (x[:120], y[:120]), "val": (x[120:180], y[120:180]), "test": (x[180:], y[180:])}
    features = Features.of(**parts, classes=classes)
    said = evaluate.get("boosting", trees=40)(features, seed=0)
    train, _, test = features.scaled()
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    chosen = {"learning_rate": said["chosen"]["rate"], "max_iter": said["chosen"]["trees"]}
    model = kind(**chosen, early_stopping=False, min_samples_leaf=len(train) // 20, random_state=0)
    right = model.fit(train.features, train.label).predict(test.features)
    key = "accuracy" if classes else "r2"
    assert said[key] == pytest.approx(evaluate.scores(test.label, right, classes)[key])
    assert said[key] > (0.6 if classes else 0.3)
