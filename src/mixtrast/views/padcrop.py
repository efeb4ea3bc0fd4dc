from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.views._view import View
from mixtrast.views.shift import moved


class PadCrop(View):
    """The padded random crop: a black frame is put around the image, and a window of the image's size is cut out of it.

    Args:
        padding: width of the frame in pixels; 4 of 32 on CIFAR.

    Reference: He et al., Deep Residual Learning, arXiv:1512.03385, section 4.2.
    Differs: from `shift`, which moves what is scaled already and lets the mean come in, only in the black that comes in.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, padding: int = 4) -> None:
        if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
            raise ValueError(f"`padding` of PadCrop must be whole pixels, 0 or more, got {padding!r}.")
        self.padding = padding

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        moves = draws.numpy_generator(generator).integers(-self.padding, self.padding + 1, (len(x), 2))
        return moved(x, moves, self.padding, 0.0)
