"""Constant examples, and checks that weights say what was taken."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mixtrast import Mix
from mixtrast.mixers import Mixer, OneOf
from support.generators import seeded

GRID = 2.0**-24  # shares are rounded to it


def constants(batch: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Example i is the number i everywhere, so a mixture shows what was taken from whom."""
    return torch.arange(batch, dtype=dtype).view(-1, *(1,) * len(shape)).repeat(1, *shape)


def honest(mixed: Tensor, mix: Mix, pool: Tensor, atol: float = 1e-5) -> bool:
    """Whether the weights say what was really taken: the mean over places of mixed constants is the weighted mean of them."""
    values = pool.flatten(1)
    assert (values == values[:, :1]).all(), "only constant examples show what was taken"
    said = [
        sum(w * float(values[parent, 0]) for parent, w in zip(parents, weights, strict=True))
        for parents, weights in zip(mix.parents.tolist(), mix.weight.tolist(), strict=True)
    ]
    got = mixed.double().flatten(1).mean(1).tolist()
    return len(got) == len(said) and all(abs(a - b) <= atol for a, b in zip(got, said, strict=True))


def distance(values: Tensor, cdf) -> float:
    """Kolmogorov's distance of draws rounded to the grid: each value stands for half a step to both sides."""
    at, counts = np.unique(values.double().numpy(), return_counts=True)
    upto = counts.cumsum() / counts.sum()
    before = upto - counts / counts.sum()
    return max(np.abs(upto - cdf(at + GRID / 2)).max(), np.abs(before - cdf(at - GRID / 2)).max())


def close_enough(n: int) -> float:
    """Kolmogorov's distance that one sample of n in a thousand exceeds."""
    return 1.95 / math.sqrt(n)


def first_shares(mixer: Mixer | OneOf, shape: tuple[int, ...], seed: int = 0, **options) -> Tensor:
    mixed, mix = mixer(constants(*shape), seeded(seed), **options)
    assert honest(mixed, mix, constants(*shape), atol=shape[0] * 1e-6)
    return mix.weight[:, 0]


IMAGE, TABLE = torch.zeros(4, 1, 8, 8), torch.zeros(4, 6)
