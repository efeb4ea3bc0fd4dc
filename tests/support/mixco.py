"""Cases and pairs of MixCo and DACL."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mixtrast.methods import Batch, Method
from support.generators import seeded
from support.methods import N, gradients, value
from support.tolerances import F64

H = N // 2  # N is odd: the last example is not mixed by MixCo
MIXERS = ("cutmix", "resizemix", "patchmix", "mixup+cutmix")
MIXCO = [
    *[("mixco", {"depth": depth}) for depth in (0, 1, 2)],
    *[("mixco", {"mixer": mixer}) for mixer in MIXERS],
    ("mixco", {"temperature": 0.2, "mix_temperature": 0.05}),
    ("mixco", {"weight": 0.3}),
]
DACL = [
    *[("dacl", {"depth": depth}) for depth in (0, 1, 2)],
    *[("dacl", {"mixer": mixer}) for mixer in MIXERS],
    ("dacl", {"temperature": 0.05}),
]


def mean(rows: list[float]) -> float:
    return math.fsum(rows) / len(rows)


def pairs() -> Tensor:
    """Of each view, example i with example i + h, in rows of [view 1; view 2]."""
    return torch.tensor([[view * N + i, view * N + i + H] for view in (0, 1) for i in range(H)])


def same(made: Method, other: Method, given: Batch) -> None:
    torch.testing.assert_close(value(made, given), value(other, given), **F64)
    for ours, theirs in zip(gradients(made, given), gradients(other, given), strict=True):
        torch.testing.assert_close(ours, theirs, **F64)


def shares(rows: int) -> Tensor:
    return torch.rand(rows, generator=seeded(7), dtype=torch.float64)
