"""Encoders and heads: the layers they say, by formulas; modules of one's own. What all share is in house/test_rooms.py."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixtrast import encoders, spec
from mixtrast.encoders import Encoder, head, wrap
from mixtrast.encoders.mlp import Maxout
from mixtrast.spec import Image, Series, Table
from test_mixers import seeded

F64 = {"rtol": 1e-9, "atol": 1e-10}
TABLE, PICTURE = Table(9), Image(2, 8, 8)


def get(name: str, shape: spec.Spec, seed: int = 0, **options) -> Encoder:
    """In float64, with running statistics of batch norm that are no identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = encoders.get(name, shape, **options).double()
        return stirred(made)


def stirred(module: nn.Module) -> nn.Module:
    for norm in module.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            with torch.no_grad():
                norm.weight.uniform_(0.5, 2)
                norm.bias.uniform_(-1, 1)
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
    return module


def examples(shape: spec.Spec, rows: int = 4, seed: int = 1) -> Tensor:
    return torch.randn(rows, *shape.shape, generator=seeded(seed), dtype=torch.float64)


def weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def on_meta(name: str, shape: spec.Spec, **options) -> Encoder:
    """Shapes only: no memory, no time."""
    with torch.device("meta"):
        return encoders.get(name, shape, **options)


# --- stages --------------------------------------------------------------------------------------------------------------

SOME = [
    ("mlp", TABLE, {"widths": (7, 6, 5)}),
    ("mlp", PICTURE, {"widths": (7, 6), "embed": 4, "maxout": 2, "dropout": 0.5}),
    ("mlp", Series(2, 5), {"widths": (3,), "norm": False}),
    ("resnet8", PICTURE, {"width": 3}),
    ("resnet", Image(1, 7, 9), {"blocks": (2, 1), "width": 2}),
]


@pytest.mark.parametrize(("name", "shape", "options"), SOME, ids=[f"{name}-{options}" for name, _, options in SOME])
def test_a_run_may_be_cut_anywhere(name, shape, options):
    made, x = get(name, shape, **options).eval(), examples(shape)
    whole, last = made(x), len(made.stages)
    for first in range(last + 1):
        for second in range(first, last + 1):
            between = made.run(made.run(x, stop=first), first, second)
            assert made.run(between, second).equal(whole)
    assert made.run(x, 0, 0) is x
    assert made.run(whole, last) is whole
    assert whole.shape == (4, made.dim)


# --- MLP -----------------------------------------------------------------------------------------------------------------


def layer_sizes(numbers: int, widths: tuple[int, ...], embed: int) -> list[tuple[int, int]]:
    sizes = [*([embed] if embed else []), *widths]
    return list(zip([numbers, *sizes[:-1]], sizes, strict=True))


