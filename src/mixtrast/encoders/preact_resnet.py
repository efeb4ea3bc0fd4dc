from typing import Literal

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders._residual import check_sizes, groups, image_spec, initialise
from mixtrast.spec import Spec
from mixtrast.validation import check_choice

SIZES: Sizes = {"preactresnet18": {"blocks": (2, 2, 2, 2), "width": 64}}


class PreActResNet(Encoder):
    """A pre-activation residual network for small images: BN and ReLU come before each convolution, none after the addition.

    A 3x3 convolution at full size, then groups of blocks; each group after the first halves the sides (rounded up) and doubles
    the channels; at the end the mean over the pixels.
    Depths: 0 the input, 1 after the stem, 1 + g after group g (the last one pooled). Manifold mixup counts the stem with the
    first group: its layers {0, 1, 2} are the depths {0, 2, 3}.

    Args:
        blocks: how many in each group. (2,2,2,2) is the PreAct-ResNet-18 of the tables for CIFAR.
        width: channels of the stem and the first group.
        compatible: whose network. "he" is the paper's: the first block, like those that project, adds to ReLU(BN(x)) and not to
            x, BN and ReLU stand before the mean, and weights begin as in He et al. "kuangliu" is the code that manifold mixup
            and many others took for CIFAR: it has neither, and begins with torch's own weights. "mixup" is what the authors of
            mixup published, under the name ResNet18: as kuangliu, with BN and ReLU after the convolution of the stem.

    Where the last maps have one pixel, batch norm normalises over the batch only: training then takes 2 examples or more.

    Reference: He et al., Identity mappings in deep residual networks, ECCV 2016, arXiv:1603.05027, figure 4e, and the appendix
    on the first and the last unit; Zhang et al., mixup, ICLR 2018, arXiv:1710.09412, and its code.
    Differs: blocks that change shape project (a 1x1 convolution of h without BN), as the paper's bottlenecks do; its basic
    blocks pad with zeros. The mixup paper's drop-out between the convolutions, against wrong labels, is not here.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        blocks: tuple[int, ...] = (1, 1, 1),
        width: int = 32,
        compatible: Literal["he", "kuangliu", "mixup"] = "he",
    ) -> None:
        image = image_spec("PreActResNet", spec)
        check_sizes("PreActResNet", blocks, width)
        check_choice("compatible", compatible, ("he", "kuangliu", "mixup"))
        stem: nn.Module = nn.Conv2d(image.channels, width, 3, 1, 1, bias=False)
        if compatible == "mixup":
            stem = nn.Sequential(stem, nn.BatchNorm2d(width), nn.ReLU())
        grouped, dim = groups(PreActBlock, blocks, width)
        last: list[nn.Module] = []
        if compatible == "he":
            grouped[0][0] = PreActBlock(width, width, 1, activated=True)
            last = [nn.BatchNorm2d(dim), nn.ReLU()]
        grouped[-1] = nn.Sequential(grouped[-1], *last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        super().__init__([stem, *grouped], dim)
        if compatible == "he":
            initialise(self)


class PreActBlock(nn.Module):
    """x + conv(ReLU(BN(conv(h)))) with h = ReLU(BN(x)), both 3x3; projected conv(h) + ..., or h + ... where `activated`."""

    def __init__(self, inputs: int, channels: int, stride: int, *, activated: bool = False) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        same = stride == 1 and inputs == channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, channels, 1, stride, bias=False)
        self.activated = activated or not same

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu_(self.bn1(x))
        carried: Tensor = self.shortcut(h if self.activated else x)
        return carried.add(self.conv2(torch.relu_(self.bn2(self.conv1(h)))))
