import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._pixels import change_rows, check_intensity, check_probability, draw_rows, grey
from mixtrast.views._view import View

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


class Color(View):
    """Colour jitter: brightness, contrast, saturation and hue of an image change by random amounts, in random order.

        x' = f x                       brightness
        x' = f x + (1 - f) m           contrast: m is the mean of the grey image; saturation: m is the grey image
        x' = x, its hue turned by h    hue, in HSV

    with f ~ U(max(0, 1 - s), 1 + s), s the strength, and h ~ U(-hue, hue). Each is cut to 0..1 before the next.

    Args:
        brightness, contrast, saturation: strengths, 0 or more; 0 leaves it out.
        hue: largest turn, 0 to .5 of the circle of hues.
        p: probability that an image is changed at all.

    Raises: ValueError where values are not in 0..1 (on a CPU; elsewhere the check would be a sync, and they are cut), and where
        saturation or hue of images is changed that do not have three channels.
    Reference: Chen et al., SimCLR, arXiv:2002.05709, appendix A; torchvision's ColorJitter. The amounts are those of the
        CIFAR code of MoCo, SupCon and i-Mix, and of SimCLR at strength .5.
    Differs: as torchvision in order (each image has its own) and formula, but Pillow rounds to bytes after each
        change and turns the hue in 256 steps, and kornia takes one order for the batch. Grey is .299 red + .587 green +
        .114 blue; where channels are not three, their mean.
    """

    unscaled: ClassVar[bool] = True

    def __init__(
        self, *, brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.4, hue: float = 0.1, p: float = 0.8
    ) -> None:
        for name, value in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
            if not is_number(value) or not 0 <= value < math.inf:
                raise ValueError(f"`{name}` of Color must be 0 or more and finite, got {value!r}.")
        if not is_number(hue) or not 0 <= hue <= 0.5:
            raise ValueError(f"`hue` of Color must be a share of the circle, 0 to 0.5, got {hue!r}.")
        check_probability("Color", "p", p)
        self.brightness, self.contrast, self.saturation, self.hue, self.p = brightness, contrast, saturation, hue, p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.shape[1] != 3 and (self.saturation or self.hue):
            what = f"Color works on saturation and hue of three channels, red, green and blue, got shape {tuple(x.shape)}."
            raise ValueError(f"{what} Use color with saturation=0 and hue=0 for brightness and contrast alone.")
        check_intensity("Color", x)
        numpy_rng = rng.numpy_generator(generator)
        chosen = draw_rows(numpy_rng, len(x), self.p)
        order, amount = self.draw(len(chosen), numpy_rng)
        return change_rows(x, chosen, lambda images: jitter_(images, order, amount))

    def draw(self, batch: int, numpy_rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw (B,K) int64, the order of the K changes of each image, and (B,4) float64, their amounts."""
        strength = np.array([self.brightness, self.contrast, self.saturation])
        factor = numpy_rng.uniform(np.maximum(0, 1 - strength), 1 + strength, (batch, 3))
        amount = np.concatenate([factor, numpy_rng.uniform(-self.hue, self.hue, (batch, 1))], 1)
        order = numpy_rng.permuted(np.tile(np.flatnonzero([*strength, self.hue]), (batch, 1)), axis=1)
        return order, amount


def jitter_(x: Tensor, order: np.ndarray, amount: np.ndarray) -> Tensor:
    """Change images (B,C,H,W) in 0..1, each in its own order, in place: new memory would cost most here.

    Brightness, contrast and saturation are one formula with different m, so one pass does a step for all images. The hue, which
    is slower, is turned between the passes, for the images where it is next. `order` (B,K) has a permutation of the same K
    changes in each row, `amount` (B,4) three factors, and the turn of the hue in circles.
    """
    batch, steps = order.shape
    turns = order == HUE
    when = turns.argmax(1) if turns.any() else np.full(batch, -1)
    blends = order[~turns].reshape(batch, steps - int(turns.any()))
    factors = np.take_along_axis(amount, blends, 1)
    parts = np.stack([factors, (1 - factors) * (blends == CONTRAST), (1 - factors) * (blends == SATURATION)])  # (3, B, blends)
    coefficients = rng.to(parts, x.device, x.dtype)[..., None, None, None]
    for step in range(blends.shape[1] + 1):
        now = np.flatnonzero(when == step)
        if len(now):
            rows = rng.to(now, x.device)
            x.index_copy_(0, rows, turned(x.index_select(0, rows), amount[now, HUE]))
        if step < blends.shape[1]:
            factor, mean, own = coefficients[:, :, step].unbind(0)
            dull = grey(x)
            centre = dull.mean((2, 3), keepdim=True).mul_(mean)
            x.mul_(factor).add_(dull.mul_(own).add_(centre)).clamp_(0, 1)
    return x


def turned(x: Tensor, turn: np.ndarray) -> Tensor:
    """Turn the hue of each image (B,3,H,W) by its own share of the circle (B,); saturation and value of HSV stay.

    Lengths are in units of the chroma c = largest - smallest channel, so nothing is divided by it, and grey, c = 0, is no case
    of its own. On the hexagon of HSV a hue is c + green + blue - red - smallest from red, 0 to 3, on green's side or on blue's;
    a channel is full within 1 of its own hue (red 0, green 2, blue 4) and empty beyond 2.
    """
    red, green, blue = x.split(1, 1)
    top, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    c = top - low
    hue = (c - low).add_(green).add_(blue).sub_(red).copysign_(green - blue)  # -3 to 3
    # The turned hue minus a channel's own, a circle apart at most, is hue + back + 3, so | |hue + back| - 3 | is its distance.
    back = 6 * ((turn[:, None] - np.arange(3) / 3) % 1) - 3
    apart = torch.addcmul(hue, c, rng.to(back, x.device, x.dtype)[:, :, None, None]).abs_().sub_(c, alpha=3).abs_()
    return apart.neg_().add_(c.mul_(2).add_(low)).clamp_(low, top)
