"""Encoders: an example becomes a vector. One file each; a file may offer named sizes beside its own name.

    encoder = get("resnet", spec, width=32)
    h = encoder(x)                              (B, *spec.shape) -> (B, dim)
    h = encoder.run(x, stop=2)                  the first two stages: what is mixed at depth 2

Any `nn.Module` of your own can stand in: `wrap(module, spec)`.
"""

from __future__ import annotations

import sys
from typing import Any

from mixtrast import registry
from mixtrast.encoders._ema import EMA as EMA
from mixtrast.encoders._encoder import Encoder as Encoder
from mixtrast.encoders._encoder import wrap as wrap
from mixtrast.encoders._heads import Head as Head
from mixtrast.encoders._heads import head as head
from mixtrast.encoders._split import split_norms as split_norms
from mixtrast.encoders._split import whole_norms as whole_norms
from mixtrast.encoders._tokens import Tokenize as Tokenize
from mixtrast.spec import Spec

_room = sys.modules[__name__]


def get(name: str, spec: Spec, **options: Any) -> Encoder:
    """The encoder of that name for such examples."""
    encoder: Encoder = registry.make(_room, name, options, spec)
    return encoder


def names() -> list[str]:
    return registry.names(_room)


def __getattr__(name: str) -> Any:
    return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(registry.find(_room, name).__name__ for name in names())]
