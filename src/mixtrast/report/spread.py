"""Numbers over seeds: mean ± s.d., paired differences, and when one row may be called better than another."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Clarity = Literal["better", "worse", "unclear", "unknown"]
MISSING = "–"
SURE = 2  # standard errors: a smaller difference may be the luck of which test examples were drawn


@dataclass(frozen=True)
class Spread:
    """Mean and sample s.d. of n numbers; there is no s.d. of one."""

    mean: float
    sd: float | None
    n: int


def spread(values: Iterable[float]) -> Spread | None:
    """Of the finite values; None if there are none.

    >>> spread([1.0, 2.0, 3.0]), spread([0.9, float("nan")])
    (Spread(mean=2.0, sd=1.0, n=3), Spread(mean=0.9, sd=None, n=1))
    """
    held = [float(value) for value in values if math.isfinite(value)]
    if not held:
        return None
    return Spread(statistics.fmean(held), statistics.stdev(held) if len(held) > 1 else None, len(held))


def difference(of: Mapping[Hashable, float], to: Mapping[Hashable, float]) -> Spread | None:
    """of - to, pair by pair: what both have under one key (a seed, a draw)."""
    return spread(of[key] - to[key] for key in of if key in to)


def clarity(gain: Spread | None, error: float | None = None, least: float = 0.0) -> Clarity:
    """Whether a paired difference is larger than its spread.

    Args:
        gain: the difference.
        error: stands in for the spread where there is one pair only (`sampling_error`).
        least: no difference up to this counts, as one example of the test set.
    """
    if gain is None:
        return "unknown"
    margin = gain.sd if gain.sd is not None else error
    if margin is None:
        return "unknown"
    if abs(gain.mean) <= max(margin, least) + 1e-12:
        return "unclear"
    return "better" if gain.mean > 0 else "worse"


def sampling_error(p: float, q: float, examples: int | None) -> float | None:
    """Standard error of the difference of two accuracies, each on that many examples, from the choice of examples alone.

    >>> round(sampling_error(0.9, 0.9, 450), 3)
    0.02
    """
    if not examples or not (0 <= p <= 1 and 0 <= q <= 1):
        return None
    return math.sqrt((p * (1 - p) + q * (1 - q)) / examples)


def luck(p: float, q: float, examples: int | None, *, share: bool = True) -> float | None:
    """How far apart the choice of test examples alone may put two scores: two standard errors of their difference.

    Of accuracies √(p(1-p)/n + q(1-q)/n), one example at least; of R² with normal errors √(2/n) √((1-p)² + (1-q)²).
    """
    if not share:
        return SURE * math.hypot(1 - p, 1 - q) * math.sqrt(2 / examples) if examples else None
    error = sampling_error(p, q, examples)
    return None if error is None or not examples else max(SURE * error, 1 / examples)


# --- in words ------------------------------------------------------------------------------------------------------------


def percent(value: Spread | None, unit: bool = True, signed: bool = False) -> str:
    """Shares in percent with one decimal.

    >>> percent(Spread(0.924, 0.009, 3)), percent(Spread(-0.02, None, 1), unit=False, signed=True)
    ('92.4 ± 0.9 %', '−2.0')
    """
    if value is None:
        return MISSING
    scaled = Spread(100 * value.mean, None if value.sd is None else 100 * value.sd, value.n)
    return fixed(scaled, 1, signed) + (" %" if unit else "")


def fixed(value: Spread | None, digits: int = 3, signed: bool = False) -> str:
    """With so many decimals.

    >>> fixed(Spread(0.87312, 0.01, 3)), fixed(Spread(0.2, None, 1), 2, signed=True)
    ('0.873 ± 0.010', '+0.20')
    """
    if value is None:
        return MISSING
    mean = f"{value.mean:{'+' if signed else ''},.{digits}f}".replace("-", "−")
    return mean if value.sd is None else f"{mean} ± {value.sd:,.{digits}f}"


def figures(value: Spread | None, digits: int = 3) -> str:
    """With about so many significant figures, the same decimals for the mean and its spread.

    >>> figures(Spread(15234.4, 210.2, 3)), figures(Spread(0.012345, None, 1)), figures(Spread(0.0, None, 1))
    ('15,234 ± 210', '0.0123', '0.00')
    """
    if value is None:
        return MISSING
    size = math.floor(math.log10(abs(value.mean))) if value.mean else 0
    return fixed(value, min(max(digits - 1 - size, 0), 9))


def count(value: float | None) -> str:
    """A whole number with commas."""
    return MISSING if value is None else f"{value:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """ "1 seed", "3 seeds"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
