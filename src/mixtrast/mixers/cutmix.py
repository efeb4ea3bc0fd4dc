from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import Mixer, host_pair, over_channels, space_of


class CutMix(Mixer):
    """A box of the example is replaced by the same box of its partner: x̃ = x_j inside, x_i outside.

    The box has a share 1 - λ of the space (each side times (1 - λ)^(1/S) in S dimensions) around a uniform centre and is
    clipped to it, so the weight is the realised area of x_i, not the λ drawn: they differ by .20 on average at 32x32, α = 1.
    Cuts pixels of an image (B,C,H,W), a segment of a series (B,C,L), adjacent columns of a table (B,F).

    Args:
        alpha, weight, dominant: of the λ drawn, before the box is clipped.
        per: "sample" gives every mixture a box of its own; the authors' code one to a batch.

    Draws: {"weight": λ before clipping}, {"centre": (S,) or (R,S)}, or {"box": (2S,) or (R,2S)}, lower bounds first.

    Reference: Yun et al., CutMix, ICCV 2019, arXiv:1905.04899, eq. 1-2 and its code, with λ corrected to the area as there.
    """

    draw_keys: ClassVar[tuple[str, ...]] = ("weight", "centre", "box")

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x, other = call.first, call.partner(self._name)
        space = space_of(x, self._name)
        bounds = self.bounds(call, space)
        inside = rng.inside(rng.to(bounds, x.device), space)  # (R or 1, *space)
        return torch.where(over_channels(inside, x), other, x), host_pair(1 - area_of(bounds, space), x)

    def bounds(self, call: MixCall, space: tuple[int, ...]) -> np.ndarray:
        """(R,2S) bounds of the boxes, or (1,2S) for all rows."""
        if "box" in call.draw:
            return given_boxes(call, space)
        rows = len(call.first) if self.per == "sample" else 1
        ratio = (1 - self.shares(call)[:, None]) ** (1 / len(space))  # (R,1)
        sides = (np.asarray(space) * ratio).astype(np.int64)
        return rng.boxes(sides, centres(call, space, rows), space)


def area_of(bounds: np.ndarray, space: tuple[int, ...]) -> np.ndarray:
    """(R,2S) -> (R,): the share of the space that each box covers."""
    area: np.ndarray = np.prod(bounds[:, len(space) :] - bounds[:, : len(space)], 1) / np.prod(space)
    return area


def centres(call: MixCall, space: tuple[int, ...], rows: int) -> np.ndarray:
    """(R or 1, S): uniform box centres, or those given."""
    if "centre" not in call.draw:
        return call.rng.integers(0, space, (rows, len(space)))
    centre = call.given("centre", (len(space),), 0, max(space)).astype(np.int64)
    if not (centre < np.asarray(space)).all():
        raise ValueError(f"a given centre must lie in the space {space}, got {centre.tolist()}.")
    return centre


def given_boxes(call: MixCall, space: tuple[int, ...]) -> np.ndarray:
    """(R or 1, 2S): given boxes, checked against the space."""
    boxes = call.given("box", (2 * len(space),), 0, max(space)).astype(np.int64)
    low, high = boxes[:, : len(space)], boxes[:, len(space) :]
    if not ((low <= high) & (high <= np.asarray(space))).all():
        raise ValueError(f"a given box must be bounds within {space}, the lower ones first, got {boxes.tolist()}.")
    return boxes
