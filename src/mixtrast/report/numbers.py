"""Numbers over seeds as text: mean ± sample standard deviation."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from mixtrast.significance import Difference

MISSING = "–"


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of n numbers; of one number there is no deviation."""

    mean: float
    sd: float | None
    n: int

    def times(self, scale: float) -> Self:
        return replace(self, mean=scale * self.mean, sd=None if self.sd is None else scale * self.sd)


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the finite values; None if there are none.

    >>> spread([1.0, 2.0, 3.0]), spread([0.9, float("nan")])
    (Spread(mean=2.0, sd=1.0, n=3), Spread(mean=0.9, sd=None, n=1))
    """
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    return Spread(statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else None, len(finite))


def percent(value: Spread | None, unit: bool = True, signed: bool = False) -> str:
    """Shares in percent with one decimal.

    >>> percent(Spread(0.924, 0.009, 3)), percent(Spread(-0.02, None, 1), unit=False, signed=True)
    ('92.4 ± 0.9 %', '−2.0')
    """
    return MISSING if value is None else fixed(value.times(100), 1, signed) + (" %" if unit else "")


def fixed(value: Spread | None, digits: int = 3, signed: bool = False) -> str:
    """With so many decimals.

    >>> fixed(Spread(0.87312, 0.01, 3)), fixed(Spread(0.2, None, 1), 2, signed=True)
    ('0.873 ± 0.010', '+0.20')
    """
    if value is None:
        return MISSING
    mean = decimals(value.mean, digits, signed)
    return mean if value.sd is None else f"{mean} ± {value.sd:,.{digits}f}"


def figures(value: Spread | None, digits: int = 3) -> str:
    """With about so many significant figures, the same decimals for the mean and its deviation.

    >>> figures(Spread(15234.4, 210.2, 3)), figures(Spread(0.012345, None, 1)), figures(Spread(0.0, None, 1))
    ('15,234 ± 210', '0.0123', '0.00')
    """
    if value is None:
        return MISSING
    size = math.floor(math.log10(abs(value.mean))) if value.mean else 0
    return fixed(value, min(max(digits - 1 - size, 0), 9))


def integer(value: float | None) -> str:
    """A whole number with commas."""
    return MISSING if value is None else f"{value:,.0f}"


def decimals(value: float, digits: int, signed: bool = False) -> str:
    """One number, with a minus sign that is as wide as a plus sign."""
    return f"{value:{'+' if signed else ''}z,.{digits}f}".replace("-", "−")


def gain(found: Difference | None, share: bool, unit: str = "") -> str:
    """A difference with its 95 % interval: points of percent, or R².

    >>> gain(Difference(-0.02, -0.031, -0.009, 3, "seeds"), share=True)
    '−2.0 [−3.1, −0.9]'
    """
    if found is None:
        return MISSING
    scale, digits = (100, 1) if share else (1, 3)
    mean = decimals(scale * found.mean, digits, signed=True) + unit
    if found.low is None or found.high is None:
        return mean
    low, high = (decimals(scale * end, digits, signed=True) for end in (found.low, found.high))
    return f"{mean} [{low}, {high}]"
