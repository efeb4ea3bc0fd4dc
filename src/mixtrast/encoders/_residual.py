"""What residual networks share: checks of arguments, groups of blocks, and initial weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mixtrast.spec import Image, Spec


def image_spec(name: str, spec: Spec) -> Image:
    """Return the spec of images. Raises ValueError for other data."""
    if not isinstance(spec, Image):
        got = f"{type(spec).__name__} {spec.shape}"
        raise ValueError(f"{name} takes images (C, H, W), got {got}. Use the mlp encoder, or reshape.")
    return spec


def check_sizes(name: str, blocks: tuple[int, ...], width: int) -> None:
    """Raise ValueError unless blocks and width are whole numbers above 0."""
    if not isinstance(blocks, tuple | list) or not blocks or not all(isinstance(n, int) and n > 0 for n in blocks):
        raise ValueError(f"`blocks` of {name} must be one or more whole numbers above 0, got {blocks!r}.")
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"`width` of {name} must be 1 or more, got {width!r}. Usual values are 16 to 64.")


def groups(
    block: Callable[[int, int, int], nn.Module], blocks: tuple[int, ...], width: int, expansion: int = 1
) -> tuple[list[nn.Sequential], int]:
    """Build the groups of blocks, and return them with the output channels of the last.

    Each group after the first halves the sides and doubles the channels. `block` builds one from (input channels, channels of
    its group, stride), and gives `expansion` times the channels of its group.
    """
    built, inputs = [], width
    for group, count in enumerate(blocks):
        channels, outputs = width * 2**group, width * 2**group * expansion
        first = block(inputs, channels, 2 if group else 1)
        built.append(nn.Sequential(first, *(block(outputs, channels, 1) for _ in range(count - 1))))
        inputs = outputs
    return built, inputs


def initialise(module: nn.Module) -> None:
    """Draw the weights of convolutions as He et al., arXiv:1502.01852, with the variance 2 / (outputs of the kernel)."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


class BasicBlock(nn.Module):
    """ReLU(x + BN(conv(ReLU(BN(conv(x)))))), the first convolution with `kernel`, the second with 3, along `axes` axes."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int, kernel: int = 3, axes: int = 2) -> None:
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv1d, nn.BatchNorm1d)
        self.conv1 = conv(inputs, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = conv(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = norm(channels)
        self.shortcut = shortcut(inputs, channels, stride, axes)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(h)) + self.shortcut(x))


def shortcut(inputs: int, outputs: int, stride: int, axes: int = 2) -> nn.Module:
    """The identity, or a 1x1 convolution with batch norm where the shape changes."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv1d, nn.BatchNorm1d)
    return nn.Sequential(conv(inputs, outputs, 1, stride, bias=False), norm(outputs))
