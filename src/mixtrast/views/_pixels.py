"""What views of pixels share: checks, which rows are changed, and grey."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.validation import is_number, on_cpu

GREY = (0.299, 0.587, 0.114)  # red, green, blue: ITU-R BT.601, as Pillow has them; torchvision's tensors take .2989
SLACK = 0.01  # rounding of weights that sum to 1 exceeds 0..1 by less; in bfloat16 by .004


def check_probability(owner: str, name: str, value: object) -> None:
    """Raise ValueError unless this is a number in 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"`{name}` of {owner} must be a probability, 0 to 1, got {value!r}.")


def check_range(owner: str, name: str, value: object, allowed: str, low: float, high: float) -> None:
    """Raise ValueError unless these are two finite numbers, the smaller first, above `low` and at most `high`."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(is_number(v) for v in value)
    if not pair or not low < value[0] <= value[1] <= high or value[1] == float("inf"):  # type: ignore[index]
        raise ValueError(f"`{name}` of {owner} must be two numbers, {allowed}, the smaller first, got {value!r}.")


def check_intensity(owner: str, x: Tensor) -> None:
    """Raise ValueError unless values are in 0 to 1; checked on a CPU only, as elsewhere it would be a sync."""
    if on_cpu(x) and x.numel():
        low, high = (float(v) for v in x.detach().aminmax())
        if not (low >= -SLACK and high <= 1 + SLACK):
            way = "Give images as bytes, or divide them by their largest possible value."
            raise ValueError(f"{owner} works on intensities, 0 black to 1 full, got values from {low:g} to {high:g}. {way}")


def change_rows(x: Tensor, rows: np.ndarray, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a copy of x in which these rows (n,), each once, are changed, and all others are equal to the bit.

    The rows are known on the host, so their number needs no sync, and the others cost a copy only.
    """
    if not len(rows):
        return x.clone()
    index = rng.to(rows, x.device)
    return x.index_copy(0, index, change(x.index_select(0, index)))


def draw_rows(numpy_rng: np.random.Generator, batch: int, p: float) -> np.ndarray:
    """Draw each row with probability p, independently."""
    return np.flatnonzero(numpy_rng.random(batch) < p)


def grey(x: Tensor) -> Tensor:
    """(B,C,H,W) -> (B,1,H,W): .299 red + .587 green + .114 blue, or the mean over any other number of channels."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    red, green, blue = x.split(1, 1)
    return torch.mul(red, GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
