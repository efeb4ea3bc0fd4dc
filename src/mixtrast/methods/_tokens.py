"""What ShED and MAE share: a random subset of the tokens of each example."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.encoders import Encoder, Tokenize
from mixtrast.validation import is_number


class Chosen(NamedTuple):
    """Chosen tokens of each example, in random order."""

    which: Tensor  # (B,K) int64, their positions
    valid: Tensor  # (B,K) bool, False beyond the number that is chosen of a short example
    many: Tensor  # (B,) int64, how many are valid


def choose(h: Tensor, present: Tensor | None, rate: float, generator: torch.Generator, least: int = 1) -> Chosen:
    """Choose a share of the present tokens (B,T,...) uniformly, at least `least` where there are that many."""
    rows, tokens = h.shape[:2]
    key = rng.to(torch.rand(rows, tokens, generator=generator), h.device)
    most = min(tokens, max(least, math.ceil(rate * tokens - 1e-9)))
    count = key.new_full((rows,), tokens, dtype=torch.int64) if present is None else present.sum(1)
    which = (key if present is None else key.masked_fill(~present, -1.0)).topk(most, 1).indices
    many = (rate * count.double() - 1e-9).ceil().long().clamp(min=least).minimum(count)
    return Chosen(which, torch.arange(most, device=h.device) < many[:, None], many)


def tokenize_of(encoder: Encoder) -> Tokenize:
    """The first stage of an encoder of tokens."""
    first = encoder.stages[0]
    assert isinstance(first, Tokenize)
    return first


def checked_rate(owner: str, rate: float) -> float:
    if not is_number(rate) or not 0 < rate < 1:
        raise ValueError(f"`rate` of {owner} must be a share of the tokens, above 0 and below 1, got {rate!r}. DABS has .15.")
    return rate
