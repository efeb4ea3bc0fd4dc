"""Extreme temperatures, empty rows, memory and determinism."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import Labels
from mixtrast.algebra import _affinity as affinity
from mixtrast.algebra import _formed
from mixtrast.algebra import _partition as partition
from support import oracle
from support.rows import Z, gradients, pairs, rows, soft
from support.tolerances import F32, F64

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


def test_no_matrix_of_scores_is_kept(monkeypatch):
    """The largest tensor saved for backward is linear in the rows."""
    n, d = 2000, 8
    z, labels = rows(n, d, dtype=torch.float32).requires_grad_(), soft(n, 2, 10)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        for reduction in ("mean", "none"):
            mt.contrast(z, z, labels, labels, temperature=0.1, exclude=torch.arange(n), reduction=reduction)
    assert max(sizes) <= n * d


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
    for module in (affinity, _formed):
        monkeypatch.setattr(module, "on_cpu", lambda x: False)
    for one, other in zip(both(), looked, strict=True):
        torch.testing.assert_close(one, other, **F64)
    held = affinity.affinity(ours, theirs, exclude, itself=False, paired=False)
    of_nobody = held.candidate_group[theirs.ids == -1]
    assert len(of_nobody.unique()) == len(of_nobody)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("base", [2**24, 2**53, -(2**53), 2**62])
def test_ids_that_floats_cannot_tell_apart_are_other_ids(form, base, dtype):
    """Small ids are compared as floats, which are exact to 2^24 and 2^53."""
    z = rows(6, dtype=dtype)
    options = {"temperature": 0.2, "exclude": torch.arange(6)}
    near, small = (Labels.of(torch.tensor([0, 0, 1, 1, 2, 2]) + start) for start in (base, 0))
    for ours, theirs in ((near, small), (near.mix(pairs(6)), small.mix(pairs(6)))):
        assert mt.contrast(z, z, ours, ours, **options) == mt.contrast(z, z, theirs, theirs, **options)
