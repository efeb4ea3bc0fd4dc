from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder
from mixtrast.encoders._residual import check_sizes, groups
from mixtrast.spec import Series, Spec

SIZES: dict[str, dict[str, Any]] = {"resnet1d18": {"blocks": (2, 2, 2, 2), "width": 64}}


class ResNet1d(Encoder):
    """A residual network for series: a stem, groups of blocks that halve the time and double the channels, the mean over time.

    Depths: 0 the input, 1 after the stem, 1 + g after group g (the last one pooled). Of series that may lack values or be
    shorter than others, depth 1 is the series with its gaps filled by 0 and one channel more that is 1 where something is
    there, and all else comes one later.

    Args:
        blocks: how many in each group.
        width: channels of the stem and the first group.
        kernel: of the stem and of the first convolution of a block; the second has 3. Odd.

    Reference: Wang et al., Time series classification from scratch with deep neural networks, IJCNN 2017, arXiv:1611.06455.
    Differs: groups halve the time, as those for images do, and blocks have two convolutions where the paper's have three.
    """

    tried: ClassVar[Spec] = Series(1, 8)

    def __init__(self, spec: Spec, *, blocks: tuple[int, ...] = (1, 1, 1), width: int = 32, kernel: int = 7) -> None:
        if not isinstance(spec, Series):
            raise ValueError(
                f"ResNet1d takes series (C, L), got {type(spec).__name__} {spec.shape}. Use the mlp or transformer encoder."
            )
        check_sizes("ResNet1d", blocks, width)
        if not isinstance(kernel, int) or isinstance(kernel, bool) or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"`kernel` of ResNet1d must be an odd number above 0, got {kernel!r}. Usual is 7.")
        inputs = spec.channels + spec.gaps
        stem = nn.Sequential(nn.Conv1d(inputs, width, kernel, 1, kernel // 2, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        found, dim = groups(lambda a, b, stride: Block(a, b, stride, kernel), blocks, width)
        found[-1] = nn.Sequential(found[-1], nn.AdaptiveAvgPool1d(1), nn.Flatten())
        super().__init__([*([Fill()] if spec.gaps else []), stem, *found], dim)
        self.spec = spec
        for part in self.modules():
            if isinstance(part, nn.Conv1d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


class Fill(nn.Module):
    """(B,C,L) with NaN -> (B,C+1,L): 0 where values lack, and a channel that is 1 where any is there."""

    def forward(self, x: Tensor) -> Tensor:
        gone = x.isnan()
        return torch.cat([torch.where(gone, 0.0, x), (~gone).any(1, keepdim=True).to(x.dtype)], 1)


class Block(nn.Module):
    """ReLU(x + BN(conv(ReLU(BN(conv(x)))))), the first of `kernel`, the second of 3."""

    def __init__(self, inputs: int, channels: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm1d(channels)
        plain = stride == 1 and inputs == channels
        self.shortcut = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv1d(inputs, channels, 1, stride, bias=False), nn.BatchNorm1d(channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(h)) + self.shortcut(x))
