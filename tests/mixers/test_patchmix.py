"""PatchMix: the number, the place and the size of its patches."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy import stats

from mixtrast.mixers import PatchMix
from support.generators import seeded
from support.mixtures import constants


@pytest.mark.parametrize("places", [1, 7, 64])
def test_patchmix_keeps_exactly_ceil_of_the_share(places):
    shares = torch.linspace(0, 1, 41, dtype=torch.float64)
    x = constants(41, places, 2)
    ring = torch.stack([torch.arange(41), torch.arange(41).roll(1)], 1)
    mixed, mix = PatchMix()(x, seeded(), parents=ring, draw=shares)
    kept = (mixed == x).all(2).sum(1).tolist()
    assert kept == [math.ceil(s * places - 1e-6) for s in shares.tolist()]
    assert mix.weight[:, 0].tolist() == pytest.approx([k / places for k in kept])


@pytest.mark.parametrize("per", ["sample", "batch"])
def test_patchmix_subsets_are_uniform(per):
    pair = torch.tensor([[0, 1]])
    rows = 6_000 if per == "sample" else 1
    found = [
        PatchMix(per=per)(constants(2, 4), seeded(s), parents=pair.repeat(rows, 1), draw=0.5)[0]
        for s in range(1 if per == "sample" else 600)
    ]
    found = torch.cat(found)
    assert (found.sum(1) == 2).all()
    subsets, counts = torch.unique(found, dim=0, return_counts=True)
    assert len(subsets) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_patchmix_one_mask_per_batch_or_one_each():
    x, ring = constants(16, 30), torch.stack([torch.arange(16), torch.arange(16).roll(1)], 1)
    same = PatchMix(per="batch")(x, seeded(2), parents=ring)[0] == x
    assert (same == same[0]).all()
    assert 0 < same[0].sum() < 30
    each = PatchMix()(x, seeded(2), parents=ring)[0] == x
    assert len(torch.unique(each, dim=0)) > 8


def test_patchmix_swaps_whole_tokens_and_ids():
    x = torch.randn(5, 9, 4, generator=seeded())
    mixed, mix = PatchMix()(x, seeded(1))
    for i, j in mix.parents.tolist():
        mine, theirs = (mixed[i] == x[i]).all(1), (mixed[i] == x[j]).all(1)
        assert (mine | theirs).all()
        assert float(mix.weight[i, 0]) == pytest.approx(float(mine.float().mean())) or i == j
    ids = torch.arange(45).view(5, 9)
    swapped, mix = PatchMix()(ids, seeded(1))
    assert swapped.dtype == torch.int64
    assert (swapped % 9 == torch.arange(9)).all()  # every id stays at its place
    for i, j in mix.parents.tolist():
        assert set((swapped[i] // 9).tolist()) <= {i, j}


@pytest.mark.parametrize(
    ("shape", "patch", "grid"), [((8, 8), None, (2, 2)), ((7, 9), 4, (2, 3)), ((10,), 3, (4,)), ((5, 6), 1, (5, 6))]
)
def test_patchmix_swaps_whole_patches(shape, patch, grid):
    x = torch.randn(2, 3, *shape, generator=seeded())
    mask = torch.rand(grid, generator=seeded(1)) < 0.5
    pair = torch.tensor([[0, 1]])
    mixed, mix = PatchMix(patch=patch)(x, seeded(), parents=pair, draw=mask)
    kept = 0
    for place in itertools.product(*map(range, shape)):
        own = bool(mask[tuple(at // (patch or 4) for at in place)])
        assert mixed[(0, slice(None), *place)].equal(x[(0 if own else 1, slice(None), *place)])
        kept += own
    assert float(mix.weight[0, 0]) == pytest.approx(kept / math.prod(shape))
    flat = PatchMix(patch=patch)(x, seeded(), parents=pair, draw={"mask": mask.flatten()})
    assert flat[0].equal(mixed)
    table = PatchMix(patch=2)(
        torch.tensor([[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]), seeded(), parents=pair, draw=torch.tensor([True, False, True])
    )
    assert table[0].tolist() == [[0, 0, 1, 1, 0]]