def mlp_weights(numbers: int, widths: tuple[int, ...], embed: int = 0, maxout: int = 0, norm: bool = True) -> int:
    """A matrix each; then a scale and a shift a unit, or a bias; the layer before a maxout has a bias."""
    count = 0
    layers = layer_sizes(numbers, widths, embed)
    for place, (a, b) in enumerate(layers):
        last = maxout > 0 and place == len(layers) - 1
        count += a * b + (2 * b if norm and not last else b)
    return count


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("embed", [0, 4])
@pytest.mark.parametrize("maxout", [0, 1, 3])
@pytest.mark.parametrize("widths", [(6,), (7, 6), (5, 7, 3)], ids=str)
def test_mlp_is_its_layers(widths, maxout, embed, norm):
    made = get("mlp", PICTURE, widths=widths, maxout=maxout, embed=embed, norm=norm).eval()
    assert weights(made) == mlp_weights(128, widths, embed, maxout, norm)
    assert len(made.stages) == len(widths) + (embed > 0)
    assert made.dim == (widths[-1] // maxout if maxout else widths[-1])
    x = examples(PICTURE)
    for depth, (stage, (a, b)) in enumerate(zip(made.stages, layer_sizes(128, widths, embed), strict=True)):
        linear = next(module for module in stage.modules() if isinstance(module, nn.Linear))
        assert (linear.in_features, linear.out_features) == (a, b)
        h = made.run(x, stop=depth).reshape(4, -1) @ linear.weight.T
        if maxout and depth == len(made.stages) - 1:
            h = torch.stack([(h + linear.bias)[:, at : at + maxout].amax(1) for at in range(0, b, maxout)], 1)
        elif norm:
            assert linear.bias is None
            (n,) = (module for module in stage.modules() if isinstance(module, nn.BatchNorm1d))
            h = ((h - n.running_mean) / (n.running_var + n.eps).sqrt() * n.weight + n.bias).clamp(min=0)
        else:
            h = (h + linear.bias).clamp(min=0)
        torch.testing.assert_close(made.run(x, stop=depth + 1), h, **F64)


@pytest.mark.parametrize("pieces", [1, 2, 3, 6])
def test_maxout_is_its_loop(pieces):
    x = torch.randn(5, 12, generator=seeded())
    expected = [[max(row[at : at + pieces]) for at in range(0, 12, pieces)] for row in x.tolist()]
    assert Maxout(pieces)(x).tolist() == expected


def test_the_encoder_of_imix_for_tables():
    """Its 28 columns are those of HIGGS."""
    made = on_meta("imixmlp", Table(28))
    assert weights(made) == mlp_weights(28, (2048, 2048, 4096, 4096, 8192), embed=64, maxout=4)
    assert weights(made) == pytest.approx(63e6, rel=0.01)
    assert made.dim == 2048
    assert len(made.stages) == 6
    assert on_meta("imixmlp", Table(28), maxout=2).dim == 4096  # an option goes over the size's


@pytest.mark.parametrize("norm", [True, False])
def test_dropout_follows_every_relu_and_only_in_training(norm):
    made = get("mlp", TABLE, widths=(400, 300), dropout=0.25, norm=norm)
    x, h = examples(TABLE, rows=200), None
    plain = get("mlp", TABLE, widths=(400, 300), norm=norm)
    plain.load_state_dict(made.state_dict())
    assert made.eval()(x).equal(plain.eval()(x))
    made.train()
    plain.train()
    torch.manual_seed(0)
    for depth in range(2):
        enters = x if h is None else h
        h, kept = made.run(enters, depth, depth + 1), plain.run(enters, depth, depth + 1)
        positive = kept > 0
        lost = (h == 0)[positive]
        assert float(lost.double().mean()) == pytest.approx(0.25, abs=5 * math.sqrt(0.1875 / lost.numel()))
        torch.testing.assert_close(h[positive][~lost], kept[positive][~lost] / 0.75, **F64)


def test_weights_begin_as_he_et_al_have_them():
    """What leaves a layer is as large as what enters it; torch's default loses a factor of 6 in its square at each."""
    made = encoders.get("mlp", Table(300), widths=(400, 500), norm=False)
    for module in made.modules():
        if isinstance(module, nn.Linear):
            spread = math.sqrt(2 / module.in_features)
            assert float(module.weight.detach().std()) == pytest.approx(spread, rel=0.02)
            assert (module.bias == 0).all()
    x = torch.randn(2_000, 300, generator=seeded())
    with torch.no_grad():
        for depth in (1, 2):
            assert float(made.run(x, stop=depth).square().mean()) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("shape", [TABLE, Series(2, 5), PICTURE], ids=str)
def test_mlp_takes_any_example_as_its_numbers(shape):
    made, x = get("mlp", shape, widths=(4,)).eval(), examples(shape)
    flat = get("mlp", Table(spec.numbers(shape)), widths=(4,)).eval()
    flat.load_state_dict(made.state_dict())
    assert made(x).equal(flat(x.flatten(1)))


# --- ResNet --------------------------------------------------------------------------------------------------------------


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


# --- the door ------------------------------------------------------------------------------------------------------------

BAD = [
    *[("mlp", {"widths": bad}, "`widths` of MLP") for bad in ((), (0,), (4, -1), (2.5,), "44", None, 0)],
    *[("mlp", {"embed": bad}, "`embed`") for bad in (-1, 2.5)],
    *[("mlp", {"widths": (6,), "maxout": bad}, "maxout divide 6") for bad in (-1, 4, 7)],
    *[("mlp", {"dropout": bad}, "`dropout` of MLP must be a probability below 1") for bad in (-0.1, 1, math.nan)],
    *[("resnet", {"blocks": bad}, "`blocks` of ResNet") for bad in ((), (0,), (1, -1), (1.5,), 3, None)],
    *[("resnet", {"width": bad}, "`width` of ResNet") for bad in (0, -4, 2.5)],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        encoders.get(name, PICTURE, **options)


def test_one_width_may_be_a_number():
    assert encoders.get("mlp", TABLE, widths=5).dim == 5


# --- a module of one's own -----------------------------------------------------------------------------------------------


class Own(nn.Module):
    """Neither a Sequential nor an Encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(9, 6), nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layer(x)).view(-1, 2, 3)


def own() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


def agrees(module: nn.Module, made: Encoder, shape: spec.Spec = TABLE) -> bool:
    x = examples(shape).float()
    return made.eval()(x).equal(module.eval()(x).flatten(1))


def copied(made: list[nn.Module], given: list[nn.Module]) -> bool:
    """Of the same make and the same weights, and nothing of it is the same object."""
    ours, theirs = nn.ModuleList(made), nn.ModuleList(given)
    there = {id(part) for part in theirs.modules()} | {value.data_ptr() for value in theirs.state_dict().values()}
    return (
        str(ours) == str(theirs)
        and all(value.equal(theirs.state_dict()[key]) for key, value in ours.state_dict().items())
        and not there & ({id(part) for part in ours.modules()} | {value.data_ptr() for value in ours.state_dict().values()})
    )


def test_the_children_of_a_sequential_become_the_stages():
    module = own()
    made = wrap(module, TABLE)
    assert isinstance(made, Encoder)
    assert copied([*made.stages], [*module])
    assert made.dim == 3
    assert agrees(module, made)


def test_a_layer_that_stands_twice_in_a_sequential_runs_twice():
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(9, 4), relu, nn.Linear(4, 4), relu)
    made = wrap(module, TABLE)
    assert copied([*made.stages], [*module])
    assert made.stages[1] is made.stages[3]
    assert agrees(module, made)


def test_any_other_module_is_one_stage_and_its_output_is_flattened():
    module = Own()
    made = wrap(module, TABLE)
    assert copied([*made.stages][:1], [module])
    assert made.dim == 6
    assert agrees(module, made)


class Residual(nn.Sequential):
    """A Sequential by birth, whose forward is its own."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def test_a_kind_of_sequential_is_one_stage():
    module = Residual(nn.Linear(9, 9), nn.ReLU())
    made = wrap(module, TABLE)
    assert copied([*made.stages], [module])
    assert agrees(module, made)


def test_maps_are_flattened_after_the_last_stage():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(2))
    made = wrap(module, PICTURE)
    assert made.dim == 12
    assert len(made.stages) == 3
    assert made.run(examples(PICTURE).float(), stop=2).shape == (4, 3, 2, 2)
    assert agrees(module, made, PICTURE)


def test_an_encoder_is_copied_as_it_is():
    given = stirred(encoders.get("mlp", TABLE, widths=(4,)))
    made = wrap(given, TABLE)
    assert copied([made], [given])
    assert made.dim == given.dim
    assert agrees(given, made)


@pytest.mark.parametrize("build", [own, Own, lambda: encoders.get("mlp", TABLE, widths=(4,))])
def test_what_is_done_to_the_encoder_is_not_done_to_the_module(build):
    module = stirred(build()).eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    made = wrap(module, TABLE).train()
    made(examples(TABLE).float()).sum().backward()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(1.0)
    assert not any(part.training for part in module.modules())
    assert all(weight.grad is None for weight in module.parameters())
    assert all(value.equal(before[key]) for key, value in module.state_dict().items())


def test_an_empty_sequential_gives_the_numbers_themselves():
    assert wrap(nn.Sequential(), TABLE).dim == 9


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("build", [own, Own])
def test_wrapping_changes_neither_mode_nor_weights_nor_statistics(build, training):
    module = stirred(build()).train(training)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.get_rng_state()
    wrap(module, TABLE)
    assert all(part.training == training for part in module.modules())
    assert all(value.equal(before[key]) for key, value in module.state_dict().items())
    assert torch.get_rng_state().equal(state)
    assert all(weight.requires_grad and weight.grad is None for weight in module.parameters())


def test_a_frozen_part_stays_frozen():
    module = own().train()
    module[2].eval()
    made = wrap(module, TABLE)
    assert [part.training for part in module] == [True, True, False, True, True]
    assert [part.training for part in made.stages] == [True, True, False, True, True]


class Gives(nn.Module):
    """Whatever it was told."""

    def __init__(self, what) -> None:
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what(x)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (lambda x: x.sum(1), r"one vector an example, \(B, dim\), got shape \(2,\)"),
        (lambda x: x.sum(), r"got shape \(\)"),
        (lambda x: x[:1], r"got shape \(1, 9\) for two examples"),
        (lambda x: (x, x), "got tuple"),
        (lambda x: None, "got NoneType"),
        (lambda x: x @ torch.zeros(4, 4), r"fails on two examples of shape \(9,\)"),
        (lambda x: x.no_such_method(), "this encoder, Gives, fails"),
    ],
)
def test_a_module_that_gives_no_vectors_is_refused_and_left_as_it_was(what, says):
    module = Gives(what).train()
    with pytest.raises(ValueError, match=says):
        wrap(module, TABLE)
    assert module.training


