from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._pixels import change_rows, check_intensity, check_probability, draw_rows
from mixtrast.views._view import View


class Solarize(View):
    """Solarization with probability `p`: every intensity of `threshold` or more is inverted to 1 minus itself.

    Args:
        threshold: 0 turns the whole image into its negative.
        p: probability.

    Reference: Grill et al., BYOL, arXiv:2006.07733, appendix B (p = .2, and on the second view only).
    Differs: both views of a run are drawn in the same way, so here it is on both.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, threshold: float = 0.5, p: float = 0.2) -> None:
        if not is_number(threshold) or not 0 <= threshold <= 1:
            raise ValueError(f"`threshold` of Solarize must be an intensity, 0 to 1, got {threshold!r}.")
        check_probability("Solarize", "p", p)
        self.threshold, self.p = threshold, p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        check_intensity("Solarize", x)
        chosen = draw_rows(rng.numpy_generator(generator), len(x), self.p)
        return change_rows(x, chosen, lambda images: solarized(images, self.threshold))


def solarized(x: Tensor, threshold: float) -> Tensor:
    """x below the threshold, 1 - x from it on; `lerp` is exact at weights of 0 and 1, in half the time of `where` on a CPU."""
    return torch.lerp(x, 1 - x, (x >= threshold).to(x.dtype))
