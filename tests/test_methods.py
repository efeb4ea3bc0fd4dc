"""Methods against loops written from their formulas, and against each other. What all share is in house/test_rooms.py."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
import oracle
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.methods._method import draw
from mixtrast.mixers import Mixup
from mixtrast.spec import Image, Table
from oracle import Rows
from test_mixers import seeded

N, CLASSES = 7, 3
SHAPE = (1, 8, 8)
WIDTHS = (6, 5)  # what stands at depth 0, 1 and 2 has 64, 6 and 5 numbers
PARTLY = torch.tensor([0, 1, -1, 2, 1, 0, -1])
FULLY = torch.tensor([0, 1, 2, 2, 1, 0, 0])
INDEX = torch.tensor([40, 3, 12, 7, 0, 99, 5])
F64 = {"rtol": 1e-9, "atol": 1e-10}
NAN, INF = math.nan, math.inf


def encoder(seed: int = 0, **options) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.encoders.get("mlp", Image(*SHAPE), **{"widths": WIDTHS, "norm": False, **options}).double()


def method(name: str, seed: int = 0, norm: bool = False, **options) -> Method:
    """Of that name on a small encoder in float64; without batch norm, so that every row is computed alone, unless asked for."""
    contrastive = {} if name == "supervised" else {"dim": 4, "projector": "mlpbn" if norm else "mlp"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.methods.get(name, encoder(seed, norm=norm), classes=CLASSES, **contrastive, **options).double()


def twin(of: Method, name: str, **options) -> Method:
    """Another method with the same weights."""
    made = method(name, norm=any(isinstance(module, nn.BatchNorm1d) for module in of.modules()), **options)
    made.load_state_dict(copy.deepcopy(of.state_dict()))
    return made


def batch(label: Tensor = PARTLY, seed: int = 0, views: int = 2, index: Tensor = INDEX) -> Batch:
    x = torch.randn(2, N, *SHAPE, generator=seeded(seed), dtype=torch.float64)
    return Batch(tuple(x[:views]), label, index)


def batch_for(made: Method, label: Tensor | None = None, **options) -> Batch:
    if label is None:
        label = FULLY if made.labelled_only else PARTLY
    return batch(label, views=made.needs, **options)


def value(made: Method, given: Batch, seed: int = 1) -> Tensor:
    return made(given, seeded(seed)).value


def number(made: Method, given: Batch, seed: int = 1) -> float:
    return value(made, given, seed).item()


def gradients(made: Method, given: Batch) -> list[Tensor]:
    return list(torch.autograd.grad(value(made, given), list(made.parameters())))


# --- the formulas --------------------------------------------------------------------------------------------------------


def unit(made: Method, x: Tensor, start: int = 0) -> Rows:
    """projector(stages after `start`) / |...|, by hand."""
    for stage in list(made.encoder.stages)[start:]:
        x = stage(x)
    rows = made.projector(x).tolist()
    return [[number / math.sqrt(oracle.dot(row, row)) for number in row] for row in rows]


def log_p(anchors: Rows, candidates: Rows, tau: float, itself: bool = False) -> Rows:
    """log softmax over the candidates, without the row itself if they are the anchors."""
    out = []
    for i, z in enumerate(anchors):
        scores = [-INF if itself and i == j else oracle.dot(z, c) / tau for j, c in enumerate(candidates)]
        log_z = oracle.logsumexp([s for s in scores if s > -INF])
        out.append([s - log_z for s in scores])
    return out


def share(weights: list[float], parents: list[int], of: int) -> float:
    return math.fsum(w for w, parent in zip(weights, parents, strict=True) if parent == of)


def two(given: Batch, made: Method, depth: int) -> tuple[Tensor, Tensor]:
    """Both views at this depth, each by itself."""
    return tuple(made.encoder.run(view, 0, depth) for view in given.views)  # type: ignore[return-value]


def names(given: Batch) -> list[tuple[str, int]]:
    """Who each of the 2N views is: of its class, or, without a label, of its example."""
    labels, index = given.label.tolist(), given.index.tolist()
    return [("class", y) if y >= 0 else ("example", i) for y, i in zip(labels, index, strict=True)] * 2


def npair(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z, c = (unit(made, view) for view in given.views)
    return [[float(i == j) for j in range(N)] for i in range(N)], log_p(z, c, made.temperature)


def simclr(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z = unit(made, given.views[0]) + unit(made, given.views[1])
    return [[float(i != j and i % N == j % N) for j in range(2 * N)] for i in range(2 * N)], log_p(z, z, made.temperature, True)


def supcon(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z, who = unit(made, given.views[0]) + unit(made, given.views[1]), names(given)
    w = [[float(i != j and who[i] == who[j]) for j in range(2 * N)] for i in range(2 * N)]
    return w, log_p(z, z, made.temperature, True)


def imix(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,) = made.depth
    first, second = two(given, made, depth)
    mixed, mix = made.mixer(first, seeded(seed))
    parents, weights = mix.parents.tolist(), mix.weight.tolist()
    w = [[share(weights[i], parents[i], j) for j in range(N)] for i in range(N)]
    return w, log_p(unit(made, mixed, depth), unit(made, second, depth), made.temperature)


def mixsupcon(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,) = made.depth
    generator, pool = seeded(seed), torch.cat(two(given, made, depth))
    parents = made.parents(N, generator)
    mixed, mix = made.mixer(pool, generator, parents=parents)
    assert mix.parents.equal(parents)
    who, mixtures = names(given), []
    for row, weights in zip(parents.tolist(), mix.weight.tolist(), strict=True):
        label: dict[tuple[str, int], float] = {}
        for parent, weight in zip(row, weights, strict=True):
            label[who[parent]] = label.get(who[parent], 0.0) + weight
        mixtures.append(label)
    w = [
        [0.0 if k == m else math.fsum(weight * theirs.get(name, 0.0) for name, weight in ours.items())
         for m, theirs in enumerate(mixtures)]
        for k, ours in enumerate(mixtures)
    ]  # fmt: skip
    z = unit(made, mixed, depth)
    return w, log_p(z, z, made.temperature, True)


def supervised(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,), h = made.depth, given.views[0]
    h = made.encoder.run(h, 0, depth)
    parents, weights = [[i] for i in range(N)], [[1.0]] * N
    if made.mixer is not None:
        h, mix = made.mixer(h, seeded(seed))
        parents, weights = mix.parents.tolist(), mix.weight.tolist()
    logits = made.classifier(made.encoder.run(h, depth)).tolist()
    y = given.label.tolist()
    w = [[share(weights[i], [y[p] for p in parents[i]], c) for c in range(CLASSES)] for i in range(N)]
    return w, [[logit - oracle.logsumexp(row) for logit in row] for row in logits]


TRUTH: dict[str, Callable[[Method, Batch, int], tuple[Rows, Rows]]] = {
    "npair": npair,
    "simclr": simclr,
    "supcon": supcon,
    "imix": imix,
    "mixsupcon": mixsupcon,
    "supervised": supervised,
}
CASES = [
    ("npair", {}),
    ("simclr", {}),
    ("supcon", {}),
    *[("imix", {"depth": depth}) for depth in (0, 1, 2)],
    *[("imix", {"mixer": mixer}) for mixer in ("cutmix", "resizemix", "patchmix", "mixup+cutmix")],
    ("imix", {"temperature": 0.05}),
    *[
        ("mixsupcon", {"reading": reading, "mixtures": mixtures, "depth": depth})
        for reading, mixtures, depth in itertools.product("BC", ("N", "2N"), (0, 1))
    ],
    *[("mixsupcon", {"mixer": mixer}) for mixer in ("cutmix", "mixup+cutmix")],
    ("supervised", {}),
    *[("supervised", {"mixer": mixer}) for mixer in ("mixup", "cutmix", "resizemix", "patchmix", "mixup+cutmix")],
    *[("supervised", {"mixer": "mixup", "depth": depth}) for depth in (1, 2)],
]
DRAWING = [(name, options) for name, options in CASES if name in ("imix", "mixsupcon") or "mixer" in options]


def cases(some: list = CASES):
    return pytest.mark.parametrize(("name", "options"), some, ids=["-".join([n, *map(str, o.values())]) for n, o in some])


def make(name: str, options: dict, **more) -> Method:
    options = {**options, **more}
    if isinstance(options.get("mixer"), str):
        options["mixer"] = mt.mixers.get(options["mixer"])
    return method(name, **options)


def averaged(made: Method, rows: list[float], masses: list[float]) -> float:
    """All rows alike; by their mass in reading B."""
    if getattr(made, "reading", "C") == "C":
        return math.fsum(rows) / len(rows)
    return math.fsum(m * row for m, row in zip(masses, rows, strict=True)) / math.fsum(masses)


def cross_entropies(targets: Rows, log_p: Rows) -> tuple[list[float], list[float]]:
    """-Σ_j T_ij log p_ij with T = W / r, 0 for a row without a positive; and r."""
    rows, masses = [], [math.fsum(w) for w in targets]
    for w, logs, mass in zip(targets, log_p, masses, strict=True):
        rows.append(-math.fsum(t * log / mass for t, log in zip(w, logs, strict=True) if t > 0))
    return rows, masses


def entropies(targets: Rows) -> tuple[list[float], list[float]]:
    masses = [math.fsum(w) for w in targets]
    rows = [-math.fsum(t / m * math.log(t / m) for t in w if t > 0) for w, m in zip(targets, masses, strict=True)]
    return rows, masses


@cases()
@pytest.mark.parametrize("seed", [1, 2])
def test_the_loss_is_its_formula(name, options, seed):
    """Mixed between the stages before and after the depth, which are run by hand."""
    made = make(name, options)
    given = batch_for(made, seed=seed)
    expected = averaged(made, *cross_entropies(*TRUTH[name](made, given, seed)))
    assert number(made, given, seed) == pytest.approx(expected, rel=1e-9)


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


def one_answer(made: Method, logits: list[float]) -> None:
    """The classifier says this, whatever it sees."""
    nn.init.zeros_(made.classifier.weight)
    made.classifier.bias.data = torch.tensor(logits, dtype=torch.float64)


def equal_vectors(made: Method, given: Batch, monkeypatch) -> None:
    """Nothing learned: every example has the same unit vector, or the same logits, the logs of the batch's mean label."""
    if hasattr(made, "classifier"):
        targets, _ = TRUTH["supervised"](made, given, 1)
        one_answer(made, [math.log(math.fsum(column) / N + 1e-300) for column in zip(*targets, strict=True)])
    else:
        monkeypatch.setattr(made, "embed", lambda x, start=0: torch.full((len(x), 4), 0.5, dtype=torch.float64))


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


