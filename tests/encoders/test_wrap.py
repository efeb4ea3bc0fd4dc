"""Any module as an encoder."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mixtrast import encoders, spec
from mixtrast.encoders import Encoder, wrap
from mixtrast.spec import Table
from support.encoders import PICTURE, TABLE, examples, stirred


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
