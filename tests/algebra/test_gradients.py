"""Gradients of the algebra against finite differences, and who gets one."""

from __future__ import annotations

import pytest
import torch

import mixtrast as mt
from mixtrast import Labels
from support.rows import gradients, rows, soft
from support.tolerances import F64


@pytest.mark.parametrize("normalize", ["row", "total"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("paired", [False, True])
def test_gradcheck_of_contrast_and_align(form, normalize, reduction, paired):
    """Learnable temperature, soft labels, empty rows, two exclusions a row; "none" under random row weights."""
    z, c, own = rows(6, seed=1), rows(8, seed=2), rows(6, seed=3)
    ours, theirs = soft(6, 2, 4, seed=5), soft(8, 2, 4, seed=6)
    exclude = torch.randint(-1, 8, (6, 2), generator=torch.Generator().manual_seed(7))
    assert (mt.row_mass(ours, theirs, exclude=exclude) == 0).any()
    outer = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    options = {"exclude": exclude, "normalize": normalize, "reduction": reduction}

    def loss(z, c, own, tau):
        value = mt.contrast(z, c, ours, theirs, temperature=tau, paired=own if paired else None, **options)
        value = value + mt.align(z, c, ours, theirs, paired=own if paired else None, **options)
        return (value * outer).sum() if reduction == "none" else value

    inputs = [t.requires_grad_() for t in (z, c, own, torch.tensor(0.3, dtype=torch.float64))]
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("symmetric", [False, True])
def test_gradcheck_of_anchors_that_are_the_candidates(form, symmetric, monkeypatch):
    if symmetric:
        monkeypatch.setattr("mixtrast.algebra._partition.BLOCK_CPU", 0)
    z, labels = rows(7).requires_grad_(), soft(7, 2, 3, nobody=0)
    tau = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    for exclude in (torch.arange(7), None):
        for normalize in ("row", "total"):
            options = {"exclude": exclude, "normalize": normalize}
            assert torch.autograd.gradcheck(
                lambda z, tau, options=options: mt.contrast(z, z, labels, labels, temperature=tau, **options), (z, tau)
            )


def test_gradcheck_of_log_partition():
    z, c = rows(5, seed=1).requires_grad_(), rows(6, seed=2).requires_grad_()
    who = (Labels.of(torch.tensor([0, 1, 2, 9, 0])), Labels.of(torch.tensor([0, 1, 1, 2, 0, 2])))
    outer = torch.rand(5, dtype=torch.float64)
    exclude = torch.tensor([0, 1, 2, 3, 4])
    assert torch.autograd.gradcheck(
        lambda z, c: (mt.log_partition(z, c, temperature=0.5, exclude=exclude) * outer).sum(), (z, c)
    )

    def seen(z, c):  # row 3 sees no one of its id: -inf, which must not leak into the others' gradients
        return (mt.log_partition(z, c, temperature=0.5, among=who)[[0, 1, 2, 4]] * outer[:4]).sum()

    assert torch.autograd.gradcheck(seen, (z, c))


def test_one_pass_and_recomputed_gradients_agree(form):
    z, c, own = rows(40, seed=1).requires_grad_(), rows(60, seed=2).requires_grad_(), rows(40, seed=3).requires_grad_()
    labels = (soft(40, 2, 6, seed=1), soft(60, 2, 6, seed=2))
    for paired in (None, own):
        options = {"temperature": 0.1, "paired": paired}
        inputs = [t for t in (z, c, paired) if t is not None]
        known = gradients(mt.contrast(z, c, *labels, **options), *inputs)
        recomputed = gradients(mt.contrast(z, c, *labels, **options, reduction="none").mean(), *inputs)
        for a, b in zip(known, recomputed, strict=True):
            torch.testing.assert_close(a, b, **F64)


def test_gradient_only_where_asked():
    z, c, labels = rows(6).requires_grad_(), rows(8, seed=1), (soft(6, 1, 3), soft(8, 1, 3, seed=1))
    loss = mt.contrast(z, c, *labels, temperature=0.1)
    loss.backward()
    assert z.grad is not None
    assert c.grad is None
    only = c.clone().requires_grad_()
    assert gradients(mt.contrast(z.detach(), only, *labels, temperature=0.1), only)[0].abs().sum() > 0
    with torch.no_grad():
        assert not mt.contrast(z, c, *labels, temperature=0.1).requires_grad


def test_a_detached_candidate_gets_no_gradient_through_the_anchors():
    """z and z.detach() share memory; only one side may move."""
    z, labels = rows(6).requires_grad_(), Labels.of(torch.tensor([0, 0, 1, 1, 2, 2]))
    options = {"temperature": 0.2, "exclude": torch.arange(6)}
    one_side = gradients(mt.contrast(z, z.detach(), labels, labels, **options), z)[0]
    a, b = z.detach().clone().requires_grad_(), z.detach().clone().requires_grad_()
    left, right = gradients(mt.contrast(a, b, labels, labels, **options), a, b)
    torch.testing.assert_close(one_side, left, **F64)
    torch.testing.assert_close(gradients(mt.contrast(z, z, labels, labels, **options), z)[0], left + right, **F64)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_second_derivative_is_refused_with_a_sentence(reduction):
    z, labels = rows(6).requires_grad_(), soft(6, 1, 3)
    loss = mt.contrast(z, rows(6, seed=1), labels, labels, temperature=0.1, reduction=reduction).sum()
    (first,) = torch.autograd.grad(loss, z, create_graph=True)
    plain = gradients(mt.contrast(z, rows(6, seed=1), labels, labels, temperature=0.1, reduction=reduction).sum(), z)[0]
    torch.testing.assert_close(first.detach(), plain, **F64)
    with pytest.raises(RuntimeError, match="first derivative only"):
        first.sum().backward()


def test_backward_twice_with_retained_graph():
    z, labels = rows(6).requires_grad_(), soft(6, 1, 3)
    loss = mt.contrast(z, z, labels, labels, temperature=0.1)
    loss.backward(retain_graph=True)
    once = z.grad.clone()
    (2 * loss).backward()
    torch.testing.assert_close(z.grad, 3 * once, **F64)
