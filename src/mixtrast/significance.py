"""The one rule for "clearly better": the 95 % interval of the mean difference excludes 0.

The difference is paired over seeds; with one seed over test examples, and with few labels also over the draws of labels. Runs
that store no scores of single examples (the first edition's) are compared by two standard errors, unpaired.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Clarity = Literal["better", "worse", "unclear", "unknown"]
Over = Literal["seeds", "draws", "test examples", "test set size"]
Metric = Literal["share", "r2", "other"]
K = TypeVar("K", bound=Hashable)
LEVEL = 0.95
PAIRS: dict[Over, str] = {"seeds": "seeds", "draws": "draws of labels", "test examples": "test examples"}
STANDARD_ERRORS = 2  # where single examples are not known
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """Mean difference of two samples, first less second, and its interval over n pairs or test examples.

    `low` and `high` are None where there is one pair only, and nothing else is known.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    over: Over

    @property
    def margin(self) -> float | None:
        """Half the width of the interval: a difference smaller than this is not clear."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def clarity(self) -> Clarity:
        """Whether the first is better or worse than the second: the interval excludes 0."""
        if self.low is None or self.high is None:
            return "unknown"
        return "better" if self.low > _ROUNDING else "worse" if self.high < -_ROUNDING else "unclear"


@dataclass(frozen=True, eq=False)
class Sample:
    """One metric, higher is better, as it was measured.

    Args:
        values: (seed, draw of labels) -> score; the draw is 0 where all labels are used.
        examples: seed -> the score of each test example, mean over draws.
        size: number of test examples.
        metric: "share" of right answers (an accuracy), "r2", or "other", whose standard error is not known from its value.
        constant: the same answer for every example, as of the majority-class baseline: it has no standard error.
    """

    values: Mapping[tuple[Hashable, int], float]
    examples: Mapping[Hashable, NDArray[np.float32]] = field(default_factory=dict)
    size: int | None = None
    metric: Metric = "share"
    constant: bool = False

    @classmethod
    def single(
        cls,
        value: float,
        examples: NDArray[np.float32] | None = None,
        *,
        size: int | None = None,
        metric: Metric = "share",
        constant: bool = False,
    ) -> Sample:
        """One score of one seed."""
        return cls({(0, 0): value}, {} if examples is None else {0: examples}, size, metric, constant)

    @property
    def finite(self) -> list[float]:
        """Every score that is a finite number."""
        return [value for value in self.values.values() if math.isfinite(value)]

    @property
    def seeds(self) -> dict[Hashable, float]:
        """Seed -> mean over draws."""
        found: dict[Hashable, list[float]] = {}
        for (seed, _), value in self.values.items():
            if math.isfinite(value):
                found.setdefault(seed, []).append(value)
        return {seed: statistics.fmean(values) for seed, values in found.items()}


def difference(of: Sample, to: Sample) -> Difference | None:
    """of - to by the rule of this module; None where they share no seed."""
    ours, theirs = of.seeds, to.seeds
    shared = [seed for seed in ours if seed in theirs]
    if len(shared) > 1:
        return paired(_common_draws(of, to), _common_draws(to, of))
    over_draws = paired(of.values, to.values, "draws")
    if not shared or over_draws is None:
        return None
    (seed,) = shared
    of_test = _on_test_set(of, to, seed, over_draws.mean)
    if over_draws.n < 2 or over_draws.margin is None:
        return of_test or replace(over_draws, over="seeds")
    if of_test is None or of_test.margin is None or of_test.margin <= over_draws.margin:
        return over_draws
    return of_test


def paired(of: Mapping[K, float], to: Mapping[K, float], over: Over = "seeds") -> Difference | None:
    """of - to over the keys that both have: mean d ± t(n-1) s_d / √n. None where they share none.

    Pairs remove what a seed does to both alike: its split and its initial weights. NaN counts as absent.

    >>> found = paired({0: 3.0, 1: 5.0, 2: 7.0}, {0: 2.0, 1: 3.0, 2: 4.0, 9: 0.0})
    >>> found.mean, found.n, round(found.low, 3), round(found.high, 3), found.clarity
    (2.0, 3, -0.484, 4.484, 'unclear')

    Reference: Student, The probable error of a mean, Biometrika 1908.
    """
    gains = [gain for key in of if key in to and math.isfinite(gain := of[key] - to[key])]
    if not gains:
        return None
    mean = statistics.fmean(gains)
    if len(gains) == 1:
        return Difference(mean, None, None, 1, over)
    return _around(mean, quantile(len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains)), len(gains), over)


def over_examples(of: NDArray[np.float32], to: NDArray[np.float32], metric: Metric = "share") -> Difference | None:
    """The same over test examples; None for under two. Of shares the interval is one example's worth wider on either side.

    For right and wrong answers this is nearly McNemar's test with Edwards's correction, (|b - c| - 1)² > t² (b + c).

    Reference: Edwards, Note on the "correction for continuity" in testing the significance of the difference between
        correlated proportions, Psychometrika 1948.
    """
    if of.shape != to.shape or of.ndim != 1 or len(of) < 2:
        return None
    gains = of.astype(np.float64) - to.astype(np.float64)
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    different = np.abs(gains[gains != 0])
    one = float(different.mean()) / len(gains) if metric == "share" and different.size else 0.0
    return _around(float(gains.mean()), quantile(len(gains) - 1) * error + one, len(gains), "test examples")


def from_test_size(of: Sample, to: Sample, mean: float) -> Difference | None:
    """Two standard errors of the difference of two scores, each on `size` test examples of its own.

    Of accuracies √(p(1-p)/n + q(1-q)/n), and at least one example; of R² with normal errors √(2/n) √((1-p)² + (1-q)²).
    None where the size or the standard error is not known.
    """
    size, scores = of.size, [(each.constant, statistics.fmean(each.seeds.values())) for each in (of, to)]
    share = of.metric == "share"
    if not size or of.metric == "other" or (share and not all(0 <= p <= 1 for _, p in scores)):
        return None
    variance = sum((p * (1 - p) if share else 2 * (1 - p) ** 2) / size for constant, p in scores if not constant)
    margin = max(STANDARD_ERRORS * math.sqrt(variance), 1 / size if share else 0.0)
    return _around(mean, margin, size, "test set size")


def quantile(freedom: int, level: float = LEVEL) -> float:
    """How many standard errors wide, on either side, a two-sided interval of Student's t is.

    >>> round(quantile(2), 3), round(quantile(9), 3)
    (4.303, 2.262)
    """
    from scipy.special import stdtrit  # scikit-learn brings it

    return float(stdtrit(freedom, 0.5 + level / 2))


def legend(differences: Iterable[Difference | None]) -> str:
    """What the sign ≈ means, with the test that stands behind it; empty where nothing was tested.

    >>> print(legend([Difference(0.1, -0.1, 0.3, 3, "seeds")]))
    ≈ not clearly worse than the best: the difference may be 0 (95 % interval of a paired t-test over 3 seeds).
    """
    tests = intervals_in_words(differences)
    return f"≈ not clearly worse than the best: the difference may be 0 ({tests})." if tests else ""


def intervals_in_words(differences: Iterable[Difference | None]) -> str:
    """The tests behind intervals, each once; empty where nothing was tested."""
    tested = [found for found in differences if found is not None and found.low is not None]
    pairs = dict.fromkeys(f"{found.n:,} {PAIRS[found.over]}" for found in tested if found.over in PAIRS)
    sizes = dict.fromkeys(f"{found.n:,} test examples" for found in tested if found.over not in PAIRS)
    words = [f"95 % interval of a paired t-test over {' or '.join(pairs)}"] * bool(pairs)
    return "; ".join(words + [f"two standard errors for {' or '.join(sizes)}, unpaired"] * bool(sizes))


def _around(mean: float, margin: float, n: int, over: Over) -> Difference:
    return Difference(mean, mean - margin, mean + margin, n, over)


def _common_draws(of: Sample, to: Sample) -> dict[Hashable, float]:
    """Seed -> mean over the draws that both have."""
    return replace(of, values={key: value for key, value in of.values.items() if key in to.values}).seeds


def _on_test_set(of: Sample, to: Sample, seed: Hashable, mean: float) -> Difference | None:
    """The interval from the choice of test examples: paired where their scores are known."""
    both = seed in of.examples and seed in to.examples
    found = over_examples(of.examples[seed], to.examples[seed], of.metric) if both else None
    return found or from_test_size(of, to, mean)
