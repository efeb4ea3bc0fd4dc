"""Changes of color against formulas, Pillow and kornia."""

from __future__ import annotations

import colorsys
import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import stats
from torch import Tensor

from mixtrast import rng
from mixtrast.views import Color
from mixtrast.views.color import BRIGHTNESS, CONTRAST, HUE, SATURATION, jitter_, turned
from support.generators import seeded
from support.image_views import RARE, images, uniform


def one(x: Tensor, change: int, amount: float) -> Tensor:
    """One change of one strength, for all images."""
    amounts = np.ones((len(x), 4)) * [1, 1, 1, 0]
    amounts[:, change] = amount
    return jitter_(x.clone(), np.full((len(x), 1), change), amounts)


def by_hand(x: Tensor, change: int, amount: float) -> Tensor:
    """One image (3,H,W), from the formulas."""
    dull = 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    if change == HUE:
        out = torch.empty_like(x)
        for at in itertools.product(*map(range, x.shape[1:])):
            hue, saturation, value = colorsys.rgb_to_hsv(*x[(slice(None), *at)].tolist())
            out[(slice(None), *at)] = torch.tensor(colorsys.hsv_to_rgb((hue + amount) % 1, saturation, value), dtype=x.dtype)
        return out
    other = {BRIGHTNESS: 0 * dull, CONTRAST: dull.mean().expand_as(dull), SATURATION: dull}[change]
    return (amount * x + (1 - amount) * other).clamp(0, 1)


@pytest.mark.parametrize("order", [*itertools.permutations(range(4)), (0,), (3,), (1, 3), (3, 2, 0), (2, 1, 0), ()])
def test_changes_are_their_formulas_in_each_images_own_order(order):
    x = images(3, 3, 3, 4, dtype=torch.float64, seed=len(order))
    rng = np.random.default_rng(sum(order))
    orders = np.array([order, rng.permutation(order), rng.permutation(order)], dtype=np.int64).reshape(3, len(order))
    amounts = np.concatenate([rng.uniform(0, 2, (3, 3)), rng.uniform(-0.5, 0.5, (3, 1))], 1)
    seen = jitter_(x.clone(), orders, amounts)
    for i in range(3):
        expected = x[i]
        for change in orders[i].tolist():
            expected = by_hand(expected, change, amounts[i, change])
        torch.testing.assert_close(seen[i], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0, 1.7])
def test_brightness_contrast_and_saturation_are_kornias(amount):
    kornia = pytest.importorskip("kornia")
    x, factor = images(5, 3, 6, 7), float(amount)
    theirs = {
        BRIGHTNESS: kornia.enhance.adjust_brightness_accumulative,
        CONTRAST: kornia.enhance.adjust_contrast_with_mean_subtraction,
        SATURATION: kornia.enhance.adjust_saturation_with_gray_subtraction,
    }
    for change, adjust in theirs.items():
        torch.testing.assert_close(one(x, change, amount), adjust(x, factor), rtol=0, atol=1e-5)
    many = images(5, 13, 6, 7)
    for change in (BRIGHTNESS, CONTRAST):
        torch.testing.assert_close(one(many, change, amount), theirs[change](many, factor), rtol=0, atol=1e-5)


