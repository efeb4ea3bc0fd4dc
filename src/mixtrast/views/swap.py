from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number
from mixtrast.views._view import View


class Swap(View):
    """Some values of an example are those that another example has at the same place: they stay values that occur there.

    Whatever an example is made of may be swapped: numbers, categories, missing values, ids of tokens. Each place draws its own
    other example of the batch, so columns come from their own distribution, without what ties them to the others.

    Args:
        p: probability of each value.

    Reference: Bahri et al., SCARF, ICLR 2022, arXiv:2106.15147, section 3 (with .6, of which view 1 has none).
    Differs: values come from the batch, not from all training rows; and each value is swapped with probability p, where SCARF
        swaps a fixed share of the columns.
    """

    discrete: ClassVar[bool] = True

    def __init__(self, *, p: float = 0.3) -> None:
        if not is_number(p) or not 0 <= p <= 1:
            raise ValueError(f"`p` of Swap must be a probability, got {p!r}.")
        self.p = p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        local = draws.on_device(generator, x.device)
        others = torch.randint(len(x), x.shape, generator=local, device=x.device)
        return torch.where(torch.rand(x.shape, generator=local, device=x.device) < self.p, x.gather(0, others), x)
