"""The one rule for "clearly better", against SciPy's tests and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mixtrast.significance import Difference, Sample, difference, from_test_size, legend, over_examples, paired, quantile


def draws(n: int, seed: int, shift: float = 0.0) -> dict[int, float]:
    rng = np.random.default_rng(seed)
    return {at: float(0.8 + shift + rng.normal(0, 0.02)) for at in range(n)}


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_over_seeds_it_is_scipys_paired_t_test(n):
    ours, theirs = draws(n, 0, 0.01), draws(n, 1)
    found = paired(ours, theirs)
    wanted = stats.ttest_rel(list(ours.values()), list(theirs.values()))
    low, high = wanted.confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (np.mean(list(ours.values())) - np.mean(list(theirs.values())), low, high)
    )
    assert (found.clarity == "unclear") == (wanted.pvalue > 0.05)
    assert found.over == "seeds"
    assert found.n == n


def test_only_shared_seeds_and_finite_scores_count():
    found = paired({0: 1.0, 1: 3.0, 2: math.nan, 5: 9.0}, {0: 0.5, 1: 1.5, 2: 1.0, 7: 1.0})
    assert found.n == 2
    assert found.mean == 1.0
    assert paired({0: 1.0}, {1: 1.0}) is None
    alone = paired({0: 1.0}, {0: 0.5})
    assert (alone.low, alone.high, alone.margin, alone.clarity) == (None, None, None, "unknown")


def test_the_interval_by_hand():
    """Differences 1, 2, 3: mean 2, s.d. 1, t(2) = 4.303, half the width 4.303 / √3."""
    found = paired({0: 2.0, 1: 4.0, 2: 6.0, 7: 1.0}, {2: 3.0, 1: 2.0, 0: 1.0, 8: 5.0})
    assert (found.mean, found.n) == (2.0, 3)
    assert found.margin == pytest.approx(4.302652729911275 / np.sqrt(3))
    assert found.high - found.mean == pytest.approx(found.margin)
    same = paired({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0})
    assert (same.low, same.high, same.clarity) == (0.0, 0.0, "unclear")


def test_quantiles_are_those_of_students_tables():
    assert [round(quantile(freedom), 3) for freedom in (1, 2, 4, 9)] == [12.706, 4.303, 2.776, 2.262]
    assert quantile(10**6) == pytest.approx(1.959966, abs=1e-5)
    assert quantile(4, level=0.5) == pytest.approx(stats.t.ppf(0.75, 4))


@given(both=st.integers(5, 60), first=st.integers(0, 40), second=st.integers(0, 40))
def test_over_examples_it_is_nearly_mcnemars_test(both, first, second):
    """b right by the first only, c by the second only: (|b - c| - 1)² > t² (b + c), up to the variance of the mean."""
    ours = np.array([1] * both + [1] * first + [0] * second, np.float32)
    theirs = np.array([1] * both + [0] * first + [1] * second, np.float32)
    found = over_examples(ours, theirs)
    n, gap = len(ours), first - second
    t = quantile(n - 1)
    half = t * math.sqrt(((first + second) / n - (gap / n) ** 2) / (n - 1)) + (1 / n if first + second else 0)
    assert found.margin == pytest.approx(half)
    assert found.mean == pytest.approx(gap / n)
    assert (found.clarity == "better") == (gap / n > half + 1e-12)
    if found.clarity == "better":  # never without the exact test
        assert stats.binomtest(first, first + second).pvalue < 0.08


def test_five_answers_are_not_clear_and_seven_are():
    base = np.zeros(200, np.float32)
    for answers, clear in ((1, "unclear"), (5, "unclear"), (7, "better")):
        ours = base.copy()
        ours[:answers] = 1
        assert over_examples(ours, base).clarity == clear
        assert over_examples(base, ours).clarity == {"better": "worse"}.get(clear, clear)


def test_weighted_answers_take_one_examples_worth_of_their_own():
    """Balanced accuracy counts an answer as n / (classes · size of its class)."""
    ours, theirs = np.zeros(100, np.float32), np.zeros(100, np.float32)
    ours[:7] = 4.0
    found = over_examples(ours, theirs)
    gains = ours - theirs
    assert found.margin == pytest.approx(quantile(99) * gains.std(ddof=1) / 10 + 0.04)


def test_over_examples_of_numbers_there_is_no_least_difference():
    rng = np.random.default_rng(0)
    ours, theirs = (rng.normal(0.5, 0.1, 80).astype(np.float32) for _ in range(2))
    found = over_examples(ours, theirs, "r2")
    low, high = stats.ttest_rel(ours.astype(float), theirs.astype(float)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert over_examples(ours, theirs[:40]) is None
    assert over_examples(ours[:1], theirs[:1]) is None


def test_without_examples_two_standard_errors_are_the_rule():
    found = difference(Sample.single(0.9, size=450), Sample.single(0.85, size=450))
    assert found.over == "test set size"
    assert found.margin == pytest.approx(2 * math.sqrt((0.9 * 0.1 + 0.85 * 0.15) / 450))
    assert found.clarity == "better"
    assert difference(Sample.single(0.9, size=150), Sample.single(0.85, size=150)).clarity == "unclear"
    constant = difference(Sample.single(0.9, size=450), Sample.single(0.85, size=450, constant=True))
    assert constant.margin == pytest.approx(2 * math.sqrt(0.9 * 0.1 / 450))
    numbers = difference(Sample.single(0.7, size=50, metric="r2"), Sample.single(0.6, size=50, metric="r2"))
    assert numbers.margin == pytest.approx(2 * math.hypot(0.3, 0.4) * math.sqrt(2 / 50))
    assert difference(Sample.single(1.0, size=20), Sample.single(0.95, size=20)).clarity == "unclear", "one example"


def test_where_nothing_is_known_it_is_unknown():
    for metric, size in (("other", 100), ("share", None)):
        found = difference(Sample.single(0.9, size=size, metric=metric), Sample.single(0.5, size=size, metric=metric))
        assert found.clarity == "unknown"
    assert difference(Sample({(0, 0): 1.0}), Sample({(1, 0): 1.0})) is None
    assert difference(Sample({(0, 0): 1.0}), Sample({(0, 1): 1.0})) is None
    assert from_test_size(Sample.single(1.2, size=9), Sample.single(0.1, size=9), 1.1) is None


def test_seeds_go_before_examples():
    ones, zeros = np.ones(50, np.float32), np.zeros(50, np.float32)
    ours = Sample({(seed, 0): 0.8 + 0.02 * seed for seed in range(3)}, dict.fromkeys(range(3), ones), 50)
    theirs = Sample({(seed, 0): 0.8 for seed in range(3)}, dict.fromkeys(range(3), zeros), 50)
    assert difference(ours, theirs) == paired(ours.seeds, theirs.seeds)
    single = difference(Sample.single(1.0, ones, size=50), Sample.single(0.0, zeros, size=50))
    assert (single.over, single.n, single.clarity) == ("test examples", 50, "better")


def test_of_draws_the_wider_interval_counts():
    steady = Sample({(0, draw): 0.90 + 0.001 * draw for draw in range(5)}, size=60)
    lower = Sample({(0, draw): 0.86 + 0.001 * draw for draw in range(5)}, size=60)
    found = difference(steady, lower)
    assert found.over == "test set size", "the draws agree, and 60 examples do not tell 4 points"
    assert found.clarity == "unclear"
    wild = Sample({(0, draw): 0.5 + 0.1 * draw for draw in range(5)}, size=100_000)
    even = Sample({(0, draw): 0.5 for draw in range(5)}, size=100_000)
    assert difference(wild, even).over == "draws"


def test_draws_are_averaged_within_a_seed_over_those_that_both_have():
    ours = Sample({(0, 0): 1.0, (0, 1): 3.0, (1, 0): 2.0})
    theirs = Sample({(0, 0): 0.0, (1, 0): 0.0, (1, 1): 100.0})
    found = difference(ours, theirs)
    assert (found.mean, found.n) == (1.5, 2)


def test_the_legend_names_the_test():
    seeds = Difference(0.0, -1.0, 1.0, 3, "seeds")
    examples = Difference(0.0, -1.0, 1.0, 449, "test examples")
    size = Difference(0.0, -1.0, 1.0, 1449, "test set size")
    assert legend([seeds, None, seeds]).count("paired t-test over 3 seeds") == 1
    assert "paired t-test over 449 test examples)." in legend([examples])
    assert "two standard errors for 1,449 test examples, unpaired" in legend([size])
    assert legend([seeds, examples]).count("3 seeds or 449 test examples") == 1
    assert legend([None, Difference(1.0, None, None, 1, "seeds")]) == ""
