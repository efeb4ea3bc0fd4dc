"""The algebra against loops, finite differences, and itself."""

from __future__ import annotations

import math
import threading

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mixtrast as mt
import oracle
from mixtrast import Labels, Mix, affinity, partition, precision

F64 = {"rtol": 1e-9, "atol": 1e-10}
# float32 rounds unit rows to 6e-8 and scores to 6e-8 / τ; a hundred of those is the bound used below.
F32 = {"rtol": 1e-5, "atol": 6e-6}


@pytest.fixture(params=["formed", "grouped"])
def form(request, monkeypatch):
    """Both ways to hold W, at sizes that loops can check."""
    monkeypatch.setattr(affinity, "FORMED", 1 << 18 if request.param == "formed" else 0)
    return request.param


def rows(n: int, d: int = 5, seed: int = 0, dtype=torch.float64) -> Tensor:
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def soft(n: int, slots: int, ids: int, seed: int = 0, nobody: float = 0.2) -> Labels:
    """Random soft labels, some slots nobody, some of weight 0."""
    g = torch.Generator().manual_seed(seed)
    who = torch.randint(-3, ids, (n, slots), generator=g)
    who[torch.rand(n, slots, generator=g) < nobody] = -1
    weight = torch.rand(n, slots, generator=g, dtype=torch.float64)
    weight[torch.rand(n, slots, generator=g) < 0.1] = 0
    return Labels(who, weight)


def pairs(n: int, seed: int = 0) -> Mix:
    g = torch.Generator().manual_seed(seed)
    share = torch.rand(n, generator=g, dtype=torch.float64)
    return Mix(torch.stack([torch.arange(n), torch.randperm(n, generator=g)], 1), torch.stack([share, 1 - share], 1))


def gradients(value: Tensor, *inputs: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(value, inputs, allow_unused=True))


# --- loops --------------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw):
    r, m = draw(st.integers(1, 7)), draw(st.integers(0, 8))
    seed = draw(st.integers(0, 10**6))
    e = draw(st.integers(0, 3))
    exclude = None
    if e and m:
        exclude = torch.randint(-1, m, (r, e), generator=torch.Generator().manual_seed(seed))
        exclude = exclude[:, 0] if e == 1 and draw(st.booleans()) else exclude
    return {
        "rows": (rows(r, 4, seed), rows(m, 4, seed + 1)),
        "labels": (
            soft(r, draw(st.integers(1, 3)), draw(st.integers(1, 5)), seed),
            soft(m, draw(st.integers(1, 3)), 4, seed + 2),
        ),
        "exclude": exclude,
        "paired": rows(r, 4, seed + 3) if draw(st.booleans()) else None,
        "temperature": draw(st.sampled_from([0.05, 0.3, 1.0])),
    }


@pytest.mark.parametrize("limit", [0, 1 << 18])
@given(problem=problems(), normalize=st.sampled_from(["row", "total"]), reduction=st.sampled_from(["mean", "sum", "none"]))
@settings(max_examples=60, deadline=None)
def test_every_option_equals_the_loops(limit, problem, normalize, reduction):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(affinity, "FORMED", limit)
        both = (*problem["rows"], *problem["labels"])
        options = {"exclude": problem["exclude"], "paired": problem["paired"]}
        tau = {"temperature": problem["temperature"]}
        reduced = {"normalize": normalize, "reduction": reduction}
        for name, extra in (("contrast", tau | reduced), ("align", reduced)):
            ours = getattr(mt, name)(*both, **options, **extra)
            truth = getattr(oracle, name)(*both, **options, **extra)
            torch.testing.assert_close(ours, torch.tensor(truth, dtype=torch.float64), **F64)
        log_z = torch.tensor(oracle.log_partition(*problem["rows"], **options, **tau), dtype=torch.float64)
        torch.testing.assert_close(mt.log_partition(*problem["rows"], **options, **tau), log_z, **F64)
        mass = [sum(row) for row in oracle.affinity(*problem["labels"], problem["exclude"])]
        mass = torch.tensor(mass, dtype=torch.float64) + (problem["paired"] is not None)
        torch.testing.assert_close(mt.row_mass(*problem["labels"], **options), mass, **F64)
        assert ((mt.row_mass(*problem["labels"], **options) == 0) == (mass == 0)).all()


@given(seed=st.integers(0, 10**6), r=st.integers(1, 6), c=st.integers(1, 5), k=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_soft_cross_entropy_equals_the_loops(seed, r, c, k):
    logits, labels = rows(r, c, seed) * 5, soft(r, k, c, seed)
    for reduction in ("mean", "sum", "none"):
        truth = torch.tensor(oracle.soft_cross_entropy(logits, labels, reduction), dtype=torch.float64)
        torch.testing.assert_close(mt.soft_cross_entropy(logits, labels, reduction=reduction), truth, **F64)


def test_soft_cross_entropy_of_an_impossible_class_costs_nothing_if_it_weighs_nothing():
    logits = torch.tensor([[0.0, -math.inf]])
    assert mt.soft_cross_entropy(logits, Labels(torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.0]]))) == 0


def test_log_partition_among_equals_the_loops():
    z, c = rows(6, seed=1), rows(9, seed=2)
    ours, theirs = Labels.of(torch.tensor([0, 1, 2, -1, 5, 0])), Labels.of(torch.tensor([0, 0, 1, 2, -1, 2, 2, 1, 7]))
    exclude = torch.tensor([0, 1, 2, 3, 4, -1])
    options = {"temperature": 0.2, "exclude": exclude, "among": (ours, theirs)}
    truth = torch.tensor(oracle.log_partition(z, c, **options), dtype=torch.float64)
    torch.testing.assert_close(mt.log_partition(z, c, **options), truth, **F64)
    assert torch.isinf(truth).tolist() == [False, False, False, True, True, False]


