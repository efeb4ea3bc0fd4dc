"""Which tokens of an example are hidden or moved: what ShED and MAE share."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number


class Chosen(NamedTuple):
    """Tokens by their places, in random order.

    Args:
        which: (B,K) int64.
        valid: (B,K) bool: of an example with few tokens fewer are chosen.
        many: (B,) int64, how many are valid.
    """

    which: Tensor
    valid: Tensor
    many: Tensor


def choose(h: Tensor, present: Tensor | None, rate: float, generator: torch.Generator, least: int = 1) -> Chosen:
    """A share of the tokens (B,T,...) that are present, uniformly, at least `least` of them where there are so many."""
    rows, tokens = h.shape[:2]
    key = draws.to(torch.rand(rows, tokens, generator=generator), h.device)
    most = min(tokens, max(least, math.ceil(rate * tokens - 1e-9)))
    there = key.new_full((rows,), tokens, dtype=torch.int64) if present is None else present.sum(1)
    which = (key if present is None else key.masked_fill(~present, -1.0)).topk(most, 1).indices
    many = (rate * there.double() - 1e-9).ceil().long().clamp(min=least).minimum(there)
    return Chosen(which, torch.arange(most, device=h.device) < many[:, None], many)


def checked_rate(owner: str, rate: float) -> float:
    if not is_number(rate) or not 0 < rate < 1:
        raise ValueError(f"`rate` of {owner} must be a share of the tokens, above 0 and below 1, got {rate!r}. DABS has .15.")
    return rate
