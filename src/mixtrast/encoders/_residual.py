"""What residual networks share: the check of what they are given, their groups of blocks, and how their weights begin."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from mixtrast.spec import Image, Spec


def check(name: str, spec: Spec, blocks: tuple[int, ...], width: int) -> Image:
    """The spec, which must be of images. Raises ValueError for other data, and for blocks and widths that are no numbers."""
    if not isinstance(spec, Image):
        raise ValueError(
            f"{name} takes images (C, H, W), got {type(spec).__name__} {spec.shape}. Use the mlp encoder, or reshape."
        )
    check_sizes(name, blocks, width)
    return spec


def check_sizes(name: str, blocks: tuple[int, ...], width: int) -> None:
    """Raises ValueError for blocks and widths that are no numbers."""
    if not isinstance(blocks, tuple | list) or not blocks or not all(isinstance(n, int) and n > 0 for n in blocks):
        raise ValueError(f"`blocks` of {name} must be one or more whole numbers above 0, got {blocks!r}.")
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"`width` of {name} must be 1 or more, got {width!r}. Usual values are 16 to 64.")


def choice(name: str, option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raises ValueError where an option is none of the words that it may be."""
    if value not in allowed:
        raise ValueError(f"`{option}` of {name} must be {', '.join(allowed[:-1])} or {allowed[-1]}, got {value!r}.")


def groups(
    block: Callable[[int, int, int], nn.Module], blocks: tuple[int, ...], width: int, expansion: int = 1
) -> tuple[list[nn.Sequential], int]:
    """The groups, and the channels of the last one. Each group after the first halves the sides and doubles the channels.

    Args:
        block: makes one of (channels it takes, channels of its group, stride).
        blocks: how many in each group.
        width: channels of the first group, and of what enters it.
        expansion: channels that a block gives, in channels of its group.
    """
    found, enters = [], width
    for group, count in enumerate(blocks):
        channels = width * 2**group
        gives = channels * expansion
        first = block(enters, channels, 2 if group else 1)
        found.append(nn.Sequential(first, *(block(gives, channels, 1) for _ in range(count - 1))))
        enters = gives
    return found, enters


def initialise(module: nn.Module) -> None:
    """He et al., arXiv:1502.01852: a variance of 2 / (outputs of the kernel), which keeps the size of gradients."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
