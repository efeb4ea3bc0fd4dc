import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._pixels import check_probability
from mixtrast.views._view import View


class Mask(View):
    """Feature dropout: every number is set to `fill` with probability `p`; the others are not rescaled.

    Args:
        p: probability; i-Mix uses .2 on the continuous columns of CovType.
        fill: 0 is the mean of standardised input.

    Reference: Lee et al., i-Mix, arXiv:2010.08887, appendix on tabular data.
    Differs: from torch's dropout, which scales what is left by 1 / (1 - p): a feature's size is its meaning.
    """

    def __init__(self, *, p: float = 0.2, fill: float = 0.0) -> None:
        check_probability("Mask", "p", p)
        self.p, self.fill = p, fill

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        local = rng.on_device(generator, x.device)
        return x.masked_fill(torch.rand(x.shape, generator=local, device=x.device) < self.p, self.fill)
