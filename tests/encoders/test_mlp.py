"""The MLP: its layers, dropout and first weights, by formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mixtrast import encoders, spec
from mixtrast.encoders.mlp import Maxout
from mixtrast.spec import Series, Table
from support.encoders import PICTURE, TABLE, examples, get, on_meta, weights
from support.generators import seeded
from support.tolerances import F64

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


# --- what an example looks like ------------------------------------------------------------------------------------------


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
