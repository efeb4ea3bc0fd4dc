from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import Mixer, pair


class Mixup(Mixer):
    """The weighted average of two examples: x̃ = λ x_i + (1 - λ) x_j, or of K > 2 parents, Σ_k λ_k x_k.

    Works on any floating tensor: tables, series, images, embeddings, hidden activations.

    Args:
        alpha: λ ~ Beta(alpha, alpha); for K > 2 parents λ ~ Dirichlet(alpha, ..., alpha), the same for K = 2.
        weight: instead of Beta, a fixed λ, or a range (low, high) for a uniform one.
        per: "sample" or "batch". i-Mix and MixCo draw per sample, the mixup authors' code per batch.
        dominant: whether the first ingredient is the larger part.

    Reference: Zhang et al., mixup, ICLR 2018, arXiv:1710.09412, eq. 1 (per batch, not dominant); Lee et al., i-Mix, ICLR 2021,
        arXiv:2010.08887 (per sample, dominant); Kim et al., MixCo, arXiv:2010.06300 (weight=(0, 1)).
    Differs: λ is rounded to a multiple of 2^-24, so that λ and 1 - λ are exact in float32.
    """

    tokens_last: ClassVar[bool] = False

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x = call.first
        if not x.is_floating_point():
            raise TypeError(
                f"Mixup adds examples, so it needs floating input, got {x.dtype}. Convert images to floats first; mix token "
                "ids as embeddings (depth 1), or swap them with PatchMix."
            )
        weight = pair(torch.from_numpy(self.shares(call).copy())) if len(call.others) == 1 else self._many(call)
        weight, wide = rng.to(weight, x.device), torch.promote_types(x.dtype, torch.float32)
        columns = [w.to(wide).view(-1, *(1,) * (x.dim() - 1)) for w in weight.unbind(1)]
        if len(call.others) == 1:
            mixed = torch.lerp(call.others[0].to(wide), x.to(wide), columns[0])
        else:
            mixed = sum((w * t for w, t in zip(columns[1:], call.others, strict=True)), columns[0] * x)
        return mixed.to(x.dtype), weight

    def _many(self, call: MixCall) -> Tensor:
        """Dirichlet shares (R,K), the largest first if `dominant`."""
        rows, parents = len(call.first), len(call.others) + 1
        if "weight" in call.draw:
            shares = call.given("weight", (parents,))
            if not np.allclose(shares.sum(1), 1):
                raise ValueError(f"given shares of {parents} parents must sum to 1, got {call.draw['weight']!r}.")
            return torch.from_numpy(np.broadcast_to(shares, (rows, parents)).copy())
        alpha, other = self.beta(call.context)
        if self.weight is not None or alpha != other:
            raise ValueError(f"Mixup of {parents} parents draws from a Dirichlet: it takes one `alpha` and no `weight`.")
        size = rows if self.per == "sample" else 1
        one = np.eye(1, parents).repeat(size, 0)
        shares = call.rng.dirichlet(np.full(parents, alpha), size) if alpha > 0 else one
        if self.dominant:
            shares = -np.sort(-shares, 1)
        shares = rng.snap(shares)
        shares[np.arange(size), shares.argmax(1)] += 1 - shares.sum(1)  # the largest gets what rounding left: it stays positive
        return torch.from_numpy(np.broadcast_to(shares, (rows, parents)).copy())
