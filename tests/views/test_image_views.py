"""Views of images before their input is scaled."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

import mixtrast as mt
from mixtrast import rng
from mixtrast.views import Blur, Flip, Gray, Solarize
from mixtrast.views._pixels import grey
from mixtrast.views.blur import blurred
from mixtrast.views.solarize import solarized
from support.generators import seeded
from support.image_views import images, uniform

INF, NAN = math.inf, math.nan
UNSCALED = ["blur", "color", "crop", "flip", "gray", "padcrop", "solarize"]


def rate(count: int, of: int, p: float) -> bool:
    """Whether count of `of` is what probability p gives, to five deviations."""
    return abs(count / of - p) <= 5 * math.sqrt(p * (1 - p) / of)


def view_of(name: str, channels: int = 3) -> mt.views.View:
    """That view; of colours, what can be changed in any number of channels."""
    return mt.views.get(name, **({"saturation": 0.0, "hue": 0.0} if name == "color" and channels != 3 else {}))


# --- what they share -----------------------------------------------------------------------------------------------------


def test_which_views_come_before_the_scale():
    assert [name for name in mt.views.names() if mt.views.get(name).unscaled] == UNSCALED


@pytest.mark.parametrize("name", UNSCALED)
@pytest.mark.parametrize("shape", [(4, 9), (4, 3, 16), (4, 3, 5, 6, 7)])
def test_what_is_no_image_is_refused(name, shape):
    with pytest.raises(ValueError, match=r"works on images \(B,C,H,W\), got shape .*Use mask or noise for tables, shift for"):
        mt.views.get(name)(torch.rand(shape), seeded())


@pytest.mark.parametrize("name", UNSCALED)
@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (5, 3, 32, 32), (4, 13, 10, 7), (3, 2, 1, 5), (3, 3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_any_image_stays_one(name, shape, dtype):
    x = images(*shape, dtype=dtype)
    view, before = view_of(name, shape[1]), x.clone()
    for seed in range(5):
        seen = view(x, seeded(seed))
        assert seen.shape == x.shape
        assert seen.dtype == dtype
        assert seen.min() >= 0
        assert seen.max() <= 1 + 1e-6  # weights of crop and blur sum to 1 but for their rounding
        assert seen.equal(view(x, seeded(seed)))
        seen.zero_()
        assert x.equal(before)


@pytest.mark.parametrize("name", UNSCALED)
def test_precision_and_order_of_memory_change_nothing(name):
    x, view = images(6, 3, 12, 9, dtype=torch.float64), mt.views.get(name)
    seen = view(x, seeded(3))
    # float32 rounds to 6e-8, and amplifies it: places in pixels, or the factors of four changes in a row
    torch.testing.assert_close(view(x.float(), seeded(3)), seen.float(), rtol=0, atol=3e-6)
    last = view(x.contiguous(memory_format=torch.channels_last), seeded(3))
    torch.testing.assert_close(last, seen, rtol=0, atol=1e-14)
    torch.testing.assert_close(view(x.transpose(2, 3), seeded(3)).shape, (6, 3, 9, 12))


@pytest.mark.parametrize("name", ["blur", "color", "flip", "gray", "solarize"])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_each_image_is_chosen_with_p_and_the_rest_is_left_to_the_bit(name, p):
    x = images(2_000, 3, 4, 4)
    view = mt.views.get(name, p=p, **({"sigma": (0.5, 2.0)} if name == "blur" else {}))  # .1 leaves float32 to the bit
    same = (view(x, seeded()) == x).flatten(1).all(1)
    assert rate(int((~same).sum()), len(x), p)
    again = (view(x, seeded(1)) == x).flatten(1).all(1)
    assert rate(int((~same & ~again).sum()), len(x), p * p)  # another draw in another call


@pytest.mark.parametrize("name", UNSCALED)
def test_a_view_is_of_each_image_alone(name):
    """What others of the batch show changes nothing."""
    x, view = images(8, 3, 10, 10, dtype=torch.float64), mt.views.get(name)
    other = torch.cat([x[:4], images(4, 3, 10, 10, seed=1, dtype=torch.float64)])
    torch.testing.assert_close(view(x, seeded(5))[:4], view(other, seeded(5))[:4], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["color", "solarize"])
@pytest.mark.parametrize("factor", [2.0, 255.0])
def test_other_scales_are_refused_where_they_matter(name, factor):
    with pytest.raises(
        ValueError, match=r"works on intensities, 0 black to 1 full, got values from -?\d.*Give images as bytes"
    ):
        mt.views.get(name)(images(4, 3, 8, 8) * factor - 0.5, seeded())
    with pytest.raises(ValueError, match="intensities"):
        mt.views.get(name)(torch.full((4, 3, 8, 8), NAN), seeded())


# --- flip ----------------------------------------------------------------------------------------------------------------


def test_each_image_is_mirrored_or_not():
    x = images(4_000, 2, 3, 5)
    seen = Flip(p=0.3, vertical=0.6)(x, seeded())
    forms = [x, x.flip(3), x.flip(2), x.flip(2, 3)]
    which = torch.stack([(seen == form).flatten(1).all(1) for form in forms])
    assert (which.sum(0) == 1).all()
    for share, hits in zip((0.7 * 0.4, 0.3 * 0.4, 0.7 * 0.6, 0.3 * 0.6), which.sum(1).tolist(), strict=True):
        assert rate(hits, 4_000, share)  # the two apart from each other
    assert Flip(p=1.0)(x, seeded()).equal(x.flip(3))
    assert Flip(p=0.0, vertical=1.0)(x, seeded()).equal(x.flip(2))


# --- gray ----------------------------------------------------------------------------------------------------------------


def test_grey_is_weighted():
    x = images(5, 3, 6, 7, dtype=torch.float64)
    expected = (x * torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(grey(x), expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(Gray(p=1.0)(x, seeded()), expected.expand(5, 3, 6, 7), rtol=0, atol=1e-15)
    many = images(5, 13, 6, 7)
    assert Gray(p=1.0)(many, seeded()).equal(many.mean(1, keepdim=True).expand_as(many))


def test_grey_is_kornias_and_pillows():
    kornia = pytest.importorskip("kornia")
    x = images(5, 3, 6, 7)
    torch.testing.assert_close(grey(x), kornia.color.rgb_to_grayscale(x), rtol=0, atol=1e-6)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    theirs = np.array(Image.fromarray(pixels).convert("L"))
    mine = grey(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0, 0].numpy()
    assert np.abs(mine - theirs).max() <= 0.51  # it rounds


def test_what_is_grey_is_refused():
    with pytest.raises(ValueError, match=r"two or more channels, got shape \(4, 1, 8, 8\). Leave it out"):
        Gray()(images(4, 1, 8, 8), seeded())


# --- blur ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "radius"), [(9, 12, 1), (16, 16, 3), (2, 7, 2), (1, 5, 1), (40, 30, 11)])
def test_blur_is_the_gaussian_with_a_mirrored_border(height, width, radius):
    x = images(4, 2, height, width, dtype=torch.float64)
    sigma = np.array([0.1, 0.5, 1.3, 2.0])
    seen = blurred(x, sigma, radius)
    for i, j in itertools.product(range(4), range(2)):
        expected = x[i, j].numpy()
        for axis, length in enumerate((height, width)):
            expected = ndimage.gaussian_filter1d(expected, sigma[i], axis, mode="mirror", radius=min(radius, length - 1))
        np.testing.assert_allclose(seen[i, j], expected, rtol=0, atol=1e-14)
    even = torch.full((2, 1, height, width), 0.7, dtype=torch.float64)
    torch.testing.assert_close(blurred(even, np.array([0.1, 2.0]), radius), even, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("side", "kernel"), [(32, 3), (64, 7), (96, 9), (8, 3), (224, 23)])
def test_blur_is_kornias_and_its_kernel_a_tenth_of_the_side(side, kernel):
    kornia = pytest.importorskip("kornia")
    x = images(2, 3, side, side)
    sigma = rng.numpy_generator(seeded(1))
    assert len(sigma.random(2)) == 2  # who is blurred
    sigma = torch.from_numpy(sigma.uniform(0.1, 2.0, 2)).float()
    expected = kornia.filters.gaussian_blur2d(x, (kernel, kernel), sigma[:, None].expand(2, 2), border_type="reflect")
    torch.testing.assert_close(Blur(p=1.0)(x, seeded(1)), expected, rtol=0, atol=1e-5)


def test_the_width_of_the_blur_is_uniform():
    x = torch.zeros(4_000, 1, 9, 9, dtype=torch.float64)
    x[:, :, 4, 4] = 1
    seen = Blur(sigma=(0.4, 2.0), p=1.0)(x, seeded())[:, 0]
    sigma = (1 / (2 * (seen[:, 4, 4] / seen[:, 4, 5]).log())).sqrt()
    assert uniform(sigma.numpy(), 0.4, 2.0)


# --- solarize ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_solarize_is_its_formula(threshold):
    x = torch.cat([images(3, 3, 4, 4), torch.full((1, 3, 4, 4), threshold)])
    seen = Solarize(threshold=threshold, p=1.0)(x, seeded())
    expected = [value if value < threshold else 1 - value for value in x.flatten().tolist()]
    torch.testing.assert_close(seen.flatten(), torch.tensor(expected), rtol=0, atol=1e-7)
    kornia = pytest.importorskip("kornia")
    torch.testing.assert_close(solarized(x, threshold), kornia.enhance.solarize(x, threshold), rtol=0, atol=1e-7)


# --- the door ------------------------------------------------------------------------------------------------------------


BAD = [
    *[("crop", {"scale": bad}, "`scale`") for bad in ((0, 1), (0.5, 0.2), (0.2, 1.1), 0.5, (0.5,), (NAN, 1), ("a", 1), None)],
    *[("crop", {"ratio": bad}, "`ratio`") for bad in ((0, 1), (2, 1), (1, INF), 1.0, (1, NAN))],
    *[("flip", {name: bad}, f"`{name}`") for name in ("p", "vertical") for bad in (-0.1, 1.1, NAN, "1", True)],
    *[("color", {"p": bad}, "`p`") for bad in (-0.1, 1.1, NAN)],
    *[
        ("color", {name: bad}, f"`{name}`")
        for name in ("brightness", "contrast", "saturation")
        for bad in (-0.1, INF, NAN, "1")
    ],
    *[("color", {"hue": bad}, "`hue`") for bad in (-0.1, 0.6, NAN)],
    *[("gray", {"p": bad}, "`p`") for bad in (-0.1, 1.1)],
    *[("blur", {"sigma": bad}, "`sigma`") for bad in ((0, 1), (2, 1), 1.0, (0.1, INF))],
    *[("blur", {"kernel": bad}, "`kernel`") for bad in (-0.1, 1.1, 3)],
    ("blur", {"p": 2}, "`p`"),
    *[("solarize", {"threshold": bad}, "`threshold`") for bad in (-0.1, 1.1, 128)],
    ("solarize", {"p": 2}, "`p`"),
    *[("padcrop", {"padding": bad}, "`padding`") for bad in (-1, 1.5, True, "4", None)],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.views.get(name, **options)
