from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.mixers._mixer import Job, Mixer, given, over_channels, pair, space_of, two


class CutMix(Mixer):
    """A box of the example is replaced by the same box of its partner: x̃ = x_j inside, x_i outside.

    The box has a share 1 - λ of the space (each side times (1 - λ)^(1/S) in S dimensions) around a uniform centre and is
    clipped to it, so the weight is the area that is really left of x_i, not the λ drawn: they differ by .20 on average at
    32x32, α = 1.
    Cuts pixels of an image (B,C,H,W), a segment of a series (B,C,L), adjacent columns of a table (B,F).

    Args:
        alpha, weight, dominant: of the λ drawn, before the box is clipped.
        per: "sample" gives every mixture a box of its own; the authors' code one to a batch.

    Draws: {"weight": λ before clipping}, {"centre": (S,) or (R,S)}, or {"box": (2S,) or (R,2S)}, lower bounds first.

    Reference: Yun et al., CutMix, ICCV 2019, arXiv:1905.04899, eq. 1-2 and its code, with λ corrected to the area as there.
    """

    takes: ClassVar[tuple[str, ...]] = ("weight", "centre", "box")

    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        x, other = job.first, two(job, self._name)
        space = space_of(x, self._name)
        bounds = self.bounds(job, space)
        inside = draws.inside(draws.to(bounds, x.device), space)  # (R or 1, *space)
        area = np.prod(bounds[:, len(space) :] - bounds[:, : len(space)], 1) / np.prod(space)
        share = np.broadcast_to(1 - area, (len(x),)).copy()
        return torch.where(over_channels(inside, x), other, x), draws.to(pair(torch.from_numpy(share)), x.device)

    def bounds(self, job: Job, space: tuple[int, ...]) -> np.ndarray:
        """(R,2S), or (1,2S) for all rows."""
        if "box" in job.draw:
            return given_boxes(job, space)
        rows = len(job.first) if self.per == "sample" else 1
        ratio = (1 - self.shares(job)[:, None]) ** (1 / len(space))  # (R,1)
        sides = (np.asarray(space) * ratio).astype(np.int64)
        return draws.boxes(sides, centres(job, space, rows), space)


def centres(job: Job, space: tuple[int, ...], rows: int) -> np.ndarray:
    """Uniform box centres, or those given: (R or 1, S)."""
    if "centre" not in job.draw:
        return job.rng.integers(0, space, (rows, len(space)))
    centre = given(job, "centre", (len(space),), 0, max(space)).astype(np.int64)
    if not (centre < np.asarray(space)).all():
        raise ValueError(f"a given centre must lie in the space {space}, got {centre.tolist()}.")
    return centre


def given_boxes(job: Job, space: tuple[int, ...]) -> np.ndarray:
    boxes = given(job, "box", (2 * len(space),), 0, max(space)).astype(np.int64)
    low, high = boxes[:, : len(space)], boxes[:, len(space) :]
    if not ((low <= high) & (high <= np.asarray(space))).all():
        raise ValueError(f"a given box must be bounds within {space}, the lower ones first, got {boxes.tolist()}.")
    return boxes
