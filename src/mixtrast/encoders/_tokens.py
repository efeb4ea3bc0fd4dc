"""Tokens (B,T,D) of an example of any kind, the first stage of a transformer; and how masked tokens are predicted.

Where tokens may be absent (padding, segments of missing values), each has one more number, its presence, 1 or 0: (B,T,D+1). A
swapped token takes its presence along, and a mixture is present where one of its ingredients is.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from mixtrast.spec import Image, Series, Spec, Table, Tokens, is_plain
from mixtrast.validation import on_cpu


class Prediction(NamedTuple):
    """How masked tokens of numbers and categories are predicted.

    `loss` takes predictions (B,K,width), the input (B,*shape), and which tokens, (B,K) int64, and gives losses (B,K), and where
    there is anything to predict, (B,K) bool; `chance` the same for the best constant prediction.
    """

    width: int
    loss: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    chance: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Tokenize(nn.Module, ABC):
    """(B, *shape) -> (B,T,D), or (B,T,D+1) where `padded`: where tokens may be absent. T is `count`, D is `dim`."""

    table: nn.Embedding | None  # of ids

    def __init__(self, count: int, dim: int, padded: bool) -> None:
        super().__init__()
        self.count, self.dim, self.padded = count, dim, padded
        self.table = None

    def forward(self, x: Tensor) -> Tensor:
        values, present = self.embed(x)
        if not self.padded:
            return values
        presence = torch.ones_like(values[..., :1]) if present is None else present[..., None].to(values.dtype)
        return torch.cat([values * presence, presence], 2)

    @abstractmethod
    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return values (B,T,D), and which tokens are present, (B,T) bool, or None for all."""

    @property
    @abstractmethod
    def prediction(self) -> Prediction | None:
        """How masked tokens are predicted; None: they are ids, and the rows of the table are the candidates."""


