"""From an example of any kind to tokens (B,T,D): what a transformer begins with, and how those that are hidden are guessed.

Where tokens may be absent (padding, missing values of a whole segment), each carries one number more, its presence, 1 or 0:
(B,T,D+1). A token that is swapped takes its presence along, and a mixture is present where one of its ingredients is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from mixtrast.checks import on_cpu
from mixtrast.spec import Image, Series, Spec, Table, Tokens, is_plain


class Guess(NamedTuple):
    """How hidden tokens of continuous or mixed examples are guessed, from numbers.

    Args:
        width: numbers that a guess of one token has.
        loss: guesses (B,K,width), the input (B,*shape), and which tokens, (B,K) int64 -> (B,K), and where there was something
            to guess, (B,K) bool.
        chance: the same for the best guess that knows nothing, from the input and which tokens.
    """

    width: int
    loss: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    chance: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Tokenize(nn.Module, ABC):
    """(B, *shape) -> (B,T,D), or (B,T,D+1) where `padded`.

    Args:
        count: T.
        dim: D.
        padded: whether tokens may be absent.
    """

    table: nn.Embedding | None  # of ids

    def __init__(self, count: int, dim: int, padded: bool) -> None:
        super().__init__()
        self.count, self.dim, self.padded = count, dim, padded
        self.table = None

    def forward(self, x: Tensor) -> Tensor:
        values, present = self.embed(x)
        if not self.padded:
            return values
        there = torch.ones_like(values[..., :1]) if present is None else present[..., None].to(values.dtype)
        return torch.cat([values * there, there], 2)

    @abstractmethod
    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """-> values (B,T,D), and which are present, (B,T) bool, or None for all."""

    @property
    @abstractmethod
    def guess(self) -> Guess | None:
        """How hidden tokens are guessed; None: they are ids, and the rows of the table are the candidates."""


class Patches(Tokenize):
    """Boxes of an image or segments of a series, cut without overlap, each a vector that passes one Linear.

    A box is flattened row by row with its channels last, as DABS has it; sides that the patch does not divide are filled up
    with 0. Missing values of a series (NaN) count as 0, and a segment without any value is absent.
    """

    def __init__(self, spec: Image | Series, dim: int, patch: int | tuple[int, ...]) -> None:
        space = (spec.height, spec.width) if isinstance(spec, Image) else (spec.length,)
        sides = (patch,) * len(space) if isinstance(patch, int) else patch
        if len(sides) != len(space):
            raise ValueError(f"`patch` must be one side, or one for each of the {len(space)} axes, got {patch!r}.")
        grid = tuple(-(-length // side) for length, side in zip(space, sides, strict=True))
        gaps = isinstance(spec, Series) and spec.gaps
        super().__init__(math.prod(grid), dim, gaps)
        self.sides, self.space, self.channels, self.grid, self.gaps = sides, space, spec.channels, grid, gaps
        self.linear = nn.Linear(spec.channels * math.prod(sides), dim)

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if not self.gaps:
            return self.linear(self.cut(x)), None
        cut = self.cut(x)
        there = ~cut.isnan()
        return self.linear(torch.where(there, cut, 0.0)), there.any(2)

    def cut(self, x: Tensor) -> Tensor:
        """(B,C,*space) -> (B,T,P), NaN left as it is."""
        lengths = [many * side for many, side in zip(self.grid, self.sides, strict=True)]
        more = [whole - length for whole, length in zip(lengths, self.space, strict=True)]
        if any(more):
            x = pad(x, [n for side in reversed(more) for n in (0, side)], value=float("nan") if self.gaps else 0.0)
        if len(self.grid) == 1:
            return x.view(x.shape[0], self.channels, self.grid[0], self.sides[0]).permute(0, 2, 3, 1).flatten(2)
        (h, w), (p, q) = self.grid, self.sides
        cut = x.reshape(x.shape[0], self.channels, h, p, w, q).permute(0, 2, 4, 3, 5, 1)
        return cut.reshape(x.shape[0], h * w, p * q * self.channels)

    @property
    def guess(self) -> Guess:
        """Its numbers; the loss is the length of the difference, over the numbers that are there. Knowing nothing, guess 0."""

        def loss(guesses: Tensor, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            wanted = _taken(self.cut(x), which)
            there = ~wanted.isnan()
            off = torch.where(there, guesses - wanted, 0.0) if self.gaps else guesses - wanted
            return torch.linalg.vector_norm(off, dim=2), there.any(2)

        width = self.linear.in_features
        return Guess(width, loss, lambda x, which: loss(x.new_zeros(*which.shape, width), x, which))


class Words(Tokenize):
    """A table of vectors, one for each id."""

    def __init__(self, spec: Tokens, dim: int) -> None:
        super().__init__(spec.length, dim, spec.pad is not None)
        self.pad = spec.pad
        self.table = nn.Embedding(spec.vocab, dim)

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        assert self.table is not None
        return self.table(x), None if self.pad is None else x != self.pad

    @property
    def guess(self) -> None:
        return None


class Columns(Tokenize):
    """A token for each column: value x a vector + another for numbers, a vector for each category, one more for missing.

    Args:
        shared: one Linear for all columns of numbers, as in DABS, where only the position tells columns apart.
    """

    number: Tensor
    category: Tensor
    levels: Tensor
    begin: Tensor
    order: Tensor

    def __init__(self, spec: Table, dim: int, shared: bool = False) -> None:
        super().__init__(spec.features, dim, False)
        levels = spec.levels or (0,) * spec.features
        each = [many for many in levels if many]
        known = {
            "number": [column for column, many in enumerate(levels) if not many],
            "category": [column for column, many in enumerate(levels) if many],
            "levels": each,
            "begin": [sum(each[:at]) for at in range(len(each))],  # of its vectors in the table
        }
        both = known["number"] + known["category"]
        known["order"] = sorted(range(len(both)), key=both.__getitem__)  # from numbers and categories to columns
        for name, values in known.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.int64), persistent=False)
        self.plain, self.widest = is_plain(spec), max(each, default=1)
        many = 1 if shared else len(known["number"])
        self.slope, self.offset = (nn.Parameter(torch.empty(many, dim).uniform_(-1, 1)) for _ in range(2))  # as Linear(1, D)
        self.table = nn.Embedding(sum(each), dim) if each else None
        self.missing = nn.Parameter(torch.randn(spec.features, dim)) if spec.gaps else None

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.plain:
            return x[:, :, None] * self.slope + self.offset, None
        gone = x.isnan()
        filled = torch.where(gone, 0.0, x)
        tokens = filled.index_select(1, self.number)[..., None] * self.slope + self.offset
        if self.table is not None:
            words = self.table(self.codes(filled) + self.begin).to(tokens.dtype)
            tokens = torch.cat([tokens, words], 1).index_select(1, self.order)
        return tokens if self.missing is None else torch.where(gone[..., None], self.missing, tokens), None

    def codes(self, x: Tensor) -> Tensor:
        """(B,C) int64 of the columns of categories, checked on a CPU."""
        codes = x.index_select(1, self.category)
        whole = codes.long()
        if (
            on_cpu(x)
            and not torch.compiler.is_compiling()
            and not bool(((codes == whole) & (whole >= 0) & (whole < self.levels)).all())
        ):
            raise ValueError(
                "categories of a table must be whole numbers below the number of levels of their column, and some are not. Mix "
                "and change them from depth 1 on; use the views swap or mask, which leave codes codes."
            )
        return whole

    @property
    def guess(self) -> Guess:
        """A number by its distance, a category by cross-entropy. Knowing nothing, guess 0, the mean, or each category alike."""
        width = self.widest

        def levels_of(which: Tensor) -> Tensor:
            every = torch.zeros(self.count, dtype=torch.int64, device=which.device)
            return every.index_put_((self.category,), self.levels)[which]  # (B,K), 0 for a number

        def loss(guesses: Tensor, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            wanted, levels = x.gather(1, which), levels_of(which)
            off = (guesses[..., 0] - wanted.nan_to_num()).abs()
            if self.table is not None:
                beyond = torch.arange(width, device=x.device) >= levels[..., None].clamp(min=1)
                target = torch.minimum(wanted.nan_to_num().long().clamp(min=0), (levels - 1).clamp(min=0))
                among = cross_entropy(guesses.masked_fill(beyond, -1e9).flatten(0, 1), target.flatten(), reduction="none")
                off = torch.where(levels > 0, among.view_as(off), off)
            return off, ~wanted.isnan()

        def chance(x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            return loss(x.new_zeros(*which.shape, width), x, which)

        return Guess(width, loss, chance)


def tokenize(spec: Spec, dim: int, *, patch: int | tuple[int, ...] | None = None, shared: bool = False) -> Tokenize:
    """The tokens of such examples.

    Args:
        patch: side of a patch of an image (None: 4, and 8 above 32 pixels), length of a segment of a series (None: such that
            there are about 64).
    """
    if isinstance(spec, Tokens):
        return Words(spec, dim)
    if isinstance(spec, Table):
        return Columns(spec, dim, shared)
    if patch is None and isinstance(spec, Image):
        patch = 4 if min(spec.height, spec.width) <= 32 else 8
    patch = max(1, -(-spec.length // 64)) if patch is None and isinstance(spec, Series) else patch
    assert patch is not None
    return Patches(spec, dim, patch)


def _taken(tokens: Tensor, which: Tensor) -> Tensor:
    """(B,T,P), (B,K) -> (B,K,P)."""
    return tokens.gather(1, which[..., None].expand(-1, -1, tokens.shape[2]))
