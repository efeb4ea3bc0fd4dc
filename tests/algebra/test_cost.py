"""What a small loss costs besides its arithmetic: each operation takes microseconds, whatever its size."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mixtrast as mt
from mixtrast import Labels
from support.rows import pairs, rows


class Operations(TorchDispatchMode):
    """Counts the operations that run inside."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("mixed", "most"), [(False, 68), (True, 101)])
def test_a_small_loss_takes_few_operations(mixed, most):
    """With all checks, forward and backward at 256 rows; it was 80 and 113 when it was slower than the dense form."""
    z, itself = rows(256, 128, dtype=torch.float32).requires_grad_(), torch.arange(256)
    labels = Labels.of(torch.arange(256) // 2)
    labels = labels.mix(pairs(256)) if mixed else labels
    with Operations() as inside:
        mt.contrast(z, z, labels, labels, temperature=0.1, exclude=itself).backward()
    assert inside.count <= most
