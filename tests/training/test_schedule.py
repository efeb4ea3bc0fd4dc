"""The learning rate by step: formulas of the schedules."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest

from mixtrast.recipe import Training
from mixtrast.training.optimizer import rate
from support.optim import LR, training

STEPS = [1, 2, 3, 7, 10, 100, 333]
WARMUPS = [0.0, 0.05, 0.1, 0.3]


def rates(made: Training, steps: int) -> list[float]:
    return [rate(made, step, steps) for step in range(1, steps + 1)]


def rising(warmup: float, steps: int) -> list[Fraction]:
    """The share of the schedule that each step has: 1/n, 2/n, ... 1 in n steps, the first at or over warmup times steps."""
    n = next(n for n in range(steps + 1) if n >= warmup * steps)
    return [Fraction(min(step, n), n) if n else Fraction(1) for step in range(1, steps + 1)]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("warmup", WARMUPS)
def test_cosine_is_its_formula(warmup, steps):
    """(1 + cos(π t / T)) / 2 after t steps, by the real part of the roots of -1."""
    root, power, expected = complex(math.cos(math.pi / steps), math.sin(math.pi / steps)), 1 + 0j, []
    for share in rising(warmup, steps):
        expected.append(LR * float(share) * (1 + power.real) / 2)
        power *= root
    assert rates(training(warmup=warmup), steps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("warmup", WARMUPS)
@pytest.mark.parametrize("milestones", [("1/2",), ("7/10", "8/10", "9/10"), ("1/3", "2/3"), ()], ids=str)
def test_steps_fall_at_their_milestones(milestones, warmup, steps):
    """From the first step that has the milestone's share of the run behind it, in whole numbers."""
    shares = [Fraction(share) for share in milestones]
    expected = []
    for step, share in enumerate(rising(warmup, steps), 1):
        passed = sum((step - 1) * milestone.denominator >= milestone.numerator * steps for milestone in shares)
        expected.append(LR * 0.2**passed * float(share))
    made = training(schedule="step", gamma=0.2, milestones=tuple(map(float, shares)), warmup=warmup)
    assert rates(made, steps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("warmup", WARMUPS)
def test_constant_is_constant_after_its_warmup(warmup, steps):
    expected = [LR * float(share) for share in rising(warmup, steps)]
    assert rates(training(schedule="constant", warmup=warmup), steps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
@pytest.mark.parametrize(("warmup", "steps"), [*itertools.product([*WARMUPS, 0.9], STEPS)])
def test_a_rate_is_above_zero_and_at_most_the_highest(schedule, warmup, steps):
    """At every step, the first and the last too."""
    assert all(0 < value <= LR for value in rates(training(schedule=schedule, warmup=warmup), steps))


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
@pytest.mark.parametrize(("warmup", "steps"), [*itertools.product([0.05, 0.1, 0.3], [20, 100, 333])])
def test_it_rises_in_the_warmup_and_never_after_it(schedule, warmup, steps):
    seen, rise = rates(training(schedule=schedule, warmup=warmup), steps), math.ceil(warmup * steps)
    assert all(a < b for a, b in itertools.pairwise(seen[:rise]))
    assert all(a >= b for a, b in itertools.pairwise(seen[rise - 1 :]))
    assert seen[0] <= LR / rise


def test_cosine_comes_to_zero_just_after_the_last_step():
    assert rate(training(warmup=0.0), 1, 100) == LR
    assert rate(training(warmup=0.0), 101, 100) == pytest.approx(0, abs=1e-12)
    assert rate(training(warmup=0.0), 51, 100) == pytest.approx(LR / 2)
