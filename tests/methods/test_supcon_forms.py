"""The other forms of SupCon and MixSupCon against loops written from their formulas."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from mixtrast.methods import Batch, Method
from support import oracle
from support.formulas import cross_entropies, entropies, log_p, mixsupcon, names, share, supcon, two, unit
from support.generators import seeded
from support.methods import N, batch, gradients, method, number, twin
from support.mixco import mean
from support.oracle import Rows
from support.tolerances import F64


def positives(targets: Rows, logs: Rows, form: str) -> list[float]:
    """-log of the summed (or mean) probability of the positives; 0 without any."""
    rows = []
    for w, row in zip(targets, logs, strict=True):
        theirs = [log for t, log in zip(w, row, strict=True) if t > 0]
        count = math.log(len(theirs)) if form == "in" else 0.0
        rows.append(count - oracle.logsumexp(theirs) if theirs else 0.0)
    return rows


@pytest.mark.parametrize("form", ["in", "sololearn"])
@pytest.mark.parametrize("seed", [1, 2])
def test_supcon_in_its_other_forms(form, seed):
    made = method("supcon", form=form)
    targets, logs = supcon(made, batch(seed=seed), seed)
    loss = made(batch(seed=seed), seeded(seed))
    assert loss.value.item() == pytest.approx(mean(positives(targets, logs, form)), rel=1e-9)
    assert loss.value.item() >= float(loss.floor())
    out = twin(made, "supcon")
    assert (number(out, batch(seed=seed)) > loss.value.item()) or form == "in"  # Jensen: the mean of logs is below


def test_the_other_forms_of_supcon_at_chance(monkeypatch):
    for form in ("out", "in", "sololearn"):
        made = method("supcon", form=form)
        monkeypatch.setattr(made, "embed", lambda x, start=0: torch.full((len(x), 4), 0.5, dtype=torch.float64))
        loss = made(batch(), seeded(1))
        assert loss.value.item() == pytest.approx(float(loss.chance()), rel=1e-6)


def test_supcontrast_multiplies_by_the_temperature():
    made = method("supcon", temperature=0.5)
    other = twin(made, "supcon", temperature=0.5, compatible="supcontrast")
    assert number(other, batch()) == pytest.approx(number(made, batch()) * 0.5 / 0.07, rel=1e-12)
    for ours, theirs in zip(gradients(made, batch()), gradients(other, batch()), strict=True):
        torch.testing.assert_close(ours * 0.5 / 0.07, theirs, **F64)


@pytest.mark.parametrize("mixtures", ["N", "2N", "any"])
@pytest.mark.parametrize("depth", [0, 1])
def test_mixsupcon_with_one_partition_for_the_batch(mixtures, depth):
    """Reading A, pair by pair."""
    made = method("mixsupcon", reading="A", mixtures=mixtures, depth=depth)
    w, _ = mixsupcon(made, batch(), 3)
    generator, pool = seeded(3), torch.cat(two(batch(), made, depth))
    mixed, _ = made.mixer(pool, generator, parents=made.parents(N, generator))
    z = unit(made, mixed, depth)
    pairs = list(itertools.permutations(range(len(z)), 2))
    scores = {pair: oracle.dot(z[pair[0]], z[pair[1]]) / made.temperature for pair in pairs}
    log_z = oracle.logsumexp(list(scores.values()))
    total = math.fsum(w[k][m] for k, m in pairs)
    expected = -math.fsum(w[k][m] * (scores[k, m] - log_z) for k, m in pairs) / total
    loss = made(batch(), seeded(3))
    assert loss.value.item() == pytest.approx(expected, rel=1e-9)
    entropy = -math.fsum(w[k][m] / total * math.log(w[k][m] / total) for k, m in pairs if w[k][m])
    assert float(loss.floor()) == pytest.approx(entropy, rel=1e-6)
    assert float(loss.chance()) == pytest.approx(math.log(len(pairs)), rel=1e-9)


def among_clean(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    """Reading D: mixtures against the clean views."""
    (depth,) = made.depth
    generator, pool, who = seeded(seed), torch.cat(two(given, made, depth)), names(given)
    mixed, mix = made.mixer(pool, generator, parents=made.parents(N, generator))
    w = [
        [share(weights, [who[p] == one for p in parents], True) for one in who]
        for parents, weights in zip(mix.parents.tolist(), mix.weight.tolist(), strict=True)
    ]
    return w, log_p(unit(made, mixed, depth), unit(made, pool, depth), made.temperature)


@pytest.mark.parametrize("mixtures", ["N", "2N", "any"])
@pytest.mark.parametrize("depth", [0, 1])
def test_mixsupcon_among_clean_views(mixtures, depth):
    made = method("mixsupcon", reading="D", mixtures=mixtures, depth=depth)
    targets, logs = among_clean(made, batch(), 3)
    loss = made(batch(), seeded(3))
    assert loss.value.item() == pytest.approx(mean(cross_entropies(targets, logs)[0]), rel=1e-9)
    assert float(loss.floor()) == pytest.approx(mean(entropies(targets)[0]), rel=1e-6)


@pytest.mark.parametrize("reading", ["A", "B", "C", "D"])
@pytest.mark.parametrize("depth", [0, 2])
def test_a_clean_term_is_supcon_beside_the_mixtures(reading, depth):
    made = method("mixsupcon", reading=reading, depth=depth, clean=0.3)
    alone, plain = twin(made, "mixsupcon", reading=reading, depth=depth), twin(made, "supcon")
    expected = number(alone, batch(), 3) + 0.3 * number(plain, batch())
    loss = made(batch(), seeded(3))
    assert loss.value.item() == pytest.approx(expected, rel=1e-9)
    assert set(loss.parts) == {"mixsupcon", "supcon"}
    both = float(alone(batch(), seeded(3)).chance()) + 0.3 * float(plain(batch(), seeded(3)).chance())
    assert float(loss.chance()) == pytest.approx(both, rel=1e-9)


def test_partners_of_any_view():
    made = method("mixsupcon", mixtures="any")
    parents = made.parents(N, seeded(1))
    assert parents[:, 0].equal(torch.arange(2 * N))
    assert parents[:, 1].sort().values.equal(torch.arange(2 * N))
    own_view = (parents // N)[:, 0] == (parents // N)[:, 1]
    assert own_view.any()
    assert not own_view.all()
