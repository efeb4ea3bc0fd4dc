from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._pixels import change_rows, check_probability, draw_rows
from mixtrast.views._view import View


class Flip(View):
    """Horizontal flip with probability `p`, and vertical flip with probability `vertical`.

    Args:
        p: probability of a horizontal flip. 0 for text, digits, traffic signs and all else that a mirror changes.
        vertical: probability of a vertical flip, drawn independently; 0.5 for images from above.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.5, vertical: float = 0.0) -> None:
        check_probability("Flip", "p", p)
        check_probability("Flip", "vertical", vertical)
        self.p, self.vertical = p, vertical

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        numpy_rng = rng.numpy_generator(generator)
        x = change_rows(x, draw_rows(numpy_rng, len(x), self.p), lambda images: images.flip(3))
        if self.vertical:
            x = change_rows(x, draw_rows(numpy_rng, len(x), self.vertical), lambda images: images.flip(2))
        return x
