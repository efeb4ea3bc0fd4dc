"""Sequences of ids: they get one length, and a spec."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtrast.data import Schema
from mixtrast.spec import Tokens
from mixtrast.text import count

PAD = 0


def padded(ids: Sequence[Any], length: int, pad: int = PAD) -> np.ndarray:
    """Return ids as (N,T) int64: cut at `length`, with `pad` after the end of shorter sequences."""
    x = np.full((len(ids), length), pad, dtype=np.int64)
    for row, each in enumerate(ids):
        x[row, : len(each)] = each[:length]
    return x


def tokens_spec(
    ids: Sequence[Any], vocab: int, schema: Schema | None, *, length: int | None, longest: int, pad: int = PAD
) -> Tokens:
    """Return the spec of the earlier data, else one of length `length`, or of 95 % of the sequences, at most `longest`."""
    if schema is not None and isinstance(schema.spec, Tokens):
        return schema.spec
    if length is None:
        quantile = int(np.ceil(np.quantile([len(each) for each in ids], 0.95))) if len(ids) else 1
        length = max(1, min(longest, quantile))
    return Tokens(length, vocab, pad)


def length_notes(ids: Sequence[Any], length: int, what: str) -> list[str]:
    """Return notes on the lengths, and on how many sequences are cut or empty."""
    lengths = [len(each) for each in ids]
    cut, empty = sum(n > length for n in lengths), sum(n == 0 for n in lengths)
    notes = [f"{count(len(ids), what)} of {min(lengths):,} to {max(lengths):,} tokens; the first {length:,} are used."]
    if cut:
        notes.append(f"{count(cut, what)} longer than that: the rest is not used. `--data.length N` uses more.")
    if empty:
        notes.append(f"{count(empty, what)} without a token: nothing can be learned from such.")
    return notes
