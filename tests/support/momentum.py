"""Methods with a target network or a queue, as loops."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mixtrast.methods import Method
from support import oracle
from support.generators import seeded
from support.oracle import Rows

K = 11  # keys in a queue


def shaken(made: Method) -> Method:
    """A method whose target network differs from its encoder after some steps."""
    with torch.no_grad():
        for number_, weight in enumerate(made.keys.target.parameters()):
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded(number_), dtype=weight.dtype))
    return made


def normal(rows: Rows) -> Rows:
    return [[number_ / math.sqrt(oracle.dot(row, row)) for number_ in row] for row in rows]


def keys(made: Method, x: Tensor) -> Rows:
    target = made.keys.target
    return normal(target.projector(target.encoder(x)).tolist())


def queue(made: Method) -> Rows:
    return made.keys.queue.keys.tolist()
