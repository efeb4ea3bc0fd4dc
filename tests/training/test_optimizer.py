"""The optimizers: formulas of their own, and which weights decay."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import mixtrast as mt
from mixtrast.methods import Method
from mixtrast.recipe import Training
from mixtrast.spec import Image, Table
from mixtrast.training.optimizer import optimizer
from support.optim import LR, training


def a_method(encoder: str = "mlp", **options) -> Method:
    shape = Image(1, 8, 8) if encoder.startswith("resnet") else Table(6)
    small = {"width": 2} if encoder.startswith("resnet") else {"widths": (5, 4)}
    return mt.methods.get("imix", mt.encoders.get(encoder, shape, **small), projector="mlpbn", dim=3, **options)


KINDS = [("adamw", {}), ("sgd", {}), ("sgd", {"momentum": 0.0}), ("sgd", {"nesterov": True})]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def decays(made: torch.optim.Optimizer) -> dict[int, float]:
    """Weight decay by the identity of the weight; fails where one is there twice."""
    found: dict[int, float] = {}
    for group in made.param_groups:
        for weight in group["params"]:
            assert id(weight) not in found, "a weight in two groups"
            found[id(weight)] = group["weight_decay"]
    return found


@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
@pytest.mark.parametrize("encoder", ["mlp", "resnet8"])
@pytest.mark.parametrize("decay_all", [False, True])
def test_biases_and_norms_do_not_decay_unless_asked(name, options, encoder, decay_all):
    method = a_method(encoder)
    found = decays(optimizer(method, training(optimizer=name, weight_decay=0.01, decay_all=decay_all, **options)))
    assert len(found) == len(list(method.parameters()))  # every weight once
    seen = set()
    for module in method.modules():
        for which, weight in module.named_parameters(recurse=False):
            vector = which == "bias" or isinstance(module, NORMS)
            seen.add(vector)
            assert found[id(weight)] == (0.0 if vector and not decay_all else 0.01), which
    assert seen == {True, False}


@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
def test_what_needs_no_gradient_is_left_out(name, options):
    method = a_method()
    frozen = list(method.encoder.parameters())
    for weight in frozen:
        weight.requires_grad_(False)
    found = decays(optimizer(method, training(optimizer=name, **options)))
    assert len(found) == len(list(method.projector.parameters()))
    assert not {id(weight) for weight in frozen} & set(found)


def test_a_shared_weight_is_taken_once():
    method = a_method()
    method.again = method.projector
    assert len(decays(optimizer(method, training()))) == len(list(method.parameters()))


def stepped(name: str, **options) -> tuple[torch.Tensor, torch.Tensor, nn.Linear]:
    """A matrix and its bias after one step at gradient 0: what is left is the decay."""
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone(), layer.bias.detach().clone()
    for weight in layer.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer(layer, training(optimizer=name, weight_decay=0.5, **options)).step()
    return *before, layer


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("decay_all", [False, True])
def test_one_step_takes_the_decay_off_and_nothing_else(name, decay_all):
    """1 - lr wd of a weight is left by either: AdamW decays apart from its moments, SGD's first step has no momentum yet."""
    weight, bias, layer = stepped(name, decay_all=decay_all)
    torch.testing.assert_close(layer.weight.detach(), weight * (1 - LR * 0.5))
    torch.testing.assert_close(layer.bias.detach(), bias * (1 - LR * 0.5) if decay_all else bias)


@pytest.mark.parametrize(
    ("options", "second"), [({"momentum": 0.0}, 1.0), ({"momentum": 0.9}, 1.9), ({"momentum": 0.5, "nesterov": True}, 1.75)]
)
def test_sgd_moves_by_its_momentum(options, second):
    """Two steps of gradient 1: lr times 1 + μ is the second, 1 + μ (1 + μ) with Nesterov's look ahead."""
    layer = nn.Linear(1, 1, bias=False).double()
    made = optimizer(layer, training(optimizer="sgd", weight_decay=0.0, **options))
    at = [layer.weight.item()]
    for _ in range(2):
        layer.weight.grad = torch.ones_like(layer.weight)
        made.step()
        at.append(layer.weight.item())
    assert at[1] - at[2] == pytest.approx(LR * second)


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_the_optimizer_is_the_one_that_is_named(name, kind):
    made = optimizer(a_method(), training(optimizer=name))
    assert type(made) is kind
    assert all(group["lr"] == LR for group in made.param_groups)


@pytest.mark.parametrize(("kind", "trust"), [("lars", 0.01), ("larc", 3.0)])
def test_lars_is_its_formula_layer_by_layer(kind, trust):
    """Of LARC some layers are at the cap and some below it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    nn.init.zeros_(net[2].weight)  # a layer of zeros has no size to go by
    training = Training(optimizer=kind, lr=0.5, momentum=0.8, weight_decay=0.1, trust=trust)
    made = optimizer(net, training)
    capped = set()
    expected = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    velocity = {name: torch.zeros_like(weight) for name, weight in expected.items()}
    for step in range(3):
        made.zero_grad()
        x = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        net(x).square().sum().backward()
        for name, weight in net.named_parameters():
            w, g = expected[name], weight.grad.clone()
            factor = 1.0
            if w.dim() > 1:
                g = g + 0.1 * w
                if w.norm() > 0 and g.norm() > 0:
                    factor = trust * float(w.norm() / g.norm())
                    if kind == "larc":
                        capped.add(factor > 0.5)
                        factor = min(factor, 0.5) / 0.5
            velocity[name] = 0.8 * velocity[name] + 0.5 * factor * g
            expected[name] = w - velocity[name]
        made.step()
        for name, weight in net.named_parameters():
            torch.testing.assert_close(weight.detach(), expected[name], rtol=1e-12, atol=1e-14)
    assert capped == ({True, False} if kind == "larc" else set())


def test_lars_goes_on_from_its_state():
    def steps(net, made, these):
        for step in these:
            made.zero_grad()
            net(torch.randn(8, 3, generator=torch.Generator().manual_seed(step))).square().sum().backward()
            made.step()

    training = Training(optimizer="lars", lr=0.5)
    torch.manual_seed(0)
    whole = nn.Linear(3, 4)
    parts = copy.deepcopy(whole)
    steps(whole, optimizer(whole, training), range(4))
    first = optimizer(parts, training)
    steps(parts, first, range(2))
    second = optimizer(parts, training)
    second.load_state_dict(first.state_dict())
    steps(parts, second, range(2, 4))
    assert torch.equal(whole.weight, parts.weight)
