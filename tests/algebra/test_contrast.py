"""The functions of the algebra against loops in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtrast as mt
from mixtrast import Labels
from mixtrast.algebra import _affinity as affinity
from support import oracle
from support.rows import problems, rows, soft
from support.tolerances import F64


@pytest.mark.parametrize("limit", [0, 1 << 18])
@given(problem=problems(), normalize=st.sampled_from(["row", "total"]), reduction=st.sampled_from(["mean", "sum", "none"]))
@settings(max_examples=60, deadline=None)
def test_every_option_equals_the_loops(limit, problem, normalize, reduction):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(affinity, "FORMED", limit)
        both = (*problem["rows"], *problem["labels"])
        options = {"exclude": problem["exclude"], "paired": problem["paired"]}
        tau = {"temperature": problem["temperature"]}
        reduced = {"normalize": normalize, "reduction": reduction}
        for name, extra in (("contrast", tau | reduced), ("align", reduced)):
            ours = getattr(mt, name)(*both, **options, **extra)
            truth = getattr(oracle, name)(*both, **options, **extra)
            torch.testing.assert_close(ours, torch.tensor(truth, dtype=torch.float64), **F64)
        log_z = torch.tensor(oracle.log_partition(*problem["rows"], **options, **tau), dtype=torch.float64)
        torch.testing.assert_close(mt.log_partition(*problem["rows"], **options, **tau), log_z, **F64)
        mass = [sum(row) for row in oracle.affinity(*problem["labels"], problem["exclude"])]
        mass = torch.tensor(mass, dtype=torch.float64) + (problem["paired"] is not None)
        torch.testing.assert_close(mt.row_mass(*problem["labels"], **options), mass, **F64)
        assert ((mt.row_mass(*problem["labels"], **options) == 0) == (mass == 0)).all()


@given(seed=st.integers(0, 10**6), r=st.integers(1, 6), c=st.integers(1, 5), k=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_soft_cross_entropy_equals_the_loops(seed, r, c, k):
    logits, labels = rows(r, c, seed) * 5, soft(r, k, c, seed)
    for reduction in ("mean", "sum", "none"):
        truth = torch.tensor(oracle.soft_cross_entropy(logits, labels, reduction), dtype=torch.float64)
        torch.testing.assert_close(mt.soft_cross_entropy(logits, labels, reduction=reduction), truth, **F64)


def test_soft_cross_entropy_of_an_impossible_class_costs_nothing_if_it_weighs_nothing():
    logits = torch.tensor([[0.0, -math.inf]])
    assert mt.soft_cross_entropy(logits, Labels(torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.0]]))) == 0


def test_log_partition_among_equals_the_loops():
    z, c = rows(6, seed=1), rows(9, seed=2)
    ours, theirs = Labels.of(torch.tensor([0, 1, 2, -1, 5, 0])), Labels.of(torch.tensor([0, 0, 1, 2, -1, 2, 2, 1, 7]))
    exclude = torch.tensor([0, 1, 2, 3, 4, -1])
    options = {"temperature": 0.2, "exclude": exclude, "among": (ours, theirs)}
    truth = torch.tensor(oracle.log_partition(z, c, **options), dtype=torch.float64)
    torch.testing.assert_close(mt.log_partition(z, c, **options), truth, **F64)
    assert torch.isinf(truth).tolist() == [False, False, False, True, True, False]


def test_chance_is_the_loss_of_equal_embeddings(form):
    same = rows(1).expand(9, -1).contiguous()
    labels, exclude = soft(9, 2, 3, seed=4), torch.tensor([[i, (i + 1) % 9 if i % 2 else -1] for i in range(9)])
    for normalize in ("row", "total"):
        for paired in (None, same):
            options = {"exclude": exclude, "paired": paired, "normalize": normalize}
            loss = mt.contrast(same, same, labels, labels, temperature=0.1, **options)
            torch.testing.assert_close(mt.chance(labels, labels, **options), loss, **F64)
