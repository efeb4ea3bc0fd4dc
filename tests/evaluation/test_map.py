"""The map of features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtrast import evaluation


@pytest.mark.parametrize("rows", [60, 9, 2, 1])
@pytest.mark.parametrize("dims", [70, 1])
def test_the_map_is_the_same_every_time(rows, dims):
    z = np.random.default_rng(0).normal(size=(rows, dims))
    (shown, first), (_, second) = evaluation.tsne(z, seed=1), evaluation.tsne(torch.tensor(z), seed=1)
    assert shown.tolist() == list(range(rows))
    assert first.shape == (rows, 2)
    assert np.isfinite(first).all()
    assert np.array_equal(first, second)


def test_the_map_keeps_neighbours_and_leaves_out_what_is_too_much():
    z = np.repeat(np.random.default_rng(0).normal(size=(3, 80)) * 10, 40, 0) + np.random.default_rng(1).normal(size=(120, 80))
    shown, at = evaluation.tsne(z, seed=0, most=90)
    assert len(np.unique(shown)) == 90
    assert (np.diff(shown) > 0).all()
    label = shown // 40
    far = np.linalg.norm(at[:, None] - at[None], axis=2) + np.diag(np.full(90, np.inf))
    assert (label[far.argmin(1)] == label).mean() > 0.95
    assert np.ptp(evaluation.tsne(np.ones((40, 3)), seed=0)[1]) == 0
