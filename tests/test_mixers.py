"""Mixers, one by one: what is drawn, what is mixed, what is reported. What all share is in house/test_rooms.py."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

import mixtrast as mt
from mixtrast import Labels, Mix, draws
from mixtrast.mixers import CutMix, Mixer, Mixup, OneOf, PatchMix, ResizeMix

GRID = 2.0**-24  # shares are rounded to it
INF, NAN = math.inf, math.nan


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def constants(batch: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Example i is the number i everywhere, so a mixture shows what was taken from whom."""
    return torch.arange(batch, dtype=dtype).view(-1, *(1,) * len(shape)).repeat(1, *shape)


def honest(mixed: Tensor, mix: Mix, pool: Tensor, atol: float = 1e-5) -> bool:
    """Whether the weights say what was really taken: the mean over places of mixed constants is the weighted mean of them."""
    values = pool.flatten(1)
    assert (values == values[:, :1]).all(), "only constant examples show what was taken"
    said = [
        sum(w * float(values[parent, 0]) for parent, w in zip(parents, weights, strict=True))
        for parents, weights in zip(mix.parents.tolist(), mix.weight.tolist(), strict=True)
    ]
    got = mixed.double().flatten(1).mean(1).tolist()
    return len(got) == len(said) and all(abs(a - b) <= atol for a, b in zip(got, said, strict=True))


def honest_loss(rows: Tensor, z: Tensor, c: Tensor, mix: Mix, temperature: float) -> bool:
    """Whether rows are the cross-entropies of mixed identities among c, by loops."""
    said = []
    for anchor, parents, weights in zip(z, mix.parents.tolist(), mix.weight.tolist(), strict=True):
        scores = [float(anchor @ candidate) / temperature for candidate in c]
        log_z = math.log(sum(math.exp(s) for s in scores))
        said.append(sum(w * (log_z - scores[p]) for p, w in zip(parents, weights, strict=True)))
    return rows.shape == (len(said),) and bool(torch.allclose(rows, torch.tensor(said, dtype=rows.dtype), atol=1e-5))


def distance(values: Tensor, cdf) -> float:
    """Kolmogorov's distance of draws rounded to the grid: each value stands for half a step to both sides."""
    at, counts = np.unique(values.double().numpy(), return_counts=True)
    upto = counts.cumsum() / counts.sum()
    before = upto - counts / counts.sum()
    return max(np.abs(upto - cdf(at + GRID / 2)).max(), np.abs(before - cdf(at - GRID / 2)).max())


def close_enough(n: int) -> float:
    """Kolmogorov's distance that one sample of n in a thousand exceeds."""
    return 1.95 / math.sqrt(n)


def first_shares(mixer: Mixer | OneOf, shape: tuple[int, ...], seed: int = 0, **options) -> Tensor:
    mixed, mix = mixer(constants(*shape), seeded(seed), **options)
    assert honest(mixed, mix, constants(*shape), atol=shape[0] * 1e-6)
    return mix.weight[:, 0]


# --- the share λ ---------------------------------------------------------------------------------------------------------


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


# --- Mixup ---------------------------------------------------------------------------------------------------------------


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


# --- CutMix --------------------------------------------------------------------------------------------------------------


class Recording(CutMix):
    """CutMix that keeps the λ it draws."""

    def drawn(self, rng, size):
        self.nominal = super().drawn(rng, size)
        return self.nominal


def test_cutmix_reports_the_area_and_not_the_draw():
    mixer = Recording()
    real = first_shares(mixer, (4_000, 1, 32, 32)).numpy()
    assert mixer.nominal.mean() == pytest.approx(0.50, abs=0.02)
    assert real.mean() == pytest.approx(0.70, abs=0.02)
    assert np.abs(real - mixer.nominal).mean() == pytest.approx(0.20, abs=0.02)
    assert (real >= mixer.nominal - 1e-7).all()  # clipping and odd sides only ever give area back
    folded = first_shares(CutMix(dominant=True), (4_000, 1, 32, 32))
    assert float(folded.mean()) == pytest.approx(0.833, abs=0.01)  # i-Mix
    assert folded.min() >= 0.5


