"""Views, one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import mixtrast as mt
from mixtrast import rng
from mixtrast.views import Cutout, InputMix, Mask, Noise, Shift
from support.generators import seeded

INF, NAN = math.inf, math.nan

CPU = torch.device("cpu")


# --- InputMix ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [1, 2, 4])
@pytest.mark.parametrize("own", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_own_share(others, own, alpha):
    mix = InputMix(others=others, own=own, alpha=alpha).draw(20_000, np.random.default_rng(0), CPU)
    shares = mix.weight[:, 0].double()
    assert mix.parents.shape == (20_000, others + 1)
    assert mix.parents[:, 0].equal(torch.arange(20_000))
    assert all(column.unique().numel() == 20_000 for column in mix.parents.unbind(1))  # permutations
    assert shares.min() >= own - 1e-6
    assert (mix.weight.double().sum(1) - 1).abs().max() < 1e-6
    mean = own + (1 - own) / (others + 1)
    if (others, own) == (1, 0.5):  # max(b, 1 - b), as in the authors' code
        mean = {0.5: 0.818, 1.0: 0.75, 3.0: 0.656}[alpha]
    assert float(shares.mean()) == pytest.approx(mean, abs=0.006)  # .0025 is one deviation of 20,000 draws


def test_one_other_is_the_larger_of_two():
    shares = InputMix(others=1).draw(20_000, np.random.default_rng(0), CPU).weight[:, 0]
    assert shares.min() >= 0.5
    assert float(shares.mean()) == pytest.approx(0.75, abs=0.005)
    assert float(shares.std()) == pytest.approx(0.5 / math.sqrt(12), abs=0.005)  # uniform on .5 to 1


@pytest.mark.parametrize("options", [{}, {"others": 1}, {"others": 3, "own": 0.2, "alpha": 2.0}])
@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 3, 3)])
def test_inputmix_is_its_formula(options, shape):
    x = torch.randn(7, *shape, dtype=torch.float64, generator=seeded())
    view = InputMix(**options)
    mixed = view(x, seeded(1))
    mix = view.draw(7, rng.numpy_generator(seeded(1)), CPU)
    for i in range(7):
        expected = sum(w * x[j] for j, w in zip(mix.parents[i].tolist(), mix.weight[i].tolist(), strict=True))
        torch.testing.assert_close(mixed[i], expected, rtol=0, atol=1e-12)


def test_own_share_of_one_is_the_identity():
    x = torch.randn(5, 3, generator=seeded())
    assert InputMix(own=1.0)(x, seeded()).equal(x)


# --- Cutout --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 32, 32), 0.5), ((2, 7, 12), 0.6), ((2, 20), 0.3), ((9,), 0.5), ((1, 4, 5, 6), 1.0)]
)
def test_cutout_sets_one_clipped_box_and_nothing_else(shape, size):
    x = torch.rand(300, *shape, generator=seeded()) + 1
    seen = Cutout(size=size, fill=-1.0)(x, seeded(1))
    cut = seen == -1
    assert seen[~cut].equal(x[~cut])
    if len(shape) > 1:
        assert (cut == cut[:, :1]).all()  # all channels alike
        cut = cut[:, 0]
    space = cut.shape[1:]
    half = [int(length * size) // 2 for length in space]
    expected = set()
    for centre in itertools.product(*map(range, space)):
        ends = [(max(c - h, 0), min(c + h, n)) for c, h, n in zip(centre, half, space, strict=True)]
        expected.add(tuple((low, high - 1) for low, high in ends))
    found = set()
    for mask in cut:
        at = mask.nonzero()
        corners = tuple((int(low), int(high)) for low, high in zip(at.amin(0), at.amax(0), strict=True))
        assert len(at) == math.prod(high - low + 1 for low, high in corners)  # a box
        found.add(corners)
    assert found <= expected
    assert len(found) > min(len(expected), 300) / 3  # anywhere


def test_cutout_area():
    seen = Cutout()(torch.ones(4_000, 1, 32, 32), seeded())
    side = np.mean([min(c + 8, 32) - max(c - 8, 0) for c in range(32)])
    assert float((seen == 0).float().mean()) == pytest.approx((side / 32) ** 2, abs=0.003)


def test_cutout_of_no_size_is_the_identity():
    x = torch.randn(5, 1, 8, 8, generator=seeded())
    assert Cutout(size=0)(x, seeded()).equal(x)


# --- Mask ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("fill", [0.0, -3.0])
def test_mask_rate_and_no_rescaling(p, fill):
    x = torch.rand(200, 50, generator=seeded()) + 1
    seen = Mask(p=p, fill=fill)(x, seeded(1))
    gone = seen == fill
    assert seen[~gone].equal(x[~gone])  # unlike dropout
    bound = 5 * math.sqrt(p * (1 - p) / gone.numel())
    assert abs(float(gone.double().mean()) - p) <= bound
    assert (abs(gone.double().mean(0) - p) <= 5 * math.sqrt(p * (1 - p) / 200)).all()  # every column alike


# --- Noise ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_noise_has_its_spread(scale):
    x = torch.randn(100, 200, generator=seeded())
    noise = (Noise(scale=scale)(x, seeded(1)) - x).double() / scale
    assert float(noise.mean()) == pytest.approx(0, abs=5 / math.sqrt(20_000))
    assert float(noise.std()) == pytest.approx(1, abs=5 / math.sqrt(40_000))
    assert float((noise.abs() < 1).double().mean()) == pytest.approx(0.6827, abs=0.015)  # Gaussian
    assert abs(float((noise * x).mean())) < 0.03  # of x independent


def test_no_noise_is_the_identity():
    x = torch.randn(5, 3, generator=seeded())
    assert Noise(scale=0)(x, seeded()).equal(x)


# --- Shift ---------------------------------------------------------------------------------------------------------------


def moved(x: torch.Tensor, moves: list[int], fill: float) -> torch.Tensor:
    """Each place shows what stood `moves` further on, and `fill` where that is outside."""
    out = torch.full_like(x, fill)
    for place in itertools.product(*map(range, x.shape[1:])):
        origin = [at + move for at, move in zip(place, moves, strict=True)]
        if all(0 <= at < length for at, length in zip(origin, x.shape[1:], strict=True)):
            out[(slice(None), *place)] = x[(slice(None), *origin)]
    return out


@pytest.mark.parametrize("pixels", [0, 1, 3, 9])  # 9 is further than a short side is long
@pytest.mark.parametrize("shape", [(2, 11), (1, 6, 8), (3, 5, 5), (1, 3, 4, 5)])
@pytest.mark.parametrize("fill", [0.0, -2.5])
def test_shift_is_its_loop(shape, pixels, fill):
    x = torch.randn(6, *shape, generator=seeded())
    seen = Shift(pixels=pixels, fill=fill)(x, seeded(1))
    moves = rng.numpy_generator(seeded(1)).integers(-pixels, pixels + 1, (6, len(shape) - 1))
    for i in range(6):
        assert seen[i].equal(moved(x[i], moves[i].tolist(), fill))


@pytest.mark.parametrize("shape", [(1, 9), (1, 9, 9)])
def test_every_shift_is_as_likely_on_each_axis_and_all_channels_move_alike(shape):
    x = torch.zeros(4_000, 2, *shape[1:])
    x[(slice(None), slice(None), *(4 for _ in shape[1:]))] = 1  # one bright place
    seen = Shift(pixels=2)(x, seeded())
    assert seen[:, 0].equal(seen[:, 1])
    at = seen[:, 0].nonzero()
    assert len(at) == 4_000  # none falls off
    for axis in at.unbind(1)[1:]:
        shares = torch.bincount(axis, minlength=9) / 4_000
        assert (shares[2:7] - 0.2).abs().max() < 5 * math.sqrt(0.16 / 4_000)
        assert shares[2:7].sum() == 1
    if len(shape) == 3:  # the axes are moved apart from each other
        both = torch.bincount(at[:, 1] * 9 + at[:, 2], minlength=81) / 4_000
        assert (both[both > 0] - 0.04).abs().max() < 5 * math.sqrt(0.0384 / 4_000)
        assert int((both > 0).sum()) == 25


def test_no_shift_is_the_identity():
    x = torch.randn(5, 1, 8, 8, generator=seeded())
    assert Shift(pixels=0)(x, seeded()).equal(x)


def test_a_table_is_not_shifted():
    with pytest.raises(ValueError, match=r"series \(B,C,L\) and images \(B,C,H,W\), got shape \(4, 9\).*Use mask or noise"):
        Shift()(torch.randn(4, 9), seeded())


# --- the door ------------------------------------------------------------------------------------------------------------


BAD = [
    *[("inputmix", {"others": bad}, "others") for bad in (0, -1, 1.5)],
    *[("inputmix", {"alpha": bad}, "alpha") for bad in (0, -1, NAN, INF, "1")],
    *[("inputmix", {"own": bad}, "own") for bad in (-0.1, 1.1, NAN)],
    *[("cutout", {"size": bad}, "`size`") for bad in (-0.1, 1.1, NAN, 16)],
    *[("mask", {"p": bad}, "`p`") for bad in (-0.1, 1.1, NAN)],
    *[("shift", {"pixels": bad}, "`pixels`") for bad in (-1, 1.5, True, "1", None)],
    *[("shift", {"fill": bad}, "`fill`") for bad in ("0", None)],
    *[("noise", {"scale": bad}, "`scale`") for bad in (-0.1, NAN, INF)],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.views.get(name, **options)
