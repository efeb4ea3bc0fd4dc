"""Small encoders, their examples and weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixtrast import encoders, spec
from mixtrast.encoders import Encoder
from mixtrast.spec import Image, Table
from support.generators import seeded

TABLE, PICTURE = Table(9), Image(2, 8, 8)


def get(name: str, shape: spec.Spec, seed: int = 0, **options) -> Encoder:
    """In float64, with running statistics of batch norm that are no identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = encoders.get(name, shape, **options).double()
        return stirred(made)


def stirred(module: nn.Module) -> nn.Module:
    for norm in module.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            with torch.no_grad():
                norm.weight.uniform_(0.5, 2)
                norm.bias.uniform_(-1, 1)
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
    return module


def examples(shape: spec.Spec, rows: int = 4, seed: int = 1) -> Tensor:
    return torch.randn(rows, *shape.shape, generator=seeded(seed), dtype=torch.float64)


def weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def on_meta(name: str, shape: spec.Spec, **options) -> Encoder:
    """Shapes only: no memory, no time."""
    with torch.device("meta"):
        return encoders.get(name, shape, **options)
