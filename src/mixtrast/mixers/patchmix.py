from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.mixers._alpha import Alpha
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import Mixer, host_pair, pair


class PatchMix(Mixer):
    """A random subset of tokens, patches or columns is replaced by the partner's: CutMix without the box.

    k = ceil(λ P) of the P places stay those of x_i, a uniform subset. The weight is their realised share: k / P, or the area
    where patches at the border are cut short; weighted by `importance` where given; among the present of padded tokens. Places:

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

    draw_keys: ClassVar[tuple[str, ...]] = ("weight", "mask")
    tokens_last: ClassVar[bool] = False

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

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x, other, tokens = call.first, call.partner(self._name), call.context.tokens
        first, space, side = self._grid(x, tokens)
        grid = tuple(-(-length // side) for length in space)
        mask = self._mask(call, grid).reshape(-1, *grid)  # (R or 1, *grid) bool, True where x_i stays
        for axis, length in enumerate(space, 1):
            mask = mask.take(np.arange(length) // side, axis)
        shape = [len(mask), *(1,) * (first - 1), *space, *(1,) * (x.dim() - first - len(space))]
        own = rng.to(mask, x.device)
        mixed = torch.where(own.view(shape), x, other)
        weights = call.importance
        if weights is None and call.context.present and x.dim() == 3:
            weights = (x[..., -1] > 0, other[..., -1] > 0)
        if weights is not None:
            return mixed, pair(_share(own, *(each.detach().double() for each in weights[:2])))
        return mixed, host_pair(mask.reshape(len(mask), -1).mean(1), x)

    def _grid(self, x: Tensor, tokens: bool) -> tuple[int, tuple[int, ...], int]:
        """First dimension of the places, their extent, and the side of a patch."""
        if x.dim() > 5:
            raise ValueError(f"PatchMix works on (B,F), (B,T,D), (B,C,L), (B,C,H,W) or (B,C,D,H,W), got {tuple(x.shape)}.")
        if x.dim() == 2 or (x.dim() == 3 and (self.patch is None or tokens)):
            return 1, (x.shape[1],), self.patch or 1
        return 2, tuple(x.shape[2:]), self.patch or 4

    def _mask(self, call: MixCall, grid: tuple[int, ...]) -> np.ndarray:
        places = int(np.prod(grid))
        if "mask" in call.draw:
            flat = np.ndim(call.draw["mask"]) <= 2 and np.shape(call.draw["mask"])[-1:] == (places,)
            return call.given("mask", (places,) if flat else grid) > 0
        many = self.places(call, places)
        return rng.subset(call.rng, len(many), many, places)


def _share(own: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """(R,) float64: the share of x_i in the importance of a mixture; where nothing is important, in its places."""
    mine, yours = (torch.where(own, ours, 0).flatten(1).sum(1), torch.where(own, 0, theirs).flatten(1).sum(1))
    plain = own.flatten(1).double().mean(1).expand_as(mine)
    share = torch.where(mine + yours > 0, mine / (mine + yours).clamp(min=1e-300), plain)
    return (share * 2**24).round() / 2**24  # so that it and the rest are exact in float32
