from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._view import View
from mixtrast.views.shift import shifted


class PadCrop(View):
    """The padded random crop: the image is padded with black, and a random window of its original size is cut out.

    Args:
        padding: in pixels on each side; 4 of 32 on CIFAR.

    Reference: He et al., Deep Residual Learning, arXiv:1512.03385, section 4.2.
    Differs: from `shift`, which is applied after scaling and fills with the mean, only in filling with black.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, padding: int = 4) -> None:
        if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
            raise ValueError(f"`padding` of PadCrop must be whole pixels, 0 or more, got {padding!r}.")
        self.padding = padding

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        moves = rng.numpy_generator(generator).integers(-self.padding, self.padding + 1, (len(x), 2))
        return shifted(x, moves, self.padding, 0.0)
