"""From examples as they were read to what an encoder sees, with views on the way: the same in training, probes and export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.views._view import View

BYTE = 255.0


@dataclass(frozen=True, eq=False)
class Scale:
    """(x - mean) / std; bytes are intensities x / 255 first. `unscaled` views stand before it, all others after it.

    Ids of tokens have no scale and stay what they are.

    Args:
        mean, std: float32, broadcast against one example, in units of the intensity.
    """

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor, views: Sequence[View] = (), generator: torch.Generator | None = None) -> Tensor:
        """(N, *shape) as read -> (N, *shape) float32, seen through the views."""
        if generator is None:
            if views:
                raise TypeError("views draw from a generator, got none. Give torch.Generator().manual_seed(0).")
            generator = torch.Generator()
        x = intensity(x)
        for view in views:
            x = view(x, generator) if view.unscaled else x
        x = (x - self.mean) / self.std if x.is_floating_point() else x
        for view in views:
            x = x if view.unscaled else view(x, generator)
        return x

    def to(self, device: torch.device | str) -> Scale:
        return Scale(self.mean.to(device), self.std.to(device))


def intensity(x: Tensor) -> Tensor:
    """Bytes in 0..1; ids (int64) as they are; any other numbers as float32."""
    if x.dtype == torch.int64:
        return x
    return x.float().mul_(1 / BYTE) if x.dtype == torch.uint8 else x.float()