def test_chance_is_the_loss_of_equal_embeddings(form):
    same = rows(1).expand(9, -1).contiguous()
    labels, exclude = soft(9, 2, 3, seed=4), torch.tensor([[i, (i + 1) % 9 if i % 2 else -1] for i in range(9)])
    for normalize in ("row", "total"):
        for paired in (None, same):
            options = {"exclude": exclude, "paired": paired, "normalize": normalize}
            loss = mt.contrast(same, same, labels, labels, temperature=0.1, **options)
            torch.testing.assert_close(mt.chance(labels, labels, **options), loss, **F64)


def entropy_of_targets(ours: Labels, theirs: Labels, exclude, paired: bool, normalize: str) -> float:
    """Σ_i of -Σ_j T_ij log T_ij with T = W / r, by loops: the mean over rows, or over their mass."""
    rows, masses = [], []
    for w in oracle.affinity(ours, theirs, exclude):
        w = [*w, 1.0] if paired else w
        masses.append(math.fsum(w))
        rows.append(-math.fsum(t * math.log(t / masses[-1]) for t in w if t > 0))
    return oracle.reduce(rows, masses, normalize, "mean")


@given(problem=problems(), normalize=st.sampled_from(["row", "total"]))
@settings(max_examples=60, deadline=None)
def test_floor_is_the_entropy_of_the_targets(problem, normalize):
    ours, theirs = problem["labels"]
    options = {"exclude": problem["exclude"], "paired": problem["paired"], "normalize": normalize}
    truth = entropy_of_targets(ours, theirs, problem["exclude"], problem["paired"] is not None, normalize)
    found = mt.floor(ours, theirs, **options)
    torch.testing.assert_close(found, torch.tensor(truth, dtype=torch.float64), **F64)
    value = mt.contrast(*problem["rows"], ours, theirs, temperature=problem["temperature"], **options)
    assert value >= found - 1e-9
    assert mt.chance(ours, theirs, **options) >= found - 1e-9  # equal vectors are vectors


@pytest.mark.parametrize("normalize", ["row", "total"])
@pytest.mark.parametrize(
    "exclude", [None, torch.tensor([[i, (i + 1) % 6 if i % 2 else -1] for i in range(6)])], ids=["", "some"]
)
def test_the_floor_is_attained(normalize, exclude):
    """Where the scores are the logs of the targets: rows of such, and candidates that are the axes."""
    ours, theirs = soft(6, 2, 3, seed=1, nobody=0), soft(6, 2, 3, seed=2, nobody=0)
    target = torch.tensor(oracle.affinity(ours, theirs, exclude), dtype=torch.float64)
    z, c = target.clamp(min=1e-200).log() * 0.3, torch.eye(6, dtype=torch.float64)
    options = {"exclude": exclude, "normalize": normalize}
    torch.testing.assert_close(
        mt.contrast(z, c, ours, theirs, temperature=0.3, **options), mt.floor(ours, theirs, **options), **F64
    )


@pytest.mark.parametrize("positives", [1, 2, 5])
def test_the_floor_of_hard_labels_is_the_log_of_the_positives(positives):
    labels = Labels.of(torch.arange(4).repeat(positives + 1))
    itself = torch.arange(4 * (positives + 1))
    assert mt.floor(labels, labels, exclude=itself) == pytest.approx(math.log(positives))
    assert mt.floor(labels, labels, exclude=itself, normalize="total") == pytest.approx(math.log(positives))
    assert mt.floor(labels, labels) == pytest.approx(math.log(positives + 1))


def test_the_floor_of_a_mixture_of_identities_is_the_entropy_of_its_shares():
    mix, who = pairs(8, seed=3), Labels.of(torch.arange(8))
    same = mix.parents[:, 0] == mix.parents[:, 1]
    rows = torch.where(same, 0.0, torch.special.entr(mix.weight).sum(1))
    torch.testing.assert_close(mt.floor(who.mix(mix), who), rows.mean(), **F64)
    assert mt.floor(who.mix(Mix.identity(8)), who) == 0


def test_the_floor_of_rows_without_a_positive_is_zero_and_many_rows_are_their_pieces(monkeypatch):
    nobody = Labels.nobody(5)
    for normalize in ("row", "total"):
        assert mt.floor(nobody, nobody, exclude=torch.arange(5), normalize=normalize) == 0
    labels, exclude = soft(50, 2, 6), torch.arange(50)
    whole = mt.floor(labels, labels, exclude=exclude)
    monkeypatch.setattr(affinity, "_FORMING", 120)  # two rows of W at a time
    assert mt.floor(labels, labels, exclude=exclude) == whole


def test_plain_ids_have_a_floor_too():
    y = torch.tensor([0, 0, 1, 1])
    assert mt.floor(y, y, exclude=torch.arange(4)) == mt.floor(Labels.of(y), Labels.of(y), exclude=torch.arange(4)) == 0
    with pytest.raises(ValueError, match="'row', 'total', got 'rows'"):
        mt.floor(y, y, normalize="rows")


# --- gradients ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["row", "total"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("paired", [False, True])
def test_gradcheck_of_contrast_and_align(form, normalize, reduction, paired):
    """Learnable temperature, soft labels, empty rows, two exclusions a row; "none" under random row weights."""
    z, c, own = rows(6, seed=1), rows(8, seed=2), rows(6, seed=3)
    ours, theirs = soft(6, 2, 4, seed=5), soft(8, 2, 4, seed=6)
    exclude = torch.randint(-1, 8, (6, 2), generator=torch.Generator().manual_seed(7))
    assert (mt.row_mass(ours, theirs, exclude=exclude) == 0).any()
    outer = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    options = {"exclude": exclude, "normalize": normalize, "reduction": reduction}

    def loss(z, c, own, tau):
        value = mt.contrast(z, c, ours, theirs, temperature=tau, paired=own if paired else None, **options)
        value = value + mt.align(z, c, ours, theirs, paired=own if paired else None, **options)
        return (value * outer).sum() if reduction == "none" else value

    inputs = [t.requires_grad_() for t in (z, c, own, torch.tensor(0.3, dtype=torch.float64))]
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("symmetric", [False, True])
def test_gradcheck_of_anchors_that_are_the_candidates(form, symmetric, monkeypatch):
    if symmetric:
        monkeypatch.setattr("mixtrast.algebra.BLOCK_CPU", 0)
    z, labels = rows(7).requires_grad_(), soft(7, 2, 3, nobody=0)
    tau = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    for exclude in (torch.arange(7), None):
        for normalize in ("row", "total"):
            options = {"exclude": exclude, "normalize": normalize}
            assert torch.autograd.gradcheck(
                lambda z, tau, options=options: mt.contrast(z, z, labels, labels, temperature=tau, **options), (z, tau)
            )


