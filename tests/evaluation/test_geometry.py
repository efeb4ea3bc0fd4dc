"""Alignment, uniformity and rank against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mixtrast import evaluation


def unit_rows(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def loop_pairs(z: torch.Tensor):
    z = z / z.norm(dim=1, keepdim=True)
    return [(i, j, z[i] @ z[j], (z[i] - z[j]).square().sum()) for i in range(len(z)) for j in range(len(z)) if i != j]


def test_geometry_is_its_loops(monkeypatch):
    z, other, label = unit_rows(17, 0).double(), unit_rows(17, 1).double(), torch.arange(17) % 3
    label[0], label[1] = 7, -1  # a class of one, and no label
    distance = [(a / a.norm() - b / b.norm()).square().sum() for a, b in zip(z, other, strict=True)]
    assert evaluation.alignment(z, other) == pytest.approx(float(sum(distance)) / 17)
    pairs = loop_pairs(z)
    expected = math.log(sum(math.exp(-2 * d) for *_, d in pairs) / len(pairs))
    assert evaluation.uniformity(z) == pytest.approx(expected)
    monkeypatch.setattr("mixtrast.evaluation._geometry._BLOCK", 60)
    assert evaluation.uniformity(z) == pytest.approx(expected)
    known = [(label[i] == label[j], float(s)) for i, j, s, _ in pairs if label[i] >= 0 and label[j] >= 0]
    means = tuple(np.mean([s for same, s in known if same == wanted]) for wanted in (True, False))
    assert evaluation.similarity(z, label) == pytest.approx(means)
    assert evaluation.similarity(z[:2], torch.tensor([0, 1]))[0] is None
    assert evaluation.similarity(z[:2], torch.tensor([0, 0]))[1] is None
    assert evaluation.similarity(z[:2], torch.tensor([-1, -1])) == (None, None)


def test_rank_is_rankme():
    for shape in ((30, 8), (8, 30)):
        h = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 0, shape[1])
        sigma = np.linalg.svd(h.double().numpy(), compute_uv=False)
        p = sigma / sigma.sum() + 1e-7
        assert evaluation.rank(h) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert evaluation.rank(torch.eye(6)) == pytest.approx(6, rel=1e-4)
    assert evaluation.rank(torch.ones(50, 4)) == pytest.approx(1, abs=1e-4)
    assert evaluation.rank(torch.zeros(5, 4)) == 0


def test_geometry_of_what_is_all_alike():
    same = torch.ones(9, 4)
    assert evaluation.uniformity(same) == pytest.approx(0, abs=1e-6)
    assert evaluation.alignment(same, same) == 0
    with pytest.raises(TypeError, match="2 or more rows"):
        evaluation.uniformity(same[:1])
    with pytest.raises(ValueError, match="finite"):
        evaluation.rank(same * math.nan)
    with pytest.raises(ValueError, match="shape of z1"):
        evaluation.alignment(same, same[:3])
    with pytest.raises(TypeError, match="`label` of similarity"):
        evaluation.similarity(same, torch.zeros(3))
