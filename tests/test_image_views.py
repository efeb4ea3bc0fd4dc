"""Views of images as they are, before their input is scaled. What all views share is in house/test_rooms.py."""

from __future__ import annotations

import colorsys
import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage, stats
from torch import Tensor

import mixtrast as mt
from mixtrast import draws
from mixtrast.views import Blur, Color, Crop, Flip, Gray, PadCrop, Solarize, pipeline
from mixtrast.views._pixels import grey
from mixtrast.views.blur import blurred
from mixtrast.views.color import BRIGHTNESS, CONTRAST, HUE, SATURATION, jitter_, turned
from mixtrast.views.crop import stretched
from mixtrast.views.solarize import solarized

INF, NAN = math.inf, math.nan
UNSCALED = ["blur", "color", "crop", "flip", "gray", "padcrop", "solarize"]
RARE = 1e-4  # a true null hypothesis fails with this chance; seeds are fixed, so it failed or it did not


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=seeded(seed), dtype=torch.float64).to(dtype)


def rate(count: int, of: int, p: float) -> bool:
    """Whether count of `of` is what probability p gives, to five deviations."""
    return abs(count / of - p) <= 5 * math.sqrt(p * (1 - p) / of)


def uniform(values: np.ndarray, low: float, high: float) -> bool:
    return bool(stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > RARE)


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


# --- crop ----------------------------------------------------------------------------------------------------------------


