"""What views of pixels share: who is changed, numbers of one example each, grey, and what an intensity is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number, on_cpu

GREY = (0.299, 0.587, 0.114)  # red, green, blue: ITU-R BT.601, as Pillow has them; torchvision's tensors take .2989
SLACK = 0.01  # weights that sum to 1 but for their rounding lead out of 0..1 by less; in bfloat16 by .004


def check_probability(owner: str, name: str, value: object) -> None:
    if not is_number(value) or not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"`{name}` of {owner} must be a probability, 0 to 1, got {value!r}.")


def check_range(owner: str, name: str, value: object, allowed: str, low: float, high: float) -> None:
    """Two finite numbers, the smaller first, strictly above `low` and at most `high`."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(is_number(v) for v in value)
    if not pair or not low < value[0] <= value[1] <= high or value[1] == float("inf"):  # type: ignore[index]
        raise ValueError(f"`{name}` of {owner} must be two numbers, {allowed}, the smaller first, got {value!r}.")


def check_intensity(owner: str, x: Tensor) -> None:
    """Values are looked at on a CPU only: elsewhere that is a sync."""
    if on_cpu(x) and x.numel():
        low, high = (float(v) for v in x.detach().aminmax())
        if not (low >= -SLACK and high <= 1 + SLACK):
            raise ValueError(
                f"{owner} works on intensities, 0 black to 1 full, got values from {low:g} to {high:g}. Give images as bytes, "
                "or divide them by their largest possible value."
            )


def only(x: Tensor, who: np.ndarray, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of x in which the examples of `who` are changed, and all others are as they were to the bit.

    `who` is known to the host, so how many are changed is no question to the device, and the rest costs a copy.

    Args:
        who: (n,) int64, rows of x, each once.
        change: (n,C,H,W) -> the same shape, row k from row who[k].
    """
    if not len(who):
        return x.clone()
    rows = draws.to(who, x.device)
    return x.index_copy(0, rows, change(x.index_select(0, rows)))


def drawn(rng: np.random.Generator, batch: int, p: float) -> np.ndarray:
    """The rows that are chosen with probability p, each for itself."""
    return np.flatnonzero(rng.random(batch) < p)


def grey(x: Tensor) -> Tensor:
    """(B,C,H,W) -> (B,1,H,W): .299 red + .587 green + .114 blue; the mean over channels where they are not three."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    red, green, blue = x.split(1, 1)
    return torch.mul(red, GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
