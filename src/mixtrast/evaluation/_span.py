"""The span of training rows: the weights of least squares and logistic regression with an L2 penalty lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_NOISE = 1e-12  # of the largest squared singular value: below the square of float32's rounding
_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Span:
    """B sets of rows x (B,N,D) in their principal axes: x = centre + scores axesᵀ, with scoresᵀ scores = diag(power).

    An L2 penalty does not change under rotation, and a weight orthogonal to all (centred) rows only adds to it, so a fit in the
    r = min(N,D) scores is the fit in the D features: exactly, and cheaper where N < D.

    centre (B,1,D), axes (B,D,r), power (B,r) all float64, ascending; axes without any row are 0, as is their power.
    """

    centre: Tensor
    axes: Tensor
    power: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Span:
        rows, dims = x.shape[1:]
        centre = x.mean(1, keepdim=True, dtype=torch.float64)
        if rows < dims:
            y = x.double() - centre
            power, left = torch.linalg.eigh(y @ y.mT)
            axes = y.mT @ left
        else:
            blocks = (block.double() - centre for block in x.split(_ROWS, 1))
            total = torch.zeros(len(x), dims, dims, dtype=torch.float64)
            for block in blocks:
                total += block.mT @ block
            power, axes = torch.linalg.eigh(total)
        keep = power > _NOISE * power[:, -1:].clamp(min=0)
        power = torch.where(keep, power, 0.0)
        length = power.sqrt() if rows < dims else torch.ones_like(power)
        axes = torch.where(keep[:, None], axes / torch.where(keep, length, 1.0)[:, None], 0.0)
        return cls(centre, axes, power)

    def scores(self, x: Tensor) -> Tensor:
        """(B,N,D) -> (B,N,r) float64."""
        return torch.cat([(block.double() - self.centre) @ self.axes for block in x.split(_ROWS, 1)], 1)
