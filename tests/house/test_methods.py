"""Contracts of methods: a new file is tested before its author writes a test."""

from __future__ import annotations

import copy
import inspect
import itertools
import re
from typing import get_args

import pytest
import torch
from torch import nn

import mixtrast as mt
from mixtrast import registry, spec
from mixtrast.encoders import Head
from mixtrast.methods import Batch, Loss, Method
from support.contracts import (
    CLASSES,
    COMPOSED,
    FLAT,
    METHODS,
    SPECS,
    B,
    batch,
    body,
    check_docstring,
    check_signature,
    encoder,
    inputs,
    option_values,
    small,
    takes,
    with_option,
)
from support.generators import seeded


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_its_signature_and_says_its_formula(name):
    kind = registry.find(mt.methods, name)
    assert issubclass(kind, Method)
    check_signature(kind, "encoder")
    assert re.search(r"\bl_[a-z]+\b.* = ", check_docstring(kind)), "the loss of a row as a formula"
    assert set(registry.required(kind)) <= {"classes"}, "prepare and methods.get say nothing else of the data"
    assert kind.views_needed >= 1
    assert not kind.labelled_only or kind.uses_labels


@pytest.mark.parametrize("name", METHODS)
def test_the_mixer_of_a_method_is_one_and_its_own_where_none_is_given(name):
    kind = registry.find(mt.methods, name)
    mixes = "mixer" in inspect.signature(kind).parameters
    assert mixes or kind.default_mixer is None
    if kind.default_mixer is not None:
        assert repr(small(name).mixer) == repr(mt.mixers.get(kind.default_mixer.name, **kind.default_mixer.options))
    if mixes:
        given = mt.mixers.get("cutmix", alpha=0.3)
        assert small(name, mixer=given).mixer is given


@pytest.mark.parametrize("name", METHODS)
def test_a_loss_is_a_number_with_its_levels(name):
    made = small(name)
    loss = made(batch(made), seeded())
    assert isinstance(loss, Loss)
    assert loss.value.shape == ()
    assert loss.value.requires_grad
    assert loss.value.dtype == torch.float32
    assert loss.parts
    for part in (*loss.parts.values(), loss.chance(), loss.floor()):
        assert part.shape == ()
        assert part.isfinite()
        assert not part.requires_grad
    assert -1e-6 <= float(loss.floor()) <= loss.value.item() + 1e-6
    assert float(loss.floor()) <= float(loss.chance()) + 1e-6
    made.after_step(0.5)


@pytest.mark.parametrize("name", METHODS)
def test_the_generator_alone_decides_a_loss(name):
    made = small(name).eval()
    given = batch(made)
    before = [view.clone() for view in given.views], given.label.clone(), given.index.clone()
    state = torch.get_rng_state()
    first = made(given, seeded(3)).value.item()
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(99)
    assert made(given, seeded(3)).value.item() == first
    assert all(view.equal(held) for view, held in zip(given.views, before[0], strict=True))
    assert given.label.equal(before[1])
    assert given.index.equal(before[2])


@pytest.mark.parametrize("name", METHODS)
def test_labels_are_looked_at_by_those_that_say_so(name):
    made = small(name).eval()
    given = batch(made)
    other = Batch(given.views, given.label.roll(1), given.index)
    same = made(given, seeded()).value.item() == made(other, seeded()).value.item()
    assert same != made.uses_labels
    if not made.labelled_only:
        nothing = Batch(given.views, torch.full_like(given.label, -1), given.index)
        assert made(nothing, seeded()).value.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_every_weight_of_a_method_learns(name):
    made = small(name).double()
    made(batch(made, dtype=torch.float64), seeded()).value.backward()
    largest = max(float(weight.grad.abs().max()) for weight in made.parameters() if weight.grad is not None)
    for which, weight in made.named_parameters():
        if not weight.requires_grad:  # of a target network
            assert weight.grad is None
            continue
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        if (name, which) == ("byol", "projector.3.bias"):  # the predictor's batch norm takes it out; the keys have it
            continue
        assert float(weight.grad.abs().max()) > 1e-9 * largest, which


