"""Evaluations: what vectors are worth. One file each; the file name is the name.

    features = Features.of(train=(z, y), val=..., test=..., classes=10)     vectors that are there already, and their labels
    linear(features, seed=0)                                                {"accuracy": 0.97, ..., "chosen": {"C": 0.1}}

The rules, the same for every row of a table, trained, untrained or raw: features are standardised with training statistics,
what can be chosen is chosen for each row on the validation split over a wide grid, or by cross-validation within the training
labels where there is none, and the test split is predicted and scored once, after that: a probe is never given it. `majority`
always stands beside. `diagnose` says in words what the numbers of a run mean; `tsne` draws a map.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mixtrast import registry
from mixtrast.evaluate._diagnosis import diagnose as diagnose
from mixtrast.evaluate._evaluation import Evaluation as Evaluation
from mixtrast.evaluate._evaluation import Features as Features
from mixtrast.evaluate._evaluation import Part as Part
from mixtrast.evaluate._evaluation import majority as majority
from mixtrast.evaluate._evaluation import scores as scores
from mixtrast.evaluate._examples import Examples as Examples
from mixtrast.evaluate._examples import OfExamples as OfExamples
from mixtrast.evaluate._examples import features as features
from mixtrast.evaluate._geometry import alignment as alignment
from mixtrast.evaluate._geometry import rank as rank
from mixtrast.evaluate._geometry import similarity as similarity
from mixtrast.evaluate._geometry import uniformity as uniformity
from mixtrast.evaluate._granted import granted as granted
from mixtrast.evaluate._map import tsne as tsne

if TYPE_CHECKING:
    from mixtrast.evaluate.labels import Labels

_room = sys.modules[__name__]


def get(name: str, **options: Any) -> Evaluation | OfExamples | Labels:
    """The evaluation of that name: a probe of features, or of examples, or `labels`, which takes several rows at once."""
    found: Evaluation | OfExamples | Labels = registry.make(_room, str(name), options)
    return found


def names() -> list[str]:
    return registry.names(_room)


def __getattr__(name: str) -> Any:
    return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(registry.find(_room, name).__name__ for name in names())]
