"""Residual networks against plain functions of their weights, and against the published counts."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mixtrast import encoders
from mixtrast.encoders import Encoder
from mixtrast.spec import Image, Series, Table
from support.encoders import examples, get, on_meta, weights
from support.generators import seeded
from support.tolerances import F64

# --- the networks, written out -------------------------------------------------------------------------------------------


class Plain:
    """A network as a function of a dictionary of weights: what of it was used, and what is computed from it."""

    def __init__(self, state: dict[str, Tensor], training: bool) -> None:
        self.state, self.training, self.unused = state, training, set(state)

    def weight(self, name: str) -> Tensor:
        self.unused.discard(name)
        return self.state[name]

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.weight(f"{name}.weight")
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Batch norm by its definition: statistics of the batch in training, the running ones otherwise."""
        self.unused.discard(f"{name}.num_batches_tracked")
        mean, var = self.weight(f"{name}.running_mean"), self.weight(f"{name}.running_var")
        if self.training:
            mean = x.mean((0, 2, 3))
            var = (x - mean[:, None, None]).square().mean((0, 2, 3))
        shape = (-1, 1, 1)
        x = (x - mean.view(shape)) / (var.view(shape) + 1e-5).sqrt()
        return x * self.weight(f"{name}.weight").view(shape) + self.weight(f"{name}.bias").view(shape)

    def blocks(self, blocks: tuple[int, ...]):
        """(name, stride, whether it is the last) of every block."""
        for group, count in enumerate(blocks):
            inside = "0." if group == len(blocks) - 1 else ""
            for number in range(count):
                stride = 2 if group and not number else 1
                yield f"stages.{group + 1}.{inside}{number}", stride, number == count - 1


def plain_resnet(net: Plain, x: Tensor, blocks: tuple[int, ...], block: str, stem: str) -> list[Tensor]:
    """What leaves each stage."""
    h = net.norm(net.conv(x, "stages.0.0", 2 if stem == "imagenet" else 1), "stages.0.1").clamp(min=0)
    if stem == "imagenet":
        h = F.pad(h, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2).amax((-2, -1))  # after a ReLU, 0 is no maximum of its own
    found = [h]
    strides = {"basic": lambda stride: (stride, 1), "bottleneck": lambda stride: (1, stride, 1)}[block]
    for name, stride, last in net.blocks(blocks):
        x = h
        for place, step in enumerate(strides(stride), 1):
            h = net.norm(net.conv(h, f"{name}.conv{place}", step), f"{name}.bn{place}")
            if place < len(strides(stride)):
                h = h.clamp(min=0)
        if f"{name}.shortcut.0.weight" in net.state:
            x = net.norm(net.conv(x, f"{name}.shortcut.0", stride), f"{name}.shortcut.1")
        assert x.shape == h.shape
        h = (x + h).clamp(min=0)
        if last:
            found.append(h)
    found[-1] = found[-1].mean((2, 3))
    return found


def plain_preact(net: Plain, x: Tensor, blocks: tuple[int, ...], compatible: str) -> list[Tensor]:
    stem = "stages.0.0" if compatible == "mixup" else "stages.0"
    h = net.conv(x, stem)
    if compatible == "mixup":
        h = net.norm(h, "stages.0.1").clamp(min=0)
    found = [h]
    for name, stride, last in net.blocks(blocks):
        x, h = h, net.norm(h, f"{name}.bn1").clamp(min=0)
        if f"{name}.shortcut.weight" in net.state:
            x = net.conv(h, f"{name}.shortcut", stride)
        elif compatible == "he" and len(found) == 1 and name.endswith(".0"):
            x = h  # the first of all
        h = net.norm(net.conv(h, f"{name}.conv1", stride), f"{name}.bn2").clamp(min=0)
        h = x + net.conv(h, f"{name}.conv2")
        if last:
            found.append(h)
    if compatible == "he":
        h = net.norm(h, f"stages.{len(blocks)}.1").clamp(min=0)
    found[-1] = h.mean((2, 3))
    return found


CASES = {
    "basic": ("resnet", Image(3, 8, 9), {"blocks": (2, 1, 2), "width": 3, "block": "basic", "stem": "cifar"}),
    "bottleneck": ("resnet", Image(1, 9, 8), {"blocks": (2, 2), "width": 3, "block": "bottleneck", "stem": "cifar"}),
    "basic, imagenet": ("resnet", Image(2, 37, 30), {"blocks": (1, 2), "width": 3, "block": "basic", "stem": "imagenet"}),
    "bottleneck, imagenet": (
        "resnet",
        Image(13, 33, 40),
        {"blocks": (1, 1, 2), "width": 2, "block": "bottleneck", "stem": "imagenet"},
    ),
    **{
        f"preact, {kind}": ("preact_resnet", Image(3, 8, 9), {"blocks": (2, 1, 2), "width": 3, "compatible": kind})
        for kind in ("he", "kuangliu", "mixup")
    },
}
case = pytest.mark.parametrize(("name", "shape", "options"), CASES.values(), ids=CASES)


