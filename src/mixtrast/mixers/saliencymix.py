from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d

from mixtrast import rng
from mixtrast.mixers._alpha import Alpha
from mixtrast.mixers._call import MixCall
from mixtrast.mixers._mixer import Mixer, over_channels, pair, space_of
from mixtrast.validation import check_choice


class SaliencyMix(Mixer):
    """A box around the most salient place of the partner is pasted into the example: CutMix guided by saliency.

        x̃ = x_j inside the box, x_i outside;      its centre is the place of the largest importance in x_j

    The box has a share 1 - λ of the space and is clipped to it, and the weight is the realised area of x_i, as in CutMix.
    Pixels of an image (B,C,H,W), a segment of a series (B,C,L), adjacent columns of a table (B,F).

    Importance is given in the call; else it is "contrast", the difference of each place from the mean of its neighbours, over
    channels and averaged over a window: edges and textures, not flat parts; or "gradient", how much each place changes the
    features of x_j, |∂ ½|f(x_j)|² / ∂x_j|, in evaluation mode, which costs one more forward and backward pass of the encoder.

    Args:
        importance: "contrast" or "gradient".
        window: side of the neighbourhood, odd, 3 or more.
        alpha, weight, dominant: of the λ drawn, before the box is clipped.
        per: "sample" gives every mixture the box of its partner; "batch" that of the first partner to all, as in the authors'
            code.

    Draws: {"weight": λ before clipping}.

    Reference: Uddin et al., SaliencyMix, ICLR 2021, arXiv:2006.01791, eq. 1-3.
    Differs: the authors use the saliency map of OpenCV's fine-grained detector, which is for photographs; here importance is
        given, or local contrast, for any grid of numbers, or a gradient of the features. Kim et al., Puzzle Mix,
        arXiv:2009.06962, use the gradient of a classifier's loss.
    """

    def __init__(
        self,
        *,
        importance: Literal["contrast", "gradient"] = "contrast",
        window: int = 5,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, weight=weight, per=per, dominant=dominant)
        if not isinstance(window, int) or isinstance(window, bool) or window < 3 or window % 2 == 0:
            raise ValueError(f"`window` of SaliencyMix must be an odd number, 3 or more, got {window!r}.")
        check_choice("importance", importance, ("contrast", "gradient"))
        self.importance, self.window, self.needs_importance = importance, window, importance == "gradient"

    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        x, other = call.first, call.partner(self._name)
        space = space_of(x, self._name)
        ratio = (1 - self.shares(call)[:, None]) ** (1 / len(space))
        sides = rng.to((np.asarray(space) * ratio).astype(np.int64), x.device)  # (R,S)
        bounds = self.bounds(sides, self.centres(call, other, space), space)
        inside = rng.inside(bounds, space)
        return torch.where(over_channels(inside, x), other, x), pair(1 - inside.flatten(1).double().mean(1))

    def centres(self, call: MixCall, other: Tensor, space: tuple[int, ...]) -> Tensor:
        """(R,S) int64: the most important place of each partner."""
        importance = self.contrast(other, space) if call.importance is None else call.importance[1]
        if importance.shape[1:] != space:
            raise ValueError(f"`importance` must be of the space {space} for every row, got {tuple(importance.shape[1:])}.")
        flat, places = importance.flatten(1).argmax(1), []
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
        """The mean over a window, cut off at borders."""
        half = self.window // 2
        if x.dim() == 4:
            return avg_pool2d(x, self.window, 1, half, count_include_pad=False)
        for axis in range(2, x.dim()):
            last = x.movedim(axis, -1)
            flat = avg_pool1d(last.reshape(1, -1, last.shape[-1]), self.window, 1, half, count_include_pad=False)
            x = flat.view(last.shape).movedim(-1, axis)
        return x

    @staticmethod
    def bounds(sides: Tensor, centres: Tensor, space: tuple[int, ...]) -> Tensor:
        """(R,2S): as `rng.boxes`, on the device."""
        low = (centres - sides // 2).clamp(min=0)
        high = centres + (sides + (len(space) == 1)) // 2
        return torch.cat([low, *(high[:, axis, None].clamp(max=length) for axis, length in enumerate(space))], 1)
