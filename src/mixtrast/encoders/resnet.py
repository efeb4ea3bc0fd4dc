from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder
from mixtrast.spec import Image, Spec

SIZES: dict[str, dict[str, Any]] = {"resnet8": {"blocks": (1, 1, 1)}, "resnet20": {"blocks": (3, 3, 3), "width": 16}}


class ResNet(Encoder):
    """A residual network for small images, 8x8 to 32x32: a 3x3 stem without pooling, then groups of basic blocks.

    Each group after the first halves the sides and doubles the channels; at the end the mean over the pixels.
    Depths: 0 the input, 1 after the stem, 1 + g after group g (the last one pooled).

    Args:
        blocks: basic blocks in each group. (1,1,1) is resnet8, (3,3,3) the CIFAR ResNet-20.
        width: channels of the stem and the first group.

    Reference: He et al., Deep residual learning, arXiv:1512.03385, section 4.2 (the CIFAR networks).
    Differs: width 32 where the paper has 16, and projections (1x1 convolution with BN) where it pads channels with zeros.
    """

    def __init__(self, spec: Spec, *, blocks: tuple[int, ...] = (1, 1, 1), width: int = 32) -> None:
        if not isinstance(spec, Image):
            raise ValueError(
                f"ResNet takes images (C, H, W), got {type(spec).__name__} {spec.shape}. Use the mlp encoder, or reshape."
            )
        if not isinstance(blocks, tuple | list) or not blocks or not all(isinstance(n, int) and n > 0 for n in blocks):
            raise ValueError(f"`blocks` of ResNet must be one or more whole numbers above 0, got {blocks!r}.")
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"`width` of ResNet must be 1 or more, got {width!r}. Usual values are 16 to 64.")
        stem = nn.Sequential(nn.Conv2d(spec.channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages: list[nn.Module] = [stem]
        channels = width
        for group, count in enumerate(blocks):
            out = width * 2**group
            stride = 2 if group else 1
            parts = [Block(channels if b == 0 else out, out, stride if b == 0 else 1) for b in range(count)]
            stages.append(nn.Sequential(*parts))
            channels = out
        stages[-1] = nn.Sequential(stages[-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())
        super().__init__(stages, channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Block(nn.Module):
    """x + BN(conv(ReLU(BN(conv(x))))), then ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut: nn.Module = nn.Identity() if same else short

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(h)) + self.shortcut(x))
