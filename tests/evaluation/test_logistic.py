"""Logistic regression against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mixtrast import evaluation
from mixtrast.evaluation import _logistic
from mixtrast.evaluation._logistic import logistic
from mixtrast.evaluation._span import Span
from support.clouds import C, made, reference, standard


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
    found = evaluation.get("linear", max_iter=1, strengths=(1.0,))(made(), seed=0)
    assert found.converged is False
    assert found.at_edge is False  # a grid of one has no edge
