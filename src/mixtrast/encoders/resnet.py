from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders._residual import BasicBlock, check_sizes, groups, image_spec, initialise, shortcut
from mixtrast.spec import Spec
from mixtrast.validation import check_choice

SIZES: Sizes = {
    "resnet8": {"blocks": (1, 1, 1)},
    "resnet18": {"blocks": (2, 2, 2, 2), "width": 64},
    "resnet20": {"blocks": (3, 3, 3), "width": 16},
    "resnet34": {"blocks": (3, 4, 6, 3), "width": 64},
    "resnet50": {"blocks": (3, 4, 6, 3), "width": 64, "block": "bottleneck"},
}
SMALL = 64  # pixels of the shorter side, up to which the stem does not shrink images


class ResNet(Encoder):
    """A residual network for images: a stem, groups of blocks that halve the sides, and global average pooling.

    Each group after the first halves the sides (rounded up, so that no image is too small) and doubles the channels.
    Depths: 0 the input, 1 after the stem, 1 + g after group g (the last one pooled). Manifold mixup counts the stem with the
    first group: its layers {0, 1, 2} are the depths {0, 2, 3}.

    Args:
        blocks: how many in each group. (1,1,1) is resnet8, (2,2,2,2) ResNet-18, (3,4,6,3) ResNet-34 and ResNet-50.
        width: channels of the stem and the first group; 64 in the published networks, 16 in the ResNet-20 for CIFAR.
        block: "basic", two 3x3 convolutions; "bottleneck", 1x1, 3x3, 1x1, which gives 4 times the channels of its group.
        stem: "cifar", one 3x3 convolution at full size; "imagenet", 7x7 with stride 2 and max pooling 3x3 with stride 2, which
            leave a quarter of the sides; "auto", cifar where the shorter side has at most 64 pixels, else imagenet. The
            attribute `stem` has the choice.

    Where the last maps have one pixel, batch norm normalises over the batch only: training then takes 2 examples or more.

    Reference: He et al., Deep residual learning, CVPR 2016, arXiv:1512.03385, sections 3.4 and 4.2, tables 1 and 6. The cifar
    stem before groups of 64 to 512 channels is that of SupContrast, i-Mix and OpenMixup for CIFAR.
    Differs: a bottleneck strides in its 3x3 convolution, as in torchvision and SupContrast, and not in its first 1x1. Shortcuts
    that change shape are projections (1x1 convolution with BN) in the CIFAR networks too, where the paper pads with zeros.
    `resnet` and `resnet8` are 32 wide.
    """

    lr: ClassVar[float] = 0.003  # above 0.001 wherever both were run: docs/results/defaults.md

    def __init__(
        self,
        spec: Spec,
        *,
        blocks: tuple[int, ...] = (1, 1, 1),
        width: int = 32,
        block: Literal["basic", "bottleneck"] = "basic",
        stem: Literal["auto", "cifar", "imagenet"] = "auto",
    ) -> None:
        image = image_spec("ResNet", spec)
        check_sizes("ResNet", blocks, width)
        check_choice("block", block, ("basic", "bottleneck"))
        check_choice("stem", stem, ("auto", "cifar", "imagenet"))
        if stem == "auto":
            stem = "cifar" if min(image.height, image.width) <= SMALL else "imagenet"
        kind = BasicBlock if block == "basic" else Bottleneck
        first = _stem(image.channels, width, stem)
        grouped, dim = groups(kind, blocks, width, kind.expansion)
        grouped[-1] = nn.Sequential(grouped[-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())
        super().__init__([first, *grouped], dim)
        self.stem = stem
        initialise(self)

    def extra_repr(self) -> str:
        return f"stem={self.stem!r}"


class Bottleneck(nn.Module):
    """ReLU(x + BN(conv(ReLU(BN(conv(ReLU(BN(conv(x)))))))), of 1x1, 3x3 and 1x1."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu_(self.bn1(self.conv1(x)))
        h = torch.relu_(self.bn2(self.conv2(h)))
        return torch.relu_(self.bn3(self.conv3(h)) + self.shortcut(x))


def _stem(channels: int, width: int, kind: str) -> nn.Sequential:
    if kind == "cifar":
        return nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    conv = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
