import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._view import View


class Noise(View):
    """Gaussian noise is added to every number: x' = x + scale ε.

    Args:
        scale: standard deviation, in the units of the input (1 is the spread of a standardised feature).
    """

    def __init__(self, *, scale: float = 0.1) -> None:
        if not is_number(scale) or not 0 <= scale < float("inf"):
            raise ValueError(f"`scale` of Noise must be 0 or more and finite, got {scale!r}.")
        self.scale = scale

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        local = rng.on_device(generator, x.device)
        return torch.randn(x.shape, generator=local, device=x.device, dtype=x.dtype).mul_(self.scale).add_(x)
