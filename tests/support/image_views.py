"""Random images."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from support.generators import seeded

RARE = 1e-4  # a true null hypothesis fails with this chance; seeds are fixed, so it failed or it did not


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=seeded(seed), dtype=torch.float64).to(dtype)


def uniform(values: np.ndarray, low: float, high: float) -> bool:
    return bool(stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > RARE)