def test_the_wrong_data_for_a_module_are_refused():
    with pytest.raises(ValueError, match=r"this encoder, Sequential, fails on two examples of shape \(8,\)"):
        wrap(own(), Table(8))


@pytest.mark.parametrize("wrong", [3, None, "mlp", lambda x: x], ids=["number", "None", "name", "function"])
def test_what_is_no_module_is_refused(wrong):
    with pytest.raises((ValueError, TypeError), match=r"Module"):
        wrap(wrong, TABLE)


# --- heads ---------------------------------------------------------------------------------------------------------------

HEADS = {
    "linear": ["Linear"],
    "mlp": ["Linear", "ReLU", "Linear"],
    "mlpbn1": ["Linear", "BatchNorm1d", "ReLU", "Linear"],
    "mlpbn": ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"],
    "none": [],
}


def layers(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if not isinstance(part, (nn.Sequential, nn.Identity))]


@pytest.mark.parametrize("hidden", [None, 7])
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_has_the_layers_that_it_says(kind, hidden):
    made = head(kind, 5, 3, hidden=hidden)
    found = layers(made)
    assert [type(layer).__name__ for layer in found] == HEADS[kind]
    linears = [(layer.in_features, layer.out_features) for layer in found if isinstance(layer, nn.Linear)]
    assert linears == {0: [], 1: [(5, 3)], 2: [(5, hidden or 5), (hidden or 5, 3)]}[len(linears)]
    assert made(torch.randn(4, 5)).shape == (4, 5 if kind == "none" else 3)


