"""`alpha` of a mixer: the parameters of the Beta distribution of λ, constant, scheduled, or one for each depth."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from mixtrast.mixers._context import MixContext
from mixtrast.validation import is_number

_Alpha = float | tuple[float, float] | tuple[float, float, Literal["linear", "cosine"]]
Alpha = _Alpha | dict[int, _Alpha]


def check_alpha(owner: str, alpha: object) -> None:
    each = list(alpha.values()) if isinstance(alpha, Mapping) else [alpha]
    if not each or not all(map(_is_alpha, each)):
        raise ValueError(
            f"`alpha` of {owner} must be 0 or more, or a pair of such, got {alpha!r}. 1 is uniform; (1, 0.2, 'linear') changes "
            "over the run, {0: 1, 2: 0.5} has one for each depth."
        )


def beta_parameters(owner: str, alpha: Alpha, context: MixContext) -> tuple[float, float]:
    """The two parameters of Beta at this depth and this point of training."""
    if isinstance(alpha, Mapping):
        if context.depth not in alpha:
            what = f"`alpha` of {owner} has no value for depth {context.depth}"
            raise ValueError(f"{what}, got {alpha!r}. Use one for each depth.")
        alpha = alpha[context.depth]
    if not isinstance(alpha, tuple | list):
        return float(alpha), float(alpha)
    first, last = float(alpha[0]), float(alpha[1])
    if len(alpha) == 2:
        return first, last
    left = 1 - context.progress if alpha[2] == "linear" else (1 + math.cos(math.pi * context.progress)) / 2
    now = max(0.0, last + (first - last) * left)
    return now, now


def _is_alpha(alpha: Any) -> bool:
    """Whether this is a number, a pair of numbers, or such a pair with the shape of a schedule."""
    parts = list(alpha) if isinstance(alpha, tuple | list) else [alpha, alpha]
    if len(parts) == 3 and parts[2] in ("linear", "cosine"):
        parts = parts[:2]
    return len(parts) == 2 and all(is_number(a) and 0 <= a < float("inf") for a in parts)
