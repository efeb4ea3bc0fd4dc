"""Small datasets and encoders for evaluations."""

from __future__ import annotations

import numpy as np
import torch

from mixtrast import spec
from mixtrast.evaluation import Examples
from mixtrast.views import Scale

PLAIN = Scale(torch.zeros(()), torch.ones(()))


def table(rows: int = 300, *, val: int = 60, test: int = 60, number: bool = False, seed: int = 0) -> Examples:
    """A label that two products of columns decide: out of reach of a line, in reach of a network."""
    x = torch.randn(rows, 6, generator=torch.Generator().manual_seed(seed))
    signal = x[:, 0] * x[:, 1] + x[:, 2]
    label = signal if number else (signal > 0).long()
    order = torch.arange(rows)
    parts = {"train": order[: rows - val - test], "val": order[rows - val - test : rows - test], "test": order[rows - test :]}
    return Examples.of(spec.Table(6), x, PLAIN, label, 0 if number else 2, parts)


def small(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(120, 4)), np.arange(120) % 3