@pytest.mark.parametrize(
    ("name", "seen"), [("npair", N), ("imix", N), ("simclr", 2 * N - 1), ("supcon", 2 * N - 1), ("mixsupcon", 2 * N - 1)]
)
def test_chance_is_the_log_of_how_many_are_seen(name, seen):
    made = method(name)
    assert float(made(batch(), seeded(1)).chance()) == pytest.approx(math.log(seen))


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


# --- each other ----------------------------------------------------------------------------------------------------------

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


# --- what must not matter ------------------------------------------------------------------------------------------------

ORDERED = [
    ("npair", {}),
    ("simclr", {}),
    ("supcon", {}),
    ("supervised", {}),
    *[(name, {"depth": depth}) for name in ("imix", "mixsupcon") for depth in (0, 1)],
    ("mixsupcon", {"reading": "B"}),
    ("supervised", {"mixer": "mixup"}),
]


class Given(Mixup):
    """Mixup of these parents by these shares, whatever the generator says."""

    def __init__(self, parents: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.told = (parents, weight)

    def __call__(self, x, generator, **options):
        options = {**options, "parents": self.told[0], "draw": {"weight": self.told[1]}}
        return super().__call__(x, generator, **options)


@cases(ORDERED)
@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_order_of_the_batch_does_not_matter(name, options, norm):
    """Partners and shares go with the examples."""
    options, order, given = dict(options), torch.randperm(N, generator=seeded(5)), batch(FULLY)
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    rows, of = (torch.cat([order, N + order]), 2 * N) if name == "mixsupcon" else (order, N)
    first = torch.arange(of)
    parents = torch.stack([first, torch.randperm(of, generator=seeded(6))], 1)
    weight = torch.rand(of, generator=seeded(7), dtype=torch.float64)
    mixes = name in ("imix", "mixsupcon") or options.pop("mixer", None)
    one, other = ({"mixer": Given(*told)} if mixes else {} for told in (
        (parents, weight), (rows.argsort()[parents[rows]], weight[rows])
    ))  # fmt: skip
    made = method(name, norm=norm, **options, **one)
    torch.testing.assert_close(value(twin(made, name, **options, **other), moved), value(made, given), **F64)


@pytest.mark.parametrize("name", ["supcon", "mixsupcon"])
def test_the_names_of_classes_and_examples_do_not_matter(name):
    made = method(name)
    renamed = torch.where(PARTLY < 0, PARTLY, torch.tensor([17, 5, 0])[PARTLY])
    other = batch(renamed, index=torch.randperm(1_000, generator=seeded(3))[:N])
    torch.testing.assert_close(value(made, batch()), value(made, other), **F64)


@pytest.mark.parametrize("name", ["simclr", "supcon"])
def test_the_views_may_be_swapped(name):
    made, given = method(name), batch()
    swapped = Batch(given.views[::-1], given.label, given.index)
    torch.testing.assert_close(value(made, given), value(made, swapped), **F64)


@pytest.mark.parametrize("name", ["npair", "simclr", "supcon", "imix", "mixsupcon"])
def test_the_length_of_a_vector_does_not_matter(name):
    """Vectors are unit vectors: the last layer may be scaled."""
    made = method(name)
    before = value(made, batch())
    with torch.no_grad():
        made.projector[-1].weight.mul_(7)
        made.projector[-1].bias.mul_(7)
    torch.testing.assert_close(value(made, batch()), before, **F64)


# --- partners ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 9])
def test_mixsupcon_mixes_a_view_with_another_examples_other_view(n):
    made = method("mixsupcon")
    both, half = made.parents(n, seeded(1)), twin(made, "mixsupcon", mixtures="N").parents(n, seeded(1))
    assert both.shape == (2 * n, 2)
    assert both[:n].equal(half)
    assert both[:, 0].equal(torch.arange(2 * n))
    assert both[:n, 1].sort().values.equal(n + torch.arange(n))  # view 1 with a permutation of view 2
    assert both[n:, 1].sort().values.equal(torch.arange(n))  # and the other way
    if n > 2:
        assert not (both[:n, 1] - n).equal(both[n:, 1])  # drawn anew
        assert not both.equal(made.parents(n, seeded(2)))


def test_every_partner_is_as_likely():
    made = method("mixsupcon", mixtures="N")
    generator = seeded(0)
    counts = torch.zeros(4, 4)
    for _ in range(2_000):
        counts[torch.arange(4), made.parents(4, generator)[:, 1] - 4] += 1
    assert (counts / 2_000 - 0.25).abs().max() < 5 * math.sqrt(0.25 * 0.75 / 2_000)


# --- what passes the encoder ---------------------------------------------------------------------------------------------


def seen_by_norms(made: Method, given: Batch) -> dict[str, list[int]]:
    """How many rows each batch norm saw, for each time it was called in one step."""
    seen: dict[str, list[int]] = {}
    for name, module in made.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            seen[name] = []
            module.register_forward_hook(lambda _, x, out, at=seen[name]: at.append(len(x[0])))
    value(made, given)
    return seen


@pytest.mark.parametrize(
    ("name", "options"),
    [("npair", {}), ("simclr", {}), ("supcon", {}), *[("imix", {"depth": depth}) for depth in (0, 1, 2)]],
    ids=str,
)
def test_batch_norm_sees_both_views_at_once(name, options):
    """The mixed and the clean ones too, before the mixing and after it."""
    seen = seen_by_norms(method(name, norm=True, **options), batch())
    assert len(seen) == len(WIDTHS) + 2
    assert all(rows == [2 * N] for rows in seen.values())


@pytest.mark.parametrize(("mixtures", "rows"), [("N", N), ("2N", 2 * N)])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_mixtures_alone_once_mixsupcon_has_mixed(mixtures, rows, depth):
    made = method("mixsupcon", norm=True, mixtures=mixtures, depth=depth)
    seen = seen_by_norms(made, batch())
    for name, counts in seen.items():
        before = any(name.startswith(f"encoder.stages.{stage}.") for stage in range(depth))
        assert counts == [2 * N if before else rows], name


@pytest.mark.parametrize("mixer", [None, "mixup"])
def test_batch_norm_sees_one_view_in_supervised_training(mixer):
    seen = seen_by_norms(make("supervised", {"mixer": mixer}, norm=True), batch_for(method("supervised")))
    assert all(rows == [N] for rows in seen.values())


@pytest.mark.parametrize("mixtures", ["N", "2N"])
def test_mixsupcon_encodes_only_mixtures(mixtures):
    made, given = method("mixsupcon", mixtures=mixtures), batch()
    entered: list[Tensor] = []
    made.encoder.stages[0].register_forward_pre_hook(lambda _, x: entered.append(x[0]))
    value(made, given, 4)
    generator = seeded(4)
    parents = made.parents(N, generator)
    mixed, _ = made.mixer(torch.cat(given.views), generator, parents=parents)
    assert len(entered) == 1
    assert entered[0].equal(mixed)


# --- depth ---------------------------------------------------------------------------------------------------------------


class Spy(Mixup):
    """Mixup that remembers how many numbers an example has where it is asked to mix."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def __call__(self, x, generator, **options):
        self.seen.append(x[0].numel())
        return super().__call__(x, generator, **options)


NUMBERS = (math.prod(SHAPE), *WIDTHS)  # at each depth
DEEP = ["imix", "mixsupcon", "supervised"]


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("depths", [0, 1, 2, (0, 2), (0, 1, 2)], ids=str)
def test_one_depth_is_drawn_for_each_batch_and_all_of_them_in_turn(name, depths):
    spy = Spy()
    made = method(name, mixer=spy, depth=depths)
    for seed in range(30):
        value(made, batch_for(made), seed)
    several = (depths,) if isinstance(depths, int) else depths
    assert len(spy.seen) == 30
    assert set(spy.seen) == {NUMBERS[depth] for depth in several}


@pytest.mark.parametrize("name", DEEP)
def test_of_several_depths_the_one_drawn_decides_the_loss(name):
    made = make(name, {"mixer": "mixup"}, depth=(0, 2))
    given = batch_for(made)
    alone = {depth: twin(made, name, mixer=made.mixer, depth=depth) for depth in made.depth}
    for seed in range(8):
        generator = seeded(seed)
        depth = draw(made.depth, generator)  # one number, before all else
        assert number(made, given, seed) == alone[depth](given, generator).value.item()


def test_depths_are_drawn_alike_and_one_alone_draws_nothing():
    generator = seeded(0)
    counts = torch.bincount(torch.tensor([draw((0, 1, 2), generator) for _ in range(3_000)]))
    assert (counts / 3_000 - 1 / 3).abs().max() < 5 * math.sqrt(2 / 9 / 3_000)
    before = generator.get_state()
    assert draw((2,), generator) == 2
    assert generator.get_state().equal(before)


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("wrong", [-1, 3, (0, 3), (), "0", 1.5, None, (1.5,)], ids=repr)
def test_a_depth_that_is_not_there_is_refused(name, wrong):
    with pytest.raises(ValueError, match=r"`depth` of \w+ must be 0 \(the input\) to 2 \(the features\) with this encoder"):
        method(name, depth=wrong)


# --- Supervised ----------------------------------------------------------------------------------------------------------


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


# --- the door ------------------------------------------------------------------------------------------------------------

CONTRASTIVE = ["npair", "simclr", "supcon", "imix", "mixsupcon"]
BAD = [
    *[
        (name, {"temperature": bad}, r"`temperature` of \w+ must be > 0")
        for name, bad in itertools.product(CONTRASTIVE, (0, -0.1, NAN, INF, "0.1", None))
    ],
    *[(name, {"dim": bad}, r"`dim` of \w+ must be a whole number above 0") for name in CONTRASTIVE for bad in (0, -1, 2.5)],
    *[(name, {"projector": "mpl"}, "one of linear, lnlinear, mlp, mlpbn1, mlpbn, none, got 'mpl'") for name in CONTRASTIVE],
    *[(name, {"mixer": bad}, r"`mixer` of \w+ must be a mixer") for name in DEEP for bad in ("mixup", 0.5, Mixup)],
    ("imix", {"base": "mocov3"}, "`base` must be one of 'npair', 'simclr', 'moco', 'byol', got 'mocov3'"),
    ("imix", {"queue": 64}, "`queue` of IMix is for base moco, got 64 with 'npair'. Leave it out"),
    ("imix", {"base": "byol", "queue": 64}, "`queue` of IMix is for base moco"),
    ("imix", {"base": "simclr", "momentum": 0.9}, "`momentum` of IMix is for base moco or byol"),
    ("imix", {"splits": 8}, "`splits` of IMix is for base moco or byol"),
    ("imix", {"base": "moco", "queue": 0}, "`queue` must be a whole number of keys, 1 or more, got 0"),
    ("mixco", {"queue": 64}, "`queue` of MixCo is for base moco"),
    ("mixco", {"ingredients": 1}, "`ingredients` of MixCo must be a whole number, 2 or more, got 1"),
    ("moco", {"queue": -1}, "`queue` must be a whole number of keys"),
    ("moco", {"momentum": 1.5}, "`momentum` must be in 0 to 1, or a pair of such, got 1.5"),
    ("moco", {"splits": 0}, "`splits` must be a whole number, 1 or more, got 0"),
    ("moco", {"candidates": "all"}, "`candidates` must be one of 'own', 'batch'"),
    ("byol", {"momentum": (0.9, 0.99, 1.0)}, "`momentum` must be in 0 to 1, or a pair"),
    ("supcon", {"form": "middle"}, "`form` must be one of 'out', 'in', 'sololearn'"),
    ("mixsupcon", {"mixtures": "3N"}, "'N', '2N', 'any', got '3N'"),
    ("mixsupcon", {"reading": "E"}, "'A', 'B', 'C', 'D', got 'E'"),
    ("mixsupcon", {"clean": -1}, "`clean` of MixSupCon must be a weight, 0 or more, got -1"),
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.methods.get(name, encoder(), classes=CLASSES, **options)


@pytest.mark.parametrize("bad", [0, 1, -3, 2.5, None])
def test_fewer_than_two_classes_are_refused(bad):
    with pytest.raises(ValueError, match="`classes` of Supervised must be 2 or more"):
        mt.methods.get("supervised", encoder(), classes=bad)


@pytest.mark.parametrize("name", CONTRASTIVE)
@pytest.mark.parametrize("views", [0, 1, 3])
def test_two_views_are_two(name, views):
    given = batch()
    wrong = Batch((given.views * 2)[:views], given.label, given.index)
    with pytest.raises(ValueError, match=f"takes two views of each example, got {views}"):
        value(method(name), wrong)


def test_the_mixer_of_imix_is_dominant_where_none_is_given():
    assert method("imix").mixer.dominant
    assert not method("mixsupcon").mixer.dominant
    assert method("supervised").mixer is None
    assert not method("imix", mixer=Mixup()).mixer.dominant  # as given


def test_a_mixer_that_cannot_mix_at_a_depth_says_so():
    made = mt.methods.get("imix", mt.encoders.get("mlp", Table(6), widths=(4,)), mixer=mt.mixers.get("resizemix"))
    with pytest.raises(ValueError, match="Use Mixup"):
        made(Batch((torch.randn(4, 6), torch.randn(4, 6)), torch.zeros(4).long(), torch.arange(4)), seeded())


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_matters_is_how_much_it_moves_the_features(depth):
    """By differences; and asking moves neither the statistics of batch norm nor the mode."""
    made = method("imix", norm=True, mixer=mt.mixers.SaliencyMix(importance="gradient"), depth=depth)
    made.train()
    given = batch()
    value(made, given)  # moves running statistics
    kept = {name: held.clone() for name, held in made.state_dict().items()}
    h = made.encoder.eval().run(given.views[0], stop=depth).detach()
    made.encoder.train()
    found = made._matters(depth, h)
    assert found.shape == h.shape
    assert all(part.training for part in made.modules())
    assert all(held.equal(kept[name]) for name, held in made.state_dict().items())
    made.encoder.eval()
    step = 1e-6
    for at in [(0, *[0] * (h.dim() - 1)), (N - 1, *[-1] * (h.dim() - 1))]:
        more, less = h.clone(), h.clone()
        more[at] += step
        less[at] -= step
        with torch.no_grad():
            up, down = (float(made.encoder.run(x, depth).square().sum()) / 2 for x in (more, less))
        assert float(found[at]) == pytest.approx(abs(up - down) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("mixer", ["saliencymix", "mixup+saliencymix"])
@pytest.mark.parametrize("name", ["imix", "mixsupcon", "mixco", "dacl", "supervised"])
def test_a_mixer_that_asks_is_told_at_every_depth(name, mixer):
    if mixer == "saliencymix":
        made = method(name, mixer=mt.mixers.get(mixer, importance="gradient"), depth=(0, 1))
    else:
        made = method(name, mixer=mt.mixers.OneOf(Mixup(), mt.mixers.SaliencyMix(importance="gradient")), depth=(0, 1))
    for seed in range(6):
        loss = made(batch(FULLY), seeded(seed))
        assert loss.value.isfinite()
        loss.value.backward()
