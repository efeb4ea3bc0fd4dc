"""MixCo against its formula and against SimCLR."""

from __future__ import annotations

import pytest
import torch

from mixtrast.methods import Batch, Method
from mixtrast.mixers import Mixup
from support import oracle
from support.formulas import cross_entropies, entropies, log_p, share, simclr, two, unit
from support.generators import seeded
from support.methods import Given, N, batch, cases, make, method, number, seen_by_norms, twin, value
from support.mixco import MIXCO, H, mean, pairs, same, shares
from support.tolerances import F64

# --- the formulas --------------------------------------------------------------------------------------------------------


def directions(made: Method, given: Batch, seed: int) -> list[tuple[oracle.Rows, oracle.Rows]]:
    """For each view the targets of its mixtures, and their log softmax over the clean other view."""
    (depth,) = made.depth
    clean = two(given, made, depth)
    mixed, mix = made.mixer(torch.cat(clean), seeded(seed), parents=pairs())
    found = []
    for view in (0, 1):
        rows = slice(view * H, (view + 1) * H)
        parents, weights = (mix.parents[rows] - view * N).tolist(), mix.weight[rows].tolist()
        w = [[share(weights[i], parents[i], j) for j in range(N)] for i in range(H)]
        z, c = unit(made, mixed[rows], depth), unit(made, clean[1 - view], depth)
        found.append((w, log_p(z, c, made.mix_temperature)))
    return found


def mixco(made: Method, given: Batch, seed: int) -> tuple[float, float]:
    """Both terms, the second without its weight."""
    plain, _ = cross_entropies(*simclr(made, given, seed))
    return mean(plain), mean([mean(cross_entropies(*one)[0]) for one in directions(made, given, seed)])


@cases(MIXCO)
@pytest.mark.parametrize("seed", [1, 2])
def test_mixco_is_its_formula(name, options, seed):
    made, given = make(name, options), batch(seed=seed)
    plain, beside = mixco(made, given, seed)
    loss = made(given, seeded(seed))
    assert loss.value.item() == pytest.approx(plain + made.weight * beside, rel=1e-9)
    assert {key: part.item() for key, part in loss.parts.items()} == pytest.approx({"simclr": plain, "mixco": beside}, rel=1e-9)


@cases(MIXCO)
def test_the_floor_of_mixco_is_the_entropy_of_its_targets(name, options):
    made, given = make(name, options), batch()
    mixed = mean([mean(entropies(targets)[0]) for targets, _ in directions(made, given, 1)])
    loss = made(given, seeded(1))
    assert float(loss.floor()) == pytest.approx(made.weight * mixed, rel=1e-6)
    assert loss.value.item() >= float(loss.floor())


# --- against SimCLR ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("depth", [0, 1, 2, (0, 2)], ids=str)
def test_mixco_of_weight_0_is_simclr(depth, norm):
    """In training mode, with batch norm too: the clean views pass the encoder apart from the mixtures."""
    made = method("mixco", norm=norm, weight=0, depth=depth)
    same(made, twin(made, "simclr"), batch())


def test_mixco_without_mixing_adds_the_first_half_finding_itself():
    """λ = 1: hard labels, each view of the first h examples against all of the other view."""
    made = method("mixco", mixer=Mixup(alpha=0), mix_temperature=0.1, weight=0.7)
    z = [unit(made, view) for view in batch().views]
    beside = [-log_p(z[view], z[1 - view], 0.1)[i][i] for view in (0, 1) for i in range(H)]
    plain = number(twin(made, "simclr"), batch())
    assert number(made, batch()) == pytest.approx(plain + 0.7 * mean(beside), rel=1e-9)


def test_mixco_of_no_share_is_the_second_half():
    """λ = 0: the mixture is its partner, and the label with it."""
    made = method("mixco", mixer=Mixup(weight=0))
    z = [unit(made, view) for view in batch().views]
    beside = [-log_p(z[view], z[1 - view], made.mix_temperature)[H + i][H + i] for view in (0, 1) for i in range(H)]
    assert made(batch(), seeded(1)).parts["mixco"].item() == pytest.approx(mean(beside), rel=1e-9)


# --- what must not matter ------------------------------------------------------------------------------------------------


def test_the_views_of_mixco_may_be_swapped_with_their_shares():
    given, weight = batch(), shares(2 * H)
    made = method("mixco", mixer=Given(pairs(), weight))
    other = twin(made, "mixco", mixer=Given(pairs(), weight.roll(H)))
    swapped = Batch(given.views[::-1], given.label, given.index)
    torch.testing.assert_close(value(other, swapped), value(made, given), **F64)


def test_the_halves_of_mixco_may_be_swapped_with_their_shares():
    given, weight = batch(), shares(2 * H)
    order = torch.cat([torch.arange(H, 2 * H), torch.arange(H), torch.arange(2 * H, N)])
    made = method("mixco", mixer=Given(pairs(), weight))
    other = twin(made, "mixco", mixer=Given(pairs(), 1 - weight))
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    torch.testing.assert_close(value(other, moved), value(made, given), **F64)


# --- partners and shares -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 8, 9])
def test_mixco_mixes_the_first_half_of_each_view_with_the_second(n):
    half = n // 2
    parents = method("mixco").parents(n)
    assert parents.tolist() == [[view * n + i, view * n + i + half] for view in (0, 1) for i in range(half)]


# --- what passes the encoder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_clean_views_and_then_the_mixtures_of_mixco(depth):
    made = method("mixco", norm=True, depth=depth)
    for name, rows in seen_by_norms(made, batch()).items():
        before = any(name.startswith(f"encoder.stages.{stage}.") for stage in range(depth))
        assert rows == ([2 * N] if before else [2 * N, 2 * H]), name