@pytest.mark.parametrize("amount", [0.6, 1.0, 1.4])
def test_brightness_contrast_and_saturation_are_pillows(amount):
    """Which rounds the image, its grey and its mean to bytes: half a step each, the latter two times |1 - f|."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    enhance = {BRIGHTNESS: ImageEnhance.Brightness, CONTRAST: ImageEnhance.Contrast, SATURATION: ImageEnhance.Color}
    for change, kind in enhance.items():
        seen = one(x, change, amount).mul(255)
        for image, mine in zip(pixels, seen, strict=True):
            theirs = torch.from_numpy(np.array(kind(Image.fromarray(image)).enhance(amount))).permute(2, 0, 1)
            assert (mine - theirs).abs().max() <= 1.01 + abs(1 - amount)  # it cuts rather than rounds the blend


@pytest.mark.parametrize("turn", [-0.5, -0.1, 0.0, 0.05, 1 / 3, 0.5])
def test_the_hue_is_kornias(turn):
    kornia = pytest.importorskip("kornia")
    x = images(5, 3, 16, 16)
    mine = turned(x, np.full(5, turn))
    torch.testing.assert_close(mine, kornia.enhance.adjust_hue(x, torch.full((5,), 2 * math.pi * turn)), rtol=0, atol=1e-5)


def test_the_hue_turns_on_its_circle():
    x = images(40, 3, 5, 5, dtype=torch.float64)
    turn = np.random.default_rng(0).uniform(-0.5, 0.5, 40)
    torch.testing.assert_close(turned(x, np.zeros(40)), x, rtol=0, atol=1e-14)
    torch.testing.assert_close(turned(turned(x, turn), -turn), x, rtol=0, atol=1e-13)  # back again
    torch.testing.assert_close(turned(turned(x, turn), turn), turned(x, 2 * turn), rtol=0, atol=1e-13)
    torch.testing.assert_close(turned(x, np.full(40, 1 / 3)), x.roll(1, 1), rtol=0, atol=1e-13)  # red to green to blue
    torch.testing.assert_close(turned(x, turn - 1), turned(x, turn), rtol=0, atol=1e-13)
    seen = turned(x, turn)
    torch.testing.assert_close(seen.amax(1), x.amax(1), rtol=0, atol=1e-14)  # value and chroma stay
    torch.testing.assert_close(seen.amin(1), x.amin(1), rtol=0, atol=1e-14)


def test_hues_on_corners_and_grey():
    corners = torch.tensor(list(itertools.product([0.0, 0.25, 1.0], repeat=3)), dtype=torch.float64).T.reshape(1, 3, 27, 1)
    for turn in np.arange(-6, 7) / 12:
        torch.testing.assert_close(turned(corners, np.array([turn]))[0], by_hand(corners[0], HUE, turn), rtol=0, atol=1e-14)
    dull = images(4, 1, 5, 5).repeat(1, 3, 1, 1).requires_grad_()
    seen = turned(dull, np.array([0.1, 0.2, 0.3, 0.4]))
    assert seen.equal(dull)
    (grad,) = torch.autograd.grad(seen.sum(), dull)
    assert grad.isfinite().all()


def test_amounts_are_uniform_and_each_order_as_likely():
    order, amount = Color(brightness=0.4, contrast=1.5, saturation=0.2, hue=0.1).draw(24_000, np.random.default_rng(0))
    for values, (low, high) in zip(amount.T, [(0.6, 1.4), (0, 2.5), (0.8, 1.2), (-0.1, 0.1)], strict=True):
        assert uniform(values, low, high)
    for first, second in itertools.combinations(amount.T, 2):
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(24_000)
    counts = np.unique(order @ [64, 16, 4, 1], return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > RARE


@pytest.mark.parametrize("left", [{"hue"}, {"brightness", "saturation"}, {"contrast"}, set()])
def test_a_strength_of_zero_leaves_it_out(left):
    options = {name: 0.4 if name in left else 0.0 for name in ("brightness", "contrast", "saturation", "hue")}
    order, _ = Color(**options).draw(50, np.random.default_rng(0))
    assert {name for k, name in enumerate(options) if k in order} == left
    x = images(20, 3, 4, 4)
    assert Color(**options, p=1.0)(x, seeded()).equal(x) == (not left)


def test_the_color_view_is_its_draw():
    x, view = images(30, 3, 6, 6), Color(p=0.7)
    numpy_rng = rng.numpy_generator(seeded(2))
    chosen = np.flatnonzero(numpy_rng.random(30) < 0.7)
    expected = x.clone()
    expected[chosen] = jitter_(x[chosen], *view.draw(len(chosen), numpy_rng))
    assert view(x, seeded(2)).equal(expected)


@pytest.mark.parametrize("channels", [1, 2, 13])
def test_saturation_and_hue_are_of_three_channels(channels):
    x = images(6, channels, 5, 5)
    for options in ({}, {"saturation": 0.0}, {"hue": 0.0}):
        with pytest.raises(ValueError, match=r"three channels.*Use color with saturation=0 and hue=0"):
            Color(**options)(x, seeded())
    seen = Color(saturation=0.0, hue=0.0, contrast=0.0, p=1.0)(x, seeded())
    lit = x.flatten(1).argmin(1)  # the darkest is not cut
    factor = seen.flatten(1).gather(1, lit[:, None]) / x.flatten(1).gather(1, lit[:, None])
    torch.testing.assert_close(seen.flatten(1), (x.flatten(1) * factor).clamp(0, 1), rtol=0, atol=1e-5)