def test_gradcheck_of_log_partition():
    z, c = rows(5, seed=1).requires_grad_(), rows(6, seed=2).requires_grad_()
    who = (Labels.of(torch.tensor([0, 1, 2, 9, 0])), Labels.of(torch.tensor([0, 1, 1, 2, 0, 2])))
    outer = torch.rand(5, dtype=torch.float64)
    exclude = torch.tensor([0, 1, 2, 3, 4])
    assert torch.autograd.gradcheck(
        lambda z, c: (mt.log_partition(z, c, temperature=0.5, exclude=exclude) * outer).sum(), (z, c)
    )

    def seen(z, c):  # row 3 sees no one of its id: -inf, which must not leak into the others' gradients
        return (mt.log_partition(z, c, temperature=0.5, among=who)[[0, 1, 2, 4]] * outer[:4]).sum()

    assert torch.autograd.gradcheck(seen, (z, c))


def test_one_pass_and_recomputed_gradients_agree(form):
    z, c, own = rows(40, seed=1).requires_grad_(), rows(60, seed=2).requires_grad_(), rows(40, seed=3).requires_grad_()
    labels = (soft(40, 2, 6, seed=1), soft(60, 2, 6, seed=2))
    for paired in (None, own):
        options = {"temperature": 0.1, "paired": paired}
        inputs = [t for t in (z, c, paired) if t is not None]
        known = gradients(mt.contrast(z, c, *labels, **options), *inputs)
        recomputed = gradients(mt.contrast(z, c, *labels, **options, reduction="none").mean(), *inputs)
        for a, b in zip(known, recomputed, strict=True):
            torch.testing.assert_close(a, b, **F64)


def test_gradient_only_where_asked():
    z, c, labels = rows(6).requires_grad_(), rows(8, seed=1), (soft(6, 1, 3), soft(8, 1, 3, seed=1))
    loss = mt.contrast(z, c, *labels, temperature=0.1)
    loss.backward()
    assert z.grad is not None
    assert c.grad is None
    only = c.clone().requires_grad_()
    assert gradients(mt.contrast(z.detach(), only, *labels, temperature=0.1), only)[0].abs().sum() > 0
    with torch.no_grad():
        assert not mt.contrast(z, c, *labels, temperature=0.1).requires_grad


def test_a_detached_candidate_gets_no_gradient_through_the_anchors():
    """z and z.detach() share memory; only one side may move."""
    z, labels = rows(6).requires_grad_(), Labels.of(torch.tensor([0, 0, 1, 1, 2, 2]))
    options = {"temperature": 0.2, "exclude": torch.arange(6)}
    one_side = gradients(mt.contrast(z, z.detach(), labels, labels, **options), z)[0]
    a, b = z.detach().clone().requires_grad_(), z.detach().clone().requires_grad_()
    left, right = gradients(mt.contrast(a, b, labels, labels, **options), a, b)
    torch.testing.assert_close(one_side, left, **F64)
    torch.testing.assert_close(gradients(mt.contrast(z, z, labels, labels, **options), z)[0], left + right, **F64)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_second_derivative_is_refused_with_a_sentence(reduction):
    z, labels = rows(6).requires_grad_(), soft(6, 1, 3)
    loss = mt.contrast(z, rows(6, seed=1), labels, labels, temperature=0.1, reduction=reduction).sum()
    (first,) = torch.autograd.grad(loss, z, create_graph=True)
    plain = gradients(mt.contrast(z, rows(6, seed=1), labels, labels, temperature=0.1, reduction=reduction).sum(), z)[0]
    torch.testing.assert_close(first.detach(), plain, **F64)
    with pytest.raises(RuntimeError, match="first derivative only"):
        first.sum().backward()


def test_backward_twice_with_retained_graph():
    z, labels = rows(6).requires_grad_(), soft(6, 1, 3)
    loss = mt.contrast(z, z, labels, labels, temperature=0.1)
    loss.backward(retain_graph=True)
    once = z.grad.clone()
    (2 * loss).backward()
    torch.testing.assert_close(z.grad, 3 * once, **F64)


# --- equivalences -------------------------------------------------------------------------------------------------------


def test_mixed_contrast_is_the_weighted_sum_of_hard_ones(form):
    """i-Mix on N-pair: λ CE(own) + (1 - λ) CE(partner)."""
    z, c, mix, who = rows(9, seed=1), rows(9, seed=2), pairs(9), Labels.of(torch.arange(9))
    mixed = mt.contrast(z, c, who.mix(mix), who, temperature=0.2, reduction="none")
    hard = [
        mt.contrast(z, c, Labels.of(column), who, temperature=0.2, reduction="none") * share
        for column, share in zip(mix.parents.unbind(1), mix.weight.unbind(1), strict=True)
    ]
    torch.testing.assert_close(mixed, sum(hard), **F64)


def test_npair_is_cross_entropy_against_the_diagonal(form):
    z, c, who = rows(9, seed=1), rows(9, seed=2), Labels.of(torch.arange(9))
    torch.testing.assert_close(
        mt.contrast(z, c, who, who, temperature=0.2), F.cross_entropy(z @ c.T / 0.2, torch.arange(9)), **F64
    )


def test_simclr_is_supcon_of_unique_labels(form):
    """Two views of n examples, all classes distinct: the only positive is the other view."""
    z, n = rows(14), 7
    who = Labels.of(torch.arange(n).repeat(2))
    ours = mt.contrast(z, z, who, who, temperature=0.3, exclude=torch.arange(14))
    scores = (z @ z.T / 0.3).fill_diagonal_(-math.inf)
    torch.testing.assert_close(ours, F.cross_entropy(scores, torch.arange(14).roll(n)), **F64)


