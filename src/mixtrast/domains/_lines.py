"""What domains of tokens share: ids of unequal length become one tensor, and the spec that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtrast.domains._words import count
from mixtrast.spec import Tokens, from_dict

PAD = 0


def usual_length(lengths: Sequence[int], most: int) -> int:
    """As long as 95 of 100 are, at most `most`, 1 or more."""
    return max(1, min(most, int(np.ceil(np.quantile(lengths, 0.95))))) if len(lengths) else 1


def padded(ids: Sequence[Any], length: int, pad: int = PAD) -> np.ndarray:
    """(N,T) int64: cut at `length`, `pad` after the end of shorter ones."""
    x = np.full((len(ids), length), pad, dtype=np.int64)
    for row, each in enumerate(ids):
        x[row, : len(each)] = each[:length]
    return x


def tokens_spec(length: int, vocab: int, like: dict[str, Any] | None, pad: int = PAD) -> Tokens:
    """Those of the earlier data, where there are some."""
    wanted = None if like is None or not like.get("spec") else from_dict(like["spec"])
    return wanted if isinstance(wanted, Tokens) else Tokens(length, vocab, pad)


def lengths_note(ids: Sequence[Any], length: int, what: str) -> list[str]:
    """How long they are, how many are cut, how many are empty."""
    lengths = [len(each) for each in ids]
    cut, empty = sum(n > length for n in lengths), sum(n == 0 for n in lengths)
    notes = [f"{count(len(ids), what)} of {min(lengths):,} to {max(lengths):,} tokens, the first {length:,} are taken."]
    if cut:
        notes.append(f"{count(cut, what)} longer than that: the rest is not seen. `--data.length N` takes more.")
    if empty:
        notes.append(f"{count(empty, what)} without a token: nothing can be learned from such.")
    return notes
