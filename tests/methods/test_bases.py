"""MoCo, BYOL, and i-Mix and MixCo on them, against loops written from their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast.methods import Method
from mixtrast.mixers import Mixup
from support import oracle
from support.formulas import cross_entropies, log_p, share, simclr, two, unit
from support.generators import seeded
from support.methods import Given, N, batch, method, twin, value
from support.mixco import mean
from support.momentum import K, keys, normal, queue, shaken
from support.oracle import Rows
from support.tolerances import F64

NAN, INF = math.nan, math.inf


def among_own(q: Rows, k: Rows, others: Rows, tau: float) -> list[float]:
    """-log p of the own key, which no other row sees."""
    rows = []
    for z, key in zip(q, k, strict=True):
        scores = [oracle.dot(z, c) / tau for c in [key, *others]]
        rows.append(oracle.logsumexp(scores) - scores[0])
    return rows


def attracted(p: Rows, k: Rows, w: Rows) -> list[float]:
    return [2 - 2 * math.fsum(w[i][j] * oracle.dot(row, k[j]) for j in range(len(k))) for i, row in enumerate(p)]


def predicted(made: Method, x: Tensor, depth: int = 0) -> Rows:
    for stage in list(made.encoder.stages)[depth:]:
        x = stage(x)
    return normal(made.predictor(made.projector(x)).tolist())


# --- the formulas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidates", ["own", "batch"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_moco_is_its_formula(candidates, symmetric):
    made = shaken(method("moco", queue=K, candidates=candidates, symmetric=symmetric, temperature=0.3))
    first, second = batch().views
    total = 0.0
    for x, other in [(first, second), (second, first)][: 1 + symmetric]:
        q, k = unit(made, x), keys(made, other)
        if candidates == "own":
            total += mean(among_own(q, k, queue(made), 0.3))
        else:
            total += mean([-row[i] for i, row in enumerate(log_p(q, k + queue(made), 0.3))])
    loss = made(batch(), seeded(1))
    assert loss.value.item() == pytest.approx(total, rel=1e-9)
    seen = K + (1 if candidates == "own" else N)
    assert float(loss.chance()) == pytest.approx((1 + symmetric) * math.log(seen))
    assert float(loss.floor()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_byol_is_its_formula(symmetric):
    made = shaken(method("byol", symmetric=symmetric))
    first, second = batch().views
    eye = [[float(i == j) for j in range(N)] for i in range(N)]
    ways = [(first, second), (second, first)][: 1 + symmetric]
    total = math.fsum(mean(attracted(predicted(made, x), keys(made, other), eye)) for x, other in ways)
    loss = made(batch(), seeded(1))
    assert loss.value.item() == pytest.approx(total, rel=1e-9)
    assert float(loss.chance()) == 2 * (1 + symmetric)
    assert float(loss.floor()) == 0


def weights_of(mix: mt.Mix) -> Rows:
    parents, weights = mix.parents.tolist(), mix.weight.tolist()
    return [[share(weights[i], parents[i], j) for j in range(N)] for i in range(len(parents))]


@pytest.mark.parametrize("mixer", ["mixup", "cutmix", "patchmix"])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("base", ["simclr", "moco", "byol"])
def test_imix_is_its_formula_on_every_base(base, depth, mixer):
    options = {"queue": K} if base == "moco" else {}
    made = method("imix", base=base, depth=depth, mixer=mt.mixers.get(mixer, dominant=True), **options)
    made = shaken(made) if base != "simclr" else made
    given, generator = batch(), seeded(1)
    first, second = two(given, made, depth)
    mixed, mix = made.mixer(first, generator)
    tau = made.temperature
    if base == "byol":
        rows = attracted(predicted(made, mixed, depth), keys(made, given.views[1]), weights_of(mix))
    elif base == "moco":
        k = keys(made, given.views[1]) + queue(made)
        w = [row + [0.0] * K for row in weights_of(mix)]
        rows, _ = cross_entropies(w, log_p(unit(made, mixed, depth), k, tau))
    else:
        other, mix2 = made.mixer(second, generator)
        clean = unit(made, first, depth) + unit(made, second, depth)
        rows = []
        for x, m, view in ((mixed, mix, 0), (other, mix2, 1)):
            for z, w, parents in zip(unit(made, x, depth), weights_of(m), m.parents.tolist(), strict=True):
                hidden = {view * N + parent for parent in parents}
                scores = [-INF if j in hidden else oracle.dot(z, c) / tau for j, c in enumerate(clean)]
                log_z = oracle.logsumexp([s for s in scores if s > -INF])
                theirs = (1 - view) * N  # the ingredients are found in the other view
                rows.append(math.fsum(w[j] * (log_z - scores[theirs + j]) for j in range(N) if w[j]))
    loss = made(given, seeded(1))
    assert loss.value.item() == pytest.approx(mean(rows), rel=1e-9)
    assert loss.value.item() >= float(loss.floor())


@pytest.mark.parametrize("ingredients", [2, 3])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("base", ["simclr", "moco"])
def test_mixco_is_its_formula_with_several_ingredients(base, depth, ingredients):
    options = {"queue": K} if base == "moco" else {}
    made = method("mixco", base=base, ingredients=ingredients, depth=depth, weight=0.7, **options)
    made = shaken(made) if base == "moco" else made
    given, h = batch(), N // ingredients
    first, second = two(given, made, depth)
    rows = torch.arange(h * ingredients).view(ingredients, h).T.contiguous()
    pool = torch.cat([first, second]) if base == "simclr" else first
    parents = torch.cat([rows, rows + N]) if base == "simclr" else rows
    mixed, mix = made.mixer(pool, seeded(1), parents=parents)
    shares = mix.weight.tolist()
    if base == "moco":
        q, k = unit(made, first, depth), keys(made, given.views[1])
        plain = mean(among_own(q, k, queue(made), 0.2))
        logs = log_p(unit(made, mixed, depth), k + queue(made), 0.05)
        beside = mean([-math.fsum(w * row[j] for w, j in zip(shares[i], rows[i].tolist(), strict=True))
                       for i, row in enumerate(logs)])  # fmt: skip
    else:
        targets, logs = simclr(made, given, 1) if not depth else _simclr_at(made, first, second, depth)
        plain, beside = mean(cross_entropies(targets, logs)[0]), 0.0
        z = unit(made, first, depth), unit(made, second, depth)
        for view in (0, 1):
            logs = log_p(unit(made, mixed[view * h : (view + 1) * h], depth), z[1 - view], 0.5)
            beside += mean([-math.fsum(w * row[j] for w, j in zip(shares[view * h + i], rows[i].tolist(), strict=True))
                            for i, row in enumerate(logs)]) / 2  # fmt: skip
    loss = made(given, seeded(1))
    assert loss.value.item() == pytest.approx(plain + 0.7 * beside, rel=1e-9)
    assert loss.parts["mixco"].item() == pytest.approx(beside, rel=1e-9)
    assert loss.value.item() >= float(loss.floor())


def _simclr_at(made: Method, first: Tensor, second: Tensor, depth: int) -> tuple[Rows, Rows]:
    z = unit(made, first, depth) + unit(made, second, depth)
    w = [[float(i != j and i % N == j % N) for j in range(2 * N)] for i in range(2 * N)]
    return w, log_p(z, z, made.temperature, True)


# --- each other ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["moco", "byol"])
def test_imix_without_mixing_is_its_base(base):
    plain = method(base, **({"queue": K, "candidates": "batch"} if base == "moco" else {"symmetric": False}))
    options = {"queue": K} if base == "moco" else {}
    made = method("imix", base=base, mixer=Mixup(alpha=0), **options)
    made.load_state_dict(shaken(plain).state_dict())
    torch.testing.assert_close(value(made, batch()), value(plain, batch()), **F64)


def test_mixco_of_weight_0_is_moco():
    plain = shaken(method("moco", queue=K))
    made = twin(plain, "mixco", base="moco", queue=K, weight=0)
    torch.testing.assert_close(value(made, batch()), value(plain, batch()), **F64)


def test_imix_on_simclr_without_mixing_leaves_out_its_own_clean_view():
    """λ = 1: SimCLR with the clean views as candidates, which are other rows than the anchors."""
    made = method("imix", base="simclr", mixer=Mixup(alpha=0), temperature=0.5)
    plain = twin(made, "simclr", temperature=0.5)
    generator = seeded(1)
    parents = torch.stack([torch.arange(N), torch.arange(N)], 1)  # its own partner: only itself is left out
    made.mixer = Given(parents, torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(made(batch(), generator).value, value(plain, batch()), **F64)
