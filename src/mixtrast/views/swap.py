from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.views._pixels import check_probability
from mixtrast.views._view import View


class Swap(View):
    """Some values of an example are replaced by those of other examples at the same place, so that they stay plausible.

    Works on anything: numbers, categories, missing values, ids of tokens. Each place draws its own other example of the batch,
    so values come from the distribution of their column, independent of the other columns.

    Args:
        p: probability of each value.

    Reference: Bahri et al., SCARF, ICLR 2022, arXiv:2106.15147, section 3 (with .6, on one of the two views).
    Differs: values come from the batch, not from all training rows; and each value is swapped with probability p, where SCARF
        swaps a fixed share of the columns.
    """

    discrete: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.3) -> None:
        check_probability("Swap", "p", p)
        self.p = p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        local = rng.on_device(generator, x.device)
        others = torch.randint(len(x), x.shape, generator=local, device=x.device)
        return torch.where(torch.rand(x.shape, generator=local, device=x.device) < self.p, x.gather(0, others), x)
