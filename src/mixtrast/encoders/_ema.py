import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mixtrast.encoders._encoder import Encoder
from mixtrast.validation import is_number


class EMA(nn.Module):
    """A target network: the exponential moving average of an encoder and its projector, θ_k = m θ_k + (1 - m) θ_q.

    It starts as a copy and has no gradient. Only weights are averaged; statistics of batch norm come from its own forward
    passes in training mode. `momentum` is m, or (first, last): from the first to the last over training, along half a cosine.

    Reference: He et al., MoCo, CVPR 2020, arXiv:1911.05722, eq. 2; the cosine is that of Grill et al., BYOL, arXiv:2006.07733.
    """

    def __init__(self, encoder: Encoder, projector: nn.Module, *, momentum: float | tuple[float, float]) -> None:
        super().__init__()
        ends = tuple(momentum) if isinstance(momentum, tuple | list) else (momentum, momentum)
        if len(ends) != 2 or not all(is_number(m) and 0 <= m <= 1 for m in ends):
            raise ValueError(f"`momentum` must be in 0 to 1, or a pair of such, got {momentum!r}. Usual is .99 to .999.")
        self.encoder, self.projector = copy.deepcopy(encoder), copy.deepcopy(projector)
        self.momentum = (float(ends[0]), float(ends[1]))
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """(N, *shape) -> unit vectors (N, dim)."""
        k = self.projector(self.encoder(x))
        return normalize(k.to(torch.promote_types(k.dtype, torch.float32)), dim=1)

    @torch.no_grad()
    def follow(self, encoder: Encoder, projector: nn.Module, progress: float) -> None:
        """Average in the present weights; `progress` is the share of training that is done."""
        first, last = self.momentum
        m = last - (last - first) * (1 + math.cos(math.pi * progress)) / 2
        ours: list[Tensor] = [*self.encoder.parameters(), *self.projector.parameters()]
        theirs: list[Tensor] = [*encoder.parameters(), *projector.parameters()]
        if ours:
            torch._foreach_lerp_(ours, theirs, 1 - m)

    def restart(self, encoder: Encoder, projector: nn.Module) -> None:
        """Copy the present weights and statistics, to the bit."""
        self.encoder.load_state_dict(encoder.state_dict())
        self.projector.load_state_dict(projector.state_dict())
