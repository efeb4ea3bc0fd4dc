"""Random problems for the algebra."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from mixtrast import Labels, Mix


def rows(n: int, d: int = 5, seed: int = 0, dtype=torch.float64) -> Tensor:
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def soft(n: int, slots: int, ids: int, seed: int = 0, nobody: float = 0.2) -> Labels:
    """Random soft labels, some slots nobody, some of weight 0."""
    g = torch.Generator().manual_seed(seed)
    who = torch.randint(-3, ids, (n, slots), generator=g)
    who[torch.rand(n, slots, generator=g) < nobody] = -1
    weight = torch.rand(n, slots, generator=g, dtype=torch.float64)
    weight[torch.rand(n, slots, generator=g) < 0.1] = 0
    return Labels(who, weight)


def pairs(n: int, seed: int = 0) -> Mix:
    g = torch.Generator().manual_seed(seed)
    share = torch.rand(n, generator=g, dtype=torch.float64)
    return Mix(torch.stack([torch.arange(n), torch.randperm(n, generator=g)], 1), torch.stack([share, 1 - share], 1))


def gradients(value: Tensor, *inputs: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(value, inputs, allow_unused=True))


@st.composite
def problems(draw):
    r, m = draw(st.integers(1, 7)), draw(st.integers(0, 8))
    seed = draw(st.integers(0, 10**6))
    e = draw(st.integers(0, 3))
    exclude = None
    if e and m:
        exclude = torch.randint(-1, m, (r, e), generator=torch.Generator().manual_seed(seed))
        exclude = exclude[:, 0] if e == 1 and draw(st.booleans()) else exclude
    return {
        "rows": (rows(r, 4, seed), rows(m, 4, seed + 1)),
        "labels": (
            soft(r, draw(st.integers(1, 3)), draw(st.integers(1, 5)), seed),
            soft(m, draw(st.integers(1, 3)), 4, seed + 2),
        ),
        "exclude": exclude,
        "paired": rows(r, 4, seed + 3) if draw(st.booleans()) else None,
        "temperature": draw(st.sampled_from([0.05, 0.3, 1.0])),
    }


Z, Y = rows(4), Labels.of(torch.tensor([0, 0, 1, 1]))