class Patches(Tokenize):
    """Patches of an image or segments of a series without overlap, each embedded by the same Linear.

    A patch is flattened row by row with its channels last, as in DABS; sides that the patch does not divide are padded with 0.
    Missing values of a series (NaN) count as 0, and a segment without any value is absent.
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
        cut = self.cut(x)
        if not self.gaps:
            return self.linear(cut), None
        known = ~cut.isnan()
        return self.linear(torch.where(known, cut, 0.0)), known.any(2)

    def cut(self, x: Tensor) -> Tensor:
        """(B,C,*space) -> patches (B,T,P), NaN included."""
        lengths = [many * side for many, side in zip(self.grid, self.sides, strict=True)]
        more = [padded - length for padded, length in zip(lengths, self.space, strict=True)]
        if any(more):
            x = pad(x, [n for side in reversed(more) for n in (0, side)], value=float("nan") if self.gaps else 0.0)
        if len(self.grid) == 1:
            return x.view(x.shape[0], self.channels, self.grid[0], self.sides[0]).permute(0, 2, 3, 1).flatten(2)
        (h, w), (p, q) = self.grid, self.sides
        cut = x.reshape(x.shape[0], self.channels, h, p, w, q).permute(0, 2, 4, 3, 5, 1)
        return cut.reshape(x.shape[0], h * w, p * q * self.channels)

    @property
    def prediction(self) -> Prediction:
        """Its numbers; the loss is the norm of the difference over the numbers that are present; by chance, 0."""

        def loss(predicted: Tensor, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            target = _gather(self.cut(x), which)
            known = ~target.isnan()
            off = torch.where(known, predicted - target, 0.0) if self.gaps else predicted - target
            return torch.linalg.vector_norm(off, dim=2), known.any(2)

        width = self.linear.in_features
        return Prediction(width, loss, lambda x, which: loss(x.new_zeros(*which.shape, width), x, which))


class Words(Tokenize):
    """An embedding table of ids."""

    def __init__(self, spec: Tokens, dim: int) -> None:
        super().__init__(spec.length, dim, spec.pad is not None)
        self.pad = spec.pad
        self.table = nn.Embedding(spec.vocab, dim)

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        assert self.table is not None
        return self.table(x), None if self.pad is None else x != self.pad

    @property
    def prediction(self) -> None:
        return None


class Columns(Tokenize):
    """A token for each column: value x slope + offset for numbers, an embedding for each category, and one for missing values.

    `shared` is one Linear for all columns of numbers, as in DABS, where only the position tells columns apart.
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
        indices = {
            "number": [column for column, many in enumerate(levels) if not many],
            "category": [column for column, many in enumerate(levels) if many],
            "levels": each,
            "begin": [sum(each[:at]) for at in range(len(each))],  # its first row in the table
        }
        both = indices["number"] + indices["category"]
        indices["order"] = sorted(range(len(both)), key=both.__getitem__)  # from numbers and categories to columns
        for name, values in indices.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.int64), persistent=False)
        self.plain, self.widest = is_plain(spec), max(each, default=1)
        many = 1 if shared else len(indices["number"])
        self.slope, self.offset = (nn.Parameter(torch.empty(many, dim).uniform_(-1, 1)) for _ in range(2))  # as Linear(1, D)
        self.table = nn.Embedding(sum(each), dim) if each else None
        self.missing = nn.Parameter(torch.randn(spec.features, dim)) if spec.gaps else None

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.plain:
            return x[:, :, None] * self.slope + self.offset, None
        missing = x.isnan()
        filled = torch.where(missing, 0.0, x)
        tokens = filled.index_select(1, self.number)[..., None] * self.slope + self.offset
        if self.table is not None:
            words = self.table(self.codes(filled) + self.begin).to(tokens.dtype)
            tokens = torch.cat([tokens, words], 1).index_select(1, self.order)
        return tokens if self.missing is None else torch.where(missing[..., None], self.missing, tokens), None

    def codes(self, x: Tensor) -> Tensor:
        """(B,C) int64 codes of the categorical columns, checked on a CPU."""
        codes = x.index_select(1, self.category)
        integers = codes.long()
        checked = on_cpu(x) and not torch.compiler.is_compiling()
        if checked and not bool(((codes == integers) & (integers >= 0) & (integers < self.levels)).all()):
            raise ValueError(
                "categories of a table must be whole numbers below the number of levels of their column, and some are not. Mix "
                "them from depth 1 on, and use the views swap or mask, which preserve codes."
            )
        return integers

    @property
    def prediction(self) -> Prediction:
        """Numbers with the absolute difference, categories with cross-entropy; by chance, 0 or all categories equally."""
        width = self.widest

        def levels_of(which: Tensor) -> Tensor:
            every = torch.zeros(self.count, dtype=torch.int64, device=which.device)
            return every.index_put_((self.category,), self.levels)[which]  # (B,K), 0 for a number

        def loss(predicted: Tensor, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            target, levels = x.gather(1, which), levels_of(which)
            off = (predicted[..., 0] - target.nan_to_num()).abs()
            if self.table is not None:
                beyond = torch.arange(width, device=x.device) >= levels[..., None].clamp(min=1)
                code = torch.minimum(target.nan_to_num().long().clamp(min=0), (levels - 1).clamp(min=0))
                logits = predicted.masked_fill(beyond, -1e9).flatten(0, 1)
                off = torch.where(levels > 0, cross_entropy(logits, code.flatten(), reduction="none").view_as(off), off)
            return off, ~target.isnan()

        return Prediction(width, loss, lambda x, which: loss(x.new_zeros(*which.shape, width), x, which))


def tokenize(spec: Spec, dim: int, *, patch: int | tuple[int, ...] | None = None, shared: bool = False) -> Tokenize:
    """Build the first stage of a transformer; `patch` None: 4, or 8 for images above 32 pixels, or 64 segments of a series."""
    if isinstance(spec, Tokens):
        return Words(spec, dim)
    if isinstance(spec, Table):
        return Columns(spec, dim, shared)
    if patch is None and isinstance(spec, Image):
        patch = 4 if min(spec.height, spec.width) <= 32 else 8
    patch = max(1, -(-spec.length // 64)) if patch is None and isinstance(spec, Series) else patch
    assert patch is not None
    return Patches(spec, dim, patch)


def _gather(tokens: Tensor, which: Tensor) -> Tensor:
    """(B,T,P), (B,K) -> (B,K,P)."""
    return tokens.gather(1, which[..., None].expand(-1, -1, tokens.shape[2]))
