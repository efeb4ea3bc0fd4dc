"""The columns of score tables: one metric of one evaluation, and its numbers over seeds."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mixtrast.records import DataRecord, EvaluationRecord, Results, Score
from mixtrast.report.numbers import Spread, figures, fixed, gain, percent, spread
from mixtrast.significance import Difference, Metric, Sample

Unit = Literal["percent", "r2", "error"]
METRICS: dict[Unit, Metric] = {"percent": "share", "r2": "r2", "error": "other"}


@dataclass(frozen=True)
class Column:
    """One metric of one evaluation."""

    evaluation: str
    record: EvaluationRecord
    metric: str  # key of a score's values
    name: str  # of the metric
    unit: Unit

    @property
    def title(self) -> str:
        """Heading of the column, "linear probe, accuracy"."""
        return f"{self.record.title or self.evaluation}, {self.name}"

    @property
    def share(self) -> bool:
        """Whether values are shares of right answers, written in percent."""
        return self.unit == "percent"

    def text(self, value: Spread | None) -> str:
        """A value with its unit."""
        if self.share:
            return percent(value)
        return fixed(value, 3) if self.unit == "r2" else figures(value, 3)

    def gain(self, found: Difference | None) -> str:
        """A difference with its interval."""
        return gain(found, self.share)

    def values(self, results: Sequence[Results], row: str) -> dict[Hashable, float]:
        """Seed -> the value, for the runs that have it."""
        return {seed: score.values[self.metric] for seed, score, _ in self._scores(results, row)}

    def mean(self, results: Sequence[Results], row: str) -> Spread | None:
        """Mean and standard deviation over seeds."""
        return spread(self.values(results, row).values())

    def sample(self, results: Sequence[Results], row: str) -> Sample:
        """The values and the scores of each test example, higher is better, for a test of significance."""
        sign, scores = -1 if self.unit == "error" else 1, list(self._scores(results, row))
        values = {(seed, 0): sign * score.values[self.metric] for seed, score, _ in scores}
        examples = {seed: sign * each for seed, score, _ in scores if (each := score.examples.get(self.metric)) is not None}
        sizes = [score.values.get("n", n_test(data, self.metric)) for _, score, data in scores]
        size = round(sizes[-1]) if sizes and sizes[-1] is not None else None
        return Sample(values, examples, size, METRICS[self.unit], constant=row == "majority")

    def _scores(self, results: Sequence[Results], row: str) -> Iterator[tuple[Hashable, Score, DataRecord]]:
        for at, result in enumerate(results):
            score = result.probes.get(self.evaluation, {}).get(row)
            if score is not None and self.metric in score.values:
                yield seed_of(result, at), score, result.data


def columns_for(results: Sequence[Results]) -> list[Column]:
    """Accuracy of classes (and balanced accuracy where they are unbalanced), or R² and mean absolute error of a number.

    A column for each evaluation that any of the results has, in the order that the evaluations have.
    """
    records: dict[str, EvaluationRecord] = {}
    for result in results:
        records = {**{name: EvaluationRecord(name, name) for name in result.probes}, **result.evaluations} | records
    names = [name for name in records if any(name in result.probes for result in results)]
    names.sort(key=lambda name: records[name].order)
    kinds = _kinds(results[0].data) if results else []
    return [Column(evaluation, records[evaluation], *kind) for evaluation in names for kind in kinds]


def main_columns(results: Sequence[Results]) -> list[Column]:
    """One column for each evaluation: R², balanced accuracy where classes are unbalanced, else accuracy."""
    if not results:
        return []
    metric = {"number": "r2", "classes": "balanced_accuracy" if results[0].data.unbalanced else "accuracy"}
    return [column for column in columns_for(results) if column.metric == metric.get(results[0].data.task)]


def seed_of(result: Results, at: int) -> Hashable:
    """What pairs this run's numbers with another's: its seed, or its position where it has none."""
    return result.seed if result.seed is not None else ("run", at)


def n_test(data: DataRecord, metric: str = "accuracy") -> int | None:
    """Number of test examples; for balanced accuracy as many as a balanced test set needs to be as certain."""
    test = data.counts.get("test", ())
    if metric == "balanced_accuracy" and test and min(test) > 0:
        return round(len(test) ** 2 / sum(1 / size for size in test))
    return data.test


def _kinds(data: DataRecord) -> list[tuple[str, str, Unit]]:
    """Metric, its name and unit."""
    if data.task == "number":
        return [("r2", "R²", "r2"), ("mae", "MAE", "error")]
    if data.multilabel:
        return [("balanced_accuracy", "balanced accuracy, mean over labels", "percent")]
    if data.task != "classes":
        return []
    balanced: list[tuple[str, str, Unit]] = [("balanced_accuracy", "balanced accuracy", "percent")]
    return [("accuracy", "accuracy", "percent"), *(balanced if data.unbalanced else [])]