@case
@pytest.mark.parametrize("training", [False, True])
def test_a_residual_network_is_its_equations(name, shape, options, training):
    """Every stage, and the gradient of every weight, which in-place operations could spoil."""
    made, x = get(name, shape, **options).train(training), examples(shape)
    state = {key: value.detach().clone() for key, value in made.state_dict().items()}
    learned = {key: state[key].requires_grad_() for key, _ in made.named_parameters()}
    net = Plain(state, training)
    plain = plain_resnet if name == "resnet" else plain_preact
    expected = plain(net, x, **{key: value for key, value in options.items() if key != "width"})
    assert not net.unused
    assert len(made.stages) == len(expected) == 1 + len(options["blocks"])
    h = x
    for depth, there in enumerate(expected):
        h = made.run(h, depth, depth + 1)
        torch.testing.assert_close(h, there, **F64)
    assert h.shape == (len(x), made.dim)

    pull = torch.randn(h.shape, generator=seeded(2), dtype=torch.float64)
    (h * pull).sum().backward()
    (expected[-1] * pull).sum().backward()
    for key, weight in made.named_parameters():
        largest = float(learned[key].grad.abs().max())
        assert largest > 1e-6, key
        torch.testing.assert_close(weight.grad, learned[key].grad, rtol=1e-9, atol=1e-9 * max(1.0, largest))


@case
def test_a_run_of_a_residual_network_may_be_cut_anywhere(name, shape, options):
    made, x = get(name, shape, **options).eval(), examples(shape)
    whole, last = made(x), len(made.stages)
    for first, second in itertools.combinations_with_replacement(range(last + 1), 2):
        between = made.run(made.run(x, stop=first), first, second)
        assert made.run(between, second).equal(whole)


@case
def test_channels_last_computes_the_same(name, shape, options):
    made, x = get(name, shape, **options), examples(shape)
    expected = made(x)
    made.to(memory_format=torch.channels_last)
    torch.testing.assert_close(made(x.contiguous(memory_format=torch.channels_last)), expected, **F64)


# --- the published ones --------------------------------------------------------------------------------------------------


PUBLISHED = [
    ("resnet18", {"stem": "imagenet"}, 512, 11_689_512 - 513_000),  # torchvision's count, less its classifier of 1,000
    ("resnet34", {"stem": "imagenet"}, 512, 21_797_672 - 513_000),
    ("resnet50", {"stem": "imagenet"}, 2048, 25_557_032 - 2_049_000),
    ("resnet18", {"stem": "cifar"}, 512, 11_173_962 - 5_130),  # kuangliu's, less its classifier of 10
    ("resnet34", {"stem": "cifar"}, 512, 21_282_122 - 5_130),
    ("resnet50", {"stem": "cifar"}, 2048, 23_520_842 - 20_490),
    ("preactresnet18", {"compatible": "kuangliu"}, 512, 11_171_146 - 5_130),
    ("preactresnet18", {"compatible": "mixup"}, 512, 11_171_146 - 5_130 + 2 * 64),  # BN in the stem
    ("preactresnet18", {"compatible": "he"}, 512, 11_171_146 - 5_130 + 2 * 512),  # BN before the mean
]


@pytest.mark.parametrize(("name", "options", "dim", "count"), PUBLISHED)
def test_the_published_networks_have_the_published_numbers_of_weights(name, options, dim, count):
    made = on_meta(name, Image(3, 32, 32), **options)
    assert weights(made) == count
    assert made.dim == dim
    assert len(made.stages) == 5


