"""What one example looks like: what an encoder must know to be built, and what a picture must know to be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Table:
    """A row of columns, (F,).

    Args:
        features: F.
        levels: of each column, 0 for a number, or how many categories it has, of which the code 0, 1, ... stands in the row;
            empty where all columns are numbers.
        gaps: whether values may be missing, which is NaN.
    """

    features: int
    levels: tuple[int, ...] = ()
    gaps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.features,)


@dataclass(frozen=True)
class Series:
    """Channels over time, (C, L).

    Args:
        gaps: whether examples may be shorter than L, or lack values: NaN.
    """

    channels: int
    length: int
    gaps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.length)


@dataclass(frozen=True)
class Image:
    """Channels (or bands) of pixels, (C, H, W)."""

    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.height, self.width)


@dataclass(frozen=True)
class Tokens:
    """Ids of tokens, (T,) int64, 0 to `vocab` - 1.

    Args:
        pad: the id after the end of a shorter sequence; None where all have T tokens.
    """

    length: int
    vocab: int
    pad: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)


Spec = Table | Series | Image | Tokens
_KINDS: dict[int, Callable[..., Spec]] = {1: Table, 2: Series, 3: Image}


def of(shape: tuple[int, ...]) -> Spec:
    """The spec of one example of numbers of this shape: (F,) a table, (C, L) a series, (C, H, W) an image."""
    kind = _KINDS.get(len(shape))
    if kind is None or not all(side > 0 for side in shape):
        raise ValueError(
            f"an example must be (F,) of a table, (C, L) of a series or (C, H, W) of an image, got shape {tuple(shape)}. "
            "Reshape it: one example a row, channels next."
        )
    return kind(*(int(side) for side in shape))


def is_plain(spec: Spec) -> bool:
    """Whether examples are numbers, all of them there: what can be added, and so mixed as it is read (depth 0)."""
    return not isinstance(spec, Tokens) and not any(getattr(spec, "levels", ())) and not getattr(spec, "gaps", False)


def numbers(spec: Spec) -> int:
    """How many numbers `flat` makes of an example."""
    if isinstance(spec, Tokens):
        return spec.vocab
    if isinstance(spec, Table) and not is_plain(spec):
        plain = sum(not many for many in spec.levels or (0,) * spec.features)
        return plain + spec.features * spec.gaps + sum(spec.levels)
    return math.prod(spec.shape)


def flat(spec: Spec, x: Tensor) -> Tensor:
    """(N, *shape) of any kind -> (N, D) float32 of numbers alone, the plainest there are.

    Categories are one number each, 1 for the one that is there; what is missing is 0, and of a table says so in one more number
    a column; ids are counted, log(1 + how often), without padding.
    """
    if isinstance(spec, Tokens):
        counts = torch.zeros(x.shape[0], spec.vocab, device=x.device)
        counts.scatter_add_(1, x, torch.ones((), device=x.device).expand(x.shape))
        if spec.pad is not None:
            counts[:, spec.pad] = 0
        return counts.log1p_()
    if is_plain(spec):
        return x.flatten(1)
    gone, filled = x.isnan(), x.nan_to_num()
    if not isinstance(spec, Table):
        return filled.flatten(1)
    levels = spec.levels or (0,) * spec.features
    # Column by column: a list of columns would be copied to the device at every step.
    parts = [filled[:, column, None] for column, many in enumerate(levels) if not many] if spec.levels else [filled]
    parts += [gone.to(x.dtype)] if spec.gaps else []
    for column, many in enumerate(levels):
        if many:
            codes = torch.arange(many, device=x.device, dtype=x.dtype)
            parts.append((x[:, column, None] == codes).to(x.dtype))  # NaN is none of them
    return torch.cat(parts, 1)


def examples(spec: Spec, rows: int, generator: torch.Generator) -> Tensor:
    """(rows, *shape) of the right kind, at random, scaled as an encoder sees them: for trying something out."""
    if isinstance(spec, Tokens):
        return torch.randint(spec.vocab, (rows, spec.length), generator=generator)
    x = torch.randn(rows, *spec.shape, generator=generator)
    if isinstance(spec, Table):
        for column, levels in enumerate(spec.levels):
            if levels:
                x[:, column] = torch.randint(levels, (rows,), generator=generator).float()
    return x


def to_dict(spec: Spec) -> dict[str, Any]:
    """For a file: {"kind": "Image", "channels": 1, ...}, without what is at its default."""
    plain = {field.name: field.default for field in fields(spec)}
    told = {key: value for key, value in asdict(spec).items() if value != plain[key]}
    return {"kind": type(spec).__name__, **{key: list(v) if isinstance(v, tuple) else v for key, v in told.items()}}


def from_dict(record: dict[str, Any]) -> Spec:
    """The inverse of `to_dict`."""
    record = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    kinds: dict[str, type[Spec]] = {kind.__name__: kind for kind in (Table, Series, Image, Tokens)}
    return kinds[record.pop("kind")](**record)