def test_moco_with_an_empty_queue_and_all_keys_is_npair(form):
    q, k, who = rows(8, seed=1), rows(8, seed=2), Labels.of(torch.arange(8))
    empty = torch.zeros(0, 5, dtype=torch.float64)
    keys, names = torch.cat([k, empty]), Labels.cat(who, Labels.nobody(0))
    torch.testing.assert_close(
        mt.contrast(q, keys, who, names, temperature=0.2), mt.contrast(q, k, who, who, temperature=0.2), **F64
    )


def test_paired_is_a_candidate_that_only_its_row_sees(form):
    """Standard MoCo, written with paired, and with all keys as candidates of which a row is shown its own alone."""
    q, k, queue, n = rows(6, seed=1), rows(6, seed=2), rows(10, seed=3), 6
    who, nobody = Labels.of(torch.arange(n)), Labels.nobody(10)
    ours = mt.contrast(q, queue, who, nobody, temperature=0.1, paired=k, reduction="none")
    others = torch.tensor([[j for j in range(n) if j != i] for i in range(n)])
    shown = mt.contrast(
        q, torch.cat([k, queue]), who, Labels.cat(who, nobody), temperature=0.1, exclude=others, reduction="none"
    )
    torch.testing.assert_close(ours, shown, **F64)
    empty = mt.contrast(q, queue[:0], who, Labels.nobody(0), temperature=0.1, paired=k)
    assert empty.abs() < 1e-12  # a positive alone is certain


def test_align_is_the_attraction_term(form):
    """contrast = log Z - <z, m> / τ and align = 2 - 2 <z, m>."""
    z, c, labels = rows(9, seed=1), rows(7, seed=2), (soft(9, 2, 4, seed=1), soft(7, 2, 4, seed=2))
    pull = mt.log_partition(z, c, temperature=0.5) - mt.contrast(z, c, *labels, temperature=0.5, reduction="none")
    full = mt.row_mass(*labels) > 0
    torch.testing.assert_close(mt.align(z, c, *labels, reduction="none")[full], (2 - 2 * 0.5 * pull)[full], **F64)


def test_row_and_total_normalisation_agree_when_masses_are_equal(form):
    z, who = rows(12), Labels.of(torch.arange(4).repeat(3))
    options = {"temperature": 0.1, "exclude": torch.arange(12)}
    torch.testing.assert_close(
        mt.contrast(z, z, who, who, **options), mt.contrast(z, z, who, who, **options, normalize="total"), **F64
    )


def test_reading_a_of_mixsupcon_is_one_partition_for_the_batch(form):
    """log Σ_i Z_i from log_partition, against the double sum over pairs i ≠ j."""
    z, labels, n = rows(8), Labels.of(torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])).mix(pairs(8)), 8
    itself = torch.arange(n)
    one = torch.logsumexp(mt.log_partition(z, z, temperature=0.2, exclude=itself), 0)
    rowwise = mt.log_partition(z, z, temperature=0.2, exclude=itself)
    mass = mt.row_mass(labels, labels, exclude=itself)
    reading_b = mt.contrast(z, z, labels, labels, temperature=0.2, exclude=itself, normalize="total")
    ours = reading_b + one - (mass * rowwise).sum() / mass.sum()
    w = torch.tensor(oracle.affinity(labels, labels, itself), dtype=torch.float64)
    scores = z @ z.T / 0.2
    everyone = torch.logsumexp(scores[~torch.eye(n, dtype=torch.bool)], 0)
    torch.testing.assert_close(ours, (w * (everyone - scores)).sum() / w.sum(), **F64)


def test_mixsupcon_equals_the_loops_and_is_supcon_where_nothing_is_mixed(form):
    """Readings C ("row") and B ("total"): (1/M) Σ_k Σ_l≠k W_kl / r_k (-log p_kl), W of the mixed classes."""
    z, classes, itself = rows(12), Labels.of(torch.arange(12) % 4), torch.arange(12)
    mixed = classes.mix(pairs(12))
    for normalize in ("row", "total"):
        options = {"temperature": 0.1, "exclude": itself, "normalize": normalize}
        truth = torch.tensor(oracle.contrast(z, z, mixed, mixed, **options), dtype=torch.float64)
        torch.testing.assert_close(mt.contrast(z, z, mixed, mixed, **options), truth, **F64)
    pure = classes.mix(Mix.identity(12))
    options = {"temperature": 0.1, "exclude": itself}
    torch.testing.assert_close(mt.contrast(z, z, pure, pure, **options), mt.contrast(z, z, classes, classes, **options), **F64)


def test_permuting_the_batch_changes_nothing(form):
    z, c, labels = rows(9, seed=1), rows(11, seed=2), (soft(9, 2, 4, seed=1), soft(11, 2, 4, seed=2))
    exclude = torch.randint(-1, 11, (9, 2), generator=torch.Generator().manual_seed(3))
    rowp, colp = torch.randperm(9), torch.randperm(11)
    place = torch.cat([colp.argsort(), torch.tensor([-1])])  # where candidate j went; -1 stays -1
    moved = [Labels(part.ids[p], part.weight[p]) for part, p in zip(labels, (rowp, colp), strict=True)]
    for normalize in ("row", "total"):
        before = mt.contrast(z, c, *labels, temperature=0.1, exclude=exclude, normalize=normalize)
        after = mt.contrast(z[rowp], c[colp], *moved, temperature=0.1, exclude=place[exclude][rowp], normalize=normalize)
        torch.testing.assert_close(before, after, **F64)