@pytest.mark.parametrize(
    ("name", "side", "options", "billions"),
    [
        ("resnet18", 224, {}, 1.81),
        ("resnet34", 224, {}, 3.66),
        ("resnet50", 224, {}, 4.09),
        ("resnet18", 32, {}, 0.556),
        ("resnet50", 32, {}, 1.30),
        ("preactresnet18", 32, {}, 0.556),
    ],
)
def test_the_published_networks_do_the_published_arithmetic(name, side, options, billions):
    """Multiply-adds of one image. A counted operation is half of one."""
    made = on_meta(name, Image(3, side, side), **options)
    with FlopCounterMode(display=False) as counter:
        made(torch.empty(1, 3, side, side, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(billions, rel=0.005)


SOME = [("resnet18", {}), ("resnet18", {"stem": "cifar"}), ("resnet50", {"stem": "imagenet"}), ("preactresnet18", {})]


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32), (13, 64), (3, 224)])
@pytest.mark.parametrize(("name", "options"), SOME, ids=[f"{name}-{options}" for name, options in SOME])
def test_maps_have_the_sides_and_channels_that_their_depth_says(name, options, side, channels):
    """A stem of one convolution keeps the sides; manifold mixup's layers 1 and 2 are then at full and half size."""
    shape = Image(channels, side, side + 1)
    made = on_meta(name, shape, width=4, **options)
    large = getattr(made, "stem", "cifar") == "imagenet"
    assert large == (options.get("stem") == "imagenet" or (side == 224 and (name, options) == SOME[0]))
    sides = [-(-length // 4) if large else length for length in shape.shape[1:]]
    h = made.run(torch.empty(2, *shape.shape, device="meta"), stop=1)
    assert h.shape == (2, 4, *sides)
    for group in range(4):
        h = made.run(h, group + 1, group + 2)
        wide = 2**group * (16 if name == "resnet50" else 4)
        assert h.shape == (2, wide, *([-(-length // 2**group) for length in sides] if group < 3 else []))
    assert made.dim == wide


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "preactresnet18"])
def test_large_images_are_encoded(name):
    shape = Image(1, 224, 160)
    out = get(name, shape, width=2)(examples(shape, rows=2))
    assert out.shape == (2, 64 if name == "resnet50" else 16)
    assert out.isfinite().all()


# --- the stem ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "stem"),
    [(8, 8, "cifar"), (64, 64, "cifar"), (64, 300, "cifar"), (300, 64, "cifar"), (65, 65, "imagenet"), (224, 65, "imagenet")],
)
def test_the_stem_follows_the_shorter_side_and_says_so(height, width, stem):
    shape = Image(2, height, width)
    made = on_meta("resnet8", shape)
    assert made.stem == stem
    assert f"stem='{stem}'" in repr(made)
    assert repr(made) == repr(on_meta("resnet8", shape, stem=stem))
    other = "imagenet" if stem == "cifar" else "cifar"
    assert on_meta("resnet8", shape, stem=other).stem == other


@pytest.mark.parametrize("side", [1, 2, 8])
@pytest.mark.parametrize(("name", "options"), [("resnet18", {"stem": "imagenet"}), ("preactresnet18", {})])
def test_no_image_is_too_small_for_its_stem(name, options, side):
    """Sides are rounded up, to 1 in the end. Batch norm then stands on the batch alone, and refuses one example."""
    made = get(name, Image(3, side, side), width=2, **options)
    out = made(examples(Image(3, side, side), rows=3))
    assert out.shape == (3, 16)
    out.square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in made.parameters())
    with pytest.raises(ValueError, match="more than 1 value per channel when training"):
        made(examples(Image(3, side, side), rows=1))
    assert made.eval()(examples(Image(3, side, side), rows=1)).isfinite().all()


# --- how weights begin ---------------------------------------------------------------------------------------------------


def convolutions(made: Encoder) -> list[nn.Conv2d]:
    """Those with enough weights that their spread is known to a few percent."""
    return [part for part in made.modules() if isinstance(part, nn.Conv2d) and part.weight.numel() >= 4_000]


@pytest.mark.parametrize(
    ("name", "options"), [("resnet18", {}), ("resnet50", {}), ("preactresnet18", {"compatible": "he"})], ids=str
)
def test_weights_begin_as_he_et_al_have_them_counting_outputs(name, options):
    torch.manual_seed(0)
    made = encoders.get(name, Image(3, 32, 32), width=16, **options)
    assert len(convolutions(made)) > 10
    for part in convolutions(made):
        spread = math.sqrt(2 / (part.out_channels * part.kernel_size[0] ** 2))
        assert float(part.weight.detach().std()) == pytest.approx(spread, rel=0.05)
    norms = [part for part in made.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@pytest.mark.parametrize("compatible", ["kuangliu", "mixup"])
def test_the_published_code_begins_with_the_weights_of_torch(compatible):
    torch.manual_seed(0)
    made = encoders.get("preactresnet18", Image(3, 32, 32), width=16, compatible=compatible)
    assert len(convolutions(made)) > 10
    for part in convolutions(made):
        bound = 1 / math.sqrt(part.in_channels * part.kernel_size[0] ** 2)
        assert 0.98 * bound < float(part.weight.detach().abs().max()) <= bound * (1 + 1e-6)
        assert float(part.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


# --- the door ------------------------------------------------------------------------------------------------------------


BAD = [
    *[("resnet", {"block": bad}, "`block` must be one of .basic., .bottleneck.") for bad in ("wide", "", None, 3)],
    *[("resnet50", {"stem": bad}, "`stem` must be one of .auto., .cifar., .imagenet.") for bad in ("large", None, True)],
    *[("preact_resnet", {"compatible": bad}, "must be one of .he., .kuangliu., .mixup., got") for bad in ("zhang", None)],
    *[("preact_resnet", {"blocks": bad}, "`blocks` of PreActResNet") for bad in ((), (0,), 3)],
    *[("preactresnet18", {"width": bad}, "`width` of PreActResNet must be 1 or more") for bad in (0, 2.5)],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_of_residual_networks_are_refused(name, options, phrase):
    with pytest.raises(ValueError, match=phrase):
        encoders.get(name, Image(3, 8, 8), **options)


@pytest.mark.parametrize("shape", [Table(9), Series(2, 16)], ids=str)
@pytest.mark.parametrize("name", ["resnet50", "preactresnet18"])
def test_residual_networks_refuse_what_is_no_image(name, shape):
    with pytest.raises(ValueError, match=r"takes images \(C, H, W\), got .*Use the mlp encoder, or reshape"):
        encoders.get(name, shape)
