"""Specs: what one example looks like. Encoders are built from a spec, and figures are drawn by it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor

from mixtrast.registry import Value
from mixtrast.text import count


@dataclass(frozen=True)
class Table:
    """A row of a table, (F,).

    Args:
        features: F, the number of columns.
        levels: the number of categories of each column, whose values are codes 0, 1, ...; 0 for a column of numbers. Empty
            where all columns are numbers.
        gaps: whether values may be missing (NaN).
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
        gaps: whether examples may be shorter than L, or have missing values (NaN).
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
    """Return the spec of numbers of a shape: (F,) is a table, (C, L) a series, (C, H, W) an image."""
    kind = _KINDS.get(len(shape))
    if kind is None or not all(side > 0 for side in shape):
        raise ValueError(
            f"an example must be a table (F,), a series (C, L) or an image (C, H, W), got shape {tuple(shape)}. "
            "Reshape the array: examples first, channels next."
        )
    return kind(*(int(side) for side in shape))


def is_plain(spec: Spec) -> bool:
    """Return whether examples are numbers without missing values: these can be added, and so mixed at depth 0."""
    return not isinstance(spec, Tokens) and not any(getattr(spec, "levels", ())) and not getattr(spec, "gaps", False)


def numbers(spec: Spec) -> int:
    """Return how many numbers `flat` makes of an example."""
    if isinstance(spec, Tokens):
        return spec.vocab
    if isinstance(spec, Table) and not is_plain(spec):
        plain = sum(not many for many in spec.levels or (0,) * spec.features)
        return plain + spec.features * spec.gaps + sum(spec.levels)
    return math.prod(spec.shape)


def flat(spec: Spec, x: Tensor) -> Tensor:
    """Return examples (N, *shape) of any kind as plain numbers, (N, D) float32.

    Categories become one-hot; missing values become 0, and a table gets one more column of 0 and 1 for each of its columns that
    says which are missing; ids are counted, log(1 + count), without padding.
    """
    if isinstance(spec, Tokens):
        counts = torch.zeros(x.shape[0], spec.vocab, device=x.device)
        counts.scatter_add_(1, x, torch.ones((), device=x.device).expand(x.shape))
        if spec.pad is not None:
            counts[:, spec.pad] = 0
        return counts.log1p_()
    if is_plain(spec):
        return x.flatten(1)
    missing, filled = x.isnan(), x.nan_to_num()
    if not isinstance(spec, Table):
        return filled.flatten(1)
    levels = spec.levels or (0,) * spec.features
    # Column by column: a list of columns would be copied to the device at every step.
    parts = [filled[:, column, None] for column, kinds in enumerate(levels) if not kinds] if spec.levels else [filled]
    parts += [missing.to(x.dtype)] if spec.gaps else []
    for column, kinds in enumerate(levels):
        if kinds:
            codes = torch.arange(kinds, device=x.device, dtype=x.dtype)
            parts.append((x[:, column, None] == codes).to(x.dtype))  # NaN is none of them
    return torch.cat(parts, 1)


def examples(spec: Spec, rows: int, generator: torch.Generator) -> Tensor:
    """Return random examples (rows, *shape), scaled as an encoder gets them, for trying something out."""
    if isinstance(spec, Tokens):
        return torch.randint(spec.vocab, (rows, spec.length), generator=generator)
    x = torch.randn(rows, *spec.shape, generator=generator)
    if isinstance(spec, Table):
        for column, levels in enumerate(spec.levels):
            if levels:
                x[:, column] = torch.randint(levels, (rows,), generator=generator).float()
    return x


def describe(spec: Spec) -> str:
    """Return a spec in words: "a table of 54 columns"."""
    missing = ", with missing values" if getattr(spec, "gaps", False) else ""
    match spec:
        case Table(features, levels):
            kinds = f", {sum(many > 0 for many in levels)} of categories" if any(levels) else ""
            return f"a table of {count(features, 'column')}{kinds}{missing}"
        case Series(channels, length):
            return f"a series of {count(channels, 'channel')} and length {length:,}{missing}"
        case Image(channels, height, width):
            return f"an image of {count(channels, 'channel')}, {height:,} × {width:,}"
        case Tokens(length, vocab):
            return f"a sequence of {length:,} tokens out of {vocab:,}"


def to_dict(spec: Spec) -> dict[str, Value]:
    """Return a spec as JSON: {"kind": "Image", "channels": 1, ...}, without fields at their defaults."""
    defaults = {field.name: field.default for field in fields(spec)}
    values = {key: value for key, value in asdict(spec).items() if value != defaults[key]}
    return {"kind": type(spec).__name__, **{key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}}


def from_dict(record: Mapping[str, Value]) -> Spec:
    """Return the spec of what `to_dict` made. Raises: KeyError or TypeError where it is something else."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    kinds: dict[Value, Callable[..., Spec]] = {kind.__name__: kind for kind in (Table, Series, Image, Tokens)}
    return kinds[values.pop("kind")](**values)
