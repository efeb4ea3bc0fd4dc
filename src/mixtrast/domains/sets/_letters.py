"""Sequences that are not in a FASTA file, as tokens of the same alphabets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mixtrast.domains._assemble import Source, assemble
from mixtrast.domains._data import Data
from mixtrast.domains._lines import padded
from mixtrast.domains.fasta import ALPHABETS, Fasta
from mixtrast.spec import Tokens


def letters(
    kind: str, ids: Sequence[np.ndarray], label: Sequence[str], length: int, notes: Sequence[str], like: dict[str, Any] | None
) -> Data:
    """Ids of letters, 1 and up in the order of the alphabet."""
    source = Source(
        x=padded(ids, length),
        label=np.array(label, dtype=object),
        groups=None,
        where=lambda row: f"sequence {row + 1:,}",
        facts={"alphabet": kind},
        notes=tuple(notes),
        spec=Tokens(length, len(ALPHABETS[kind]) + 1, 0),
    )
    return assemble(Fasta(length=length), kind, source, task="classes", like=like)


def parts(sizes: Sequence[int]) -> list[torch.Tensor]:
    """(N,) bool of each of these parts, one after the other."""
    number = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return [number == at for at in range(len(sizes))]
