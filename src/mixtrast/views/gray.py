from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.views._pixels import check_probability, drawn, grey, only
from mixtrast.views._view import View


class Gray(View):
    """The image without its colours: every channel becomes .299 red + .587 green + .114 blue, with probability `p`.

    Args:
        p: probability.

    Reference: Chen et al., SimCLR, arXiv:2002.05709, appendix A.
    Differs: where there are two channels or more than three, grey is their mean, and one channel is refused: it is grey.
        Weights are those of Pillow; torchvision's tensors have .2989 for red, TensorFlow's as well.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.2) -> None:
        check_probability("Gray", "p", p)
        self.p = p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.shape[1] == 1:
            raise ValueError(f"Gray works on images of two or more channels, got shape {tuple(x.shape)}. Leave it out.")
        chosen = drawn(draws.numpy_generator(generator), len(x), self.p)
        return only(x, chosen, lambda some: grey(some).expand_as(some))