def boxes_of(view: Crop, batch: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return view.draw(batch, height, width, np.random.default_rng(seed))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (17, 40), (9, 8), (1, 6), (224, 224)])
def test_a_crop_is_the_box_cut_out_and_resized(height, width):
    batch = 20 if height < 100 else 3
    x = images(batch, 2, height, width, dtype=torch.float64)
    boxes = boxes_of(Crop(scale=(0.05, 1.0)), batch, height, width)
    boxes[0] = 0, 0, height, width
    boxes[1] = height - 1, width - 1, 1, 1
    seen = stretched(x, torch.from_numpy(boxes))
    for i, (top, left, tall, wide) in enumerate(boxes.tolist()):
        cut = x[i : i + 1, :, top : top + tall, left : left + wide]
        expected = torch.nn.functional.interpolate(cut, (height, width), mode="bilinear", align_corners=False)
        torch.testing.assert_close(seen[i : i + 1], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(seen[0], x[0], rtol=0, atol=1e-12)
    # in float32 a place is off by 2e-7 of the side, and the largest slope is one a pixel
    single = stretched(x.float(), torch.from_numpy(boxes))
    torch.testing.assert_close(single.double(), seen, rtol=0, atol=2e-7 * max(height, width) + 1e-6)


def test_a_crop_is_pillows():
    """Which rounds to bytes after each axis."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 24, 20, 3), dtype=np.uint8)
    boxes = boxes_of(Crop(), 30, 24, 20)
    seen = stretched(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, torch.from_numpy(boxes)).mul(255)
    for image, (top, left, tall, wide), mine in zip(pixels, boxes.tolist(), seen, strict=True):
        cut = Image.fromarray(image[top : top + tall, left : left + wide])
        theirs = torch.from_numpy(np.array(cut.resize((20, 24), Image.Resampling.BILINEAR))).permute(2, 0, 1)
        assert (mine - theirs).abs().max() <= 1.01


def test_a_crop_is_kornias():
    pytest.importorskip("kornia")
    from kornia.geometry.transform.crop2d import crop_by_indices

    x, boxes = images(12, 3, 20, 28), boxes_of(Crop(scale=(0.08, 0.9)), 12, 20, 28)
    top, left, tall, wide = boxes.T
    right, bottom = left + wide - 1, top + tall - 1
    corners = np.stack([np.stack(c, 1) for c in ((left, top), (right, top), (right, bottom), (left, bottom))], 1)
    expected = crop_by_indices(x, torch.from_numpy(corners), (20, 28), align_corners=False)
    torch.testing.assert_close(stretched(x, torch.from_numpy(boxes)), expected, rtol=0, atol=1e-5)


def test_area_is_uniform_and_the_ratio_is_in_its_logarithm():
    """Where every box fits, .7² 4/3 < 1, and pixels are too small to matter."""
    side = 100_000
    top, left, tall, wide = boxes_of(Crop(scale=(0.1, 0.49), ratio=(3 / 4, 4 / 3)), 20_000, side, side).T
    area, log = tall * wide / side**2, np.log(wide / tall)
    assert uniform(area, 0.1, 0.49)
    assert uniform(log, math.log(3 / 4), math.log(4 / 3))
    assert uniform(top / (side - tall), 0, 1)
    assert uniform(left / (side - wide), 0, 1)
    for one, other in itertools.combinations([area, log, top / (side - tall), left / (side - wide)], 2):
        assert abs(stats.spearmanr(one, other).statistic) < 5 / math.sqrt(20_000)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 32)])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.2, 1.0), (0.8, 1.0)])
def test_boxes_are_drawn_as_by_a_loop(height, width, scale):
    """Up to ten tries, then the largest central box of an allowed ratio."""
    rng, expected = np.random.default_rng(1), []
    for _ in range(4_000):
        for _ in range(10):
            area = height * width * rng.uniform(*scale)
            ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            tall, wide = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < tall <= height and 0 < wide <= width:
                expected.append((rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1), tall, wide))
                break
        else:
            wide = min(width, round(height * 4 / 3))
            expected.append((0, (width - wide) // 2, height, wide))
    boxes = boxes_of(Crop(scale=scale), 20_000, height, width)
    for mine, theirs in zip(boxes.T, np.array(expected).T, strict=True):
        table = np.stack([np.bincount(values, minlength=max(height, width) + 1) for values in (mine, theirs)])
        table = table[:, table.sum(0) > 20]
        assert stats.chi2_contingency(table).pvalue > RARE
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (height, width)).all()
    assert (boxes[:, 2:] >= 1).all()


@pytest.mark.parametrize(
    ("height", "width", "box"), [(4, 400, (0, 197, 4, 5)), (400, 4, (197, 0, 5, 4)), (400, 1, (199, 0, 1, 1))]
)
def test_where_nothing_fits_the_largest_central_box_is_taken(height, width, box):
    boxes = boxes_of(Crop(scale=(0.9, 1.0)), 50, height, width)
    assert (boxes == box).all()


def test_the_crop_draws_what_it_shows():
    x = images(9, 3, 16, 16)
    boxes = Crop().draw(9, 16, 16, draws.numpy_generator(seeded(4)))
    assert Crop()(x, seeded(4)).equal(stretched(x, torch.from_numpy(boxes)))


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


# --- color ---------------------------------------------------------------------------------------------------------------


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
    rng = draws.numpy_generator(seeded(2))
    chosen = np.flatnonzero(rng.random(30) < 0.7)
    expected = x.clone()
    expected[chosen] = jitter_(x[chosen], *view.draw(len(chosen), rng))
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
    sigma = draws.numpy_generator(seeded(1))
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


# --- padcrop -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 2, 4, 9])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7)])
def test_padcrop_is_a_window_of_the_framed_image(height, width, padding):
    x = images(12, 3, height, width) + 0.01
    seen = PadCrop(padding=padding)(x, seeded(1))
    moves = draws.numpy_generator(seeded(1)).integers(-padding, padding + 1, (12, 2)) + padding
    framed = torch.nn.functional.pad(x, (padding,) * 4)
    for i, (down, across) in enumerate(moves.tolist()):
        assert seen[i].equal(framed[i, :, down : down + height, across : across + width])


def test_each_window_is_as_likely():
    x = torch.zeros(8_100, 1, 9, 9)
    x[:, :, 4, 4] = 1
    at = PadCrop(padding=4)(x, seeded()).flatten(1).argmax(1)
    counts = torch.bincount(at, minlength=81)
    assert len(counts) == 81
    assert stats.chisquare(counts.numpy()).pvalue > RARE


# --- pipelines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, ["crop", "flip", "color", "gray"]) for name in ("simclr", "moco", "supcon")] + [("mixup", ["padcrop", "flip"])],
)
def test_a_pipeline_is_views_in_order(name, order):
    parts = pipeline(name)
    assert list(parts) == order
    x = images(16, 3, 32, 32)
    generator, seen = seeded(), x
    for view, options in parts.items():
        seen = mt.views.get(view, **options)(seen, generator)
    assert seen.shape == x.shape
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert not seen.equal(x)
    parts["flip"]["p"] = 0.9
    assert pipeline(name)["flip"]["p"] == 0.5  # a copy
    assert not set(mt.views.PIPELINES) & set(mt.views.names())  # one flag names either


def test_what_the_pipelines_differ_in():
    assert pipeline("simclr")["crop"] == {"scale": (0.08, 1.0)}
    assert pipeline("supcon")["crop"] == {"scale": (0.2, 1.0)}
    assert pipeline("simclr") == pipeline("moco")
    with pytest.raises(
        ValueError, match=r"no pipeline 'simclrr'. Did you mean 'simclr'\? There are: mixup, moco, simclr, supcon"
    ):
        pipeline("simclrr")


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
