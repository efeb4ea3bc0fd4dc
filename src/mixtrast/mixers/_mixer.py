"""What all mixers share: partners, shares, and the checks at the door. A mixer says only how two examples become one."""

from __future__ import annotations

import difflib
import inspect
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.checks import is_number, on_cpu
from mixtrast.labels import Mix

Draw = Mapping[str, Any]
_Alpha = float | tuple[float, float] | tuple[float, float, Literal["linear", "cosine"]]
Alpha = _Alpha | dict[int, _Alpha]
_ALIASES = {"lam": "weight", "lambda": "weight", "center": "centre", "tao": "scale", "tau": "scale"}
_LETTERS = {"weight": "λ"}


Matters = Callable[[int, Tensor], Tensor]


class Job(NamedTuple):
    """One call of a mixer, partners settled: mix the R rows of `first` with those of `others`."""

    first: Tensor  # (R,...) the first ingredient
    others: tuple[Tensor, ...]  # K-1 of (R,...)
    rng: np.random.Generator
    draw: dict[str, Any]
    importance: tuple[Tensor, ...] | None  # K of (R,*space), for mixers that look where the content is


class Mixer(ABC):
    """The contract of mixers.

    Args:
        alpha: λ ~ Beta(alpha, alpha), or Beta of a pair; 1 is uniform, 0 is no mixing. (first, last, "linear" or "cosine") goes
            from the one to the other over the run; {depth: alpha} has one for each depth of which one is drawn for each batch.
        weight: instead of Beta, a fixed λ, or a range (low, high) for a uniform one.
        per: "sample" draws λ (and box, mask) for every mixture, "batch" one for all.
        dominant: λ becomes max(λ, 1 - λ), so the first ingredient is the larger part (i-Mix, e-mix).
    """

    takes: ClassVar[tuple[str, ...]] = ("weight",)  # what of its draws can be given
    along: ClassVar[bool] = True  # whether it looks for the places of (B,T,D) in the last dimension, as of a series
    asks: bool = False  # whether it asks how much each number of an example matters, where no importance is given

    def __init__(
        self,
        *,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        if not all(map(_is_alpha, alpha.values() if isinstance(alpha, Mapping) else [alpha])) or alpha == {}:
            raise ValueError(
                f"`alpha` of {self._name} must be 0 or more, or a pair of such, got {alpha!r}. 1 is uniform; "
                "(1, 0.2, 'linear') changes over the run, {0: 1, 2: 0.5} has one for each depth."
            )
        if per not in ("sample", "batch"):
            raise ValueError(f"`per` of {self._name} must be 'sample' or 'batch', got {per!r}.")
        ends = tuple(weight) if isinstance(weight, (tuple, list)) else (weight, weight)
        shares = [float(end) for end in ends if end is not None and is_number(end)]
        if weight is not None and not (len(shares) == len(ends) == 2 and 0 <= shares[0] <= shares[1] <= 1):
            raise ValueError(f"`weight` of {self._name} must be a share in 0 to 1, or a range of shares, got {weight!r}.")
        self.alpha, self.weight, self.per, self.dominant = alpha, weight, per, dominant
        self._progress, self._depth, self._tokens, self._present = 0.0, 0, False, False
        self._matters: weakref.WeakMethod[Matters] | None = None  # a mixer does not keep a network alive
        self._range = (shares[0], shares[1]) if shares else None

    def at(
        self,
        *,
        progress: float | None = None,
        depth: int | None = None,
        tokens: bool | None = None,
        present: bool | None = None,
        matters: Matters | None = None,
    ) -> None:
        """What is to be known of the next batch.

        Args:
            progress: how much of the run is done; `alpha` may follow it.
            depth: at which it is mixed; likewise.
            tokens: whether examples (B,T,D) are T tokens, which are their places, and not D times of T channels.
            present: whether the last number of each token says that it is there: PatchMix then takes shares of those that are,
                and the others of all places.
            matters: a bound method, depth and (P,...) -> (P,...) >= 0: how much each number of what stands there matters to
                who mixes; for the mixers that ask, and held weakly.
        """
        self._progress = self._progress if progress is None else progress
        self._depth = self._depth if depth is None else depth
        self._tokens = self._tokens if tokens is None else tokens
        self._present = self._present if present is None else present
        self._matters = weakref.WeakMethod(matters) if self.asks and matters is not None else self._matters

    @property
    def _beta(self) -> tuple[float, float]:
        """The two parameters of Beta, here and now."""
        alpha = self.alpha
        if isinstance(alpha, Mapping):
            if self._depth not in alpha:
                raise ValueError(
                    f"`alpha` of {self._name} has no value for depth {self._depth}, got {alpha!r}. Use one for each depth."
                )
            alpha = alpha[self._depth]
        if not isinstance(alpha, tuple | list):
            return float(alpha), float(alpha)
        first, last = float(alpha[0]), float(alpha[1])
        if len(alpha) == 2:
            return first, last
        left = 1 - self._progress if alpha[2] == "linear" else (1 + math.cos(math.pi * self._progress)) / 2
        now = max(0.0, last + (first - last) * left)
        return now, now

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_matters": None}  # a copy is told by whom it mixes for

    def __call__(
        self,
        x: Tensor,
        generator: torch.Generator,
        *,
        pool: Tensor | None = None,
        parents: Tensor | None = None,
        draw: Draw | Tensor | float | None = None,
        importance: Tensor | None = None,
    ) -> tuple[Tensor, Mix]:
        """Mixes a batch.

        Args:
            x: (B,...), any device.
            generator: on the CPU; the same state gives the same mixtures on any device.
            pool: (P,...), what parents index; x if not given. Its first B rows are those of x: both views of a batch
                (MixSupCon), or x detached (e-mix: then the first ingredient comes from x, with its gradient).
            parents: (R,K) int64 rows of the pool, the first ingredient first. None: row i with a random permutation of the
                pool; a row may be its own partner, about one a batch.
            draw: what would be drawn, given instead: {"weight": λ} (one or R), {"box": ...}, {"centre": ...}, {"mask": ...},
                {"scale": ...}, as the mixer has them; or the bare value.
            importance: (P,*space) >= 0, how much each place of the pool matters; None: mixers that ask are told by the method.

        Returns: the mixtures (R,...), and the Mix with the *realised* weights: the share of each ingredient really taken.
        """
        self._check(x)
        rng = draws.numpy_generator(generator)
        pool = x if pool is None else self._check_pool(pool, x, parents)
        if importance is not None and len(importance) != len(pool):
            raise ValueError(f"`importance` must have one map for each of the {len(pool)} rows mixed, got {len(importance)}.")
        draw = self._named(draw)
        if parents is None:
            partners = rng.permutation(len(pool))[: len(x)]
            parents = draws.to(np.stack([np.arange(len(x)), partners], 1), x.device)
            first = x
        else:
            parents = draws.to(self._check_parents(parents, len(pool)), x.device)
            detached = pool is not x and x.requires_grad and not pool.requires_grad
            first = (torch.cat([x, pool[len(x) :]]) if detached else pool)[parents[:, 0]]
        others = tuple(pool[column] for column in parents.unbind(1)[1:])
        if not others:
            return first, Mix(parents, torch.ones_like(parents, dtype=_weight_dtype(x)))
        importance = self._told(pool) if importance is None and self.asks else importance
        weights = None if importance is None else tuple(importance[column] for column in parents.unbind(1))
        turned = self._tokens and self.along and x.dim() == 3
        if turned:
            first, others = first.transpose(1, 2), tuple(other.transpose(1, 2) for other in others)
        mixed, weight = self.blend(Job(first, others, rng, draw, weights))
        return mixed.transpose(1, 2) if turned else mixed, Mix(parents, weight.to(_weight_dtype(x)))

    @abstractmethod
    def blend(self, job: Job) -> tuple[Tensor, Tensor]:
        """-> mixtures (R,...) and realised weights (R,K)."""

    def shares(self, job: Job) -> np.ndarray:
        """λ (R,) in float64, drawn or given, folded if `dominant` (a given λ is taken as it is)."""
        rows = len(job.first)
        if "weight" in job.draw:
            return np.broadcast_to(given(job, "weight", ())[:, 0], (rows,))  # one, or one a row
        return np.broadcast_to(self.fold(self.drawn(job.rng, rows if self.per == "sample" else 1)), (rows,))

    def drawn(self, rng: np.random.Generator, size: int) -> np.ndarray:
        if self._range is not None:
            return draws.snap(rng.uniform(*self._range, size))
        return draws.snap(draws.beta(rng, self._beta, size))

    def fold(self, share: np.ndarray) -> np.ndarray:
        return np.maximum(share, 1 - share) if self.dominant else share

    @property
    def _name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in inspect.signature(type(self)).parameters)
        return f"{self._name}({options})"

    def _check(self, x: Tensor) -> None:
        if not isinstance(x, Tensor) or x.dim() < 2 or not x.numel():
            got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f"{self._name} mixes a tensor of two or more dimensions, examples first, at least one, not empty, got {got}."
            )

    def _check_pool(self, pool: Tensor, x: Tensor, parents: Tensor | None) -> Tensor:
        if not isinstance(pool, Tensor):
            raise TypeError(f"`pool` must be a tensor, got {type(pool).__name__}. Concatenate: pool = torch.cat([x, more]).")
        alike = (pool.shape[1:], pool.dtype, pool.device) == (x.shape[1:], x.dtype, x.device)
        if not alike or (parents is None and len(pool) < len(x)):
            raise ValueError(
                f"`pool` must begin with the rows of x, {tuple(x.shape)} of {x.dtype} on {x.device}, got {tuple(pool.shape)} "
                f"of {pool.dtype} on {pool.device}. Concatenate: pool = torch.cat([x, more])."
            )
        return pool

    def _check_parents(self, parents: Tensor, rows: int) -> Tensor:
        if not isinstance(parents, Tensor) or parents.dim() != 2 or parents.dtype != torch.int64 or not parents.numel():
            got = f"{parents.dtype} of shape {tuple(parents.shape)}" if isinstance(parents, Tensor) else type(parents).__name__
            raise TypeError(f"`parents` must be an int64 tensor (R,K), got {got}. Stack: torch.stack([own, partner], 1).")
        if on_cpu(parents) and not 0 <= int(parents.min()) <= int(parents.max()) < rows:
            raise ValueError(
                f"`parents` must be rows of the pool, 0 to {rows - 1}, got {int(parents.min())} to {int(parents.max())}."
            )
        return parents

    def _told(self, pool: Tensor) -> Tensor:
        """(P,*space): how much each place matters, over channels."""
        matters = None if self._matters is None else self._matters()
        if matters is None:
            raise ValueError(
                f"{self._name} asks for the `importance` of each place, and no method tells it here. Give it: importance=..., "
                "or use importance='contrast'."
            )
        each = matters(self._depth, pool)
        return each if each.dim() == 2 else each.mean(2 if self._tokens and each.dim() == 3 else 1)

    def _named(self, draw: Draw | Tensor | float | None) -> dict[str, Any]:
        """A given draw by name; a bare bool tensor is a mask, bare integers a box, a bare number or floats λ."""
        if draw is None:
            return {}
        if not isinstance(draw, (Mapping, Tensor, Real, np.ndarray, list, tuple)):
            raise TypeError(f"`draw` must be numbers, a tensor, or a mapping of {', '.join(self.takes)}, got {draw!r}.")
        if not isinstance(draw, Mapping):
            kind = torch.as_tensor(draw).dtype
            bare = isinstance(draw, Real) or kind.is_floating_point
            draw = {"mask" if kind == torch.bool else "weight" if bare else "box": draw}
        named = {_ALIASES.get(key, key): value for key, value in draw.items()}
        for key in named:
            if key not in self.takes:
                near = difflib.get_close_matches(key, [*self.takes, *_ALIASES], 1)
                hint = f" Did you mean {_ALIASES.get(near[0], near[0])!r}?" if near else ""
                raise ValueError(f"`draw` of {self._name} cannot give {key!r}; it takes {', '.join(self.takes)}.{hint}")
        return named


