"""Scores of a run: those of each evaluation and row, and those with few labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixtrast.records import _json
from mixtrast.records._json import Json

ROW_NAMES = {
    "trained": "trained encoder",
    "untrained": "encoder before training",
    "raw": "raw input",
    "supervised": "supervised baseline",
    "majority": "majority-class baseline",
}
ROWS = tuple(ROW_NAMES)  # of an evaluation's scores, in the order of tables
ExampleScores = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class EvaluationRecord:
    """An evaluation as reports name it.

    Args:
        title, phrase: heading of its columns, "linear probe", and how a sentence names it, "a linear probe".
        kind: "probe" of features, "baseline" on raw examples, "finetune" of all weights, "weak probe" (nothing is judged by
            it), "curve" over numbers of labels.
        order: its place in tables, lowest first; headlines and verdicts quote the first probe that was made.
    """

    title: str = ""
    phrase: str = ""
    kind: str = "probe"
    order: int = 0
    options: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """The scores of one row of an evaluation, and how its options were chosen.

    Args:
        values: metrics of the test set, "accuracy", "balanced_accuracy", "r2", "mae"; also "val_accuracy" and the like.
        chosen: the options that were chosen; by "validation", "cross-validation", ...
        at_edge: whether a choice is the first or last value of its search range.
        examples: metric -> the score of each test example, whose mean is that metric; not in results.json.
    """

    values: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, Json] = field(default_factory=dict)
    chosen_by: str = ""
    at_edge: bool | None = None
    converged: bool | None = None
    examples: ExampleScores = field(default_factory=dict, compare=False, repr=False)

    def to_json(self) -> dict[str, Json]:
        """Metrics and choices in one mapping: {"accuracy": 0.9, "chosen": {"C": 1.0}, "chosen_by": "validation"}."""
        choices = {"chosen": self.chosen, "chosen_by": self.chosen_by, "at_edge": self.at_edge, "converged": self.converged}
        return {**self.values, **{key: value for key, value in choices.items() if value not in (None, "", {})}}

    @classmethod
    def from_json(cls, written: Mapping[str, Json]) -> Score:
        values = {str(key): found for key, value in written.items() if (found := _json.number(value)) is not None}
        at_edge, converged = (
            value if isinstance(value := written.get(key), bool) else None for key in ("at_edge", "converged")
        )
        return cls(values, dict(_json.mapping(written.get("chosen"))), str(written.get("chosen_by") or ""), at_edge, converged)


@dataclass(frozen=True)
class LabelPoint:
    """Scores with few labels: `labels` in all, `per_class` of each class, None where only their number is known.

    `rows`: row -> the score of each draw of labels. `examples`: row -> the score of each test example, mean over the draws.
    """

    per_class: float | None = None
    labels: float | None = None
    rows: dict[str, tuple[float, ...]] = field(default_factory=dict)
    examples: ExampleScores = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class LabelCurve:
    """Scores over the number of labels, and sentences: why none, that classes have fewer rows, which numbers were left out."""

    points: tuple[LabelPoint, ...] = ()
    withheld: str | None = None
    fewer: str | None = None
    skipped: str | None = None
