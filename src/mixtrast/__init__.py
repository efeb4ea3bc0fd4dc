"""mixtrast: learn representations by mixing examples and contrasting the mixtures.

mt.train(data, label=...)                   a trained encoder and an honest report, one call
mt.compare(data, configurations={...}, label=...)    several methods or settings, several seeds, one table
mt.Mix, mt.Labels                           what was mixed, and who each row is
mt.contrast, mt.align                       every loss of the field, from those two
mt.log_partition, mt.soft_cross_entropy, mt.row_mass, mt.chance, mt.floor
mt.mixers.CutMix, mt.methods.IMix, ...      the rooms; `mt.mixers.names()` lists one
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mixtrast.version import __version__ as __version__

if TYPE_CHECKING:
    from mixtrast import datasets as datasets
    from mixtrast import encoders as encoders
    from mixtrast import evaluation as evaluation
    from mixtrast import methods as methods
    from mixtrast import mixers as mixers
    from mixtrast import readers as readers
    from mixtrast import views as views
    from mixtrast.algebra.labels import Labels as Labels
    from mixtrast.algebra.labels import Mix as Mix
    from mixtrast.algebra.losses import align as align
    from mixtrast.algebra.losses import chance as chance
    from mixtrast.algebra.losses import contrast as contrast
    from mixtrast.algebra.losses import floor as floor
    from mixtrast.algebra.losses import log_partition as log_partition
    from mixtrast.algebra.losses import row_mass as row_mass
    from mixtrast.algebra.losses import soft_cross_entropy as soft_cross_entropy
    from mixtrast.run import Run as Run
    from mixtrast.run import train as train
    from mixtrast.studies import Comparison as Comparison
    from mixtrast.studies import compare as compare

# Everything is imported when it is first asked for: the command answers --help before torch is loaded.
_ROOMS = ("datasets", "encoders", "evaluation", "methods", "mixers", "readers", "views")
_HOMES = {
    "mixtrast.algebra.losses": (
        "align", "chance", "contrast", "floor", "log_partition", "row_mass", "soft_cross_entropy",
    ),
    "mixtrast.algebra.labels": ("Labels", "Mix"),
    "mixtrast.run": ("Run", "train"),
    "mixtrast.studies": ("Comparison", "compare"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"mixtrast.{name}")
    if name not in _HOME:
        raise AttributeError(f"mixtrast has no {name!r}; it has {', '.join(__dir__())}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*_ROOMS, *_HOME, "__version__"])
