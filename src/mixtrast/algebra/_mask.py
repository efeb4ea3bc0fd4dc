"""Which candidates each row is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.algebra._validation import NOBODY


@dataclass(frozen=True)
class Mask:
    """Which candidates are hidden from which rows. Their scores are set to -inf."""

    exclude: Tensor | None = None  # (R,E) int64; a pad is M, a column of the buffer that nothing reads
    itself: bool = False  # exclude is [[0], [1], ...]: the diagonal
    among: tuple[Tensor, Tensor] | None = None  # ids (R,) and (M,): only candidates of the same id are visible

    @classmethod
    def of(cls, exclude: Tensor | None, columns: int, itself: bool, among: tuple[Tensor, Tensor] | None = None) -> Mask:
        """The mask of checked arguments."""
        return cls(None if exclude is None or itself else torch.where(exclude < 0, columns, exclude), itself, among)

    @property
    def diagonal(self) -> bool:
        """Whether nothing but the diagonal can be hidden."""
        return self.exclude is None and self.among is None

    def hide(self, scores: Tensor, start: int) -> None:
        """Set the hidden scores of rows start, start + 1, ... to -inf; scores (b, M + some)."""
        here = slice(start, start + len(scores))
        if self.itself:
            scores.diagonal(start).fill_(-math.inf)
        elif self.exclude is not None:
            scores.scatter_(1, self.exclude[here], -math.inf)
        if self.among is not None:
            ids, theirs = self.among[0][here, None], self.among[1]
            scores[:, : len(theirs)].masked_fill_((ids != theirs) | (ids == NOBODY), -math.inf)