@pytest.mark.parametrize("kind", HEADS)
def test_a_bias_stands_before_no_batch_norm_and_before_all_else(kind):
    found = layers(head(kind, 5, 3))
    for layer, after in zip(found, [*found[1:], None], strict=False):
        if isinstance(layer, nn.Linear):
            assert (layer.bias is None) == isinstance(after, nn.BatchNorm1d)


@pytest.mark.parametrize("kind", ["mpl", "", "MLP", None])
def test_another_head_is_refused(kind):
    with pytest.raises(ValueError, match="one of linear, lnlinear, mlp, mlpbn1, mlpbn, none, got"):
        head(kind, 5, 3)


# --- what an example looks like ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [Table(9), Series(2, 5), Image(3, 8, 7)], ids=str)
def test_a_spec_is_its_shape_and_survives_a_file(shape):
    assert spec.of(shape.shape) == shape
    assert spec.from_dict(spec.to_dict(shape)) == shape
    assert spec.numbers(shape) == torch.zeros(shape.shape).numel()


@pytest.mark.parametrize("shape", [(), (1, 2, 3, 4), (0,), (3, 0), (2, -1)], ids=str)
def test_what_is_no_example_is_refused(shape):
    with pytest.raises(ValueError, match="Reshape it"):
        spec.of(shape)


