"""The contract of evaluations, and what they are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Literal, Protocol

from mixtrast.encoders import Encoder
from mixtrast.evaluation._examples import Examples
from mixtrast.evaluation._features import Features
from mixtrast.evaluation._multilabel import LabelSets
from mixtrast.records import EvaluationRecord, LabelCurve, Score
from mixtrast.spec import Spec

Task = Literal["classes", "multilabel", "number", "none"]
Kind = Literal["probe", "baseline", "finetune", "weak probe", "curve"]
FIXED_ROWS = ("untrained", "raw")  # rows that training does not change


class Cache(Protocol):
    """Scores that other runs have computed already."""

    def score(self, name: str, key: object, features: Features, compute: Callable[[], Score]) -> Score:
        """What `compute()` returns, or returned for the same evaluation, key (by its `repr`) and features before."""


@dataclass(frozen=True, eq=False)
class Context:
    """What an evaluation may use: features and encoders by row of the table; "raw" is the input itself, without an encoder.

    Args:
        majority: the scores of the majority-class baseline.
        labels_used: how many labels trained the encoder; 0 where training uses none.
        label_sets: all labels of each row, where examples have several.
        progress: is called with what comes next, "linear probe, trained".
    """

    features: Mapping[str, Features]
    examples: Examples
    encoders: Mapping[str, Encoder]
    majority: Score
    seed: int
    labels_used: int = 0
    label_sets: LabelSets | None = None
    fingerprint: str = ""
    progress: Callable[[str], None] = field(default=lambda text: None)
    cache: Cache | None = None

    def each_row(
        self, evaluation: Evaluation, compute: Callable[[str], Score], key: Callable[[str], object] = lambda row: None
    ) -> dict[str, Score]:
        """Row -> its score, for the rows of this evaluation; `key`: what it depends on beside features, options and data."""
        found = {}
        for row in evaluation.rows_among(self.features):
            self.progress(f"{evaluation.title}, {row}")
            if self.cache is None or row not in FIXED_ROWS:
                found[row] = compute(row)
            else:
                name = type(evaluation).__module__.rpartition(".")[2]
                depends = (repr(evaluation), self.seed, self.fingerprint, key(row))
                found[row] = self.cache.score(name, depends, self.features[row], partial(compute, row))
        return found


class Evaluation(ABC):
    """Base of all evaluations. One class a file; the file name is its name, and the constructor's keywords are its options.

    Class attributes:
        title: heading of its columns in tables, "linear probe".
        phrase: how a sentence names it, "a linear probe".
        kind: "probe" of features as they are; "baseline" on raw input; "finetune" of all weights; "weak probe", by which
            nothing is judged; "curve" over numbers of labels, on the run's own data only.
        order: its place in tables, lowest first.
        rows: of the table, for which it is computed; empty for all.
    """

    title: ClassVar[str]
    phrase: ClassVar[str]
    kind: ClassVar[Kind] = "probe"
    order: ClassVar[int] = 10
    rows: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def applies_to(spec: Spec, task: Task) -> bool:
        """Whether it is among the evaluations of such data where none is named."""
        return True

    @staticmethod
    def refusal(spec: Spec, task: Task) -> str:
        """Why it cannot be computed on such data: "it needs series, got a table"; empty where it can."""
        return ""

    @abstractmethod
    def fit_score(self, context: Context) -> dict[str, Score] | LabelCurve:
        """Fit on train, choose on val, predict test once: the score of each row, or a curve over numbers of labels."""

    def rows_among(self, available: Iterable[str]) -> list[str]:
        """The rows for which it is computed."""
        return [row for row in available if not self.rows or row in self.rows]

    def record(self) -> EvaluationRecord:
        """How reports name it, and its options."""
        options = {key: value for key, value in vars(self).items() if not key.startswith("_")}
        return EvaluationRecord(self.title, self.phrase, self.kind, self.order, options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items() if k[0] != '_')})"
