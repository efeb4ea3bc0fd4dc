from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number
from mixtrast.mixers._mixer import Alpha, Job, Mixer, given, over_channels, pair, space_of, two


class FMix(Mixer):
    """The example is kept within a random blob and is its partner's outside: CutMix with a shape from low frequencies.

        x̃ = x_i where g is among its k = ceil(λ P) largest of P places, x_j elsewhere,     g = F⁻¹( w / max(f, 1 / side)^decay )

    with w complex white noise, f the frequency, F the Fourier transform. The weight is k / P. Pixels of an image (B,C,H,W),
    times of a series (B,C,L), columns of a table (B,F), which then are mixed in neighbouring groups.

    Args:
        decay: how fast high frequencies fall off; larger makes rounder blobs.
        alpha, weight, dominant: of λ.
        per: "sample" gives every mixture a mask of its own; the authors' code one to a batch.

    Draws: {"weight": λ}, or {"mask": bool of the space, or one for each mixture, True where x_i stays}.

    Reference: Harris et al., FMix, 2020, arXiv:2002.12047, sections 4 and A (decay 3, masks without soft edges).
    Differs: the share of a mask is rounded up, where theirs goes up or down at random.
    """

    takes = ("weight", "mask")

    def __init__(
        self,
        *,
        decay: float = 3.0,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, weight=weight, per=per, dominant=dominant)
        if not is_number(decay) or not 0 <= decay < float("inf"):
            raise ValueError(f"`decay` of FMix must be 0 or more, got {decay!r}. The paper has 3.")
        self.decay = decay

    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        x, other = job.first, two(job, self._name)
        keep = self._mask(job, space_of(x, self._name))  # (R or 1, *space) bool
        share = np.broadcast_to(keep.reshape(len(keep), -1).mean(1), (len(x),)).copy()
        mixed = torch.where(over_channels(draws.to(keep, x.device), x), x, other)
        return mixed, draws.to(pair(torch.from_numpy(share)), x.device)

    def _mask(self, job: Job, space: tuple[int, ...]) -> np.ndarray:
        places = int(np.prod(space))
        if "mask" in job.draw:
            return given(job, "mask", space).reshape(-1, *space) > 0
        shares = self.shares(job)
        if self.per == "batch" and (shares == shares[0]).all():
            shares = shares[:1]
        kept = np.ceil(shares * places - 1e-6).astype(np.int64)
        clouds = self._clouds(job.rng, len(kept), space).reshape(len(kept), -1)
        least = np.take_along_axis(np.sort(clouds, 1), (places - kept).clip(max=places - 1)[:, None], 1)
        mask: np.ndarray = ((clouds >= least) & (kept[:, None] > 0)).reshape(-1, *space)
        return mask

    def _clouds(self, rng: np.random.Generator, rows: int, space: tuple[int, ...]) -> np.ndarray:
        """(rows, *space) of smooth noise."""
        along = [np.fft.fftfreq(side) for side in space[:-1]] + [np.fft.rfftfreq(space[-1])]
        frequency = np.sqrt(sum(axis**2 for axis in np.meshgrid(*along, indexing="ij")))
        shape = (rows, *frequency.shape)
        noise = rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)
        noise /= np.maximum(frequency, 1 / max(space)) ** self.decay
        return np.fft.irfftn(noise, space, axes=range(1, len(space) + 1))
