"""Contracts of views: a new file is tested before its author writes a test."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import registry
from support.contracts import DTYPES, KINDS, VIEWS, check_refusal, example, pairs, takes
from support.generators import seeded


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_view_keeps_shape_and_dtype_and_its_input(name, kind, dtype):
    x = example(kind, dtype)
    view, before = mt.views.get(name), x.clone()
    try:
        seen = view(x, seeded())
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError)) as error:
            view(x, seeded())
        check_refusal(error)
        assert not takes(name, kind), "refused in this dtype only"
        return
    assert seen.shape == x.shape
    assert seen.dtype == x.dtype
    assert seen.isfinite().all()
    seen.zero_()
    assert x.equal(before)


@pairs(VIEWS)
def test_the_generator_decides_the_view(name, kind):
    x, view = example(kind), mt.views.get(name)
    assert view(x, seeded(7)).equal(view(x, seeded(7)))
    generator, first = seeded(7), view(x, seeded(7))
    assert any(not view(x, seeded(8 + k)).equal(first) for k in range(8))  # p = .2 leaves all six alone once in four times
    assert any(not view(x, generator).equal(first) for _ in range(8))


@pairs(VIEWS)
def test_every_example_gets_a_draw_of_its_own(name, kind):
    """Twins come out different; a view that mixes twins leaves them, so it must give different shares to different examples."""
    view, rows = mt.views.get(name), 16
    twins = example(kind)[:1].expand(rows, *KINDS[kind]).clone()
    if name == "swap":  # each place by itself, and twins have nothing to swap
        twins = torch.arange(rows * twins[0].numel()).view(twins.shape).float()
        own = (view(twins, seeded()) == twins).flatten(1)
        assert len(own.unique(dim=0)) > rows // 2
        return
    seen = view(twins, seeded())
    if not torch.allclose(seen, twins, atol=1e-5):
        assert len(torch.unique(seen.flatten(1), dim=0)) >= 2  # a flip is one of two
        return
    shape = [rows, *(KINDS[kind] if len(KINDS[kind]) > 1 else ())]
    shape[1:2] = [rows]
    lit = torch.zeros(shape)  # example i is 1 in channel i, so that channel i shows what is left of it
    lit[range(rows), range(rows)] = 1
    own = view(lit, seeded()).reshape(rows, rows, -1).mean(2).diagonal()
    assert len(own.unique()) >= rows // 4


@pairs(VIEWS)
def test_a_view_lets_gradients_through(name, kind):
    x = example(kind, torch.float64).requires_grad_()
    (grad,) = torch.autograd.grad(mt.views.get(name)(x, seeded()).sum(), x)
    assert grad.isfinite().all()
    assert grad.abs().sum() > 0


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("wrong", [torch.zeros(4, 3, dtype=torch.int64), torch.zeros(4), [[1.0]]], ids=["int", "flat", "list"])
def test_a_view_refuses_what_is_no_batch_of_numbers(name, wrong):
    if isinstance(wrong, Tensor) and wrong.dim() > 1 and registry.find(mt.views, name).discrete:
        seen = mt.views.get(name)(wrong, seeded())
        assert seen.dtype == wrong.dtype
        return
    with pytest.raises(TypeError, match="floating tensor"):
        mt.views.get(name)(wrong, seeded())
