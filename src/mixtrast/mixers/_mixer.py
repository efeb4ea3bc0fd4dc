"""What all mixers share: partners, mixing weights, and the checks of arguments. A mixer says only how examples become one."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mixtrast import registry, rng
from mixtrast.algebra.labels import Mix
from mixtrast.mixers._alpha import Alpha, beta_parameters, check_alpha
from mixtrast.mixers._call import Draw, DrawValue, MixCall, named_draw
from mixtrast.mixers._context import MixContext
from mixtrast.validation import describe, is_number, on_cpu


class Mixer(ABC):
    """The contract of mixers.

    Args:
        alpha: λ ~ Beta(alpha, alpha), or Beta of a pair; 1 is uniform, 0 is no mixing. (first, last, "linear" or "cosine")
            changes from the first to the last over training; {depth: alpha} has one for each depth that is drawn.
        weight: instead of Beta, a fixed λ, or a range (low, high) for a uniform one.
        per: "sample" draws λ (and box, mask) for every mixture, "batch" one for all.
        dominant: λ becomes max(λ, 1 - λ), so the first ingredient is the larger part (i-Mix, e-mix).
    """

    draw_keys: ClassVar[tuple[str, ...]] = ("weight",)  # which of its draws a caller may give
    tokens_last: ClassVar[bool] = True  # whether tokens (B,T,D) are passed to `blend` as (B,D,T), like a series
    needs_importance: bool = False  # whether it must know how much each place matters

    def __init__(
        self,
        *,
        alpha: Alpha = 1.0,
        weight: float | tuple[float, float] | None = None,
        per: Literal["sample", "batch"] = "sample",
        dominant: bool = False,
    ) -> None:
        check_alpha(self._name, alpha)
        if per not in ("sample", "batch"):
            raise ValueError(f"`per` of {self._name} must be 'sample' or 'batch', got {per!r}.")
        ends = tuple(weight) if isinstance(weight, (tuple, list)) else (weight, weight)
        shares = [float(end) for end in ends if end is not None and is_number(end)]
        if weight is not None and not (len(shares) == len(ends) == 2 and 0 <= shares[0] <= shares[1] <= 1):
            raise ValueError(f"`weight` of {self._name} must be a share in 0 to 1, or a range of shares, got {weight!r}.")
        self.alpha, self.weight, self.per, self.dominant = alpha, weight, per, dominant
        self._range = (shares[0], shares[1]) if shares else None

    def __call__(
        self,
        x: Tensor,
        generator: torch.Generator,
        *,
        pool: Tensor | None = None,
        parents: Tensor | None = None,
        draw: Draw | DrawValue | None = None,
        importance: Tensor | None = None,
        context: MixContext | None = None,
    ) -> tuple[Tensor, Mix]:
        """Mix a batch.

        Args:
            x: (B,...), any device.
            generator: on the CPU; the same state gives the same mixtures on any device.
            pool: (P,...), what parents index; x if not given. Its first B rows are those of x: both views of a batch
                (MixSupCon), or x detached (e-mix: then the first ingredient comes from x, with its gradient).
            parents: (R,K) int64 rows of the pool, the first ingredient first. None: row i with a random permutation of the
                pool; a row may be its own partner, about one a batch.
            draw: what would be drawn, given instead: {"weight": λ} (one or R), {"box": ...}, {"centre": ...}, {"mask": ...},
                {"scale": ...}, as the mixer has them; or the bare value.
            importance: (P,*space) >= 0, how much each place of the pool matters; None: that of the context.
            context: what else is known of the batch; see `MixContext`.

        Returns: the mixtures (R,...), and the Mix with the *realised* weights: the share of each ingredient in the mixture.
        """
        self._check(x)
        context = MixContext() if context is None else context
        numpy_rng = rng.numpy_generator(generator)
        pool = x if pool is None else self._check_pool(pool, x, parents)
        named = named_draw(self._name, self.draw_keys, draw)
        if parents is None:
            partners = numpy_rng.permutation(len(pool))[: len(x)]
            parents = rng.to(np.stack([np.arange(len(x)), partners], 1), x.device)
            first = x
        else:
            parents = rng.to(self._check_parents(parents, len(pool)), x.device)
            detached = pool is not x and x.requires_grad and not pool.requires_grad
            first = (torch.cat([x, pool[len(x) :]]) if detached else pool)[parents[:, 0]]
        others = tuple(pool[column] for column in parents.unbind(1)[1:])
        weight_dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        if not others:
            return first, Mix(parents, torch.ones_like(parents, dtype=weight_dtype))
        importance = self._importance(pool, importance, context)
        weights = None if importance is None else tuple(importance[column] for column in parents.unbind(1))
        transposed = context.tokens and self.tokens_last and x.dim() == 3
        if transposed:
            first, others = first.transpose(1, 2), tuple(other.transpose(1, 2) for other in others)
        mixed, weight = self.blend(MixCall(first, others, numpy_rng, named, weights, context))
        return mixed.transpose(1, 2) if transposed else mixed, Mix(parents, weight.to(weight_dtype))

    @abstractmethod
    def blend(self, call: MixCall) -> tuple[Tensor, Tensor]:
        """Return the mixtures (R,...) and the realised weights (R,K)."""

    def shares(self, call: MixCall) -> np.ndarray:
        """λ (R,) in float64, drawn or given, folded if `dominant` (a given λ is taken as it is)."""
        rows = len(call.first)
        if "weight" in call.draw:
            return np.broadcast_to(call.given("weight", ())[:, 0], (rows,))  # one, or one a row
        return np.broadcast_to(self.fold(self.drawn(call, rows if self.per == "sample" else 1)), (rows,))

    def places(self, call: MixCall, places: int) -> np.ndarray:
        """How many of P places stay those of the first ingredient: ceil(λ P) for each mixture, or (1,) for all."""
        shares = self.shares(call)
        if self.per == "batch" and (shares == shares[0]).all():  # always, unless they were given one by one
            shares = shares[:1]
        # λ is a multiple of 2^-24 and not of 1 / P: the small number keeps ceil from rounding 3.0000000001 up.
        return np.ceil(shares * places - 1e-6).astype(np.int64)

    def drawn(self, call: MixCall, size: int) -> np.ndarray:
        """λ (size,), drawn from Beta or uniformly, not folded."""
        if self._range is not None:
            return rng.snap(call.rng.uniform(*self._range, size))
        return rng.snap(rng.beta(call.rng, self.beta(call.context), size))

    def beta(self, context: MixContext) -> tuple[float, float]:
        """The two parameters of Beta at this depth and this point of training."""
        return beta_parameters(self._name, self.alpha, context)

    def fold(self, share: np.ndarray) -> np.ndarray:
        """The larger of λ and 1 - λ if `dominant`, else λ."""
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
            what = "mixes a tensor of two or more dimensions, examples first, at least one, not empty"
            raise ValueError(f"{self._name} {what}, got {got}.")

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
            got = f"got {describe(parents)}. Stack: torch.stack([own, partner], 1)."
            raise TypeError(f"`parents` must be an int64 tensor (R,K), {got}")
        if on_cpu(parents) and not 0 <= int(parents.min()) <= int(parents.max()) < rows:
            got = f"got {int(parents.min())} to {int(parents.max())}."
            raise ValueError(f"`parents` must be rows of the pool, 0 to {rows - 1}, {got}")
        return parents

    def _importance(self, pool: Tensor, importance: Tensor | None, context: MixContext) -> Tensor | None:
        """(P,*space): how much each place matters; None where it is not known and not needed."""
        source = context.importance if importance is None else importance
        if source is not None and not isinstance(source, Tensor):
            each = source(pool) if self.needs_importance else None
            source = each if each is None or each.dim() == 2 else each.mean(2 if context.tokens and each.dim() == 3 else 1)
        if source is None and self.needs_importance:
            way = "Give it: importance=..., or use importance='contrast'."
            raise ValueError(f"{self._name} needs the `importance` of each place, got none. {way}")
        if source is not None and len(source) != len(pool):
            raise ValueError(f"`importance` must have one map for each of the {len(pool)} rows mixed, got {len(source)}.")
        return source


class OneOf:
    """Several mixers, one of which, drawn uniformly, mixes each batch: "mixup+cutmix"."""

    def __init__(self, *mixers: Mixer | OneOf) -> None:
        if not mixers:
            raise ValueError("OneOf needs at least one mixer.")
        if not all(isinstance(mixer, (Mixer, OneOf)) for mixer in mixers):
            raise TypeError(f"OneOf takes one mixer or more, got {mixers!r}. By name: mixers.get('mixup+cutmix').")
        self.mixers = mixers

    def __call__(self, x: Tensor, generator: torch.Generator, **options: Any) -> tuple[Tensor, Mix]:
        """Mix a batch with one of the mixers; the options are those of `Mixer`."""
        chosen = int(rng.numpy_generator(generator).integers(len(self.mixers)))
        return self.mixers[chosen](x, generator, **options)

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.mixers))})"


def space_of(x: Tensor, owner: str) -> tuple[int, ...]:
    """The places of an example: columns of a table (B,F), times of a series (B,C,L), pixels of an image (B,C,H,W)."""
    if x.dim() > 5:
        raise ValueError(f"{owner} works on (B,F), (B,C,L), (B,C,H,W) or (B,C,D,H,W), got {tuple(x.shape)}.")
    return tuple(x.shape[1:]) if x.dim() == 2 else tuple(x.shape[2:])


def over_channels(mask: Tensor, x: Tensor) -> Tensor:
    """(R,*space) -> broadcastable against (R,C,*space), or (R,F) as it is."""
    return mask if x.dim() == 2 else mask[:, None]


def pair(share: Tensor) -> Tensor:
    """(R,) -> (R,2): λ and 1 - λ."""
    return torch.stack([share, 1 - share], 1)


def host_pair(share: np.ndarray, x: Tensor) -> Tensor:
    """(R,) or (1,) on the host -> (R,2) of as many rows as x, on its device: λ and 1 - λ."""
    return rng.to(pair(torch.from_numpy(np.broadcast_to(share, (len(x),)).copy())), x.device)


def get(name: str, **options: Any) -> Mixer | OneOf:
    """Build the mixer of that name; of several names joined by "+", one is drawn for each batch, all with these options."""
    package = sys.modules["mixtrast.mixers"]
    parts: list[Mixer] = [registry.make(package, part.strip(), options) for part in str(name).split("+")]
    return parts[0] if len(parts) == 1 else OneOf(*parts)
