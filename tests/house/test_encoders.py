"""Contracts of encoders: a new file is tested before its author writes a test."""

from __future__ import annotations

import re

import pytest
import torch

import mixtrast as mt
from mixtrast import registry
from mixtrast.encoders import Encoder
from support.contracts import (
    ENCODERS,
    FLAT,
    LIGHT,
    TAKEN,
    B,
    check_docstring,
    check_refusal,
    check_signature,
    encoder,
    encodes,
    inputs,
    on_meta,
)
from support.generators import seeded


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_its_signature_and_says_its_depths(name):
    kind, preset = registry.resolve(mt.encoders, name)
    assert issubclass(kind, Encoder)
    check_signature(kind, "spec")
    assert re.search(r"^\s*Depths: 0 ", check_docstring(kind), re.MULTILINE), "what is mixed at which depth"
    assert set(preset) <= set(registry.options(kind))


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("kind", FLAT)
def test_an_encoder_takes_or_refuses(name, kind):
    """On meta tensors: the shapes of a large one cost nothing."""
    if not encodes(name, kind):
        with pytest.raises((ValueError, TypeError)) as error:
            on_meta(name, kind)
        check_refusal(error)
        assert any(encodes(name, other) for other in FLAT), "refuses every kind of input"
        return
    made = on_meta(name, kind).eval()
    x = inputs(kind).to("meta")
    out = made(x)
    assert out.shape == (B, made.dim)
    assert out.dtype == torch.float32
    for cut in range(len(made.stages) + 1):
        assert made.run(made.run(x, stop=cut), cut).shape == out.shape


@pytest.mark.parametrize(("name", "kind"), TAKEN)
def test_shapes_are_known_without_a_random_number(name, kind):
    before = torch.get_rng_state()
    on_meta.__wrapped__(name, kind)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_the_seed_decides_the_weights(name, kind):
    one, same, other = (encoder(name, kind, seed).state_dict() for seed in (0, 0, 1))
    assert all(value.equal(same[key]) for key, value in one.items())
    assert any(not value.equal(other[key]) for key, value in one.items())


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_an_encoder_leaves_its_input_and_can_be_cut(name, kind):
    made, x = encoder(name, kind).eval(), inputs(kind)
    before, whole = x.clone(), made(x)
    for cut in range(len(made.stages) + 1):
        between = made.run(x, stop=cut)
        held = between.clone()
        assert made.run(between, cut).equal(whole)
        assert torch.allclose(between, held, 0, 0, equal_nan=True), f"stage {cut} writes into what it is given"
    assert torch.allclose(x, before, 0, 0, equal_nan=True)
    assert whole.isfinite().all()
    assert len(whole.unique(dim=0)) == B  # another vector for each


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_in_evaluation_mode_an_example_is_encoded_by_itself(name, kind):
    made, x = encoder(name, kind).double(), inputs(kind, torch.float64)
    made.train()(x)  # moves what running statistics there are
    made.eval()
    alone = torch.cat([made(row[None]) for row in x])
    torch.testing.assert_close(made(x), alone, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(made(x.flip(0)).flip(0), alone, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_every_weight_of_an_encoder_is_of_use(name, kind):
    """A bias before batch norm, a layer that is not run: their gradient is 0, or rounding."""
    made = encoder(name, kind).double()
    out = made.train()(inputs(kind, torch.float64))
    (out * torch.randn(out.shape, generator=seeded(), dtype=torch.float64)).sum().backward()
    largest = max(float(weight.grad.abs().max()) for weight in made.parameters() if weight.grad is not None)
    for which, weight in made.named_parameters():
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        assert float(weight.grad.abs().max()) > 1e-9 * largest, which


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_an_encoder_survives_its_state(name, kind):
    made, x = encoder(name, kind), inputs(kind)
    made.train()(x)
    again = encoder(name, kind, seed=1)
    again.load_state_dict(made.state_dict())
    assert again.eval()(x).equal(made.eval()(x))
