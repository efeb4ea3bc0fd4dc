"""FMix: the size, shape and place of its masks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from support.generators import seeded


def agreement(mask: Tensor) -> float:
    """How often two neighbours in a row are both inside or both outside."""
    return float((mask[..., 1:] == mask[..., :-1]).double().mean())


@pytest.mark.parametrize("shape", [(40, 2, 16, 16), (40, 3, 24), (40, 12), (40, 1, 6, 5, 4), (40, 1, 7, 9)])
def test_fmix_keeps_exactly_ceil_of_the_share(shape):
    x, places = torch.rand(shape, generator=seeded(0)), math.prod(shape[2:] if len(shape) > 2 else shape[1:])
    for share in (0.0, 0.3, 0.5, 1.0):
        mixed, mix = mt.mixers.FMix()(x, seeded(1), draw={"weight": share})
        assert mix.weight[:, 0].tolist() == pytest.approx([math.ceil(share * places - 1e-6) / places] * 40)
        partner = x[mix.parents[:, 1]]
        assert ((mixed == x) | (mixed == partner)).all()  # each place of one or the other, whole pixels at a time
        if len(shape) == 4:
            kept = (mixed == x).all(1) | (mixed == partner).all(1)
            assert kept.all()


def test_fmix_makes_blobs_and_less_decay_makes_dust():
    ones, zeros = torch.ones(200, 1, 32, 32), torch.zeros(200, 1, 32, 32)
    pool, parents = torch.cat([ones, zeros]), torch.stack([torch.arange(200), torch.arange(200) + 200], 1)
    found = {}
    for decay in (0.0, 1.0, 3.0):
        mixed, _ = mt.mixers.FMix(decay=decay)(ones, seeded(0), pool=pool, parents=parents, draw={"weight": 0.5})
        found[decay] = agreement(mixed[:, 0])
    assert found[0.0] == pytest.approx(0.5, abs=0.02)
    assert found[0.0] < found[1.0] < found[3.0]
    assert found[3.0] > 0.9


def test_every_place_is_as_likely_in_fmix():
    """Blobs lie anywhere: the torus has no centre. Five standard deviations of a share of correlated places."""
    ones, zeros = torch.ones(2_000, 1, 8, 8), torch.zeros(2_000, 1, 8, 8)
    pool, parents = torch.cat([ones, zeros]), torch.stack([torch.arange(2_000), torch.arange(2_000) + 2_000], 1)
    mixed, _ = mt.mixers.FMix()(ones, seeded(0), pool=pool, parents=parents, draw={"weight": 0.5})
    assert (mixed.mean((0, 1)) - 0.5).abs().max() < 5 * math.sqrt(0.25 / 2_000)


def test_fmix_takes_a_given_mask():
    x, mask = torch.rand(4, 2, 3, 5), torch.rand(3, 5) > 0.4
    mixed, mix = mt.mixers.FMix()(x, seeded(1), draw={"mask": mask})
    assert mixed.equal(torch.where(mask, x, x[mix.parents[:, 1]]))
    assert mix.weight[:, 0].tolist() == pytest.approx([mask.double().mean().item()] * 4)


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "3"])
def test_the_decay_of_fmix_is_a_number(bad):
    with pytest.raises(ValueError, match="`decay` of FMix must be 0 or more"):
        mt.mixers.FMix(decay=bad)
