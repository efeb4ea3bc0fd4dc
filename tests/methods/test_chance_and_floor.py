"""Chance and floor of each loss."""

from __future__ import annotations

import math

import pytest
import torch

from mixtrast.methods import Batch
from support.formulas import TRUTH, averaged, entropies, equal_vectors, one_answer
from support.generators import seeded
from support.methods import CASES, CLASSES, FULLY, PARTLY, SHAPE, N, batch, batch_for, cases, make, method, number


@cases()
def test_the_floor_is_the_entropy_of_the_targets(name, options):
    made = make(name, options)
    given = batch_for(made)
    targets, _ = TRUTH[name](made, given, 1)
    loss = made(given, seeded(1))
    assert float(loss.floor()) == pytest.approx(averaged(made, *entropies(targets)), rel=1e-6, abs=1e-12)


@cases()
def test_no_weights_go_below_the_floor(name, options):
    for seed in range(5):
        made = make(name, options, seed=seed)
        loss = made(batch_for(made, seed=seed), seeded(seed))
        assert loss.value.item() >= float(loss.floor()) - 1e-9


@cases()
def test_chance_is_the_loss_of_equal_vectors(name, options, monkeypatch):
    made = make(name, options)
    given = batch_for(made)
    equal_vectors(made, given, monkeypatch)
    loss = made(given, seeded(1))
    assert loss.value.item() == pytest.approx(float(loss.chance()), rel=1e-6)


@cases([case for case in CASES if case[0] == "supervised"])
@pytest.mark.parametrize("label", [FULLY, PARTLY], ids=["all labelled", "some labelled"])
def test_chance_is_the_least_that_one_answer_costs(name, options, label):
    """-Σ_c m_c log(m_c / Σ m), m the mean of the mixed labels; no other logits that are the same for all rows cost less."""
    made = make(name, options)
    given = batch(label, views=1)
    loss = made(given, seeded(1))
    targets, _ = TRUTH[name](made, batch(torch.where(label < 0, 99, label), views=1), 1)  # 99 is no class: a share left out
    mean = [math.fsum(column) / N for column in zip(*targets, strict=True)]
    whole = math.fsum(mean)
    chance = -math.fsum(m * math.log(m / whole) for m in mean if m > 0)
    assert float(loss.chance()) == pytest.approx(chance, rel=1e-9)
    assert chance <= whole * math.log(CLASSES) + 1e-12
    for seed in range(20):
        one_answer(made, (3 * torch.randn(CLASSES, generator=seeded(seed), dtype=torch.float64)).tolist())
        assert number(made, given) >= chance - 1e-12


def test_chance_of_balanced_classes_is_the_log_of_how_many_there_are():
    balanced = Batch((torch.randn(6, *SHAPE, dtype=torch.float64),), torch.tensor([0, 1, 2, 2, 1, 0]), torch.arange(6))
    assert float(method("supervised")(balanced, seeded(1)).chance()) == pytest.approx(math.log(CLASSES), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "seen"), [("npair", N), ("imix", N), ("simclr", 2 * N - 1), ("supcon", 2 * N - 1), ("mixsupcon", 2 * N - 1)]
)
def test_chance_is_the_log_of_how_many_are_seen(name, seen):
    made = method(name)
    assert float(made(batch(), seeded(1)).chance()) == pytest.approx(math.log(seen))
