import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._view import View


class Cutout(View):
    """A box of the example is set to a constant: pixels of (B,C,H,W), a segment of (B,C,L), adjacent columns of (B,F).

    Args:
        size: side of the box, a share of the side of the example; the centre is uniform and the box is clipped.
        fill: the constant; 0 is the mean of normalised input.

    Reference: DeVries & Taylor, Cutout, arXiv:1708.04552 (16 of CIFAR-10's 32 pixels, 8 for CIFAR-100).
    """

    def __init__(self, *, size: float = 0.5, fill: float = 0.0) -> None:
        if not is_number(size) or not 0 <= size <= 1:
            raise ValueError(f"`size` of Cutout must be a share of the side, 0 to 1, got {size!r}.")
        self.size, self.fill = size, fill

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        space = tuple(x.shape[1:]) if x.dim() == 2 else tuple(x.shape[2:])
        centres = rng.numpy_generator(generator).integers(0, space, (len(x), len(space)))
        sides = np.full_like(centres, 1) * (np.asarray(space) * self.size).astype(np.int64)
        inside = rng.inside(rng.to(rng.boxes(sides, centres, space), x.device), space)
        return x.masked_fill(inside if x.dim() == 2 else inside[:, None], self.fill)
