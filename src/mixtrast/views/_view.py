from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor


class View(ABC):
    """The contract of views: (B,...) and a generator on the CPU -> the same shape and dtype, the input left as it was."""

    unscaled: ClassVar[bool] = False  # True: of images only, works on intensities in 0..1, before they are scaled
    discrete: ClassVar[bool] = False  # True: takes ids of tokens too

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        name = type(self).__name__
        if not isinstance(x, Tensor) or x.dim() < 2 or not (self.discrete or x.is_floating_point()):
            got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            way = " Use the view swap, or none, for ids of tokens." if isinstance(x, Tensor) and x.dtype == torch.int64 else ""
            raise TypeError(f"{name} takes a floating tensor, examples first, of two or more dimensions, got {got}.{way}")
        if not self.unscaled:
            return self.apply(x, generator)
        if x.dim() != 4:
            raise ValueError(
                f"{name} works on images (B,C,H,W), got shape {tuple(x.shape)}. Use mask or noise for tables, shift for series."
            )
        wide = x if x.dtype in (torch.float32, torch.float64) else x.float()  # places and colours in half have too few digits
        return self.apply(wide, generator).to(x.dtype)

    @abstractmethod
    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
