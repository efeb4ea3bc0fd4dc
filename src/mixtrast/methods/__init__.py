"""Methods: vectors become one number that is to go down. One file each; the file name is the name.

    method = get("imix", encoder, temperature=0.2)
    loss = method(Batch((view1, view2), label, index), generator)
    loss.value.backward()

A method says what is compared with what, and towards which label; the algebra does the rest.
"""

from __future__ import annotations

import sys
from typing import Any

from mixtrast import registry
from mixtrast.encoders import Encoder
from mixtrast.methods._method import Batch as Batch
from mixtrast.methods._method import Loss as Loss
from mixtrast.methods._method import Method as Method

_room = sys.modules[__name__]


def get(name: str, encoder: Encoder, *, classes: int = 0, **options: Any) -> Method:
    """The method of that name; `classes` is passed to those that ask the data for it."""
    method: Method = registry.make(_room, name, options, encoder, classes=classes)
    return method


def names() -> list[str]:
    return registry.names(_room)


def __getattr__(name: str) -> Any:
    return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(registry.find(_room, name).__name__ for name in names())]
