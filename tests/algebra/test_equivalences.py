"""Losses of the literature as special cases of one another, and equal results of all forms."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

import mixtrast as mt
from mixtrast import Labels, Mix
from mixtrast.algebra import _affinity as affinity
from mixtrast.algebra import _partition as partition
from support import oracle
from support.rows import gradients, pairs, rows, soft
from support.tolerances import F32, F64


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
