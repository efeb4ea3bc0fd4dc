"""The small residual network, by its equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixtrast import encoders
from mixtrast.spec import Image, Series
from support.encoders import TABLE, examples, get, on_meta, weights
from support.tolerances import F64


def conv(module: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """A convolution and batch norm in evaluation mode, from their weights."""
    assert module.bias is None
    h = F.conv2d(x, module.weight, stride=module.stride, padding=module.weight.shape[2] // 2)
    mean, var, scale, shift = (t[:, None, None] for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return (h - mean) / (var + norm.eps).sqrt() * scale + shift


@pytest.mark.parametrize("side", [8, 9, 13, 16, 28, 32])
def test_resnet8_is_its_equations(side):
    made, x = get("resnet8", Image(3, side, side + 1), width=4).eval(), examples(Image(3, side, side + 1), rows=2)
    convs = [module for module in made.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in made.modules() if isinstance(module, nn.BatchNorm2d)]
    pairs = iter(zip(convs, norms, strict=True))
    h = conv(*next(pairs), x).relu()
    torch.testing.assert_close(made.run(x, stop=1), h, **F64)
    for group in range(3):
        inner = conv(*next(pairs), h).relu()
        inner = conv(*next(pairs), inner)
        h = (inner + (conv(*next(pairs), h) if group else h)).relu()
        assert h.shape == (2, 4 * 2**group, -(-side // 2**group), -(-(side + 1) // 2**group))
        pooled = h.mean((2, 3)) if group == 2 else h
        torch.testing.assert_close(made.run(x, stop=group + 2), pooled, **F64)
    torch.testing.assert_close(made(x), h.mean((2, 3)), **F64)
    assert next(pairs, None) is None
    assert made.dim == 16


def resnet_weights(channels: int, blocks: tuple[int, ...], width: int) -> int:
    """9 a pair of channels of a convolution, 1 of a projection, and two a channel of batch norm."""
    count, before = 9 * channels * width + 2 * width, width
    for group, number in enumerate(blocks):
        out = width * 2**group
        for block in range(number):
            enters = out if block else before
            count += 9 * enters * out + 9 * out * out + 4 * out
            count += enters * out + 2 * out if group and not block else 0
        before = out
    return count


@pytest.mark.parametrize(
    ("name", "options", "blocks", "width", "layers"),
    [
        ("resnet8", {}, (1, 1, 1), 32, 7),
        ("resnet20", {}, (3, 3, 3), 16, 19),
        ("resnet20", {"width": 8}, (3, 3, 3), 8, 19),
        ("resnet", {"blocks": (2,), "width": 5}, (2,), 5, 5),
    ],
)
def test_the_names_of_resnets_count_their_layers(name, options, blocks, width, layers):
    """Convolutions of 3x3, and the classifier that stands on top of it."""
    made = on_meta(name, Image(3, 32, 32), **options)
    assert weights(made) == resnet_weights(3, blocks, width)
    assert sum(isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3) for m in made.modules()) == layers
    assert len(made.stages) == 1 + len(blocks)
    assert made.dim == width * 2 ** (len(blocks) - 1)


@pytest.mark.parametrize("height", [1, 2, 5, 8])
@pytest.mark.parametrize("width", [1, 3, 8, 31])
def test_resnet_takes_any_sides(height, width):
    shape = Image(1, height, width)
    x = examples(shape)
    made = get("resnet8", shape, width=2)
    for training in (False, True):
        out = made.train(training)(x)
        assert out.shape == (4, 8)
        assert out.isfinite().all()


@pytest.mark.parametrize("shape", [TABLE, Series(2, 16)], ids=str)
def test_resnet_refuses_what_is_no_image(shape):
    with pytest.raises(ValueError, match=r"takes images \(C, H, W\), got .*Use the mlp encoder, or reshape"):
        encoders.get("resnet8", shape)
