"""Evaluations by name: which are made of which data, and their scores together."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixtrast import registry
from mixtrast.data.dataset import Dataset
from mixtrast.evaluation._contract import Context, Evaluation, Task
from mixtrast.records import EvaluationRecord, Json, LabelCurve, Score
from mixtrast.spec import Spec

ROOM = __name__.rpartition(".")[0]


@dataclass(frozen=True)
class Measured:
    """What evaluations found by name; `probes`: name -> row -> score, where "majority" is the majority-class baseline."""

    evaluations: dict[str, EvaluationRecord] = field(default_factory=dict)
    probes: dict[str, dict[str, Score]] = field(default_factory=dict)
    labels: LabelCurve | None = None


def get(name: str, **options: object) -> Evaluation:
    """Build the evaluation of that name."""
    found: Evaluation = registry.make(sys.modules[ROOM], str(name), options)
    return found


def task_of(dataset: Dataset) -> Task:
    """What is predicted: a class, several labels, a number, or nothing."""
    return "multilabel" if dataset.label_sets is not None else dataset.task


def default_evaluations(spec: Spec, task: Task) -> list[str]:
    """The names of the evaluations of such data where none is named."""
    return [name for name in registry.names(sys.modules[ROOM]) if _kind(name).applies_to(spec, task)]


def refusals(names: Iterable[str], spec: Spec, task: Task) -> list[str]:
    """A sentence for each of these evaluations that cannot be computed on such data."""
    reasons = {name: _kind(name).refusal(spec, task) for name in names}
    return [f"{name} cannot be evaluated: {why}. Leave it out." for name, why in reasons.items() if why]


def own_data_only(names: Iterable[str]) -> list[str]:
    """Those of these evaluations that are computed on a run's own data only."""
    known = registry.names(sys.modules[ROOM])
    return [name for name in names if name in known and _kind(name).kind == "curve"]


def evaluate(context: Context, chosen: Mapping[str, Mapping[str, Json]]) -> Measured:
    """Fit and score these evaluations, {name: options}."""
    made = {name: get(name, **options) for name, options in chosen.items()}
    found = {name: evaluation.fit_score(context) for name, evaluation in made.items()}
    probes = {name: {**rows, "majority": context.majority} for name, rows in found.items() if not isinstance(rows, LabelCurve)}
    labels = next((curve for curve in found.values() if isinstance(curve, LabelCurve)), None)
    return Measured({name: evaluation.record() for name, evaluation in made.items()}, probes, labels)


def progress_steps(chosen: Mapping[str, Mapping[str, Json]], rows: Iterable[str]) -> int:
    """How often `evaluate` calls the progress of its context, at most."""
    rows = list(rows)
    return sum(len(get(name, **options).rows_among(rows)) for name, options in chosen.items())


def _kind(name: str) -> type[Evaluation]:
    return registry.find(sys.modules[ROOM], name)
