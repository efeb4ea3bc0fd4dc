"""Mixup, of two and of more ingredients."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from mixtrast.mixers import Mixup
from support.generators import seeded
from support.mixtures import GRID, close_enough, constants, distance, honest


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-14), (torch.float32, 2e-6), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("parents", [2, 3])
def test_mixup_is_its_formula(dtype, atol, parents):
    x = torch.randn(6, 2, 3, generator=seeded()).to(dtype)
    who = torch.randint(6, (5, parents), generator=seeded(1))
    mixed, mix = Mixup()(x, seeded(2), parents=who)
    assert mixed.dtype == dtype
    assert mix.parents.equal(who)
    for i in range(5):
        expected = sum(float(mix.weight[i, k]) * x[who[i, k]].double() for k in range(parents))
        torch.testing.assert_close(mixed[i].double(), expected, rtol=0, atol=atol)
    torch.testing.assert_close(mixed.double(), mix(x).double(), rtol=0, atol=atol)


@pytest.mark.parametrize("alpha", [0.3, 1, 4])
def test_three_parents_share_by_dirichlet(alpha):
    x, who = constants(10_000, 1), torch.randint(10_000, (10_000, 3), generator=seeded())
    mixed, mix = Mixup(alpha=alpha)(x, seeded(1), parents=who)
    assert honest(mixed, mix, x, atol=5e-3)  # float32 of numbers up to 10,000
    assert (mix.weight.double().sum(1) == 1).all()
    for k in range(3):
        assert distance(mix.weight[:, k], stats.beta(alpha, 2 * alpha).cdf) < close_enough(10_000)


@pytest.mark.parametrize("parents", [3, 4, 8])
@pytest.mark.parametrize("alpha", [0, 0.1, 1])
@pytest.mark.parametrize("dominant", [False, True])
def test_shares_of_many_parents_are_shares(parents, alpha, dominant):
    x, who = constants(2_000, 1), torch.randint(2_000, (2_000, parents), generator=seeded())
    mix = Mixup(alpha=alpha, dominant=dominant)(x, seeded(1), parents=who)[1]
    assert mix.weight.min() >= 0
    assert (mix.weight.double().sum(1) == 1).all()
    if dominant:
        assert (mix.weight[:, :1] >= mix.weight[:, 1:] - 2 * parents * GRID).all()
    if alpha == 0:
        assert (mix.weight[:, 0] == 1).all()


def test_three_parents_one_draw_per_batch_and_given():
    x, who = torch.randn(5, 2), torch.randint(5, (5, 3), generator=seeded())
    mix = Mixup(per="batch")(x, seeded(), parents=who)[1]
    assert (mix.weight == mix.weight[0]).all()
    given = torch.tensor([[0.5, 0.25, 0.25]]).repeat(5, 1)
    assert Mixup()(x, seeded(), parents=who, draw={"weight": given})[1].weight.equal(given)
