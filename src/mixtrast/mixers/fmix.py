from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.mixers._alpha import Alpha
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import Mixer, host_pair, over_channels, space_of
from mixtrast.validation import is_number


class FMix(Mixer):
    """A random blob of the example stays, and its partner fills the rest: CutMix with a shape drawn from low frequencies.

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

    draw_keys: ClassVar[tuple[str, ...]] = ("weight", "mask")

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

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x, other = call.first, call.partner(self._name)
        mask = self._mask(call, space_of(x, self._name))  # (R or 1, *space) bool
        return torch.where(over_channels(rng.to(mask, x.device), x), x, other), host_pair(
            mask.reshape(len(mask), -1).mean(1), x
        )

    def _mask(self, call: MixCall, space: tuple[int, ...]) -> np.ndarray:
        """True where x_i stays."""
        if "mask" in call.draw:
            return call.given("mask", space).reshape(-1, *space) > 0
        places = int(np.prod(space))
        many = self.places(call, places)
        clouds = self._clouds(call.rng, len(many), space).reshape(len(many), -1)
        least = np.take_along_axis(np.sort(clouds, 1), (places - many).clip(max=places - 1)[:, None], 1)
        mask: np.ndarray = ((clouds >= least) & (many[:, None] > 0)).reshape(-1, *space)
        return mask

    def _clouds(self, numpy_rng: np.random.Generator, rows: int, space: tuple[int, ...]) -> np.ndarray:
        """(rows, *space) of smooth noise."""
        along = [np.fft.fftfreq(side) for side in space[:-1]] + [np.fft.rfftfreq(space[-1])]
        frequency = np.sqrt(sum(axis**2 for axis in np.meshgrid(*along, indexing="ij")))
        shape = (rows, *frequency.shape)
        noise = numpy_rng.standard_normal(shape, np.float32) + 1j * numpy_rng.standard_normal(shape, np.float32)
        noise /= np.maximum(frequency, 1 / max(space)) ** self.decay
        return np.fft.irfftn(noise, space, axes=range(1, len(space) + 1))
