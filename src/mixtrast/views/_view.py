import sys
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from mixtrast import registry
from mixtrast.validation import describe


class View(ABC):
    """The contract of views: (B,...) and a generator on the CPU -> the same shape and dtype; the input is not changed."""

    unscaled: ClassVar[bool] = False  # True: for images, applied to intensities in 0..1 before they are scaled
    discrete: ClassVar[bool] = False  # True: also for ids of tokens

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        name = type(self).__name__
        if not isinstance(x, Tensor) or x.dim() < 2 or not (self.discrete or x.is_floating_point()):
            way = " Use the view swap, or none, for ids of tokens." if isinstance(x, Tensor) and x.dtype == torch.int64 else ""
            takes = f"{name} takes a floating tensor, examples first, of two or more dimensions"
            raise TypeError(f"{takes}, got {describe(x)}.{way}")
        if not self.unscaled:
            return self.apply(x, generator)
        if x.dim() != 4:
            way = "Use mask or noise for tables, shift for series."
            raise ValueError(f"{name} works on images (B,C,H,W), got shape {tuple(x.shape)}. {way}")
        wide = x if x.dtype in (torch.float32, torch.float64) else x.float()  # half has too few digits
        return self.apply(wide, generator).to(x.dtype)

    @abstractmethod
    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return the augmented examples, from checked input."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def get(name: str, **options: Any) -> View:
    """Build the view of that name."""
    view: View = registry.make(sys.modules["mixtrast.views"], name, options)
    return view
