import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._pixels import check_range
from mixtrast.views._view import View

TRIES = 10


class Crop(View):
    """A random part of the image, resized to its full size: the random resized crop.

        area = u H W, u ~ U(scale),   width / height = r, log r ~ U(log ratio),   anywhere in the image

    Args:
        scale: smallest and largest share of the area, above 0 to 1. .08 to 1 in SimCLR and MoCo, .2 to 1 in SupCon and i-Mix.
        ratio: smallest and largest width over height.

    Reference: Szegedy et al., Going Deeper with Convolutions, arXiv:1409.4842, section 6; torchvision's RandomResizedCrop.
    Differs: only in the rounding of pixels: boxes are whole pixels, drawn up to ten times until one fits, then the largest
        central one of an allowed ratio, as in torchvision. Interpolation is bilinear and uses no pixel outside of the box. No
        antialiasing: a box is never larger than the image, so nothing is shrunk. TensorFlow's SimCLR is bicubic.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, scale: tuple[float, float] = (0.2, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> None:
        check_range("Crop", "scale", scale, "shares of the area above 0 and up to 1", 0, 1)
        check_range("Crop", "ratio", ratio, "width over height, above 0 and finite", 0, math.inf)
        self.scale, self.ratio = scale, ratio

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        boxes = self.draw(len(x), x.shape[2], x.shape[3], rng.numpy_generator(generator))
        return resized(x, rng.to(boxes, x.device))

    def draw(self, batch: int, height: int, width: int, numpy_rng: np.random.Generator) -> np.ndarray:
        """Draw (B,4) int64: top, left, height and width of the box of each image."""
        (least, most), (narrow, wide) = self.scale, np.log(self.ratio)
        area = height * width * numpy_rng.uniform(least, most, (batch, TRIES))
        ratio = np.exp(numpy_rng.uniform(narrow, wide, (batch, TRIES)))
        sides = np.stack([np.rint(np.sqrt(area / ratio)), np.rint(np.sqrt(area * ratio))], 2).astype(np.int64)
        fits: np.ndarray = np.all((sides > 0) & (sides <= (height, width)), axis=2)
        none = ~np.any(fits, axis=1)
        chosen = sides[np.arange(batch), fits.argmax(1)]  # the first that fits
        chosen[none] = self._largest(height, width)
        room = np.array([height, width]) - chosen
        corner = numpy_rng.integers(0, room + 1)
        corner[none] = room[none] // 2
        return np.concatenate([corner, chosen], 1)

    def _largest(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the largest box of an allowed ratio."""
        narrow, wide = self.ratio
        if width < narrow * height:
            return max(1, round(width / narrow)), width
        return height, max(1, round(height * wide)) if width > wide * height else width


def resized(x: Tensor, boxes: Tensor) -> Tensor:
    """Resize the box of each image, (B,4) top, left, height and width, to its full size, bilinear between pixel centres."""
    (batch, _, height, width), (top, left, tall, wide) = x.shape, boxes.to(x.dtype).unbind(1)
    down, across = _places(top, tall, height), _places(left, wide, width)
    shape = (batch, height, width)
    grid = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], 3)
    return torch.nn.functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _places(start: Tensor, size: Tensor, length: int) -> Tensor:
    """(B, length): the source of each pixel along one axis, in the grid's units of -1 to 1 from edge to edge."""
    inside = (torch.arange(length, device=start.device, dtype=start.dtype) + 0.5) * (size[:, None] / length)
    inside = torch.minimum(inside.clamp_(min=0.5), size[:, None] - 0.5)  # not beyond the centres of the box's own pixels
    return (inside + start[:, None]) * (2 / length) - 1
