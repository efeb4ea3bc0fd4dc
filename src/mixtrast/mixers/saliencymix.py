from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d

from mixtrast import draws
from mixtrast.checks import check_choice
from mixtrast.mixers._mixer import Alpha, Job, Mixer, over_channels, pair, space_of, two


class SaliencyMix(Mixer):
    """A box around what stands out most in the partner is pasted into the example at the same place: CutMix that looks.

        x̃ = x_j inside the box, x_i outside;      its centre is the place of the largest importance of x_j

    The box has a share 1 - λ of the space and is clipped to it, and the weight is the area that is really left of x_i, as in
    CutMix. Pixels of an image (B,C,H,W), a segment of a series (B,C,L), adjacent columns of a table (B,F).

    Importance is what is given to the call; else "contrast": how far each place is from the mean of its neighbours, over
    channels, averaged over a window: edges and textures, not flat parts; or "gradient": how much it moves the features that the
    encoder makes of x_j, |∂ ½|f(x_j)|² / ∂x_j|, in evaluation mode, for which the method runs the encoder once more, and back.

    Args:
        importance: "contrast" or "gradient".
        window: side of the neighbourhood, odd, 3 or more.
        alpha, weight, dominant: of the λ drawn, before the box is clipped.
        per: "sample" gives every mixture the box of its partner; "batch" that of the first partner to all, as in the authors'
            code.

    Draws: {"weight": λ before clipping}.

    Reference: Uddin et al., SaliencyMix, ICLR 2021, arXiv:2006.01791, eq. 1-3.
    Differs: the authors take the saliency map of OpenCV's fine-grained detector, which is for photographs; here it is what is
        given, or local contrast, which any grid of numbers has, or a gradient, as in Kim et al., Puzzle Mix, arXiv:2009.06962,
        whose is of the loss of a classifier.
    """

    takes: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        *,
        importance: Literal["contrast", "gradient"] = "contrast",
        window: int = 5,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: str = "sample",
        dominant: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, weight=weight, per=per, dominant=dominant)  # type: ignore[arg-type]
        if not isinstance(window, int) or isinstance(window, bool) or window < 3 or window % 2 == 0:
            raise ValueError(f"`window` of SaliencyMix must be an odd number, 3 or more, got {window!r}.")
        check_choice("importance", importance, ("contrast", "gradient"))
        self.importance, self.window, self.asks = importance, window, importance == "gradient"

    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        x, other = job.first, two(job, self._name)
        space = space_of(x, self._name)
        ratio = (1 - self.shares(job)[:, None]) ** (1 / len(space))
        sides = draws.to((np.asarray(space) * ratio).astype(np.int64), x.device)  # (R,S)
        bounds = self.bounds(sides, self.centres(job, other, space), space)
        inside = draws.inside(bounds, space)
        share = 1 - inside.flatten(1).double().mean(1)
        return torch.where(over_channels(inside, x), other, x), pair(share)

    def centres(self, job: Job, other: Tensor, space: tuple[int, ...]) -> Tensor:
        """(R,S) int64: where each partner stands out most."""
        seen = self.contrast(other, space) if job.importance is None else job.importance[1]
        if seen.shape[1:] != space:
            raise ValueError(f"`importance` must be of the space {space} for every row, got {tuple(seen.shape[1:])}.")
        flat, places = seen.flatten(1).argmax(1), []
        for side in reversed(space):
            places.append(flat % side)
            flat = flat // side
        found = torch.stack(places[::-1], 1)
        return found if self.per == "sample" else found[:1].expand_as(found)

    @torch.no_grad()
    def contrast(self, x: Tensor, space: tuple[int, ...]) -> Tensor:
        """(R,*space): |x - mean of the neighbours|, over channels and the window."""
        rows = x.detach().float().reshape(len(x), -1, *space)
        return self._smooth((rows - self._smooth(rows)).abs().mean(1, keepdim=True))[:, 0]

    def _smooth(self, x: Tensor) -> Tensor:
        """The mean over a window, of what there is of it at a border."""
        half = self.window // 2
        if x.dim() == 4:
            return avg_pool2d(x, self.window, 1, half, count_include_pad=False)
        for axis in range(2, x.dim()):
            last = x.movedim(axis, -1)
            flat = last.reshape(1, -1, last.shape[-1])
            flat = avg_pool1d(flat, self.window, 1, half, count_include_pad=False)
            x = flat.view(last.shape).movedim(-1, axis)
        return x

    @staticmethod
    def bounds(sides: Tensor, centres: Tensor, space: tuple[int, ...]) -> Tensor:
        """(R,2S): as `draws.boxes`, on the device."""
        low = (centres - sides // 2).clamp(min=0)
        high = centres + (sides + (len(space) == 1)) // 2
        return torch.cat([low, *(high[:, axis, None].clamp(max=length) for axis, length in enumerate(space))], 1)
