"""Random convolutions of raw series."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv1d

from mixtrast import rng
from mixtrast.encoders import Encoder
from mixtrast.evaluation._contract import Task
from mixtrast.evaluation._examples import Examples
from mixtrast.evaluation._features import Features
from mixtrast.evaluation._options import check_count
from mixtrast.evaluation._probes import ExampleProbe
from mixtrast.evaluation.linear import Linear
from mixtrast.records import Score
from mixtrast.spec import Series, Spec

LENGTHS = (7, 9, 11)
NUMBERS = 2**22  # convolved at a time
LONG = 2**13  # numbers of a series, up to which it is computed unless it is named
Bank = tuple[Tensor, Tensor, int, int]  # weight (K,C,length), bias (K,), dilation, padding


class Convolutions(ExampleProbe):
    """Random convolutions of the raw series and a linear probe, a cheap baseline that is hard to beat on series.

        features_k = max_t (w_k * x)_t + b_k,   the share of t at which (w_k * x)_t + b_k > 0

    Weights are N(0, 1) less their mean, b uniform in [-1, 1], dilations powers of two up to what the length allows, every
    other kernel padded. Each kernel uses a random part of the channels. Missing values count as the mean, 0. Computed for raw
    input only, of series of at most 8,192 numbers unless it is named: 500 kernels took 0.26 s for 16,000 numbers.

    Args:
        kernels: how many; each makes two features.

    Returns (when called): the scores of `linear` on these features.

    Reference: Dempster, Petitjean, Webb, ROCKET, 2020, arXiv:1910.13051.
    Differs: the probe is that of `linear`, there are 500 kernels, not 10,000, and dilations are powers of two.
    """

    title, phrase, kind, order = "random convolutions", "random convolutions of raw input", "baseline", 3
    rows: ClassVar[tuple[str, ...]] = ("raw",)

    def __init__(self, *, kernels: int = 500) -> None:
        self.kernels = check_count("Convolutions", "kernels", kernels)

    @staticmethod
    def applies_to(spec: Spec, task: Task) -> bool:
        return isinstance(spec, Series) and spec.channels * spec.length <= LONG and task != "multilabel"

    @staticmethod
    def refusal(spec: Spec, task: Task) -> str:
        if not isinstance(spec, Series):
            return f"it needs series, got {type(spec).__name__.lower()}"
        return ExampleProbe.refusal(spec, task)

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> Score:
        spec = examples.spec
        if not isinstance(spec, Series):
            raise ValueError(f"convolutions are for series, got {type(spec).__name__.lower()}. Leave them out.")
        banks, at_once = _banks(self.kernels, spec, seed), max(1, NUMBERS // (spec.length * max(64, spec.channels)))
        parts = {
            name: (torch.cat([_features(examples.inputs(some), banks) for some in rows.split(at_once)]), examples.label[rows])
            for name, rows in (("train", examples.train), ("val", examples.val), ("test", examples.test))
            if len(rows)
        }
        return Linear()(Features.of(**parts, classes=examples.classes), seed=seed)


def _banks(kernels: int, spec: Series, seed: int) -> list[Bank]:
    """Kernels of the same length, dilation and padding together."""
    numpy_rng = rng.numpy_generator(rng.derived(seed, 0, "convolutions"))
    lengths = [length for length in LENGTHS if length <= spec.length] or [spec.length]
    drawn: dict[tuple[int, int, int], list[tuple[np.ndarray, float]]] = {}
    for number in range(kernels):
        length = int(numpy_rng.choice(lengths))
        most = math.log2((spec.length - 1) / (length - 1)) if length > 1 else 0.0
        dilation = 2 ** int(numpy_rng.uniform(0, math.floor(most) + 1))
        weight = numpy_rng.normal(size=(spec.channels, length))
        weight -= weight.mean(1, keepdims=True) if length > 1 else 0.0
        channels = int(2 ** numpy_rng.uniform(0, math.log2(spec.channels + 1)))
        weight[numpy_rng.permutation(spec.channels)[max(1, channels) :]] = 0.0
        padding = (length - 1) * dilation // 2 if number % 2 else 0
        drawn.setdefault((length, dilation, padding), []).append((weight, numpy_rng.uniform(-1, 1)))
    return [
        (torch.tensor(np.stack([w for w, _ in some])).float(), torch.tensor([b for _, b in some]).float(), dilation, padding)
        for (_, dilation, padding), some in sorted(drawn.items())
    ]


@torch.no_grad()
def _features(x: Tensor, banks: list[Bank]) -> Tensor:
    """(N,C,L) -> (N, 2 kernels)."""
    x, found = x.nan_to_num(), []
    for weight, bias, dilation, padding in banks:
        response = conv1d(x, weight, bias, dilation=dilation, padding=padding)
        found += [response.amax(2), (response > 0).float().mean(2)]
    return torch.cat(found, 1)
