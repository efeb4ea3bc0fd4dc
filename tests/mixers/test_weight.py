"""The mixing weight λ: its distribution, precision, and weights passed in."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

import mixtrast as mt
from mixtrast.mixers import Mixup
from support.generators import seeded
from support.mixtures import close_enough, constants, distance, first_shares


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1, 2, 32, (2.0, 5.0)])
def test_share_is_beta(alpha):
    a, b = alpha if isinstance(alpha, tuple) else (alpha, alpha)
    shares = first_shares(Mixup(alpha=alpha), (20_000, 1))
    assert distance(shares, stats.beta(a, b).cdf) < close_enough(20_000)
    assert distance(shares, stats.beta(a * 1.5, b).cdf) > 2 * close_enough(20_000) or a == 0.01  # the test can fail


@pytest.mark.parametrize(("alpha", "mean"), [(0.2, 0.90), (0.5, 0.82), (1, 0.75), (2, 0.69), (8, 0.60), (32, 0.55)])
def test_dominant_means_of_the_papers(alpha, mean):
    shares = first_shares(Mixup(alpha=alpha, dominant=True), (20_000, 1))
    assert shares.min() >= 0.5
    assert float(shares.mean()) == pytest.approx(mean, abs=0.008)  # .005 of rounding in the table, .003 of 20,000 draws


def test_share_of_a_range_or_fixed():
    shares = first_shares(Mixup(weight=(0, 0.5)), (20_000, 1))
    assert shares.max() <= 0.5
    assert distance(shares, stats.uniform(0, 0.5).cdf) < close_enough(20_000)
    assert first_shares(Mixup(weight=(0, 0.5), dominant=True), (2_000, 1)).min() >= 0.5
    assert first_shares(Mixup(weight=0.7), (8, 1)).tolist() == pytest.approx([0.7] * 8)
    assert first_shares(Mixup(weight=0.3, dominant=True), (8, 1)).tolist() == pytest.approx([0.7] * 8)


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 1e6])
def test_extreme_alphas_stay_shares(alpha):
    shares = first_shares(Mixup(alpha=alpha), (1_000, 1))
    assert ((shares >= 0) & (shares <= 1)).all()


def test_float32_weights_lose_nothing():
    mix = Mixup(alpha=0.3)(torch.randn(1_000, 2), seeded())[1]
    assert mix.weight.dtype == torch.float32
    assert (mix.weight.double().sum(1) == 1).all()  # both shares are exact in float32


def test_given_shares_are_taken_as_they_are():
    x = constants(4, 3, dtype=torch.float64)
    for draw in (0.3, {"weight": 0.3}, {"lam": 0.3}, {"lambda": 0.3}, torch.tensor(0.3, dtype=torch.float64)):
        mixed, mix = Mixup(dominant=True)(x, seeded(), draw=draw)
        assert mix.weight[:, 0].tolist() == pytest.approx([0.3] * 4, abs=1e-15), draw
        torch.testing.assert_close(mixed, mix(x), rtol=0, atol=1e-14)
    rows = [0.0, 0.25, 0.75, 1.0]
    assert Mixup()(x, seeded(), draw=torch.tensor(rows))[1].weight[:, 0].tolist() == rows


@pytest.mark.parametrize(
    ("name", "more"), [("mixup", {}), ("patchmix", {}), ("cutmix", {"centre": [8, 8]}), ("resizemix", {"centre": [8, 8]})]
)
@pytest.mark.parametrize("per", ["sample", "batch"])
def test_given_shares_of_each_mixture_hold_whatever_per_is(name, more, per):
    x, shares = constants(4, 1, 16, 16), [0.0, 1.0, 1.0, 0.0]
    mix = mt.mixers.get(name, per=per)(x, seeded(), draw={"weight": shares, **more})[1]
    assert mix.weight[:, 0].tolist() == shares
