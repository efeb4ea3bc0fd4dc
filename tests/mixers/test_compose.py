"""Several mixers as one."""

from __future__ import annotations

import torch

import mixtrast as mt
from mixtrast.mixers import CutMix, Mixup, OneOf
from support.generators import seeded
from support.mixtures import constants, honest


def test_one_mixer_is_drawn_for_each_batch():
    mixer = mt.mixers.get("mixup+cutmix", alpha=1.0)
    assert isinstance(mixer, OneOf)
    assert repr(mixer) == f"OneOf({Mixup()!r}, {CutMix()!r})"
    x, ring = constants(8, 1, 8, 8), torch.stack([torch.arange(8), torch.arange(8).roll(1)], 1)
    cut = []
    for seed in range(40):
        mixed, mix = mixer(x, seeded(seed), parents=ring)
        assert honest(mixed, mix, x)
        whole = (mixed == mixed.round()).flatten(1).all(1)  # a cut leaves whole numbers, a mixture hardly ever
        assert whole.all() or not whole.any()
        cut.append(bool(whole.all()))
    assert 10 <= sum(cut) <= 30
