"""SaliencyMix: the box around what stands out, and importance from a method."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pickle

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast.mixers import MixContext
from support.generators import seeded


def spots(*at: tuple[int, ...], shape: tuple[int, ...] = (1, 16, 16)) -> Tensor:
    """Examples that are dark but for one place each."""
    x = torch.zeros(len(at), *shape)
    for row, place in enumerate(at):
        x[(row, slice(None), *place)] = 1
    return x


@pytest.mark.parametrize(
    ("shape", "first", "second"),
    [((1, 16, 16), (5, 9), (0, 15)), ((2, 30), (11,), (29,)), ((1, 6, 7, 8), (2, 3, 4), (5, 6, 7))],
)
def test_saliencymix_pastes_the_box_around_what_stands_out(shape, first, second):
    """By loops: sides (1 - λ)^(1/S) of the space around the spot of the partner, clipped. A window makes the spot's neighbours
    stand out as much; the first of them is taken."""
    x, space = spots(first, second, shape=shape), shape[1:]
    mixer, parents = mt.mixers.SaliencyMix(window=3), torch.tensor([[0, 1], [1, 0]])
    mixed, mix = mixer(x, seeded(0), parents=parents, draw={"weight": [0.75, 0.4]})
    for row, (spot, share) in enumerate(((second, 0.75), (first, 0.4))):
        seen = mixer.contrast(x[1 - row][None], space)[0]
        centre = tuple(int(i) for i in (seen == seen.max()).nonzero()[0])
        assert max(abs(a - b) for a, b in zip(centre, spot, strict=True)) <= 1
        odd = len(space) == 1
        sides = [int(side * (1 - share) ** (1 / len(space))) for side in space]
        near = [range(max(0, c - s // 2), min(n, c + (s + odd) // 2)) for c, s, n in zip(centre, sides, space, strict=True)]
        places, expected = list(itertools.product(*near)), x[row].clone()
        for place in places:
            expected[(slice(None), *place)] = x[1 - row][(slice(None), *place)]
        assert mixed[row].equal(expected)
        assert float(mix.weight[row, 1]) == pytest.approx(len(places) / math.prod(space))


def test_saliencymix_looks_where_it_is_told():
    x, importance = torch.rand(3, 2, 10, 10, generator=seeded(0)), torch.zeros(3, 10, 10)
    for row, (i, j) in enumerate(((2, 3), (7, 1), (5, 5))):
        importance[row, i, j] = 1
    parents = torch.tensor([[0, 1], [1, 2], [2, 0]])
    mixed, _ = mt.mixers.SaliencyMix()(x, seeded(0), parents=parents, importance=importance, draw={"weight": 0.84})
    for row, (i, j) in enumerate(((7, 1), (5, 5), (2, 3))):  # of the partner; a box of 4 x 4
        box = (slice(None), slice(max(0, i - 2), i + 2), slice(max(0, j - 2), j + 2))
        expected = x[row].clone()
        expected[box] = x[parents[row, 1]][box]
        assert mixed[row].equal(expected)


def test_saliencymix_of_a_batch_has_one_box():
    """That of the first partner."""
    x = spots((4, 4), (11, 11), (4, 11))
    parents = torch.tensor([[0, 1], [1, 2], [2, 0]])
    mixer = mt.mixers.SaliencyMix(window=3, per="batch")
    mixed, mix = mixer(x, seeded(0), parents=parents, draw={"weight": 0.75})
    assert (mix.weight == mix.weight[0]).all()
    assert mixed[0, 0, 11, 11] == 1  # the first partner's spot came with its box
    assert mixed[1, 0, 11, 11] == 0  # the second's own spot lies in that box, and its partner has none there


@pytest.mark.parametrize("bad", [0, 1, 2, -1, 2.5, "3"])
def test_the_window_of_saliencymix_is_odd(bad):
    with pytest.raises(ValueError, match="`window` of SaliencyMix must be an odd number"):
        mt.mixers.SaliencyMix(window=bad)


def test_saliencymix_computes_the_importance_of_its_context():
    mixer = mt.mixers.SaliencyMix(importance="gradient")
    with pytest.raises(ValueError, match=r"needs the `importance` of each place.* Give it: importance=\.\.\., or use"):
        mixer(torch.rand(4, 2, 8, 8), seeded())
    x, maps, calls = torch.rand(4, 2, 8, 8, generator=seeded(2)), torch.rand(4, 8, 8, generator=seeded(1)), []

    def importance(pool: Tensor) -> Tensor:
        calls.append(pool)
        return torch.stack([maps, maps], 1)  # averaged over channels

    context = MixContext(importance=importance)
    ours, mix = mixer(x, seeded(), context=context)
    expected, same = mt.mixers.SaliencyMix()(x, seeded(), importance=maps)
    assert ours.equal(expected)
    assert mix.weight.equal(same.weight)
    assert len(calls) == 1
    assert calls[0] is x
    assert mixer(x, seeded(), importance=maps, context=context)[0].equal(ours)
    assert mixer(x, seeded(), context=MixContext(importance=maps))[0].equal(ours)
    mt.mixers.get("saliencymix+cutmix")(x, seeded(), context=context)
    assert len(calls) == 1  # a tensor comes first, and a mixer that does not need importance does not compute it
    assert mt.mixers.OneOf(mixer)(x, seeded(), context=context)[0].shape == x.shape
    assert len(calls) == 2  # passed on
    assert repr(pickle.loads(pickle.dumps(mixer))) == repr(mixer)  # it holds nothing of the method


def test_a_context_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MixContext().progress = 0.5


@pytest.mark.parametrize("rows", [2, 5])
def test_importance_has_a_map_for_each_row(rows):
    for name in ("saliencymix", "patchmix"):
        with pytest.raises(ValueError, match=rf"one map for each of the 4 rows mixed, got {rows}"):
            mt.mixers.get(name)(torch.rand(4, 1, 8, 8), seeded(), importance=torch.rand(rows, 8, 8))


def test_importance_must_be_of_the_space():
    with pytest.raises(ValueError, match=r"`importance` must be of the space \(8, 8\)"):
        mt.mixers.SaliencyMix()(torch.rand(2, 1, 8, 8), seeded(), importance=torch.rand(2, 4, 4))
