from functools import partial

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders._residual import BasicBlock, check_sizes, groups, initialise
from mixtrast.spec import Series, Spec

SIZES: Sizes = {"resnet1d18": {"blocks": (2, 2, 2, 2), "width": 64}}


class ResNet1d(Encoder):
    """A residual network for series: a stem, groups of blocks that halve the length, and global average pooling.

    Each group after the first doubles the channels.
    Depths: 0 the input, 1 after the stem, 1 + g after group g (the last one pooled). With series that may have missing values
    or different lengths, depth 1 is the series with gaps filled by 0 and a further channel that is 1 where a value is present;
    all later depths are one larger.

    Args:
        blocks: how many in each group.
        width: channels of the stem and the first group.
        kernel: of the stem and of the first convolution of a block; the second has 3. Odd.

    Reference: Wang et al., Time series classification from scratch with deep neural networks, IJCNN 2017, arXiv:1611.06455.
    Differs: groups halve the time, as those for images do, and blocks have two convolutions where the paper's have three.
    """

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
        grouped, dim = groups(partial(BasicBlock, kernel=kernel, axes=1), blocks, width)
        grouped[-1] = nn.Sequential(grouped[-1], nn.AdaptiveAvgPool1d(1), nn.Flatten())
        super().__init__([*([FillGaps()] if spec.gaps else []), stem, *grouped], dim)
        self.spec = spec
        initialise(self)


class FillGaps(nn.Module):
    """(B,C,L) with NaN -> (B,C+1,L): 0 where values are missing, and a channel that is 1 where any is present."""

    def forward(self, x: Tensor) -> Tensor:
        missing = x.isnan()
        return torch.cat([torch.where(missing, 0.0, x), (~missing).any(1, keepdim=True).to(x.dtype)], 1)
