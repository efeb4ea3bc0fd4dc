"""Mixers: two (or K) examples become one, and a `Mix` says what was mixed. One file each; the file name is the name.

    mixed, mix = mixer(x, generator)            partners are a random permutation of the batch
    labels.mix(mix)                             the labels of the mixtures, whatever a label is

`get("cutmix", alpha=0.5)` makes one by name, `get("mixup+cutmix")` one that draws among several at every batch.
"""

from __future__ import annotations

import sys
from typing import Any

from mixtrast import registry
from mixtrast.mixers._mixer import Mixer as Mixer
from mixtrast.mixers._mixer import OneOf as OneOf

_room = sys.modules[__name__]


def get(name: str, **options: Any) -> Mixer | OneOf:
    """The mixer of that name; several joined by "+" are drawn from, one for each batch, with the same options."""
    parts: list[Mixer] = [registry.make(_room, part.strip(), options) for part in str(name).split("+")]
    return parts[0] if len(parts) == 1 else OneOf(*parts)


def names() -> list[str]:
    return registry.names(_room)


def __getattr__(name: str) -> Any:
    return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(registry.find(_room, name).__name__ for name in names())]