@pytest.mark.parametrize("name", METHODS)
def test_a_few_steps_lower_the_loss(name):
    # Against thousands of random keys in a few dimensions the least that unit vectors can reach is far above 0.
    made = small(name, **({"queue": 8} if name == "moco" else {}))
    given, optimizer = batch(made), torch.optim.Adam(made.parameters(), lr=0.01)
    seen = []
    for _ in range(30):
        loss = made(given, seeded())
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        seen.append(loss.value.item())
    floor = float(loss.floor())
    assert seen[-1] - floor < 0.8 * (seen[0] - floor)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_survives_its_state(name):
    made = small(name)
    again = small(name, seed=1)
    again.load_state_dict(copy.deepcopy(made.state_dict()))
    assert again(batch(made), seeded()).value.item() == made(batch(made), seeded()).value.item()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_works_in_mixed_precision(name):
    made = small(name)
    plain = made(batch(made), seeded()).value.item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = made(batch(made), seeded())
    assert loss.value.dtype == torch.float32
    assert loss.value.item() == pytest.approx(plain, rel=0.1)
    loss.value.backward()
    assert all(weight.grad.isfinite().all() for weight in made.parameters() if weight.requires_grad)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_built_without_a_random_number_on_meta(name):
    with torch.device("meta"):
        on = body(name)
        before = torch.get_rng_state()
        mt.methods.get(name, on, classes=CLASSES)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("wrong", [None, "mlp", nn.Linear(4, 4)], ids=["None", "name", "module"])
def test_a_method_stands_on_an_encoder(name, wrong):
    with pytest.raises(TypeError, match=r"`encoder` of \w+ must be an Encoder.*encoders\.wrap"):
        mt.methods.get(name, wrong, classes=CLASSES)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", FLAT)
def test_a_method_takes_what_its_encoder_takes(name, kind):
    found = registry.find(mt.methods, name)
    first = {"depth": 1} if "depth" in registry.options(found) and not spec.is_plain(SPECS[kind]) else {}
    made = mt.methods.get(name, encoder("transformer" if found.needs_tokens else "mlp", kind), classes=CLASSES, **first)
    given = batch(made)
    views = tuple(inputs(kind, seed=seed) for seed in range(made.views_needed))
    assert made(Batch(views, given.label, given.index), seeded()).value.isfinite()


@pytest.mark.parametrize("name", with_option("mixer"))
@pytest.mark.parametrize("mixer", COMPOSED)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_method_that_mixes_takes_every_mixer(name, mixer, depth):
    """At depth 1 examples are rows of a table, as far as the mixer takes such."""
    made = small(name, mixer=mt.mixers.get(mixer), depth=depth)
    if depth and not takes(mixer, "table"):
        with pytest.raises(ValueError, match="Use"):
            made(batch(made), seeded())
        return
    loss = made(batch(made), seeded())
    assert loss.value.isfinite()
    assert float(loss.floor()) <= loss.value.item() + 1e-6


@pytest.mark.parametrize("name", with_option("mixer"))
def test_a_method_that_mixes_draws_its_mixtures_from_the_generator(name):
    made = small(name, mixer=mt.mixers.get("mixup")).eval()
    assert len({made(batch(made), seeded(seed)).value.item() for seed in range(3)}) == 3


@pytest.mark.parametrize("name", sorted({*with_option("depth")} & {*with_option("mixer")}))
def test_a_method_mixes_at_every_depth_and_at_no_other(name):
    for depth in range(3):
        made = small(name, depth=depth, mixer=mt.mixers.get("mixup"))
        assert made(batch(made), seeded()).value.isfinite()
    for depth in (-1, 3, (0, 3), ()):
        with pytest.raises(ValueError, match=r"`depth` of .* must be 0 \(the input\) to 2 \(the features\)"):
            small(name, depth=depth)


@pytest.mark.parametrize(("name", "projector"), [*itertools.product(with_option("projector"), get_args(Head))])
def test_a_method_takes_every_projector(name, projector):
    made = small(name, projector=projector, dim=5, **({"dmix": 1.0} if name == "mae" else {}))
    h = torch.randn(B, 8)
    assert made.projector(h).shape == (B, 8 if projector == "none" else 5)
    assert made(batch(made), seeded()).value.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_every_choice_of_a_method_can_be_made(name):
    """What a Literal offers is taken, and what it does not offer is refused."""
    kind = registry.find(mt.methods, name)
    for option in registry.options(kind):
        choices = [value for value in option_values(kind, option) if isinstance(value, str)]
        for choice in choices:
            made = small(name, **{option: choice})
            assert made(batch(made), seeded()).value.isfinite()
        if choices:
            with pytest.raises(ValueError, match="no_such_choice"):
                small(name, **{option: "no_such_choice"})
