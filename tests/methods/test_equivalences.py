"""Methods against each other: without mixing, without labels, and other readings."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from support import oracle
from support.formulas import cross_entropies, mixsupcon, simclr, supcon
from support.generators import seeded
from support.methods import CLASSES, PARTLY, N, batch, batch_for, gradients, make, method, number, twin, value
from support.tolerances import F64

UNMIXED = [("imix", "npair"), ("mixsupcon", "supcon"), ("supervised", "supervised")]


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("mixer", ["mixup", "cutmix", "patchmix", "mixup+cutmix"])
@pytest.mark.parametrize("depth", [0, 1, 2, (0, 2)], ids=str)
@pytest.mark.parametrize(("mixing", "plain"), UNMIXED, ids=[name for name, _ in UNMIXED])
def test_without_mixing_a_method_is_the_one_it_mixes(mixing, plain, depth, mixer, norm):
    """λ = 1; in training mode, so with batch norm over the same rows."""
    made = method(mixing, norm=norm, mixer=mt.mixers.get(mixer, alpha=0), depth=depth)
    other = twin(made, plain)
    given = batch_for(made)
    torch.testing.assert_close(value(made, given), value(other, given), **F64)
    for ours, theirs in zip(gradients(made, given), gradients(other, given), strict=True):
        torch.testing.assert_close(ours, theirs, **F64)


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("reading", ["B", "C"])
def test_without_labels_supcon_and_mixsupcon_are_simclr(reading, norm):
    made = method("simclr", norm=norm, temperature=0.3)
    nothing = batch(torch.full((N,), -1))
    mixer = mt.mixers.get("mixup", alpha=0)
    for other in (
        twin(made, "supcon", temperature=0.3),
        twin(made, "mixsupcon", temperature=0.3, mixer=mixer, reading=reading),
    ):
        torch.testing.assert_close(value(other, nothing), value(made, nothing), **F64)
        for ours, theirs in zip(gradients(other, nothing), gradients(made, nothing), strict=True):
            torch.testing.assert_close(ours, theirs, **F64)


@pytest.mark.parametrize("name", ["supcon", "mixsupcon"])
def test_an_example_without_a_label_is_a_class_of_its_own(name):
    made = method(name)
    own = torch.where(PARTLY < 0, CLASSES + torch.arange(N), PARTLY)
    torch.testing.assert_close(value(made, batch()), value(made, batch(own)), **F64)


def test_the_only_positive_of_an_unlabelled_example_is_its_other_view():
    """Its row of the loss is SimCLR's: what labelled rows lose by their classes is all that differs."""
    made = method("supcon")
    targets, logs = supcon(made, batch(), 0)
    alone, same = simclr(made, batch(), 0)
    assert logs == same
    for i in range(2 * N):
        assert (targets[i] == alone[i]) == (int(PARTLY[i % N]) not in (0, 1))  # class 2 has one example
    rows, _ = cross_entropies(targets, logs)
    assert number(made, batch()) == pytest.approx(math.fsum(rows) / len(rows), rel=1e-9)


def test_the_readings_of_mixsupcon_differ_by_the_weights_of_rows_alone():
    made = method("mixsupcon")
    rows, masses = cross_entropies(*mixsupcon(made, batch(), 3))
    c, b = math.fsum(rows) / len(rows), oracle.dot(rows, masses) / math.fsum(masses)
    assert abs(b - c) > 1e-4
    assert number(made, batch(), 3) == pytest.approx(c, rel=1e-9)
    assert number(twin(made, "mixsupcon", reading="B"), batch(), 3) == pytest.approx(b, rel=1e-9)


def test_the_readings_agree_where_all_labels_weigh_alike():
    made = method("mixsupcon", mixer=mt.mixers.get("mixup", alpha=0))
    given = batch(torch.full((N,), -1))
    torch.testing.assert_close(value(made, given), value(twin(made, "mixsupcon", mixer=made.mixer, reading="B"), given), **F64)


@pytest.mark.parametrize("mixer", ["mixup", "cutmix", "patchmix"])
def test_the_targets_of_imix_are_shares_of_who_was_mixed(mixer, monkeypatch):
    made = make("imix", {"mixer": mixer})
    compared: list[tuple] = []
    compare = made.compare
    monkeypatch.setattr(made, "compare", lambda *args, **seen: compared.append(args) or compare(*args, **seen))
    number(made, batch(), 4)
    ((z, c, mixed, who),) = compared
    _, mix = made.mixer(batch().views[0], seeded(4))
    assert len(z) == len(c) == N
    assert mixed.ids.equal(mix.parents)
    assert mixed.weight.equal(mix.weight)
    assert who.ids[:, 0].equal(torch.arange(N))
    assert (mixed.weight.sum(1) == 1).all()
    assert ((mixed.weight > 0) & (mixed.weight < 1)).any()