@pytest.mark.parametrize("block", [1, 64, 300, 1 << 20])
def test_blocks_of_any_size_give_the_same(monkeypatch, block):
    z, c, own = rows(70, seed=1).requires_grad_(), rows(50, seed=2).requires_grad_(), rows(70, seed=3).requires_grad_()
    labels, exclude = (soft(70, 2, 9, seed=1), soft(50, 2, 9, seed=2)), torch.arange(70) % 50
    whole = mt.contrast(z, c, *labels, temperature=0.1, exclude=exclude, paired=own)
    truth = [whole, *gradients(whole, z, c, own)]
    monkeypatch.setattr(partition, "BLOCK_CPU", block)
    parts = mt.contrast(z, c, *labels, temperature=0.1, exclude=exclude, paired=own)
    for a, b in zip(truth, [parts, *gradients(parts, z, c, own)], strict=True):
        torch.testing.assert_close(a, b, **F64)


@pytest.mark.parametrize("n", [33, 200, 1500])
def test_the_symmetric_form_equals_the_one_pass_form(monkeypatch, n):
    monkeypatch.setattr("mixtrast.algebra.BLOCK_CPU", 0)
    monkeypatch.setattr(partition, "BLOCK_CPU", 10 * n)
    monkeypatch.setattr(affinity, "FORMED", 0)
    calls = []
    kept = partition.sweep_itself
    monkeypatch.setattr(partition, "sweep_itself", lambda *a: calls.append(1) or kept(*a))
    labels = Labels.of(torch.arange(n) % 7).mix(pairs(n))
    for dtype, exclude in ((torch.float64, torch.arange(n)), (torch.float64, None), (torch.float32, torch.arange(n))):
        z = rows(n, 16, dtype=dtype).requires_grad_()
        other = z.detach().clone().requires_grad_()
        options = {"temperature": 0.1, "exclude": exclude}
        half = mt.contrast(z, z, labels, labels, **options)
        full = mt.contrast(z, other, labels, labels, **options)
        tolerance = F64 if dtype is torch.float64 else F32
        torch.testing.assert_close(half, full, **tolerance)
        left, right = gradients(full, z, other)
        ours = gradients(half, z)[0]
        assert (ours - left - right).abs().max() <= (1e-13 if dtype is torch.float64 else 1e-6) * (left + right).abs().max()
    assert len(calls) == 3


@pytest.mark.parametrize("block", [1, 700, 3000])
@pytest.mark.parametrize("paired", [True, False])
def test_candidates_without_a_gradient_give_the_same(monkeypatch, block, paired):
    """The blocks of a queue are cut across its columns, those of rows that need a gradient are not."""
    monkeypatch.setattr(partition, "BLOCK_CPU", block)
    monkeypatch.setattr(partition, "FIXED", 7)
    monkeypatch.setattr(affinity, "FORMED", 0)
    calls = []
    kept = partition.sweep_fixed
    monkeypatch.setattr(partition, "sweep_fixed", lambda *a: calls.append(1) or kept(*a))
    labels = soft(70, 2, 9, seed=1), soft(50, 2, 9, seed=2)
    for dtype, normalize in ((torch.float64, "row"), (torch.float64, "total"), (torch.float32, "row")):
        z, c, own = (rows(n, seed=n, dtype=dtype) for n in (70, 50, 71))
        needed = [z.requires_grad_(), own[:70].clone().requires_grad_()][: 1 + paired]
        options = {"temperature": 0.1, "normalize": normalize, "paired": needed[1] if paired else None}
        fixed = mt.contrast(z, c, *labels, **options)
        free = mt.contrast(z, c.clone().requires_grad_(), *labels, **options)
        with torch.no_grad():
            torch.testing.assert_close(mt.contrast(z, c, *labels, **options), fixed.detach())
        tolerance = F64 if dtype is torch.float64 else F32
        for ours, theirs in zip([fixed, *gradients(fixed, *needed)], [free, *gradients(free, *needed)], strict=True):
            torch.testing.assert_close(ours, theirs, **tolerance)
    assert len(calls) == 6  # with a gradient and without
    options["exclude"] = torch.arange(70) % 50
    mt.contrast(z, c, *labels, **options)
    mt.contrast(z, c, *labels, **{**options, "exclude": None, "temperature": 0.01})  # scores beyond 60
    assert len(calls) == 6


