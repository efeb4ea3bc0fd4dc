from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.mixers._mixer import Job, Mixer, given, pair


class Mixup(Mixer):
    """Every number of an example is mixed: x̃ = λ x_i + (1 - λ) x_j, and with K > 2 parents Σ_k λ_k x_k.

    Works on any floating tensor: tables, series, images, embeddings, hidden activations.

    Args:
        alpha: λ ~ Beta(alpha, alpha); for K > 2 parents λ ~ Dirichlet(alpha, ..., alpha), the same for K = 2.
        weight: instead of Beta, a fixed λ, or a range (low, high) for a uniform one.
        per: "sample" or "batch". i-Mix and MixCo draw per sample, the mixup authors' code per batch.
        dominant: the first ingredient is the larger part.

    Reference: Zhang et al., mixup, ICLR 2018, arXiv:1710.09412, eq. 1 (per batch, not dominant); Lee et al., i-Mix, ICLR 2021,
        arXiv:2010.08887 (per sample, dominant); Kim et al., MixCo, arXiv:2010.06300 (weight=(0, 1)).
    Differs: λ is rounded to a multiple of 2^-24, so that λ and 1 - λ are exact in float32.
    """

    along: ClassVar[bool] = False

    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        x = job.first
        if not x.is_floating_point():
            raise TypeError(
                f"Mixup adds examples, so it needs floating input, got {x.dtype}. Convert images to floats first; mix token "
                "ids as embeddings (depth 1), or swap them with PatchMix."
            )
        weight = pair(torch.from_numpy(self.shares(job).copy())) if len(job.others) == 1 else self._many(job)
        weight = draws.to(weight, x.device)
        shape = (-1, *(1,) * (x.dim() - 1))
        columns = [w.to(_compute(x)).view(shape) for w in weight.unbind(1)]
        if len(job.others) == 1:
            mixed = torch.lerp(job.others[0].to(columns[0].dtype), x.to(columns[0].dtype), columns[0])
        else:
            mixed = sum((w * t for w, t in zip(columns[1:], job.others, strict=True)), columns[0] * x)
        return mixed.to(x.dtype), weight

    def _many(self, job: Job) -> Tensor:
        """Dirichlet shares (R,K), the largest first if `dominant`."""
        rows, parents = len(job.first), len(job.others) + 1
        if "weight" in job.draw:
            shares = given(job, "weight", (parents,))
            if not np.allclose(shares.sum(1), 1):
                raise ValueError(f"given shares of {parents} parents must sum to 1, got {job.draw['weight']!r}.")
            return torch.from_numpy(np.broadcast_to(shares, (rows, parents)).copy())
        if self.weight is not None or self._beta[0] != self._beta[1]:
            raise ValueError(f"Mixup of {parents} parents draws from a Dirichlet: it takes one `alpha` and no `weight`.")
        size = rows if self.per == "sample" else 1
        one = np.eye(1, parents).repeat(size, 0)
        shares = job.rng.dirichlet(np.full(parents, self._beta[0]), size) if self._beta[0] > 0 else one
        if self.dominant:
            shares = -np.sort(-shares, 1)
        shares = draws.snap(shares)
        largest = shares.argmax(1)  # takes what rounding left, and stays positive
        shares[np.arange(size), largest] += 1 - shares.sum(1)
        return torch.from_numpy(np.broadcast_to(shares, (rows, parents)).copy())


def _compute(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
