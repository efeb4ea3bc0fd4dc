from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.mixers._alpha import Alpha
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import host_pair, space_of
from mixtrast.mixers.cutmix import CutMix, area_of, centres, given_boxes


class ResizeMix(CutMix):
    """The entire partner, shrunk, is pasted into the example, so that the pasted part always shows what the label says.

    The box has side s times the example's, s uniform on `scale` (Beta(alpha, alpha) within `scale` where alpha is not 1), a
    uniform centre, and is clipped; the partner is resized to the clipped box; the weight is the area left of x_i.
    Works on images (B,C,H,W) and series (B,C,L). A table's columns have no order to resize.

    Args:
        scale: range of s.
        interpolate: "nearest" or "linear" (half-pixel centres, no antialiasing).
        alpha, per, dominant: as everywhere; dominant keeps the pasted area to at most half.

    Draws: {"scale": s}, {"weight": λ} for a side of (1 - λ)^(1/S), {"centre": ...}, {"box": ...} as in CutMix.

    Reference: Qin et al., ResizeMix, arXiv:2012.11101, eq. 3-5.
    Differs: from OpenMixup's code, which swaps the axes of a non-square image and fails on an empty box.
    """

    draw_keys: ClassVar[tuple[str, ...]] = ("weight", "scale", "centre", "box")

    def __init__(
        self,
        *,
        scale: tuple[float, float] = (0.1, 0.8),
        interpolate: Literal["nearest", "linear"] = "nearest",
        alpha: Alpha = 1.0,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, per=per, dominant=dominant)
        if not (isinstance(scale, (tuple, list)) and len(scale) == 2 and 0 <= scale[0] <= scale[1] <= 1):
            raise ValueError(f"`scale` of ResizeMix must be a range of sides within 0 to 1, got {scale!r}.")
        if interpolate not in ("nearest", "linear"):
            raise ValueError(f"`interpolate` of ResizeMix must be 'nearest' or 'linear', got {interpolate!r}.")
        self.scale, self.interpolate = scale, interpolate

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x, other = call.first, call.partner(self._name)
        if x.dim() == 2:
            raise ValueError(
                "ResizeMix shrinks an example, and the columns of a table have no order to shrink along. Use Mixup, CutMix or "
                "PatchMix for (B,F), or reshape to (B,1,L) if your columns are a series."
            )
        if self.interpolate == "linear" and not x.is_floating_point():
            raise TypeError(f"ResizeMix with interpolate='linear' needs floating input, got {x.dtype}. Use 'nearest'.")
        space = space_of(x, self._name)
        bounds = np.broadcast_to(self.bounds(call, space), (len(x), 2 * len(space)))
        on_device = rng.to(bounds, x.device)
        for axis, length in enumerate(space):
            other = _shrink(other, axis + 2, on_device[:, axis], on_device[:, len(space) + axis], length, self.interpolate)
        return torch.where(rng.inside(on_device, space)[:, None], other, x), host_pair(1 - area_of(bounds, space), x)

    def bounds(self, call: MixCall, space: tuple[int, ...]) -> np.ndarray:
        if "box" in call.draw:
            return given_boxes(call, space)
        rows = len(call.first) if self.per == "sample" else 1
        sides = (np.asarray(space) * self.sides(call, rows, len(space))[:, None]).astype(np.int64)
        return rng.boxes(sides, centres(call, space, rows), space)

    def sides(self, call: MixCall, rows: int, rank: int) -> np.ndarray:
        """s (R,) or (1,). A λ given stands for a pasted share of 1 - λ."""
        if "scale" in call.draw:
            return call.given("scale", ())[:, 0]
        if "weight" in call.draw:
            return np.asarray((1 - self.shares(call)) ** (1 / rank))
        beta = self.beta(call.context)
        if min(beta) == 0:  # no mixing
            return np.zeros(rows)
        low, high = self.scale
        side = call.rng.uniform(low, high, rows)
        if beta != (1.0, 1.0):
            side = _within(call.rng, beta, rows, low, high, side)
        return (1 - self.fold(1 - side**rank)) ** (1 / rank) if self.dominant else side


def _within(
    numpy_rng: np.random.Generator, beta: tuple[float, float], rows: int, low: float, high: float, fallback: np.ndarray
) -> np.ndarray:
    """Beta draws, those outside the range drawn again; uniform after a hundred rounds (a Beta that has nothing there)."""
    side = rng.beta(numpy_rng, beta, rows)
    for _ in range(100):
        out = (side < low) | (side > high)
        if not out.any():
            return side
        side[out] = rng.beta(numpy_rng, beta, int(out.sum()))
    return np.where(out, fallback, side)


def _shrink(x: Tensor, dim: int, low: Tensor, high: Tensor, length: int, how: str) -> Tensor:
    """Resize dimension `dim` of row i to places low_i..high_i; values elsewhere are not used."""
    at = torch.arange(length, device=x.device) - low[:, None]  # (R, length): place within the box
    size = (high - low)[:, None].clamp(min=1)
    shape = [len(x), *(length if d == dim else 1 for d in range(1, x.dim()))]

    def take(index: Tensor) -> Tensor:
        return x.gather(dim, index.clamp(0, length - 1).view(shape).expand(x.shape))

    if how == "nearest":
        return take(at * length // size)
    source = ((at + 0.5) * (length / size.double()) - 0.5).clamp(min=0)
    below = source.floor().long()
    return torch.lerp(take(below), take(below + 1), (source - below).to(x.dtype).view(shape).expand(x.shape))
