"""Differences of two recipes, seed by seed, and how sure they are: Student's t on the pairs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

from mixtrast.report.spread import difference

LEVEL = 0.95
Standing = Literal["best", "not worse", "worse", "unknown"]


@dataclass(frozen=True)
class Paired:
    """Mean of n paired differences and its confidence interval; one pair has none.

    Args:
        mean: of the differences.
        low, high: ends of the interval, None where there is one pair only.
        n: pairs.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def holds_zero(self) -> bool | None:
        """Whether no difference at all is within the interval; None where there is none."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


def paired(of: Mapping[Hashable, float], to: Mapping[Hashable, float], level: float = LEVEL) -> Paired | None:
    """of - to over the keys (seeds) that both have: mean d ± t(n-1) s_d / √n. None where they share no key.

    Pairs take out what a seed does to both alike: its split and its initial weights.

    Args:
        of, to: seed -> score; NaN counts as absent.
        level: of the interval, between 0 and 1.

    >>> found = paired({0: 3.0, 1: 5.0, 2: 7.0}, {0: 2.0, 1: 3.0, 2: 4.0, 9: 0.0})
    >>> found.mean, found.n, round(found.low, 3), round(found.high, 3)
    (2.0, 3, -0.484, 4.484)

    Reference: Student, The probable error of a mean, Biometrika 1908.
    """
    found = difference(of, to)
    if found is None:
        return None
    if found.sd is None:
        return Paired(found.mean, None, None, found.n)
    half = quantile(found.n - 1, level) * found.sd / math.sqrt(found.n)
    return Paired(found.mean, found.mean - half, found.mean + half, found.n)


def quantile(freedom: int, level: float) -> float:
    """How many standard errors wide, on either side, a two-sided interval of Student's t is.

    >>> round(quantile(2, 0.95), 3), round(quantile(9, 0.95), 3)
    (4.303, 2.262)
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore] # scikit-learn brings it

    return float(stdtrit(freedom, 0.5 + level / 2))


def standing(of: Mapping[Hashable, float], best: Mapping[Hashable, float]) -> Standing:
    """Of one recipe against the best: "worse" where the whole interval of the difference is below 0."""
    if of is best:
        return "best"
    found = paired(of, best)
    if found is None or found.high is None or found.low is None:
        return "unknown"
    return "worse" if found.high < 0 else "not worse"