def test_groups_of_columns_have_a_linear_of_their_own():
    made = encoders.get("mlp", Table(6), widths=(8,), embed=3, groups=(2, 4))
    x = torch.randn(5, 6)
    first = made.stages[0][1] if isinstance(made.stages[0][0], torch.nn.Flatten) else made.stages[0][0]
    wanted = torch.cat([first.parts[0](x[:, :2]), first.parts[1](x[:, 2:])], 1)
    torch.testing.assert_close(made.run(x, stop=1), wanted)
    assert not any(isinstance(part, torch.nn.BatchNorm1d) for part in made.stages[0].modules())
    assert made.run(x).shape == (5, 8)
    with pytest.raises(
        ValueError, match=r"`groups` of MLP must be sizes that sum to the 6 numbers .* got \(2, 3\) and embed 3"
    ):
        encoders.get("mlp", Table(6), embed=3, groups=(2, 3))


def test_vgg_and_lenet_are_those_of_the_tables():
    """Parameters of VGG-11's convolutions (Simonyan and Zisserman, table 1, A: 9,220,480) and of the LeNet of spoken words."""
    vgg = encoders.get("vgg11", spec.Image(3, 224, 224), norm=False)
    assert sum(p.numel() for p in vgg.parameters()) == 9_220_480
    assert (len(vgg.stages), vgg.dim) == (5, 512)
    assert encoders.get("vgg16", spec.Image(3, 32, 32), norm=False).dim == 512
    assert sum(p.numel() for p in encoders.get("vgg16", spec.Image(3, 32, 32), norm=False).parameters()) == 14_714_688
    lenet = encoders.get("lenet", spec.Image(1, 161, 101))
    assert lenet.stages[2][1].in_features == 16_280  # 20 x 37 x 22, as that program says
    for shape in ((1, 1), (1, 9), (5, 4), (16, 16), (28, 28)):
        small = spec.Image(2, *shape)
        for name in ("lenet", "vgg11"):
            assert encoders.get(name, small).eval()(torch.rand(2, *small.shape)).shape == (2, {"lenet": 1000}.get(name, 512))
    sound = spec.Series(1, 4000)
    for body, dim in (("vgg11", 512), ("lenet", 1000)):
        assert encoders.get("logmel", sound, rate=8000, body=body).eval()(torch.rand(2, 1, 4000)).shape == (2, dim)


def test_dropout_is_that_of_torch_in_its_moments():
    from mixtrast.encoders._dropout import Dropout

    torch.manual_seed(0)
    layer, x = Dropout(0.3), torch.ones(200_001, requires_grad=True)
    y = layer(x)
    assert y.detach().unique().tolist() == [0.0, pytest.approx(1 / 0.7, rel=1e-4)]
    assert abs(float((y == 0).float().mean()) - 0.3) < 5 * (0.21 / len(x)) ** 0.5
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y.detach())
    pairs = (y.detach()[:200_000] == 0).view(-1, 4).float()  # the four that one draw decides are independent
    together = torch.corrcoef(pairs.T) - torch.eye(4)
    assert together.abs().max() < 5 / len(pairs) ** 0.5
    torch.manual_seed(0)
    assert torch.equal(layer(x), y)
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5)(torch.ones(3, dtype=torch.bfloat16)).dtype == torch.bfloat16