# --- cares --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.03, 0.02, 0.01, 0.003, 0.001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_temperature_in_float32_and_bfloat16(temperature, dtype):
    """Over one block and unit rows that oppose each other: an unshifted exponential would over- or underflow below τ = .012.

    The truth is float64 on the rows as rounded. Scores err by 6e-8 / τ times a few.
    """
    n = 1600
    z = rows(n, 16, dtype=dtype)
    z[1::2] = -z[::2]
    labels = Labels.of(torch.arange(n) // 4)
    z.requires_grad_()
    loss = mt.contrast(z, z, labels, labels, temperature=temperature, exclude=torch.arange(n))
    assert loss.dtype == torch.float32
    (ours,) = gradients(loss, z)
    assert ours.dtype == dtype
    wide = z.detach().double().requires_grad_()
    scores = (wide @ wide.T / temperature).masked_fill(torch.eye(n, dtype=torch.bool), -math.inf)
    same = (labels.ids == labels.ids.T) & ~torch.eye(n, dtype=torch.bool)
    truth = (torch.logsumexp(scores, 1) - torch.where(same, scores, 0).sum(1) / 3).mean()
    torch.testing.assert_close(loss.double(), truth, rtol=1e-5, atol=1e-6 / temperature)
    (wanted,) = gradients(truth, wide)
    coarse = 2e-5 if dtype is torch.float32 else 8e-3  # bfloat16 gradients are rounded to 8 bits on the way out
    assert (ours.double() - wanted).norm() <= max(coarse, 1e-6 / temperature) * wanted.norm()


def test_small_temperatures_hand_over_from_the_symmetric_form(monkeypatch):
    """Without a shift exp(1 / τ) overflows float32 below τ of .0113, so the half sweeps stop at scores of 60."""
    calls = []
    kept = partition.sweep_itself
    monkeypatch.setattr(partition, "sweep_itself", lambda *a: calls.append(1) or kept(*a))
    z, labels = rows(1500, 16, dtype=torch.float32).requires_grad_(), Labels.of(torch.arange(1500) // 2)
    taken = {}
    for temperature in (0.1, 0.0168, 0.0165, 0.01):
        calls.clear()
        assert torch.isfinite(mt.contrast(z, z, labels, labels, temperature=temperature, exclude=torch.arange(1500)))
        taken[temperature] = bool(calls)
    assert taken == {0.1: True, 0.0168: True, 0.0165: False, 0.01: False}
    hot = kept(z.detach(), torch.ones(1500), True, 1 / 0.005)
    assert not torch.isfinite(hot.log_z).all()  # what the hand-over spares us
    calls.clear()
    mt.contrast(3 * z, 3 * z, labels, labels, temperature=0.1)
    longer = 3 * z
    mt.contrast(longer, longer, labels, labels, temperature=0.1)  # rows need not be unit: 9 / .1 = 90 > 60
    assert not calls


def test_masses_near_zero_keep_their_positives(form):
    """A row whose only positive weighs 1e-20 is pulled by it in full, and one with none by nothing."""
    ids = torch.tensor([[0, 1], [1, 2], [3, 4], [5, 6]])
    weight = torch.tensor([[1.0, 1e-20], [1e-20, 1.0], [1.0, 1e-20], [1.0, 1e-20]], dtype=torch.float64)
    labels, z = Labels(ids, weight), rows(4).requires_grad_()
    itself = torch.arange(4)
    mass = mt.row_mass(labels, labels, exclude=itself)
    torch.testing.assert_close(mass, torch.tensor([1e-40, 1e-40, 0, 0], dtype=torch.float64), rtol=1e-12, atol=0)
    loss = mt.contrast(z, z, labels, labels, temperature=0.2, exclude=itself, reduction="none")
    truth = mt.contrast(z, z, *[Labels.of(torch.tensor([0, 0, 1, 2]))] * 2, temperature=0.2, exclude=itself, reduction="none")
    torch.testing.assert_close(loss, truth, **F64)
    torch.testing.assert_close(gradients(loss.sum(), z)[0], gradients(truth.sum(), z)[0], **F64)


@pytest.mark.parametrize("small", [1e-3, 1e-7, 1e-9, 1e-12, 1e-15, 1e-18, 1e-30])
def test_what_is_left_after_the_own_term_is_subtracted_is_exact(form, small):
    """λ drawn at a small α: a row's own mass is 1, what others share with it is `small`."""
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 12, (20, 2), generator=g)
    weight = torch.rand(20, 2, generator=g, dtype=torch.float64)
    weight[:, 1] = small * (1 + weight[:, 1])
    labels, itself = Labels(ids, weight), torch.arange(20)
    truth = torch.tensor(oracle.affinity(labels, labels, itself), dtype=torch.float64)
    torch.testing.assert_close(mt.row_mass(labels, labels, exclude=itself), truth.sum(1), rtol=1e-8, atol=0)
    z = rows(20, seed=1).requires_grad_()
    c = rows(20, seed=2).requires_grad_()
    loss = mt.contrast(z, c, labels, labels, temperature=0.2, exclude=itself)
    target = truth / truth.sum(1, keepdim=True).clamp(min=1e-300)
    scores = (z @ c.T / 0.2).masked_fill(torch.eye(20, dtype=torch.bool), -math.inf)
    log_p = torch.log_softmax(scores, 1).masked_fill(torch.eye(20, dtype=torch.bool), 0)
    dense = -(target * log_p).sum() / 20
    torch.testing.assert_close(loss, dense, rtol=1e-8, atol=1e-10)
    for a, b in zip(gradients(loss, z, c), gradients(dense, z, c), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_a_row_that_only_matches_itself_is_exactly_empty(form):
    """In float32 the own term leaves about 1e-8 when subtracted from the group's mass, which would be normalised to 1."""
    g = torch.Generator().manual_seed(0)
    weight = torch.rand(64, 2, generator=g)
    labels = Labels(torch.arange(128).view(64, 2), weight)
    z = rows(64, dtype=torch.float32).requires_grad_()
    assert (mt.row_mass(labels, labels, exclude=torch.arange(64)) == 0).all()
    loss = mt.contrast(z, z, labels, labels, temperature=0.1, exclude=torch.arange(64))
    assert loss == 0
    assert (gradients(loss, z)[0] == 0).all()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("normalize", ["row", "total"])
def test_all_rows_empty_and_a_single_row_give_zero_and_no_nan(form, reduction, normalize):
    nobody = Labels.nobody(5)
    options = {"temperature": 0.1, "reduction": reduction, "normalize": normalize}
    z = rows(5).requires_grad_()
    for labels, x, exclude in ((nobody, z, None), (nobody, z, torch.arange(5))):
        loss = mt.contrast(x, x, labels, labels, exclude=exclude, **options).sum()
        assert loss == 0
        assert (gradients(loss, z)[0] == 0).all()
    alone = rows(1).requires_grad_()  # sees no one at all: log Z is -inf
    who = Labels.of(torch.zeros(1, dtype=torch.long))
    loss = mt.contrast(alone, alone, who, who, exclude=torch.zeros(1, dtype=torch.long), **options).sum()
    assert loss == 0
    assert (gradients(loss, alone)[0] == 0).all()


def test_a_candidate_excluded_twice_is_excluded_once(form):
    z, c, labels = rows(4, seed=1), rows(5, seed=2), (soft(4, 2, 3, seed=1, nobody=0), soft(5, 2, 3, seed=2, nobody=0))
    once = torch.tensor([[0, 3], [1, -1], [2, 4], [-1, -1]])
    twice = torch.tensor([[3, 0, 3, 0], [-1, 1, 1, -1], [4, 4, 4, 2], [-1, -1, -1, -1]])
    for reduction in ("none", "mean"):
        results = [
            mt.contrast(z, c, *labels, temperature=0.1, exclude=exclude, reduction=reduction) for exclude in (once, twice)
        ]
        torch.testing.assert_close(*results, **F64)
    torch.testing.assert_close(mt.row_mass(*labels, exclude=once), mt.row_mass(*labels, exclude=twice), **F64)


def test_same_bits_at_every_run():
    z, labels = rows(600, 32, dtype=torch.float32), soft(600, 2, 20)
    for exclude in (None, torch.arange(600)):
        results = []
        for _ in range(3):
            x = z.clone().requires_grad_()
            loss = mt.contrast(x, x, labels, labels, temperature=0.1, exclude=exclude)
            results.append((loss.item(), gradients(loss, x)[0]))
        assert all(r[0] == results[0][0] and torch.equal(r[1], results[0][1]) for r in results)


def test_autocast_and_lowered_products_are_off_inside():
    """2,048 rows of length 64: bfloat16 products would err by 1e-3 of the scores."""
    z, c, labels = rows(300, 64, seed=1, dtype=torch.float32), rows(2048, 64, seed=2, dtype=torch.float32), None
    labels = (Labels.of(torch.arange(300)), Labels.of(torch.arange(2048)))
    truth = mt.contrast(z.double(), c.double(), *labels, temperature=0.05)

    def check():
        a, b = z.clone().requires_grad_(), c.clone().requires_grad_()
        for reduction in ("mean", "none"):
            loss = mt.contrast(a, b, *labels, temperature=0.05, reduction=reduction).mean()
            torch.testing.assert_close(loss.double(), truth, **F32)
            loss.backward()
        assert a.grad.dtype == torch.float32

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (z @ c.T).dtype == torch.bfloat16  # the region is a real one
        check()
        assert torch.is_autocast_enabled("cpu")
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "bf16"
        check()
        assert matmul.fp32_precision == "bf16"  # restored
    finally:
        matmul.fp32_precision = before


def test_precision_is_inherited_again_and_shared_by_threads():
    """What is set for all backends is not pinned to one; a thread that leaves does not lower another that is inside."""
    matmul = torch.backends.mkldnn.matmul
    before = torch.backends.fp32_precision
    try:
        torch.backends.fp32_precision = "tf32"
        with precision.exact():
            assert matmul.fp32_precision == "ieee"
            other = threading.Thread(target=lambda: mt.contrast(Z, Z, Y, Y, temperature=0.1))
            other.start()
            other.join()
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = before


def test_no_matrix_of_scores_is_kept(monkeypatch):
    """The largest tensor saved for backward is linear in the rows."""
    n, d = 2000, 8
    z, labels = rows(n, d, dtype=torch.float32).requires_grad_(), soft(n, 2, 10)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        for reduction in ("mean", "none"):
            mt.contrast(z, z, labels, labels, temperature=0.1, exclude=torch.arange(n), reduction=reduction)
    assert max(sizes) <= n * d


def test_mixed_precision_of_anchors_and_queue():
    """Under autocast queries come in bfloat16 and the queue is float32."""
    q, queue, k = rows(6, dtype=torch.bfloat16), rows(9, dtype=torch.float32), rows(6, seed=1, dtype=torch.bfloat16)
    q.requires_grad_()
    loss = mt.contrast(q, queue, Labels.of(torch.arange(6)), Labels.nobody(9), temperature=0.2, paired=k)
    loss.backward()
    assert loss.dtype == torch.float32
    assert q.grad.dtype == torch.bfloat16


def test_a_half_precision_temperature_is_the_number_it_is(form):
    """Its powers are taken in the rows' precision, on both sides alike."""
    z, labels = rows(12, dtype=torch.float32), Labels.of(torch.arange(12) // 2)
    for dtype in (torch.bfloat16, torch.float16):
        tau = torch.tensor(0.07, dtype=dtype)
        options = {"exclude": torch.arange(12)}
        exactly = mt.contrast(z, z, labels, labels, temperature=float(tau), **options)
        torch.testing.assert_close(mt.contrast(z, z, labels, labels, temperature=tau, **options), exactly, **F32)
        torch.testing.assert_close(mt.contrast(z, z.clone(), labels, labels, temperature=tau, **options), exactly, **F32)


def test_a_queue_may_be_written_to_before_the_backward():
    """Enqueueing overwrites candidates that need no gradient; keys may come from inference mode."""
    q, queue, who = rows(4).requires_grad_(), rows(9, seed=1), Labels.of(torch.arange(4))
    with torch.inference_mode():
        keys = rows(4, seed=2)
    options = {"temperature": 0.2, "paired": keys}
    (wanted,) = gradients(mt.contrast(q, queue.clone(), who, Labels.nobody(9), **options), q)
    loss = mt.contrast(q, queue, who, Labels.nobody(9), **options)
    queue[:4] = keys
    torch.testing.assert_close(gradients(loss, q)[0], wanted, **F64)


def test_a_label_of_weight_zero_is_nobody_among_its_like():
    ours, theirs = Labels(torch.tensor([[3]]), torch.zeros(1, 1)), Labels.of(torch.tensor([3, 3]))
    assert mt.log_partition(Z[:1], Z[:2], temperature=0.1, among=(ours, theirs)) == -math.inf


def test_temperature_may_be_a_parameter_of_any_shape_and_dtype():
    z, labels = rows(8, dtype=torch.float32).requires_grad_(), Labels.of(torch.arange(8) // 2)
    plain = mt.contrast(z, z, labels, labels, temperature=0.25, exclude=torch.arange(8))
    for tau in (torch.tensor(0.25), torch.tensor([0.25]), torch.tensor([[0.25]], dtype=torch.float64)):
        tau.requires_grad_()
        loss = mt.contrast(z, z, labels, labels, temperature=tau, exclude=torch.arange(8))
        torch.testing.assert_close(loss, plain, **F32)
        loss.backward()
        assert tau.grad.shape == tau.shape
        assert tau.grad.abs().sum() > 0


# --- the door -----------------------------------------------------------------------------------------------------------

Z, Y = rows(4), Labels.of(torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"temperature": 0.0}, ValueError, "`temperature` of contrast must be > 0, got 0"),
        ({"temperature": -1}, ValueError, "must be > 0"),
        ({"temperature": float("nan")}, ValueError, "must be > 0, got nan"),
        ({"temperature": torch.tensor(-0.1)}, ValueError, "must be > 0"),
        ({"temperature": torch.ones(2)}, TypeError, "scalar tensor"),
        ({"temperature": "0.1"}, TypeError, "a number or a scalar tensor, got str"),
        ({"anchors": Z[0]}, TypeError, "`anchors` of contrast must be a floating tensor of two dimensions"),
        ({"anchors": Z.long()}, TypeError, "int64"),
        ({"anchors": Z[:0], "anchor_labels": Labels.nobody(0)}, ValueError, "must have rows"),
        ({"candidates": rows(4, 6)}, ValueError, "5 dimensions"),
        ({"anchor_labels": Labels.of(torch.arange(3))}, ValueError, "one row for each of the 4 anchors"),
        ({"candidate_labels": Labels.of(torch.arange(5))}, ValueError, "one row for each of the 4 candidates"),
        ({"exclude": torch.arange(3)}, TypeError, r"shape \(4,\) or \(4,E\)"),
        ({"exclude": torch.arange(4.0)}, TypeError, "int64"),
        ({"exclude": torch.tensor([0, 1, 2, 4])}, ValueError, "0 to 3, or -1"),
        ({"exclude": torch.tensor([0, 1, 2, -2])}, ValueError, "got -2"),
        ({"paired": rows(3)}, ValueError, "one row for each of the 4 anchors"),
        ({"normalize": "rows"}, ValueError, "'row', 'total', got 'rows'"),
        ({"reduction": "avg"}, ValueError, "'mean', 'sum', 'none'"),
        (
            {"anchors": Z.clone().index_fill_(0, torch.tensor([2]), math.nan)},
            ValueError,
            "NaN or infinity in 1 of 4 rows, first in row 2",
        ),
        ({"candidates": Z.clone().fill_(math.inf)}, ValueError, "`candidates` of contrast must be finite"),
        ({"paired": Z.clone().fill_(math.nan)}, ValueError, "`paired` of contrast must be finite"),
    ],
)
def test_bad_input_is_one_clear_error(change, error, says):
    good = {"anchors": Z, "candidates": rows(4, seed=1), "anchor_labels": Y, "candidate_labels": Y, "temperature": 0.1}
    mt.contrast(**good)
    with pytest.raises(error, match=says):
        mt.contrast(**(good | change))


def test_plain_ids_may_stand_for_labels():
    y = torch.tensor([0, 0, 1, 1])
    assert mt.contrast(Z, Z, y, y, temperature=0.1) == mt.contrast(Z, Z, Y, Y, temperature=0.1)


def test_labels_and_mixes_say_what_they_are_and_refuse_what_they_are_not():
    assert repr(Y) == "Labels(4 rows, 1 slots, cpu)"
    assert repr(Mix.identity(3)) == "Mix(3 rows of 1 parents, cpu)"
    assert Y.to("cpu").ids.equal(Y.ids)
    with pytest.raises(TypeError, match="the Mix that a mixer returned, got torch"):
        Y.mix(torch.arange(4))
    with pytest.raises(ValueError, match="-1 or more where `instance` is given, got -5"):
        Labels.of(torch.tensor([-5, -1]), instance=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="`instance` must be 0 or more"):
        Labels.of(torch.tensor([0, -1]), instance=torch.tensor([0, -1]))
    with pytest.raises(ValueError, match="takes row 4, but there are labels for 4 rows"):
        Y.mix(Mix(torch.tensor([[4]]), torch.ones(1, 1)))
    with pytest.raises(ValueError, match="at least one set of rows"):
        Labels.cat()
    with pytest.raises(ValueError, match="rows that sum to 1"):
        Mix(torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.4]]))


