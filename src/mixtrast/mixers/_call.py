"""One call of a mixer, and the draws that its caller may give instead of the generator."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mixtrast.mixers._context import MixContext
from mixtrast.text import closest

DrawValue = Tensor | np.ndarray | float | Sequence[float] | Sequence[Sequence[float]]
Draw = Mapping[str, DrawValue]
_ALIASES = {"lam": "weight", "lambda": "weight", "center": "centre", "tao": "scale", "tau": "scale"}
_LETTERS = {"weight": "λ"}


class MixCall(NamedTuple):
    """One call of a mixer with its partners chosen: mix the R rows of `first` with those of `others`."""

    first: Tensor  # (R,...) the first ingredients
    others: tuple[Tensor, ...]  # K-1 of (R,...)
    rng: np.random.Generator
    draw: dict[str, DrawValue]  # what is given instead of drawn
    importance: tuple[Tensor, ...] | None  # K of (R,*space)
    context: MixContext

    def given(self, name: str, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """A given draw as (1 or R, numbers) in float64: of this shape, or one such for each mixture, within its range."""
        rows, value = len(self.first), self.draw[name]
        try:
            array = np.asarray(torch.as_tensor(value, device="cpu", dtype=torch.float64))
        except (TypeError, ValueError, RuntimeError):
            array = np.empty((0, 0))
        fits = array.shape in (shape, (1, *shape), (rows, *shape))
        if not fits or not ((array >= low) & (array <= high)).all():
            letter, each = _LETTERS.get(name, name), f"numbers of shape {shape}" if shape else "one number"
            must = f"{each}, or as much for each of the {rows} mixtures, in {low:g} to {high:g}"
            raise ValueError(f"a given {letter} must be {must}, got {value!r}.")
        return array.reshape(1 if array.shape == shape else len(array), -1)

    def partner(self, owner: str) -> Tensor:
        """The only partner, for a mixer that mixes two examples."""
        if len(self.others) != 1:
            got = f"got {len(self.others) + 1} parents a mixture. Use mixup, which mixes any number."
            raise ValueError(f"{owner} mixes two examples, {got}")
        return self.others[0]


def named_draw(owner: str, keys: tuple[str, ...], draw: Draw | DrawValue | None) -> dict[str, DrawValue]:
    """A given draw by name: a bare bool tensor is a mask, bare integers are a box, a bare number or floats are λ."""
    if draw is None:
        return {}
    if not isinstance(draw, (Mapping, Tensor, Real, np.ndarray, list, tuple)):
        raise TypeError(f"`draw` must be numbers, a tensor, or a mapping of {', '.join(keys)}, got {draw!r}.")
    if not isinstance(draw, Mapping):
        kind = torch.as_tensor(draw).dtype
        weight = isinstance(draw, Real) or kind.is_floating_point
        draw = {"mask" if kind == torch.bool else "weight" if weight else "box": draw}
    named = {_ALIASES.get(key, key): value for key, value in draw.items()}
    for key in named:
        if key not in keys:
            near = closest(key, [*keys, *_ALIASES])
            hint = f" Did you mean {_ALIASES.get(near, near)!r}?" if near else ""
            raise ValueError(f"`draw` of {owner} cannot give {key!r}; it takes {', '.join(keys)}.{hint}")
    return named