@pytest.mark.parametrize("shape", [(32, 32), (7, 12), (15,), (4, 6, 5)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
def test_cutmix_is_its_loop(shape, share):
    rng = np.random.default_rng(0)
    x = torch.randn(4, 2, *shape, generator=seeded())
    for mixer in (CutMix(), CutMix(per="batch")):
        centres = rng.integers(0, shape, (4, len(shape)))
        mixed, mix = mixer(x, seeded(), draw={"weight": share, "centre": centres})
        for i in range(4):
            bounds = []
            for length, centre in zip(shape, centres[i], strict=True):
                side = int(length * (1 - share) ** (1 / len(shape)))
                above = (side + 1) // 2 if len(shape) == 1 else side // 2  # in one dimension an odd side loses nothing
                bounds.append(range(max(centre - side // 2, 0), min(centre + above, length)))
            expected = x[i].clone()
            for place in itertools.product(*bounds):
                expected[(slice(None), *place)] = x[(mix.parents[i, 1], slice(None), *place)]
            assert mixed[i].equal(expected)
            assert float(mix.weight[i, 1]) == pytest.approx(math.prod(map(len, bounds)) / math.prod(shape), abs=1e-6)


def test_cutmix_cuts_columns_and_given_boxes():
    x = constants(3, 6)
    who = torch.tensor([[0, 1], [1, 2], [2, 0]])
    mixed, mix = CutMix()(x, seeded(), parents=who, draw={"box": [[1, 4], [0, 6], [2, 2]]})
    assert mixed.tolist() == [[0, 1, 1, 1, 0, 0], [2] * 6, [2] * 6]
    assert mix.weight[:, 0].tolist() == [0.5, 0, 1]
    ids = torch.arange(12).view(2, 6)  # token ids cannot be added, but cut
    mixed, _ = CutMix()(ids, seeded(), parents=torch.tensor([[0, 1]]), draw=[2, 4])
    assert mixed.tolist() == [[0, 1, 8, 9, 4, 5]]
    image = constants(2, 1, 4, 4)
    mixed, mix = CutMix()(image, seeded(), parents=torch.tensor([[0, 1]]), draw={"box": [0, 1, 2, 4]})
    assert mixed[0, 0].tolist() == [[0, 1, 1, 1], [0, 1, 1, 1], [0] * 4, [0] * 4]  # rows 0-1, columns 1-3
    assert mix.weight.tolist() == [[1 - 6 / 16, 6 / 16]]
    a = CutMix()(image, seeded(), draw={"center": [1, 1], "lam": 0.5})
    b = CutMix()(image, seeded(), draw={"centre": [1, 1], "weight": 0.5})
    assert a[0].equal(b[0])


def test_one_box_per_batch_or_one_each():
    x = constants(16, 1, 16, 16)
    for name in ("cutmix", "resizemix"):
        ring = torch.stack([torch.arange(16), torch.arange(16).roll(1)], 1)
        same, _ = mt.mixers.get(name, per="batch")(x, seeded(3), parents=ring)
        boxes = same != x
        assert boxes.any()
        assert (boxes == boxes[0]).all()
        each, _ = mt.mixers.get(name)(x, seeded(3), parents=ring)
        assert len(torch.unique((each != x).flatten(1), dim=0)) > 8


# --- ResizeMix -----------------------------------------------------------------------------------------------------------


def test_resizemix_shares():
    shares = first_shares(ResizeMix(), (2_000, 1, 32, 32))
    assert float(shares.mean()) == pytest.approx(0.84, abs=0.02)
    assert first_shares(ResizeMix(dominant=True), (500, 1, 32, 32)).min() >= 0.5


def test_resizemix_sides_keep_to_the_scale():
    sides = (32 * (1 - first_shares(ResizeMix(), (500, 1, 32, 32), draw={"centre": [16, 16]})).sqrt()).round().int()
    assert set(sides.tolist()) == set(range(2, 26, 2))  # floor(.1 x 32) = 3 to floor(.8 x 32) = 25, of which an odd one loses 1
    narrow = first_shares(ResizeMix(scale=(0.5, 0.5), per="batch"), (4, 1, 32, 32), draw={"centre": [16, 16]})
    assert narrow.tolist() == [0.75] * 4
    beta = ResizeMix(alpha=4.0, scale=(0.2, 0.9))
    areas = 1 - first_shares(beta, (1_000, 1, 64, 64), draw={"centre": [32, 32]})
    assert areas.max() <= 0.9**2
    assert areas.min() >= ((int(0.2 * 64) - 1) / 64) ** 2
    kept = stats.beta(4, 4).rvs(20_000, random_state=0)
    kept = kept[(kept >= 0.2) & (kept <= 0.9)]
    assert float(areas.sqrt().mean()) == pytest.approx(kept.mean() - 1 / 64, abs=0.015)  # half a pixel by floor, half by odd


def resized_box(side: float, centre: tuple[int, ...], space: tuple[int, ...]) -> list[tuple[int, int]]:
    sides, odd = [int(length * side) for length in space], len(space) == 1  # where an odd side loses nothing
    return [(max(c - s // 2, 0), min(c + (s + odd) // 2, n)) for c, s, n in zip(centre, sides, space, strict=True)]


CASES = [
    ((8, 8), 0.5, (4, 4)),  # inside
    ((6, 10), 0.7, (5, 1)),  # clipped at two sides, not square
    ((11, 7), 1.0, (0, 6)),
    ((32, 32), 0.8, (31, 15)),
    ((5, 9), 0.4, (4, 8)),  # two pixels, clipped to one
]


@pytest.mark.parametrize(("space", "side", "centre"), CASES)
def test_resizemix_nearest_is_its_loop(space, side, centre):
    x = torch.randn(3, 2, *space, generator=seeded())
    mixed, mix = ResizeMix()(x, seeded(1), draw={"scale": side, "centre": list(centre)})
    (top, bottom), (left, right) = resized_box(side, centre, space)
    for i, j in enumerate(mix.parents[:, 1].tolist()):
        expected = x[i].clone()
        for row, column in itertools.product(range(top, bottom), range(left, right)):
            source = ((row - top) * space[0] // (bottom - top), (column - left) * space[1] // (right - left))
            expected[:, row, column] = x[j, :, source[0], source[1]]
        assert mixed[i].equal(expected)
    area = (bottom - top) * (right - left) / math.prod(space)
    assert mix.weight[:, 1].tolist() == pytest.approx([area] * 3, abs=1e-6)
    assert ResizeMix()(x, seeded(1), draw={"tau": side, "center": list(centre)})[0].equal(mixed)


@pytest.mark.parametrize(("space", "side", "centre"), [*CASES, ((12,), 0.6, (2,))])
def test_resizemix_linear_is_torch_interpolate(space, side, centre):
    x = torch.randn(3, 2, *space, generator=seeded())
    mixed, mix = ResizeMix(interpolate="linear")(x, seeded(1), draw={"scale": side, "centre": list(centre)})
    box = resized_box(side, centre, space)
    mode = "bilinear" if len(space) == 2 else "linear"
    small = torch.nn.functional.interpolate(x, [high - low for low, high in box], mode=mode, align_corners=False)
    for i, j in enumerate(mix.parents[:, 1].tolist()):
        expected = x[i].clone()
        expected[(slice(None), *(slice(low, high) for low, high in box))] = small[j]
        torch.testing.assert_close(mixed[i], expected, rtol=0, atol=1e-5)  # float32 places


def test_resizemix_shows_the_whole_partner():
    places = torch.arange(16).float().view(1, 1, 4, 4)
    x = torch.cat([-torch.ones_like(places), places]).repeat_interleave(2, 2).repeat_interleave(2, 3)  # 8 x 8
    mixed, _ = ResizeMix()(x, seeded(), parents=torch.tensor([[0, 1]]), draw={"box": [1, 2, 5, 6]})
    assert mixed[0, 0, 1:5, 2:6].flatten().tolist() == list(range(16))
    assert (mixed[0, 0] == -1).sum() == 64 - 16
    given = ResizeMix()(x, seeded(), draw={"weight": 0.75, "centre": [4, 4]})[1]  # λ is what is left, unlike in OpenMixup
    assert given.weight[:, 0].tolist() == [0.75, 0.75]


# --- PatchMix ------------------------------------------------------------------------------------------------------------


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


# --- one of several ------------------------------------------------------------------------------------------------------


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


# --- the door ------------------------------------------------------------------------------------------------------------


def test_importance_follows_the_parents():
    class Asks(Mixer):
        def blend(self, job):
            own, other = job.importance
            share = own / (own + other)
            return share * job.first + (1 - share) * job.others[0], torch.stack([share.mean(1), 1 - share.mean(1)], 1)

    x = constants(3, 4)
    who = torch.tensor([[2, 0], [1, 2]])
    weight = torch.tensor([1.0, 3.0, 9.0])[:, None].expand(3, 4)
    mixed, mix = Asks()(x, seeded(), parents=who, importance=weight)
    assert mix.weight[:, 0].tolist() == pytest.approx([0.9, 0.25])
    assert honest(mixed, mix, x)


@pytest.mark.parametrize("name", mt.mixers.names())
def test_one_parent_is_no_mixing(name):
    x = torch.randn(4, 1, 8, 8, generator=seeded())
    mixed, mix = mt.mixers.get(name)(x, seeded(), parents=torch.tensor([[2], [0]]))
    assert mixed.equal(x[[2, 0]])
    assert mix.weight.tolist() == [[1.0], [1.0]]


def test_first_ingredient_keeps_its_gradient_beside_a_detached_pool():
    """e-mix with both views: the pool is longer than x, and detached; x's own rows still come from x, as without `parents`."""
    x = torch.randn(3, 4, requires_grad=True)
    pool = torch.cat([x, torch.randn(3, 4)]).detach()
    for parents in (None, torch.tensor([[0, 4], [1, 5], [2, 3]])):
        mixed, mix = Mixup()(x, seeded(), pool=pool, parents=parents)
        assert mixed.requires_grad, parents
        (grad,) = torch.autograd.grad(mixed.sum(), x)
        torch.testing.assert_close(grad.mean(1), mix.weight[:, 0])


IMAGE, TABLE = torch.zeros(4, 1, 8, 8), torch.zeros(4, 6)
RING = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]])
TRIPLES = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]])


BAD_OPTIONS = [
    *[(name, {"alpha": bad}, "`alpha`") for name in mt.mixers.names() for bad in (-1, NAN, INF, (1, 2, 3), "1")],
    *[(name, {"per": "x"}, "`per`") for name in mt.mixers.names()],
    *[("mixup", {"weight": bad}, "`weight`") for bad in (1.5, -0.1, NAN, (0.5, 0.2), (0.1, 0.2, 0.3), "half")],
    *[("patchmix", {"patch": bad}, "`patch`") for bad in (0, -4, 2.5)],
    *[("resizemix", {"scale": bad}, "`scale`") for bad in ((0.8, 0.1), (0.5, 1.5), (0.1,), (NAN, 1), 0.5)],
    ("resizemix", {"interpolate": "cubic"}, "`interpolate`"),
    ("mixup+cutmix", {"alpha": -1}, "`alpha` of Mixup"),
]


@pytest.mark.parametrize(
    ("name", "options", "phrase"), BAD_OPTIONS, ids=[f"{name}-{options}" for name, options, _ in BAD_OPTIONS]
)
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.mixers.get(name, **options)


def test_one_of_nothing_or_of_names_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        OneOf()
    with pytest.raises(TypeError, match="mixer"):
        OneOf("mixup")


BAD_CALLS = [
    *[
        (name, *case)
        for name in mt.mixers.names()
        for case in [
            (torch.zeros(4), {}, "two or more dimensions"),
            (torch.zeros(0, 1, 8, 8), {}, "at least one"),
            ([[1.0]], {}, "list"),
            (IMAGE, {"pool": torch.zeros(4, 1, 8, 9)}, "`pool`"),
            (IMAGE, {"pool": torch.zeros(3, 1, 8, 8)}, "`pool`"),
            (IMAGE, {"pool": IMAGE.double()}, "`pool`"),
            (IMAGE, {"pool": IMAGE.tolist()}, "`pool`"),
            (IMAGE, {"parents": torch.tensor([[0, 4]])}, "0 to 3"),
            (IMAGE, {"parents": torch.tensor([[-1, 0]])}, "0 to 3"),
            (IMAGE, {"parents": RING.int()}, "`parents`.*int64"),
            (IMAGE, {"parents": RING.float()}, "`parents`.*int64"),
            (IMAGE, {"parents": RING[:, 0]}, "`parents`.*int64"),
            (IMAGE, {"parents": RING[:, :0]}, "`parents`.*int64"),
            (IMAGE, {"parents": RING.tolist()}, "`parents`"),
            (IMAGE, {"draw": {"lamda": 0.5}}, "lamda.*weight"),
            *[(IMAGE, {"draw": {"weight": bad}}, "λ must.*in 0 to 1") for bad in (1.5, -0.1, NAN, [0.5, 0.5])],
        ]
    ],
    *[(name, IMAGE, {"parents": TRIPLES}, "two examples") for name in ("cutmix", "resizemix", "patchmix")],
    ("mixup", TABLE, {"parents": TRIPLES, "draw": {"weight": [[0.5, 0.3, 0.3]] * 4}}, "sum to 1"),
    ("mixup", TABLE, {"parents": TRIPLES, "draw": {"weight": [0.5, 0.5]}}, "numbers of shape"),
    ("mixup", TABLE.long(), {}, "floating"),
    ("resizemix", TABLE, {}, "Use Mixup"),
    *[
        (name, IMAGE, {"draw": {"box": bad}}, "box")
        for name in ("cutmix", "resizemix")
        for bad in ([0, 0, 9, 8], [-1, 0, 4, 4], [4, 0, 2, 8], [[0, 0, 4, 4]] * 3, [0, 0, 4])
    ],
    *[
        (name, IMAGE, {"draw": {"centre": bad}}, "centre")
        for name in ("cutmix", "resizemix")
        for bad in ([8, 0], [-1, 0], [1, 2, 3], [[1, 2]] * 3)
    ],
    *[("resizemix", IMAGE, {"draw": {"scale": bad}}, "scale") for bad in (1.5, -0.1, NAN, [0.5] * 3)],
    *[("patchmix", IMAGE, {"draw": torch.ones(shape).bool()}, "mask") for shape in ((3, 4), (3,), (2, 3))],
    *[(name, torch.zeros(2, 1, 2, 2, 2, 2), {}, "works on") for name in ("cutmix", "resizemix", "patchmix")],
]


@pytest.mark.parametrize(("name", "x", "options", "phrase"), BAD_CALLS, ids=[f"{case[0]}-{case[3]}" for case in BAD_CALLS])
def test_bad_input_is_refused(name, x, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.mixers.get(name)(x, seeded(), **options)


def test_linear_resizing_needs_numbers():
    with pytest.raises(TypeError, match="nearest"):
        ResizeMix(interpolate="linear")(IMAGE.byte(), seeded())
    assert ResizeMix()(IMAGE.byte(), seeded())[0].dtype == torch.uint8


# --- mistakes of the field, on purpose: the checks above must see them ---------------------------------------------------


def three_cycle(x: Tensor) -> Mix:
    """A permutation that is not its own inverse, at λ = .75."""
    who = torch.tensor([[i, (i + 1) % len(x)] for i in range(len(x))])
    return Mix(who, torch.tensor([[0.75, 0.25]]).repeat(len(x), 1))


class DrawnCutMix(CutMix):
    """Reports the λ drawn and not the area."""

    def blend(self, job):
        at = job.rng.bit_generator.state
        mixed, _ = super().blend(job)
        job.rng.bit_generator.state = at
        share = torch.from_numpy(self.shares(job).copy())
        return mixed, torch.stack([share, 1 - share], 1)


def test_a_drawn_share_reported_for_an_area_is_caught():
    x, ring = constants(8, 1, 32, 32), torch.stack([torch.arange(8), torch.arange(8).roll(1)], 1)
    right, wrong = CutMix(), DrawnCutMix()
    mixed, mix = right(x, seeded(), parents=ring)
    lied, lie = wrong(x, seeded(), parents=ring)
    assert lied.equal(mixed)
    assert honest(mixed, mix, x)
    assert not honest(lied, lie, x)


def test_an_inverse_permutation_is_caught():
    x = constants(5, 3)
    mix = three_cycle(x)
    inverse = mix.parents[:, 1].argsort()
    assert honest(mix(x), mix, x)
    assert not honest(0.75 * x + 0.25 * x[inverse], mix, x)
    assert not honest(mix(x)[:4], mix, x)


def test_the_broadcast_of_emix_is_caught():
    """DABS multiplies λ (B,1,1) by losses (B,): (B,1,B), whose mean pairs every λ with every loss."""
    z = torch.nn.functional.normalize(torch.randn(6, 4, generator=seeded()), dim=1)
    c = torch.nn.functional.normalize(torch.randn(6, 4, generator=seeded(1)), dim=1)
    x = torch.randn(6, 5, 2, generator=seeded(2))
    _, mix = Mixup(dominant=True)(x, seeded(3), parents=torch.stack([torch.arange(6), torch.arange(6).roll(-1)], 1))
    own, partner = (torch.nn.functional.cross_entropy(z @ c.T / 0.2, mix.parents[:, k], reduction="none") for k in (0, 1))
    lam = mix.weight[:, 0]
    intended = lam * own + (1 - lam) * partner
    published = lam.view(-1, 1, 1) * own + (1 - lam.view(-1, 1, 1)) * partner
    identities = Labels.of(torch.arange(6))
    ours = mt.contrast(z, c, identities.mix(mix), identities, temperature=0.2, reduction="none")
    assert honest_loss(ours, z, c, mix, 0.2)
    assert honest_loss(intended, z, c, mix, 0.2)
    assert published.shape == (6, 1, 6)
    assert not honest_loss(published, z, c, mix, 0.2)
    assert not honest_loss(published.mean((0, 1)), z, c, mix, 0.2)
    assert float(published.mean()) != pytest.approx(float(intended.mean()), abs=1e-3)
    averaged = lam.mean() * own.mean() + (1 - lam.mean()) * partner.mean()  # what the published numbers were trained on
    assert float(published.mean()) == pytest.approx(float(averaged), abs=1e-6)


def test_shares_come_from_the_generator_alone():
    """The documented way of drawing: NumPy, seeded by one number of the torch generator; so the next call differs."""
    generator, twin = seeded(5), seeded(5)
    first = Mixup()(TABLE, generator)[1]
    draws.numpy_generator(twin)
    assert generator.get_state().equal(twin.get_state())
    assert not Mixup()(TABLE, generator)[1].weight.equal(first.weight)


# --- α over the run, and by depth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.6), ("cosine", 0.6)])
def test_alpha_goes_from_the_one_to_the_other_over_the_run(shape, half):
    mixer = mt.mixers.Mixup(alpha=(1.0, 0.2, shape))
    seen = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        mixer.at(progress=progress)
        seen.append(mixer._beta[0])
        assert mixer._beta[0] == mixer._beta[1]
    quarter = 0.8 if shape == "linear" else 0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2
    assert seen == pytest.approx([1.0, quarter, half, 0.2])


@pytest.mark.parametrize("name", mt.mixers.names())
def test_a_scheduled_alpha_is_the_alpha_of_that_moment(name):
    """Drawn at any moment as by a mixer that has that α for good; at an end of 0 nothing is mixed."""
    x = torch.rand(6, 2, 8, 8, generator=seeded(0))
    moving = mt.mixers.get(name, alpha=(2.0, 0.0, "linear"))
    moving.at(progress=0.75)
    mixed, mix = moving(x, seeded(1))
    fixed, same = mt.mixers.get(name, alpha=0.5)(x, seeded(1))
    assert mixed.equal(fixed)
    assert mix.weight.equal(same.weight)
    moving.at(progress=1.0)
    mixed, mix = moving(x, seeded(1))
    assert mixed.equal(x)
    assert (mix.weight[:, 0] == 1).all()


def test_alpha_by_depth():
    mixer = mt.mixers.Mixup(alpha={0: 1.0, 2: (2.0, 1.0, "linear")})
    mixer.at(progress=0.5)
    assert mixer._beta == (1.0, 1.0)
    mixer.at(depth=2)
    assert mixer._beta == (1.5, 1.5)
    mixer.at(depth=1)
    with pytest.raises(ValueError, match=r"`alpha` of Mixup has no value for depth 1, got .* Use one for each depth"):
        mixer(torch.rand(4, 3), seeded())
    several = mt.mixers.get("mixup+cutmix", alpha={0: 1.0, 1: 0.0})
    several.at(depth=1)
    x = torch.rand(4, 3)
    assert several(x, seeded())[0].equal(x)


@pytest.mark.parametrize("wrong", [(1.0, 0.2, "step"), (1.0, -0.2, "linear"), (1.0, 0.2, 0.1), {}, {0: -1}, {0: "1"}], ids=repr)
def test_an_alpha_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="`alpha` of Mixup must be 0 or more, or a pair"):
        mt.mixers.Mixup(alpha=wrong)


def test_a_method_tells_its_mixer_where_and_when(tmp_path):
    """Over a run: the depth that was drawn and the share that is done, the same after it was resumed."""
    x = torch.rand(60, 6, generator=seeded(0))
    settings = {"encoder": {"name": "mlp", "widths": (8, 5)}, "batch": 20, "epochs": 4, "quiet": True}
    mixer = {"name": "mixup", "alpha": {0: (1.0, 0.0, "cosine"), 1: 0.5}}
    run = mt.train(x.numpy(), method={"name": "imix", "depth": (0, 1)}, mixer=mixer, out=tmp_path / "run", **settings)
    assert run.recipe["mixer"]["alpha"] == {"0": [1.0, 0.0, "cosine"], "1": 0.5}
    again = mt.train(x.numpy(), recipe_file=run.folder / "recipe.yaml", out=tmp_path / "again", quiet=True)
    for name, weight in run.encoder().encoder.state_dict().items():
        assert weight.equal(again.encoder().encoder.state_dict()[name])
    fixed = mt.train(x.numpy(), method={"name": "imix", "depth": (0, 1)}, mixer="mixup", out=tmp_path / "fixed", **settings)
    assert not all(
        weight.equal(run.encoder().encoder.state_dict()[name]) for name, weight in fixed.encoder().encoder.state_dict().items()
    )


# --- FMix ----------------------------------------------------------------------------------------------------------------


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


# --- SaliencyMix ---------------------------------------------------------------------------------------------------------


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


def test_saliencymix_asks_a_method_and_says_so_where_there_is_none():
    mixer = mt.mixers.SaliencyMix(importance="gradient")
    with pytest.raises(ValueError, match=r"asks for the `importance` of each place.* Give it: importance=\.\.\., or use"):
        mixer(torch.rand(4, 2, 8, 8), seeded())
    given = torch.rand(4, 8, 8, generator=seeded(1))
    asked = []

    class Told:
        def matters(self, depth: int, x: Tensor) -> Tensor:
            asked.append(depth)
            return torch.stack([given, given], 1)  # over channels it is the mean that counts

    who = Told()
    x = torch.rand(4, 2, 8, 8, generator=seeded(2))
    mixer.at(matters=who.matters, depth=1)
    ours, mix = mixer(x, seeded())
    told, same = mt.mixers.SaliencyMix()(x, seeded(), importance=given)
    assert ours.equal(told)
    assert mix.weight.equal(same.weight)
    assert asked == [1]
    mixer(x, seeded(), importance=given)
    assert asked == [1]  # what is given is not asked for
    assert pickle.loads(pickle.dumps(mixer))._matters is None
    del who  # a mixer does not keep alive whom it asks
    with pytest.raises(ValueError, match="no method tells it here"):
        mixer(x, seeded())


def test_importance_must_be_of_the_space():
    with pytest.raises(ValueError, match=r"`importance` must be of the space \(8, 8\)"):
        mt.mixers.SaliencyMix()(torch.rand(2, 1, 8, 8), seeded(), importance=torch.rand(2, 4, 4))
