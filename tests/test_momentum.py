"""MoCo, BYOL, mixing on them, and the other forms of SupCon and MixSupCon, against loops written from their formulas."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
import oracle
from mixtrast.encoders import EMA, split_norms, whole_norms
from mixtrast.methods import Batch, Method
from mixtrast.methods._keys import Queue, usual_queue
from mixtrast.mixers import Mixup
from oracle import Rows
from test_methods import (
    F64,
    INF,
    SHAPE,
    WIDTHS,
    Given,
    N,
    batch,
    cases,
    cross_entropies,
    encoder,
    entropies,
    gradients,
    log_p,
    make,
    method,
    mixsupcon,
    names,
    number,
    seen_by_norms,
    share,
    simclr,
    supcon,
    twin,
    two,
    unit,
    value,
)
from test_mixers import seeded

K = 11  # keys in a queue


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def shaken(made: Method) -> Method:
    """The slow copy is not the encoder: it has been followed for a while."""
    with torch.no_grad():
        for number_, weight in enumerate(made.keys.slow.parameters()):
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded(number_), dtype=weight.dtype))
    return made


def normal(rows: Rows) -> Rows:
    return [[number_ / math.sqrt(oracle.dot(row, row)) for number_ in row] for row in rows]


def keys(made: Method, x: Tensor) -> Rows:
    slow = made.keys.slow
    return normal(slow.projector(slow.encoder(x)).tolist())


def queue(made: Method) -> Rows:
    return made.keys.queue.keys.tolist()


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


# --- the slow copy -------------------------------------------------------------------------------------------------------

SLOW = [("moco", {"queue": K}), ("byol", {}), ("imix", {"base": "moco", "queue": K}), ("imix", {"base": "byol"}),
        ("mixco", {"base": "moco", "queue": K})]  # fmt: skip


@cases(SLOW)
def test_the_slow_copy_begins_as_the_encoder_and_has_no_gradient(name, options):
    made = make(name, options)
    slow = made.keys.slow
    for ours, theirs in zip(slow.encoder.parameters(), made.encoder.parameters(), strict=True):
        assert ours.equal(theirs)
        assert ours.data_ptr() != theirs.data_ptr()
    value(made, batch()).backward()
    assert all(weight.grad is None and not weight.requires_grad for weight in slow.parameters())
    assert all(weight.grad is not None for weight in made.encoder.parameters())


@cases(SLOW)
def test_the_slow_copy_follows_by_its_momentum(name, options):
    made = make(name, {**options, "momentum": 0.9})
    before = [weight.clone() for weight in made.keys.slow.parameters()]
    with torch.no_grad():
        for weight in made.encoder.parameters():
            weight.add_(1.0)
    made.after_step(0.5)
    theirs = [*made.encoder.parameters(), *made.projector.parameters()]
    for old, new, fast in zip(before, made.keys.slow.parameters(), theirs, strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * fast, **F64)


@pytest.mark.parametrize(("progress", "m"), [(0.0, 0.9), (0.5, 0.95), (1.0, 1.0), (0.25, 1 - 0.1 * (1 + math.sqrt(0.5)) / 2)])
def test_momentum_may_rise_along_half_a_cosine(progress, m):
    fast, projector = encoder(0), nn.Linear(5, 4).double()
    slow = EMA(encoder(1), projector, momentum=(0.9, 1.0))
    before = [weight.clone() for weight in slow.encoder.parameters()]
    slow.follow(fast, projector, progress)
    for old, new, theirs in zip(before, slow.encoder.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(new, m * old + (1 - m) * theirs, **F64)


def test_what_batch_norm_remembers_is_the_copys_own():
    made = method("moco", norm=True, queue=K)
    value(made, batch())
    ours = dict(made.keys.slow.encoder.named_buffers())
    theirs = dict(made.encoder.named_buffers())
    moved = [name for name in ours if "running_mean" in name]
    assert moved
    assert all(not ours[name].equal(theirs[name]) for name in moved)  # view 2 there, view 1 here
    kept = {name: ours[name].clone() for name in ours}
    made.after_step(0.5)
    assert all(ours[name].equal(kept[name]) for name in ours)


@cases(SLOW)
def test_restart_makes_the_copy_anew(name, options):
    made = shaken(make(name, options))
    made.restart()
    for ours, theirs in zip(made.keys.slow.encoder.parameters(), made.encoder.parameters(), strict=True):
        assert ours.equal(theirs)


# --- the queue -----------------------------------------------------------------------------------------------------------


def test_the_queue_overwrites_the_oldest():
    line, added = Queue(5, 2), []
    start = line.keys.clone()
    assert (start.norm(dim=1) - 1).abs().max() < 1e-6
    for step, rows in enumerate((2, 2, 2, 7, 5, 1)):
        new = torch.full((rows, 2), float(step)) + torch.arange(rows)[:, None] / 10
        line.add(new)
        added += new.tolist()
    newest = sorted(added[-5:])
    assert sorted(line.keys.tolist()) == newest


def test_the_queue_takes_the_keys_of_a_step_after_it():
    made = method("moco", queue=K, symmetric=True)
    before = queue(made)
    value(made, batch())
    assert queue(made) == before
    wanted = keys(made, batch().views[1]) + keys(made, batch().views[0])
    made.after_step(0.5)
    held = queue(made)
    for row in wanted[-K:]:
        assert any(row == pytest.approx(other, rel=1e-9) for other in held)
    made.after_step(0.6)
    assert queue(made) == held  # nothing new


def test_a_look_in_evaluation_mode_adds_no_key():
    made = method("moco", queue=K).eval()
    value(made, batch())
    before = queue(made)
    made.after_step(0.1)
    assert queue(made) == before


def test_the_usual_queue():
    assert usual_queue(50_000) == (4096, "i-Mix's for CIFAR")
    assert usual_queue(150)[0] == 37
    assert usual_queue(3)[0] == 1


# --- batch norm in parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "table"])
def test_batch_norm_in_parts_is_batch_norm_of_each_part(kind):
    shape, splits = ((12, 3, 4, 5), 3) if kind == "image" else ((12, 3), 3)
    norm = (nn.BatchNorm2d if kind == "image" else nn.BatchNorm1d)(3).double()
    nn.init.normal_(norm.weight, generator=seeded(1))
    plain, x = copy.deepcopy(norm), torch.randn(shape, generator=seeded(0), dtype=torch.float64)
    held = nn.Sequential(norm)
    split_norms(held, splits)
    out = held(x)
    remembered = []
    for part in range(splits):
        alone = copy.deepcopy(plain)
        torch.testing.assert_close(out[part::splits], alone(x[part::splits]), **F64)
        remembered.append((alone.running_mean, alone.running_var))
    torch.testing.assert_close(held[0].running_mean, torch.stack([m for m, _ in remembered]).mean(0), **F64)
    torch.testing.assert_close(held[0].running_var, torch.stack([v for _, v in remembered]).mean(0), **F64)
    assert int(held[0].num_batches_tracked) == 1
    plain.load_state_dict(held[0].state_dict())  # the names have stayed
    torch.testing.assert_close(held.eval()(x), plain.eval()(x), **F64)


def test_batch_norm_in_parts_keeps_the_order_in_memory():
    held = split_norms(nn.Sequential(nn.BatchNorm2d(4)), 2)
    x = torch.randn(8, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    assert held(x).is_contiguous(memory_format=torch.channels_last)


def test_a_batch_that_parts_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"batch norm in 4 parts .* got 6\. Use another `batch`, or fewer `splits`"):
        split_norms(nn.Sequential(nn.BatchNorm1d(3)), 4)(torch.randn(6, 3))


def test_keys_are_normalised_with_others_than_their_queries():
    """With parts, the order of the keys is drawn; they come back in the order of the batch."""
    x = torch.randn(12, 1, 8, 8, generator=seeded(2), dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = mt.methods.get("moco", encoder(norm=True), queue=K, splits=3, dim=4).double()
    k = made.keys(x, seeded(4))
    order = torch.randperm(12, generator=seeded(4))
    expected = made.keys.slow(x[order])
    torch.testing.assert_close(k[order], expected, **F64)
    assert not torch.allclose(k, made.keys.slow(x))


# --- what passes the encoder ---------------------------------------------------------------------------------------------

H = N // 2
PASSES = [
    ("npair", {}, [2 * N], []),
    ("simclr", {}, [2 * N], []),
    ("supcon", {}, [2 * N], []),
    ("dacl", {}, [2 * N], []),
    ("moco", {"queue": K}, [N], [N]),
    ("moco", {"queue": K, "symmetric": True}, [N, N], [N, N]),
    ("byol", {}, [N, N], [N, N]),
    ("byol", {"symmetric": False}, [N], [N]),
    ("imix", {}, [2 * N], []),
    ("imix", {"base": "simclr"}, [2 * N, 2 * N], []),
    ("imix", {"base": "moco", "queue": K}, [N], [N]),
    ("imix", {"base": "byol"}, [N], [N]),
    ("mixco", {}, [2 * N, 2 * H], []),
    ("mixco", {"base": "moco", "queue": K}, [N + H], [N]),
    ("mixsupcon", {}, [2 * N], []),
    ("mixsupcon", {"mixtures": "N"}, [N], []),
    ("mixsupcon", {"reading": "D"}, [2 * N, 2 * N], []),
    ("mixsupcon", {"clean": 1.0}, [2 * N, 2 * N], []),
]


@pytest.mark.parametrize(("name", "options", "ours", "slow"), PASSES, ids=[f"{n}-{o}" for n, o, *_ in PASSES])
def test_what_shares_the_statistics_of_batch_norm(name, options, ours, slow):
    """How many rows pass together, each time that the encoder and its slow copy are called."""
    seen = seen_by_norms(method(name, norm=True, **options), batch())
    fast = {at: rows for at, rows in seen.items() if at.startswith("encoder.")}
    copies = {at: rows for at, rows in seen.items() if at.startswith("keys.slow.encoder.")}
    assert len(fast) == len(WIDTHS)
    assert all(rows == ours for rows in fast.values())
    assert all(rows == slow for rows in copies.values())
    assert bool(copies) == bool(slow)


def test_mixtures_and_clean_examples_of_emix_pass_apart():
    """Behind the embedding, which they have in common."""
    made = method("emix", norm=True)
    two_views = batch()
    seen = seen_by_norms(made, Batch(two_views.views[:1], two_views.label, two_views.index))
    assert [rows for at, rows in seen.items() if at.startswith("encoder.")] == [[N], *[[N, N]] * (len(WIDTHS) - 1)]


# --- a run ---------------------------------------------------------------------------------------------------------------


def test_options_that_data_decide_are_shown_with_their_reason():
    from mixtrast.run import prepare

    found = prepare({"method": "moco", "data": {"source": "digits"}, "training": {"steps": 1}})
    assert found.recipe["method"]["queue"] == 269
    assert found.why["method.queue"].startswith("a quarter of the 1,078 training examples")
    found = prepare({"method": {"name": "mixco", "base": "moco"}, "data": {"source": "digits"}, "training": {"steps": 1}})
    assert (found.recipe["method"]["temperature"], found.recipe["method"]["mix_temperature"]) == (0.2, 0.05)
    assert found.why["method.temperature"] == "the authors' with moco"
    found = prepare({"method": {"name": "moco", "queue": 64}, "data": {"source": "digits"}, "training": {"steps": 1}})
    assert found.recipe["method"]["queue"] == 64
    assert "method.queue" not in found.why


def test_moco_in_parts_trains_and_its_encoder_is_read_by_one_without_parts(tmp_path):
    rows = torch.rand(64, 1, 8, 8, generator=seeded(0))
    run = mt.train(
        rows.numpy(), method={"name": "moco", "splits": 4, "queue": 32}, encoder={"name": "resnet8", "width": 4}, epochs=2,
        batch=16, out=tmp_path / "run", quiet=True,
    )  # fmt: skip
    assert run.encoder()(rows[:3]).shape == (3, 16)


def test_an_encoder_in_parts_is_evaluated_whole(tmp_path):
    """Fine-tuning meets batches that parts do not divide; and what reads the run again has no parts."""
    rows = torch.rand(209, 6, generator=seeded(0))
    data = {"x": rows.numpy(), "y": (rows[:, 0] > 0.5).long().numpy()}
    run = mt.train(
        data, label="y", method={"name": "moco", "splits": 2, "queue": 64}, encoder={"name": "mlp", "widths": (8,)}, epochs=1,
        batch=20, out=tmp_path / "run", quiet=True, evaluation={"finetune": {"epochs": 1}},
    )  # fmt: skip
    there = copy.deepcopy(run.results["probes"]["finetune"])
    run.evaluate({"finetune": {"epochs": 1}}, data=data)
    again = run.results["probes"]["finetune"]
    assert (there["trained"], there["untrained"]) == (again["trained"], again["untrained"])


def test_parts_are_undone_with_weights_and_statistics():
    plain = encoder(norm=True)
    held = split_norms(copy.deepcopy(plain), 3)
    held(torch.randn(12, *SHAPE, dtype=torch.float64))
    again = whole_norms(copy.deepcopy(held))
    assert [type(part) for part in again.modules()] == [type(part) for part in plain.modules()]
    assert all(value.equal(held.state_dict()[key]) for key, value in again.state_dict().items())
    assert list(again.state_dict()) == list(plain.state_dict())


def test_the_automatic_batch_is_of_whole_parts():
    from mixtrast.run import prepare

    rows = torch.rand(300, 5, generator=seeded(0)).numpy()
    found = prepare({"method": {"name": "mixco", "base": "moco", "splits": 8}, "training": {"steps": 1}}, rows)
    assert found.recipe["training"]["batch"] % 16 == 0  # 8 parts of the batch, and of it with half as many mixtures
    assert found.why["training.batch"].endswith("in whole parts of 8")


def test_before_training_a_method_with_a_queue_has_gained_nothing(tmp_path):
    """Against random keys even an untrained encoder is far above chance; the comparison is against keys as it makes them."""
    from mixtrast.run import prepare
    from mixtrast.run.learning import _before, _gains

    prepared = prepare({"method": "moco", "data": {"source": "digits"}, "training": {"steps": 1}})
    method = _before(prepared, prepared.method, prepared.method.encoder)
    random_ones = method.keys.queue.keys.clone()
    found = _gains(prepared, method, prepared.method.encoder)
    chance = math.log(1 + len(method.keys.queue.keys))
    assert abs(found["gain_train_before"]) < 0.25 * chance
    assert found["gain_train"] == pytest.approx(found["gain_train_before"], rel=1e-5)  # nothing has been learned
    assert method.keys.queue.keys.equal(random_ones)  # the run's own queue is left as it is


def test_what_a_run_says_does_not_depend_on_its_being_resumed(tmp_path):
    """What changes over training stands at its end when the objective is taken."""
    rows = torch.rand(300, 6, generator=seeded(0)).numpy()
    settings = {"mixer": {"name": "mixup", "alpha": (4.0, 0.0, "linear")}, "encoder": {"name": "mlp", "widths": (8,)}}
    run = mt.train(rows, method="imix", epochs=2, batch=30, out=tmp_path / "run", quiet=True, **settings)
    before = run.results["learning"]
    (run.folder / "results.json").unlink()
    again = mt.train(rows, method="imix", epochs=2, batch=30, out=tmp_path / "run", quiet=True, resume=True, **settings)
    assert again.results["learning"] == before


@pytest.mark.parametrize("momentum", [0.0, 0.3, None])
def test_what_batch_norm_in_parts_remembers(momentum):
    """Of equal parts the mean is that of the whole; its share of each batch is plain batch norm's."""
    plain = nn.BatchNorm1d(3, momentum=momentum).double()
    held = nn.Sequential(copy.deepcopy(plain))
    split_norms(held, 2)
    for seed in range(3):
        x = torch.randn(8, 3, generator=seeded(seed), dtype=torch.float64)
        plain(x)
        held(x)
    torch.testing.assert_close(held[0].running_mean, plain.running_mean, **F64)
    assert held[0].num_batches_tracked.equal(plain.num_batches_tracked)


