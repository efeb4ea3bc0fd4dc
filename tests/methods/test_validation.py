"""Bad options and bad batches of methods are refused."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import mixtrast as mt
from mixtrast.methods import Batch
from mixtrast.mixers import Mixup
from mixtrast.spec import Table
from support.generators import seeded
from support.methods import CLASSES, DEEP, batch, encoder, method, value

NAN, INF = math.nan, math.inf

CONTRASTIVE = ["npair", "simclr", "supcon", "imix", "mixsupcon"]
BAD = [
    *[
        (name, {"temperature": bad}, r"`temperature` of \w+ must be > 0")
        for name, bad in itertools.product(CONTRASTIVE, (0, -0.1, NAN, INF, "0.1", None))
    ],
    *[(name, {"dim": bad}, r"`dim` of \w+ must be a whole number above 0") for name in CONTRASTIVE for bad in (0, -1, 2.5)],
    *[(name, {"projector": "mpl"}, "one of linear, lnlinear, mlp, mlpbn1, mlpbn, none, got 'mpl'") for name in CONTRASTIVE],
    *[(name, {"mixer": bad}, r"`mixer` of \w+ must be a mixer") for name in DEEP for bad in ("mixup", 0.5, Mixup)],
    ("imix", {"base": "mocov3"}, "`base` must be one of 'npair', 'simclr', 'moco', 'byol', got 'mocov3'"),
    ("imix", {"queue": 64}, "`queue` of IMix is for base moco, got 64 with 'npair'. Leave it out"),
    ("imix", {"base": "byol", "queue": 64}, "`queue` of IMix is for base moco"),
    ("imix", {"base": "simclr", "momentum": 0.9}, "`momentum` of IMix is for base moco or byol"),
    ("imix", {"splits": 8}, "`splits` of IMix is for base moco or byol"),
    ("imix", {"base": "moco", "queue": 0}, "`queue` must be a whole number of keys, 1 or more, got 0"),
    ("mixco", {"queue": 64}, "`queue` of MixCo is for base moco"),
    ("mixco", {"ingredients": 1}, "`ingredients` of MixCo must be a whole number, 2 or more, got 1"),
    ("moco", {"queue": -1}, "`queue` must be a whole number of keys"),
    ("moco", {"momentum": 1.5}, "`momentum` must be in 0 to 1, or a pair of such, got 1.5"),
    ("moco", {"splits": 0}, "`splits` must be a whole number, 1 or more, got 0"),
    ("moco", {"candidates": "all"}, "`candidates` must be one of 'own', 'batch'"),
    ("byol", {"momentum": (0.9, 0.99, 1.0)}, "`momentum` must be in 0 to 1, or a pair"),
    ("supcon", {"form": "middle"}, "`form` must be one of 'out', 'in', 'sololearn'"),
    ("mixsupcon", {"mixtures": "3N"}, "'N', '2N', 'any', got '3N'"),
    ("mixsupcon", {"reading": "E"}, "'A', 'B', 'C', 'D', got 'E'"),
    ("mixsupcon", {"clean": -1}, "`clean` of MixSupCon must be a weight, 0 or more, got -1"),
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.methods.get(name, encoder(), classes=CLASSES, **options)


@pytest.mark.parametrize("bad", [0, 1, -3, 2.5, None])
def test_fewer_than_two_classes_are_refused(bad):
    with pytest.raises(ValueError, match="`classes` of Supervised must be 2 or more"):
        mt.methods.get("supervised", encoder(), classes=bad)


@pytest.mark.parametrize("name", CONTRASTIVE)
@pytest.mark.parametrize("views", [0, 1, 3])
def test_two_views_are_two(name, views):
    given = batch()
    wrong = Batch((given.views * 2)[:views], given.label, given.index)
    with pytest.raises(ValueError, match=f"takes two views of each example, got {views}"):
        value(method(name), wrong)


def test_the_mixer_of_imix_is_dominant_where_none_is_given():
    assert method("imix").mixer.dominant
    assert not method("mixsupcon").mixer.dominant
    assert method("supervised").mixer is None
    assert not method("imix", mixer=Mixup()).mixer.dominant  # as given


def test_a_mixer_that_cannot_mix_at_a_depth_says_so():
    made = mt.methods.get("imix", mt.encoders.get("mlp", Table(6), widths=(4,)), mixer=mt.mixers.get("resizemix"))
    with pytest.raises(ValueError, match="Use Mixup"):
        made(Batch((torch.randn(4, 6), torch.randn(4, 6)), torch.zeros(4).long(), torch.arange(4)), seeded())
