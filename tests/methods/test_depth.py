"""Mixing at hidden depths."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from mixtrast.mixers import Mixup
from support.generators import seeded
from support.methods import DEEP, SHAPE, WIDTHS, Spy, batch_for, make, method, number, twin, value

# --- depth ---------------------------------------------------------------------------------------------------------------


NUMBERS = (math.prod(SHAPE), *WIDTHS)  # at each depth


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("depths", [0, 1, 2, (0, 2), (0, 1, 2)], ids=str)
def test_one_depth_is_drawn_for_each_batch_and_all_of_them_in_turn(name, depths):
    spy = Spy()
    made = method(name, mixer=spy, depth=depths)
    for seed in range(30):
        value(made, batch_for(made), seed)
    several = (depths,) if isinstance(depths, int) else depths
    assert len(spy.seen) == 30
    assert set(spy.seen) == {NUMBERS[depth] for depth in several}


@pytest.mark.parametrize("name", DEEP)
def test_of_several_depths_the_one_drawn_decides_the_loss(name):
    made = make(name, {"mixer": "mixup"}, depth=(0, 2))
    given = batch_for(made)
    alone = {depth: twin(made, name, mixer=made.mixer, depth=depth) for depth in made.depth}
    for seed in range(8):
        generator = seeded(seed)
        depth = made.draw_depth(generator)  # one number, before all else
        assert number(made, given, seed) == alone[depth](given, generator).value.item()


def test_depths_are_drawn_alike_and_one_alone_draws_nothing():
    generator = seeded(0)
    made = method("imix", depth=(0, 1, 2))
    counts = torch.bincount(torch.tensor([made.draw_depth(generator) for _ in range(3_000)]))
    assert (counts / 3_000 - 1 / 3).abs().max() < 5 * math.sqrt(2 / 9 / 3_000)
    before = generator.get_state()
    assert method("imix", depth=2).draw_depth(generator) == 2
    assert generator.get_state().equal(before)


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("wrong", [-1, 3, (0, 3), (), "0", 1.5, None, (1.5,)], ids=repr)
def test_a_depth_that_is_not_there_is_refused(name, wrong):
    with pytest.raises(ValueError, match=r"`depth` of \w+ must be 0 \(the input\) to 2 \(the features\) with this encoder"):
        method(name, depth=wrong)


# --- a run ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [{0: 1.0}, {0: 1.0, 1: 1.0, 2: 1.0}, {2: 0.5}])
def test_alpha_by_depth_must_be_of_the_depths(alpha):
    for mixer in (Mixup(alpha=alpha), mt.mixers.get("mixup+cutmix", alpha=alpha)):
        for name in ("imix", "mixsupcon", "supervised", "dacl", "mixco"):
            with pytest.raises(ValueError, match="`alpha` of the mixer must have one value for each depth of"):
                method(name, mixer=mixer, depth=(0, 1))
    method("imix", mixer=Mixup(alpha={0: 1.0, 1: 0.5}), depth=(0, 1))