def test_unlabelled_rows_are_classes_of_their_own():
    """Semi-supervised: both views of an unlabelled example are each other's only positive."""
    y, index = torch.tensor([0, 0, -1, -1]), torch.arange(4)
    labels = Labels.of(y.repeat(2), instance=index.repeat(2))
    mass = mt.row_mass(labels, labels, exclude=torch.arange(8))
    assert mass.tolist() == [3, 3, 1, 1, 3, 3, 1, 1]


def test_among_needs_hard_labels():
    with pytest.raises(ValueError, match="needs hard labels, one id for each of the 4 anchors"):
        mt.log_partition(Z, Z, temperature=0.1, among=(soft(4, 2, 3), Y))


def test_classes_outside_the_logits_are_refused():
    with pytest.raises(ValueError, match="class 1, but the logits have classes 0 to 0"):
        mt.soft_cross_entropy(torch.zeros(4, 1), Y)
    with pytest.raises(TypeError, match="floating tensor"):
        mt.soft_cross_entropy(torch.zeros(4), Y)


@pytest.mark.parametrize("seed", range(8))
def test_groups_as_a_gpu_makes_them_give_the_same(seed, monkeypatch):
    """There nothing is looked at: dead slots stay, nobody in a group of its own for each, so that none is long."""
    ours, theirs = soft(9, 2, 4, seed), Labels.cat(soft(7, 2, 4, seed + 50), Labels.nobody(20))
    exclude = torch.randint(-1, 27, (9, 2), generator=torch.Generator().manual_seed(seed))

    def both() -> list[Tensor]:
        z, c = rows(9, seed=seed).requires_grad_(), rows(27, seed=seed + 1).requires_grad_()
        value = mt.contrast(z, c, ours, theirs, temperature=0.2, exclude=exclude)
        return [value, *gradients(value, z, c)]

    monkeypatch.setattr(affinity, "FORMED", 0)
    looked = both()
    monkeypatch.setattr(affinity, "on_cpu", lambda x: False)
    for one, other in zip(both(), looked, strict=True):
        torch.testing.assert_close(one, other, **F64)
    slots = (ours.ids, ours.weight), (theirs.ids, theirs.weight)
    held = affinity.affinity(*slots, exclude, itself=False, paired=False, dtype=torch.float64)
    of_nobody = held.candidate_group[theirs.ids == -1]
    assert len(of_nobody.unique()) == len(of_nobody)
