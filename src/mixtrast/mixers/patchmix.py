from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.mixers._mixer import Alpha, Job, Mixer, given, pair, two


class PatchMix(Mixer):
    """A random subset of tokens, patches or columns is swapped for the partner's: CutMix without the box.

    k = ceil(λ P) of the P places stay x_i's, a uniform subset; the weight is the share that really stays: k / P, or the area
    where patches at the border are cut short; by `importance`, where that is given; of padded tokens by those present. The
    places are

        columns of a table (B,F), ids of a sequence (B,T), tokens of embedded input (B,T,D);
        patches of `patch` to a side of an image (B,C,H,W), or of a series (B,C,L) if `patch` is given.

    Args:
        patch: side of a patch. None: 4 for images, and (B,T,D) is taken as tokens.
        per: "batch" shares one mask among all mixtures (Dmix); "sample" draws one each.
        alpha, weight, dominant: as everywhere, of the λ drawn: patches cut short at a border may leave x_i a little less.

    Draws: {"weight": λ}, or {"mask": bool (P,) or (R,P), True where x_i stays; or in the shape of the grid of patches}.

    Reference: Dmix, token mixing at the embedding (an unpublished text, its Algorithm 2).
    Differs: k counts tokens, ceil(λ P), where that text's index says the batch; the weight is k / P, not the λ drawn.
    """

    takes = ("weight", "mask")
    along = False

    def __init__(
        self,
        *,
        patch: int | None = None,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, weight=weight, per=per, dominant=dominant)
        if patch is not None and (not isinstance(patch, int) or isinstance(patch, bool) or patch < 1):
            raise ValueError(f"`patch` of PatchMix must be a side of 1 or more, got {patch!r}.")
        self.patch = patch

    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        x, other = job.first, two(job, self._name)
        first, space, side = self._places(x)
        grid = tuple(-(-length // side) for length in space)
        keep = self._mask(job, grid).reshape(-1, *grid)  # (R or 1, *grid) bool
        for axis, length in enumerate(space, 1):
            keep = keep.take(np.arange(length) // side, axis)
        shape = [len(keep), *(1,) * (first - 1), *space, *(1,) * (x.dim() - first - len(space))]
        kept = draws.to(keep, x.device)
        mixed = torch.where(kept.view(shape), x, other)
        weights = job.importance or ((x[..., -1] > 0, other[..., -1] > 0) if self._present and x.dim() == 3 else None)
        if weights is not None:
            return mixed, pair(_share(kept, *(each.detach().double() for each in weights[:2])))
        share = np.broadcast_to(keep.reshape(len(keep), -1).mean(1), (len(x),)).copy()
        return mixed, draws.to(pair(torch.from_numpy(share)), x.device)

    def _places(self, x: Tensor) -> tuple[int, tuple[int, ...], int]:
        """First dimension of the places, their extent, and the side of a patch."""
        if x.dim() > 5:
            raise ValueError(f"PatchMix works on (B,F), (B,T,D), (B,C,L), (B,C,H,W) or (B,C,D,H,W), got {tuple(x.shape)}.")
        if x.dim() == 2 or (x.dim() == 3 and (self.patch is None or self._tokens)):
            return 1, (x.shape[1],), self.patch or 1
        return 2, tuple(x.shape[2:]), self.patch or 4

    def _mask(self, job: Job, grid: tuple[int, ...]) -> np.ndarray:
        places = int(np.prod(grid))
        if "mask" in job.draw:
            flat = np.ndim(job.draw["mask"]) <= 2 and np.shape(job.draw["mask"])[-1:] == (places,)
            return given(job, "mask", (places,) if flat else grid) > 0
        shares = self.shares(job)
        if self.per == "batch" and (shares == shares[0]).all():  # always, unless they were given one by one
            shares = shares[:1]
        # λ is a multiple of 2^-24 and not of 1 / P: the small number keeps ceil from rounding 3.0000000001 up.
        kept = np.ceil(shares * places - 1e-6).astype(np.int64)
        return draws.subset(job.rng, len(kept), kept, places)


def _share(kept: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """(R,) float64: of the importance in a mixture, what comes from x_i; of places, where none matters."""
    mine, yours = (torch.where(kept, ours, 0).flatten(1).sum(1), torch.where(kept, 0, theirs).flatten(1).sum(1))
    plain = kept.flatten(1).double().mean(1).expand_as(mine)
    share = torch.where(mine + yours > 0, mine / (mine + yours).clamp(min=1e-300), plain)
    return (share * 2**24).round() / 2**24  # so that it and the rest are exact in float32
