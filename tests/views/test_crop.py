"""Crops of images, resized and padded."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from mixtrast import rng
from mixtrast.views import Crop, PadCrop
from mixtrast.views.crop import resized
from support.generators import seeded
from support.image_views import RARE, images, uniform

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
    seen = resized(x, torch.from_numpy(boxes))
    for i, (top, left, tall, wide) in enumerate(boxes.tolist()):
        cut = x[i : i + 1, :, top : top + tall, left : left + wide]
        expected = torch.nn.functional.interpolate(cut, (height, width), mode="bilinear", align_corners=False)
        torch.testing.assert_close(seen[i : i + 1], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(seen[0], x[0], rtol=0, atol=1e-12)
    # in float32 a place is off by 2e-7 of the side, and the largest slope is one a pixel
    single = resized(x.float(), torch.from_numpy(boxes))
    torch.testing.assert_close(single.double(), seen, rtol=0, atol=2e-7 * max(height, width) + 1e-6)


def test_a_crop_is_pillows():
    """Which rounds to bytes after each axis."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 24, 20, 3), dtype=np.uint8)
    boxes = boxes_of(Crop(), 30, 24, 20)
    seen = resized(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, torch.from_numpy(boxes)).mul(255)
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
    torch.testing.assert_close(resized(x, torch.from_numpy(boxes)), expected, rtol=0, atol=1e-5)


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
    boxes = Crop().draw(9, 16, 16, rng.numpy_generator(seeded(4)))
    assert Crop()(x, seeded(4)).equal(resized(x, torch.from_numpy(boxes)))


# --- padcrop -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 2, 4, 9])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7)])
def test_padcrop_is_a_window_of_the_framed_image(height, width, padding):
    x = images(12, 3, height, width) + 0.01
    seen = PadCrop(padding=padding)(x, seeded(1))
    moves = rng.numpy_generator(seeded(1)).integers(-padding, padding + 1, (12, 2)) + padding
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
