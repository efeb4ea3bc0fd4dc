"""What one example looks like: what an encoder must know to be built, and what a picture must know to be drawn."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A row of numbers, (F,)."""

    features: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.features,)


@dataclass(frozen=True)
class Series:
    """Channels over time, (C, L)."""

    channels: int
    length: int

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


Spec = Table | Series | Image
_KINDS: dict[int, type[Table] | type[Series] | type[Image]] = {1: Table, 2: Series, 3: Image}


def of(shape: tuple[int, ...]) -> Spec:
    """The spec of one example of this shape: (F,) a table, (C, L) a series, (C, H, W) an image."""
    kind = _KINDS.get(len(shape))
    if kind is None or not all(side > 0 for side in shape):
        raise ValueError(
            f"an example must be (F,) of a table, (C, L) of a series or (C, H, W) of an image, got shape {tuple(shape)}. "
            "Reshape it: one example a row, channels next."
        )
    return kind(*(int(side) for side in shape))


def numbers(spec: Spec) -> int:
    """How many numbers one example has."""
    return math.prod(spec.shape)


def to_dict(spec: Spec) -> dict[str, Any]:
    """For a file: {"kind": "Image", "channels": 1, ...}."""
    return {"kind": type(spec).__name__, **asdict(spec)}


def from_dict(record: dict[str, Any]) -> Spec:
    """The inverse of `to_dict`."""
    record = dict(record)
    kinds = {kind.__name__: kind for kind in _KINDS.values()}
    return kinds[record.pop("kind")](**record)