def _is_alpha(alpha: Any) -> bool:
    """A number, a pair of them, or such a pair and how to go from the one to the other."""
    parts = list(alpha) if isinstance(alpha, tuple | list) else [alpha, alpha]
    if len(parts) == 3 and parts[2] in ("linear", "cosine"):
        parts = parts[:2]
    return len(parts) == 2 and all(is_number(a) and 0 <= a < float("inf") for a in parts)


class OneOf:
    """Several mixers, of which one, drawn uniformly, mixes each batch: "mixup+cutmix"."""

    def __init__(self, *mixers: Mixer | OneOf) -> None:
        if not mixers:
            raise ValueError("OneOf needs at least one mixer.")
        if not all(isinstance(mixer, (Mixer, OneOf)) for mixer in mixers):
            raise TypeError(f"OneOf takes one mixer or more, got {mixers!r}. By name: mixers.get('mixup+cutmix').")
        self.mixers = mixers

    def __call__(self, x: Tensor, generator: torch.Generator, **options: Any) -> tuple[Tensor, Mix]:
        chosen = int(draws.numpy_generator(generator).integers(len(self.mixers)))
        return self.mixers[chosen](x, generator, **options)

    def at(self, **what: Any) -> None:
        """As of `Mixer`, told to all."""
        for mixer in self.mixers:
            mixer.at(**what)

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.mixers))})"


