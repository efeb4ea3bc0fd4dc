from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.views._pixels import check_probability, drawn, only
from mixtrast.views._view import View


class Flip(View):
    """The image in a mirror: left and right change places with probability `p`.

    Args:
        p: probability of left and right. 0 for text, digits, traffic signs and whatever else has a left and a right.
        vertical: probability of top and bottom, drawn apart from `p`; 0.5 for what is seen from above.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.5, vertical: float = 0.0) -> None:
        check_probability("Flip", "p", p)
        check_probability("Flip", "vertical", vertical)
        self.p, self.vertical = p, vertical

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        rng = draws.numpy_generator(generator)
        x = only(x, drawn(rng, len(x), self.p), lambda some: some.flip(3))
        return only(x, drawn(rng, len(x), self.vertical), lambda some: some.flip(2)) if self.vertical else x
