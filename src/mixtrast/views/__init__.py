"""Views: one example becomes another that still is the same. A different draw for every example of the batch.

    x = view(x, generator)          x (B,...), on its own device; the generator lives on the CPU

One file each; the file name is the name. Views of images as they are (`View.unscaled`) come before the input is scaled,
all others after. `pipeline` names what published code combines. A mixing that leaves the label alone (`inputmix`, `cutout`)
is a view.
"""

from __future__ import annotations

import sys
from typing import Any

from mixtrast import registry
from mixtrast.views._pipelines import PIPELINES as PIPELINES
from mixtrast.views._pipelines import pipeline as pipeline
from mixtrast.views._scale import Scale as Scale
from mixtrast.views._scale import intensity as intensity
from mixtrast.views._view import View as View

_room = sys.modules[__name__]


def get(name: str, **options: Any) -> View:
    """The view of that name."""
    view: View = registry.make(_room, name, options)
    return view


def names() -> list[str]:
    return registry.names(_room)


def __getattr__(name: str) -> Any:
    return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(registry.find(_room, name).__name__ for name in names())]