def given(job: Job, name: str, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """A given draw as (1 or R, numbers) in float64: of this shape, or one such for each mixture, within its range."""
    try:
        value = np.asarray(torch.as_tensor(job.draw[name], device="cpu", dtype=torch.float64))
    except (TypeError, ValueError, RuntimeError):
        value = np.empty((0, 0))
    rows = len(job.first)
    fits = value.shape in (shape, (1, *shape), (rows, *shape))
    if not fits or not ((value >= low) & (value <= high)).all():
        called, each = _LETTERS.get(name, name), f"numbers of shape {shape}" if shape else "one number"
        raise ValueError(
            f"a given {called} must be {each}, or as much for each of the {rows} mixtures, in {low:g} to {high:g}, "
            f"got {job.draw[name]!r}."
        )
    return value.reshape(1 if value.shape == shape else len(value), -1)


def two(job: Job, name: str) -> Tensor:
    """The one partner of a mixer that mixes two."""
    if len(job.others) != 1:
        raise ValueError(
            f"{name} mixes two examples, got {len(job.others) + 1} parents a mixture. Use mixup, which mixes any number."
        )
    return job.others[0]


def space_of(x: Tensor, name: str) -> tuple[int, ...]:
    """The places of an example: columns of a table (B,F), times of a series (B,C,L), pixels of an image (B,C,H,W)."""
    if x.dim() > 5:
        raise ValueError(f"{name} works on (B,F), (B,C,L), (B,C,H,W) or (B,C,D,H,W), got {tuple(x.shape)}.")
    return tuple(x.shape[1:]) if x.dim() == 2 else tuple(x.shape[2:])


def over_channels(mask: Tensor, x: Tensor) -> Tensor:
    """(R,*space) -> broadcastable against (R,C,*space), or (R,F) as it is."""
    return mask if x.dim() == 2 else mask[:, None]


def pair(share: Tensor) -> Tensor:
    """(R,) -> (R,2): λ and 1 - λ."""
    return torch.stack([share, 1 - share], 1)


def _weight_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32
