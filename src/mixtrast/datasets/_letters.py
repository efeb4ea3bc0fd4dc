"""Sequences that are not in a FASTA file, as tokens of the same alphabets."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from mixtrast.data import Dataset, Schema
from mixtrast.readers._assemble import assemble
from mixtrast.readers._source import Source
from mixtrast.readers._tokens import padded
from mixtrast.readers.fasta import ALPHABETS, Fasta
from mixtrast.spec import Tokens


def sequences(
    alphabet: str, ids: Sequence[np.ndarray], label: Sequence[str], length: int, notes: Sequence[str], schema: Schema | None
) -> Dataset:
    """Return the dataset of ids of letters, 1 and up in the order of the alphabet."""
    spec = Tokens(length, len(ALPHABETS[alphabet]) + 1, 0)
    source = Source(
        x=padded(ids, length),
        schema=replace(Fasta(length=length).schema_of(spec), alphabet=alphabet),
        where=lambda row: f"sequence {row + 1:,}",
        label=np.array(label, dtype=object),
        notes=tuple(notes),
    )
    return assemble(alphabet, source, task="classes", schema=schema)


def part_masks(sizes: Sequence[int]) -> list[torch.Tensor]:
    """Return (N,) bool for each of some parts that follow each other."""
    number = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return [number == at for at in range(len(sizes))]
