from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv1d

from mixtrast import draws
from mixtrast.encoders import Encoder
from mixtrast.evaluate._evaluation import Features, check_count
from mixtrast.evaluate._examples import Examples, OfExamples
from mixtrast.evaluate.linear import Linear
from mixtrast.spec import Series, Spec

LENGTHS = (7, 9, 11)
NUMBERS = 2**22  # convolved at a time
LONG = 2**13  # numbers of a series, up to which it is asked of them unless it is named


class Convolutions(OfExamples):
    """Random convolutions of the raw series and a linear probe: what costs little, and is hard to beat on series.

        features_k = max_t (w_k * x)_t + b_k,   the share of t at which (w_k * x)_t + b_k > 0

    Weights are N(0, 1) less their mean, b uniform in [-1, 1], dilations powers of two up to what the length allows, every
    other kernel padded. A kernel sees a random part of the channels. Values that are missing count as the mean, 0. Asked of
    raw input alone, of series of at most 8,192 numbers unless it is named: 500 kernels took 0.26 s for 16,000 numbers.

    Args:
        kernels: how many; each makes two features.

    Returns (when called): the scores of `linear` on these features.

    Reference: Dempster, Petitjean, Webb, ROCKET, 2020, arXiv:1910.13051.
    Differs: the probe is that of `linear`, there are 500 kernels, not 10,000, and dilations are powers of two.
    """

    rows: ClassVar[tuple[str, ...]] = ("raw",)

    def __init__(self, *, kernels: int = 500) -> None:
        self.kernels = check_count("Convolutions", "kernels", kernels)

    @staticmethod
    def suits(spec: Spec) -> bool:
        return isinstance(spec, Series) and spec.channels * spec.length <= LONG

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> dict[str, Any]:
        spec = examples.spec
        if not isinstance(spec, Series):
            raise ValueError(f"convolutions are for series, got {type(spec).__name__.lower()}. Leave them out.")
        banks = _banks(self.kernels, spec, seed)
        parts = {
            name: (torch.cat([_features(examples.seen(some), banks) for some in rows.split(_many(spec))]), examples.label[rows])
            for name, rows in (("train", examples.train), ("val", examples.val), ("test", examples.test))
            if len(rows)
        }
        return Linear()(Features.of(**parts, classes=examples.classes), seed=seed)


Bank = tuple[Tensor, Tensor, int, int]  # weight (K,C,length), bias (K,), dilation, padding


def _many(spec: Series) -> int:
    return max(1, NUMBERS // (spec.length * max(64, spec.channels)))


def _banks(kernels: int, spec: Series, seed: int) -> list[Bank]:
    """Kernels of the same length, dilation and padding together."""
    rng = draws.numpy_generator(draws.derived(seed, 0, "convolutions"))
    lengths = [length for length in LENGTHS if length <= spec.length] or [spec.length]
    drawn: dict[tuple[int, int, int], list[tuple[np.ndarray, float]]] = {}
    for number in range(kernels):
        length = int(rng.choice(lengths))
        most = math.log2((spec.length - 1) / (length - 1)) if length > 1 else 0.0
        dilation = 2 ** int(rng.uniform(0, math.floor(most) + 1))
        weight = rng.normal(size=(spec.channels, length))
        weight -= weight.mean(1, keepdims=True) if length > 1 else 0.0
        seen = int(2 ** rng.uniform(0, math.log2(spec.channels + 1)))
        weight[rng.permutation(spec.channels)[max(1, seen) :]] = 0.0
        padding = (length - 1) * dilation // 2 if number % 2 else 0
        drawn.setdefault((length, dilation, padding), []).append((weight, rng.uniform(-1, 1)))
    return [
        (torch.tensor(np.stack([w for w, _ in some])).float(), torch.tensor([b for _, b in some]).float(), dilation, padding)
        for (_, dilation, padding), some in sorted(drawn.items())
    ]


@torch.no_grad()
def _features(x: Tensor, banks: list[Bank]) -> Tensor:
    """(N,C,L) -> (N, 2 kernels)."""
    x, found = x.nan_to_num(), []
    for weight, bias, dilation, padding in banks:
        heard = conv1d(x, weight, bias, dilation=dilation, padding=padding)
        found += [heard.amax(2), (heard > 0).float().mean(2)]
    return torch.cat(found, 1)
