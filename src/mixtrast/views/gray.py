from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._pixels import change_rows, check_probability, draw_rows, grey
from mixtrast.views._view import View


class Gray(View):
    """Conversion to greyscale with probability `p`: every channel becomes .299 red + .587 green + .114 blue.

    Args:
        p: probability.

    Reference: Chen et al., SimCLR, arXiv:2002.05709, appendix A.
    Differs: where there are two channels or more than three, grey is their mean; one channel is refused.
        Weights are those of Pillow; torchvision's tensors have .2989 for red, TensorFlow's as well.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.2) -> None:
        check_probability("Gray", "p", p)
        self.p = p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.shape[1] == 1:
            raise ValueError(f"Gray works on images of two or more channels, got shape {tuple(x.shape)}. Leave it out.")
        chosen = draw_rows(rng.numpy_generator(generator), len(x), self.p)
        return change_rows(x, chosen, lambda images: grey(images).expand_as(images))
