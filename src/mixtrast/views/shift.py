import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._view import View


class Shift(View):
    """Every example is shifted by whole steps along each of its axes: an image (B,C,H,W) by pixels, a series (B,C,L) in time.

    Args:
        pixels: the largest shift in either direction; each axis draws uniformly from -pixels..pixels.
        fill: the value outside of the example; 0 is the mean of normalised input.

    Differs: the padded random crop of the image literature (4 of 32 pixels) is this at `pixels=4`, `fill` the black of the
        normalised image; the columns of a table have no order, so tables are refused.
    """

    def __init__(self, *, pixels: int = 1, fill: float = 0.0) -> None:
        if not isinstance(pixels, int) or isinstance(pixels, bool) or pixels < 0 or not is_number(fill):
            raise ValueError(f"Shift needs whole `pixels`, 0 or more, and a number as `fill`, got {pixels!r} and {fill!r}.")
        self.pixels, self.fill = pixels, fill

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.dim() < 3:
            got = f"got shape {tuple(x.shape)}: a table has no neighbours. Use mask or noise for tables."
            raise ValueError(f"Shift works on series (B,C,L) and images (B,C,H,W), {got}")
        moves = rng.numpy_generator(generator).integers(-self.pixels, self.pixels + 1, (len(x), x.dim() - 2))
        return shifted(x, moves, self.pixels, self.fill)


def shifted(x: Tensor, moves: np.ndarray, most: int, fill: float) -> Tensor:
    """Shift examples (B,C,...) by whole steps (B,S), -most to most: a place gets the value `moves` further on, or `fill`."""
    space = x.shape[2:]
    start = rng.to(np.ascontiguousarray(moves + most), x.device)
    padded = torch.nn.functional.pad(x, (most, most) * len(space), value=fill)
    place = start.new_zeros(len(x), *(1,) * len(space))  # of each number in the flattened padded example
    for axis, length in enumerate(space):
        at = start[:, axis, None] + torch.arange(length, device=x.device)  # (B, length)
        shape = (length if axis == other else 1 for other in range(len(space)))
        place = place * padded.shape[axis + 2] + at.view(len(x), *shape)
    place = place.view(len(x), 1, -1).expand(-1, x.shape[1], -1)
    return padded.flatten(2).gather(2, place).view(x.shape)
