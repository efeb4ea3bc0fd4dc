"""From raw examples to the input of an encoder, with views in between: the same in training, probes and export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.views._view import View

BYTE = 255.0


@dataclass(frozen=True, eq=False)
class Scale:
    """Standardises examples, (x - mean) / std, with `unscaled` views before it and all others after it.

    Bytes are first converted to intensities x / 255. Ids of tokens are not scaled.

    Args:
        mean, std: float32, broadcast against one example, in units of the intensity.
    """

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor, views: Sequence[View] = (), generator: torch.Generator | None = None) -> Tensor:
        """Scale and augment: raw examples (N, *shape) -> (N, *shape) float32."""
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
    """Convert bytes to 0..1 and other numbers to float32; ids (int64) stay ids."""
    if x.dtype == torch.int64:
        return x
    return x.float().mul_(1 / BYTE) if x.dtype == torch.uint8 else x.float()
