"""Supervised training: rows without a label, and the floor of mixed logits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from support.generators import seeded
from support.methods import Given, N, batch, method


def first_with_second(weight: float) -> tuple[Tensor, Tensor]:
    """Every mixture is of the first two examples, and has this much of the first."""
    return torch.tensor([[0, 1]]).repeat(N, 1), torch.full((N,), weight, dtype=torch.float64)


def test_a_row_without_a_label_adds_nothing_and_counts():
    made, hidden = method("supervised"), torch.tensor([0, -1, 2, 2, -1, 0, 0])
    loss = made(batch(hidden, views=1), seeded(1))
    logits = made.classifier(made.encoder(batch(views=1).views[0]))
    known = [-torch.log_softmax(row, 0)[y].item() for row, y in zip(logits, hidden.tolist(), strict=True) if y >= 0]
    assert loss.value.item() == pytest.approx(math.fsum(known) / N, rel=1e-9)
    entropy = -3 / 5 * math.log(3 / 5) - 2 / 5 * math.log(2 / 5)  # of three and two labels that are known
    assert float(loss.chance()) == pytest.approx(len(known) / N * entropy, rel=1e-9)


def test_the_floor_of_a_mixture_with_an_unlabelled_example_is_attained():
    """What is known of it weighs less than 1, and can be told for certain."""
    made = method("supervised", mixer=Given(*first_with_second(0.5)))
    nn.init.zeros_(made.classifier.weight)
    made.classifier.bias.data = torch.tensor([50.0, 0.0, 0.0], dtype=torch.float64)
    loss = made(batch(torch.tensor([0, -1, 0, 0, 0, 0, 0]), views=1), seeded(1))
    assert loss.value.item() == pytest.approx(0, abs=1e-9)
    assert float(loss.floor()) == pytest.approx(0, abs=1e-6)


def test_mixed_logits_at_the_floor():
    """Logits that are the logs of the mixed labels cost their entropy."""
    made = method("supervised", mixer=Given(*first_with_second(0.3)))
    nn.init.zeros_(made.classifier.weight)
    made.classifier.bias.data = torch.tensor([0.3, 0.7, 1e-30], dtype=torch.float64).log()
    loss = made(batch(torch.tensor([0, 1, 0, 0, 0, 0, 0]), views=1), seeded(1))
    assert loss.value.item() == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7), rel=1e-9)
    assert float(loss.floor()) == pytest.approx(loss.value.item(), rel=1e-6)
