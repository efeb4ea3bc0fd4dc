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
        moves = draws.numpy_generator(generator).integers(-self.pixels, self.pixels + 1, (len(x), x.dim() - 2))
        return moved(x, moves, self.pixels, self.fill)


def moved(x: Tensor, moves: np.ndarray, most: int, fill: float) -> Tensor:
    """(B,C,...), each example moved by whole steps along its axes: a place shows what stood `moves` further on, or `fill`.

    Args:
        moves: (B,S) int64, for each of the S axes after the second, at most `most` to both hands.
    """
    space = x.shape[2:]
    start = draws.to(np.ascontiguousarray(moves + most), x.device)
    padded = torch.nn.functional.pad(x, (most, most) * len(space), value=fill)
    place = start.new_zeros(len(x), *(1,) * len(space))  # of each number in the flattened padded example
    for axis, length in enumerate(space):
        at = start[:, axis, None] + torch.arange(length, device=x.device)  # (B, length)
        place = place * padded.shape[axis + 2] + at.view(
            len(x), *(length if axis == other else 1 for other in range(len(space)))
        )
    place = place.view(len(x), 1, -1).expand(-1, x.shape[1], -1)
    return padded.flatten(2).gather(2, place).view(x.shape)
