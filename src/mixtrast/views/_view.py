from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class View(ABC):
    """The contract of views: (B,...) and a generator on the CPU -> the same shape and dtype, the input left as it was."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        name = type(self).__name__
        if not isinstance(x, Tensor) or x.dim() < 2 or not x.is_floating_point():
            got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} takes a floating tensor, examples first, of two or more dimensions, got {got}.")
        return self.apply(x, generator)

    @abstractmethod
    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
