"""DACL against its formula and against SimCLR."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from mixtrast.methods import Batch, Method
from mixtrast.mixers import Mixup
from support import oracle
from support.formulas import cross_entropies, log_p, two, unit
from support.generators import seeded
from support.methods import Given, N, batch, cases, make, method, number, seen_by_norms, twin, value
from support.mixco import DACL, mean, same, shares
from support.tolerances import F64

# --- the formulas --------------------------------------------------------------------------------------------------------


def dacl(made: Method, given: Batch, seed: int) -> tuple[oracle.Rows, oracle.Rows]:
    """SimCLR of the mixtures."""
    (depth,) = made.depth
    generator, pool = seeded(seed), torch.cat(two(given, made, depth))
    mixed, _ = made.mixer(pool, generator, parents=made.parents(N, generator))
    z = unit(made, mixed, depth)
    return [[float(i != j and i % N == j % N) for j in range(2 * N)] for i in range(2 * N)], log_p(z, z, made.temperature, True)


@cases(DACL)
@pytest.mark.parametrize("seed", [1, 2])
def test_dacl_is_its_formula(name, options, seed):
    made, given = make(name, options), batch(seed=seed)
    rows, _ = cross_entropies(*dacl(made, given, seed))
    assert number(made, given, seed) == pytest.approx(mean(rows), rel=1e-9)


def test_the_floor_of_dacl_is_zero():
    assert float(method("dacl")(batch(), seeded(1)).floor()) == pytest.approx(0, abs=1e-12)


# --- against SimCLR ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("depth", [0, 1, 2, (0, 2)], ids=str)
@pytest.mark.parametrize(
    "mixer", [{"name": "mixup", "weight": 1}, {"name": "cutmix", "alpha": 0}, {"name": "patchmix", "alpha": 0}]
)
def test_dacl_without_mixing_is_simclr(mixer, depth, norm):
    made = method("dacl", norm=norm, mixer=mt.mixers.get(**mixer), depth=depth)
    same(made, twin(made, "simclr"), batch())


def test_a_little_mixing_changes_dacl_little():
    """The loss is continuous in α at 1."""
    gaps = []
    made = method("dacl")
    plain = number(twin(made, "simclr"), batch())
    for low in (0.9, 0.99, 0.999, 0.9999):
        made.mixer = Mixup(weight=(low, 1.0))
        gaps.append(abs(number(made, batch()) - plain))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-3


# --- what must not matter ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_order_of_the_batch_does_not_matter_to_dacl(norm):
    """Partners and shares go with the examples."""
    given, order = batch(), torch.randperm(N, generator=seeded(5))
    rows, weight = torch.cat([order, N + order]), shares(2 * N)
    parents = method("dacl").parents(N, seeded(6))
    made = method("dacl", norm=norm, mixer=Given(parents, weight))
    other = twin(made, "dacl", mixer=Given(rows.argsort()[parents[rows]], weight[rows]))
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    torch.testing.assert_close(value(other, moved), value(made, given), **F64)


# --- partners and shares -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 9])
def test_dacl_mixes_a_view_with_the_same_view_of_another_example(n):
    made = method("dacl")
    generator = seeded(0)
    for _ in range(50):
        parents = made.parents(n, generator)
        assert parents.shape == (2 * n, 2)
        assert parents[:, 0].equal(torch.arange(2 * n))
        assert (parents // n == torch.tensor([0, 1]).repeat_interleave(n)[:, None]).all()
        assert (parents[:, 0] != parents[:, 1]).all()


def test_every_other_example_is_as_likely_and_both_views_are_drawn_apart():
    """Counts within five standard deviations; the pair of partners too, so the two draws do not follow each other."""
    made, generator, rounds = method("dacl"), seeded(0), 3_000
    one, pair = torch.zeros(4), torch.zeros(4, 4)
    for _ in range(rounds):
        partners = made.parents(4, generator)[:, 1] % 4
        one[partners[0]] += 1
        pair[partners[0], partners[4]] += 1
    assert one[0] == 0
    assert (one[1:] / rounds - 1 / 3).abs().max() < 5 * math.sqrt(2 / 9 / rounds)
    assert (pair[1:, 1:] / rounds - 1 / 9).abs().max() < 5 * math.sqrt(8 / 81 / rounds)


# --- what passes the encoder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_all_mixtures_of_dacl_at_once(depth):
    assert all(rows == [2 * N] for rows in seen_by_norms(method("dacl", norm=True, depth=depth), batch()).values())