class Activated(nn.BatchNorm1d):
    """A batch norm that does more."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


@pytest.mark.parametrize("norm", [Activated(3), nn.BatchNorm3d(3), nn.BatchNorm1d(3, track_running_stats=False)])
def test_a_batch_norm_that_would_lose_something_is_refused(norm):
    with pytest.raises(ValueError, match=r"`splits` takes BatchNorm1d and BatchNorm2d that remember statistics, got .* Use"):
        split_norms(nn.Sequential(norm), 2)


@pytest.mark.parametrize(("name", "options"), [("byol", {}), ("imix", {"base": "byol"})])
def test_the_predictor_is_in_parts_too(name, options):
    made = mt.methods.get(name, encoder(norm=True), splits=2, dim=4, **options)
    norms = {at for at, part in made.named_modules() if type(part).__name__ == "SplitNorm"}
    assert {"predictor.1", "projector.1", "encoder.stages.0.2", "keys.slow.projector.1"} <= norms
    assert not any(isinstance(part, nn.BatchNorm1d) for part in made.modules())


def test_keys_that_no_step_takes_do_not_heap_up():
    made = method("moco", queue=K)
    for _ in range(20):
        value(made, batch())
    assert sum(map(len, made.keys.new)) < K + 2 * N


@pytest.mark.parametrize("alpha", [{0: 1.0}, {0: 1.0, 1: 1.0, 2: 1.0}, {2: 0.5}])
def test_alpha_by_depth_must_be_of_the_depths(alpha):
    for mixer in (Mixup(alpha=alpha), mt.mixers.get("mixup+cutmix", alpha=alpha)):
        for name in ("imix", "mixsupcon", "supervised", "dacl", "mixco"):
            with pytest.raises(ValueError, match="`alpha` of the mixer must have one value for each depth of"):
                method(name, mixer=mixer, depth=(0, 1))
    method("imix", mixer=Mixup(alpha={0: 1.0, 1: 0.5}), depth=(0, 1))
