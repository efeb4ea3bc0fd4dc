from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number
from mixtrast.views._view import View


class Shift(View):
    """Every example is moved by whole steps along each of its axes: an image (B,C,H,W) by pixels, a series (B,C,L) in time.

    Args:
        pixels: the largest shift, to both hands; each axis draws uniformly from -pixels..pixels.
        fill: what comes in from outside; 0 is the mean of normalised input.

    Differs: the padded random crop of the image literature (4 of 32 pixels) is this at `pixels=4`, `fill` the black of the
        normalised image; a table has no neighbours to move to, and is refused.
    """

    def __init__(self, *, pixels: int = 1, fill: float = 0.0) -> None:
        if not isinstance(pixels, int) or isinstance(pixels, bool) or pixels < 0 or not is_number(fill):
            raise ValueError(f"Shift needs whole `pixels`, 0 or more, and a number as `fill`, got {pixels!r} and {fill!r}.")
        self.pixels, self.fill = pixels, fill

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.dim() < 3:
            raise ValueError(
                f"Shift works on series (B,C,L) and images (B,C,H,W), got shape {tuple(x.shape)}: a table has no neighbours. "
                "Use mask or noise for tables."
            )
        space = x.shape[2:]
        moves = draws.numpy_generator(generator).integers(-self.pixels, self.pixels + 1, (len(x), len(space)))
        padded = torch.nn.functional.pad(x, (self.pixels, self.pixels) * len(space), value=self.fill)
        start = draws.to(np.ascontiguousarray(moves + self.pixels), x.device)
        for axis, length in enumerate(space):
            at = start[:, axis, None] + torch.arange(length, device=x.device)  # (B, length)
            shape = [len(x), *(1,) * (x.dim() - 1)]
            shape[axis + 2] = length
            wanted = [*padded.shape]
            wanted[axis + 2] = length
            padded = padded.gather(axis + 2, at.view(shape).expand(wanted))
        return padded
