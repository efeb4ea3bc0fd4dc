import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number
from mixtrast.views._pixels import change_rows, check_probability, check_range, draw_rows
from mixtrast.views._view import View


class Blur(View):
    """Gaussian blur of random width, with probability `p`.

        x'_j = Σ_k w_k x_{j+k},   w_k ∝ exp(-k² / 2σ²),  |k| <= radius,   σ ~ U(sigma),   down and across

    Args:
        sigma: smallest and largest σ, in pixels, above 0.
        kernel: its width, a share of the shorter side: radius = ⌊⌊kernel side⌋ / 2⌋, at least 1. .1 is 3 of 32
            pixels, 23 of 224.
        p: probability.

    Reference: Chen et al., SimCLR, arXiv:2002.05709, appendix A (on ImageNet; not on CIFAR-10, appendix B.9).
    Differs: the border is mirrored, without repeating the pixel on it, as in torchvision and kornia. Pillow's blur, which
        MoCo v2 and its followers call, repeats that pixel, is no Gaussian but three boxes, and is not cut off.
    """

    unscaled: ClassVar[bool] = True

    def __init__(self, *, sigma: tuple[float, float] = (0.1, 2.0), kernel: float = 0.1, p: float = 0.5) -> None:
        check_range("Blur", "sigma", sigma, "pixels above 0", 0, math.inf)
        if not is_number(kernel) or not 0 <= kernel <= 1:
            raise ValueError(f"`kernel` of Blur must be a share of the side, 0 to 1, got {kernel!r}.")
        check_probability("Blur", "p", p)
        self.sigma, self.kernel, self.p = sigma, kernel, p

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        numpy_rng = rng.numpy_generator(generator)
        chosen = draw_rows(numpy_rng, len(x), self.p)
        sigma = numpy_rng.uniform(*self.sigma, len(chosen))
        radius = max(1, int(min(x.shape[2:]) * self.kernel) // 2)
        return change_rows(x, chosen, lambda images: blurred(images, sigma, radius))


def blurred(x: Tensor, sigma: np.ndarray, radius: int) -> Tensor:
    """Blur each image (B,C,H,W) with its own σ (B,): Y X Zᵀ, with Y and Z the matrices that smooth down and across.

    Matrix products and not convolutions, of which each image would need its own: measured once on one core, half the
    time at 32 pixels a side, 1.2 to 1.5 times at 96 and 224.
    """
    down, across = (_smoothing(sigma, min(radius, length - 1), length, x) for length in x.shape[2:])
    rows = torch.bmm(x.flatten(1, 2), across.transpose(1, 2)).view(x.shape)
    return torch.matmul(down[:, None], rows)


def _smoothing(sigma: np.ndarray, reach: int, length: int, x: Tensor) -> Tensor:
    """(B, length, length), row i: the weights of all places in the blurred place i, with mirrored borders."""
    steps = np.arange(-reach, reach + 1)
    weight = np.exp(-((steps / sigma[:, None]) ** 2) / 2)  # for a σ near 0: 1 in the middle, else 0
    weights = rng.to(weight / weight.sum(1, keepdims=True), x.device, x.dtype)
    place = torch.arange(length, device=x.device)
    source = (place + torch.arange(-reach, reach + 1, device=x.device)[:, None]).abs()  # (steps, length), mirrored at 0
    source = (length - 1) - ((length - 1) - source).abs()  # and at the other end
    return torch.mm(weights, (source[:, :, None] == place).to(x.dtype).flatten(1)).view(-1, length, length)
