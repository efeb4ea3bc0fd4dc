"""Methods against loops written from their formulas."""

from __future__ import annotations

import pytest
import torch

from support.formulas import TRUTH, averaged, cross_entropies
from support.generators import seeded
from support.methods import CASES, batch, batch_for, cases, make, method, number, value

DRAWING = [(name, options) for name, options in CASES if name in ("imix", "mixsupcon") or "mixer" in options]


@cases()
@pytest.mark.parametrize("seed", [1, 2])
def test_the_loss_is_its_formula(name, options, seed):
    """Mixed between the stages before and after the depth, which are run by hand."""
    made = make(name, options)
    given = batch_for(made, seed=seed)
    expected = averaged(made, *cross_entropies(*TRUTH[name](made, given, seed)))
    assert number(made, given, seed) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["npair", "simclr", "supcon", "imix", "mixsupcon"])
def test_embeddings_are_compared_in_float32_or_wider(name):
    made, x = method(name), batch().views[0]
    assert made.embed(x).dtype == torch.float64
    made, x = made.float(), x.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made.encoder(x).dtype == torch.bfloat16  # the region is a real one
        z = made.embed(x)
    assert z.dtype == torch.float32
    assert (z.norm(dim=1) - 1).abs().max() < 1e-6


@cases()
def test_the_gradient_reaches_every_weight(name, options):
    made = make(name, options)
    value(made, batch_for(made)).backward()
    for which, weight in made.named_parameters():
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 1e-9, which


@cases(DRAWING)
def test_the_generator_decides_the_mixtures(name, options):
    made = make(name, options)
    given = batch_for(made)
    assert number(made, given, 1) == number(made, given, 1)
    assert len({number(made, given, seed) for seed in range(6)}) > 1
    generator = seeded(1)
    assert len({made(given, generator).value.item() for _ in range(5)}) > 1  # the state moves on
