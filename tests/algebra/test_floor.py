"""The floor of a loss: the entropy of its targets."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtrast as mt
from mixtrast import Labels, Mix
from mixtrast.algebra import _formed
from support import oracle
from support.rows import pairs, problems, soft
from support.tolerances import F64


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
    monkeypatch.setattr(_formed, "FORMING", 120)  # two rows of W at a time
    assert mt.floor(labels, labels, exclude=exclude) == whole


def test_plain_ids_have_a_floor_too():
    y = torch.tensor([0, 0, 1, 1])
    assert mt.floor(y, y, exclude=torch.arange(4)) == mt.floor(Labels.of(y), Labels.of(y), exclude=torch.arange(4)) == 0
    with pytest.raises(ValueError, match="'row', 'total', got 'rows'"):
        mt.floor(y, y, normalize="rows")
