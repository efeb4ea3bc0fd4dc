from __future__ import annotations

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number
from mixtrast.views._view import View


class Mask(View):
    """Feature drop-out: every number is set to `fill` with probability `p`, and the rest are left as they are.

    Args:
        p: probability; i-Mix uses .2 on the continuous columns of CovType.
        fill: 0 is the mean of standardised input.

    Reference: Lee et al., i-Mix, arXiv:2010.08887, appendix on tabular data.
    Differs: from torch's dropout, which scales what is left by 1 / (1 - p): a feature's size is its meaning.
    """

    def __init__(self, *, p: float = 0.2, fill: float = 0.0) -> None:
        if not is_number(p) or not 0 <= p <= 1:
            raise ValueError(f"`p` of Mask must be a probability, got {p!r}.")
        self.p, self.fill = p, fill

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        local = draws.on_device(generator, x.device)
        return x.masked_fill(torch.rand(x.shape, generator=local, device=x.device) < self.p, self.fill)
