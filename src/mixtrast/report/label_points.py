"""Scores with few labels, by the number of labels."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtrast.records import ROWS, LabelPoint, Results
from mixtrast.report.columns import n_test, seed_of
from mixtrast.report.numbers import MISSING
from mixtrast.significance import Metric, Sample
from mixtrast.text import count


@dataclass(frozen=True)
class LabelCount:
    """How many labels: of each class, or in all where that is not known."""

    per_class: float | None
    labels: float | None

    @property
    def number(self) -> float:
        return self.per_class or self.labels or 0.0

    def __str__(self) -> str:
        if self.per_class is not None:
            return f"{count(round(self.per_class), 'label')} per class"
        return MISSING if self.labels is None else count(round(self.labels), "label")


def label_points(results: Sequence[Results]) -> dict[LabelCount, dict[str, Sample]]:
    """Row -> scores of every draw of labels and every seed, for each number of labels, ascending."""
    values: dict[LabelCount, dict[str, dict[tuple[Hashable, int], float]]] = {}
    examples: dict[tuple[LabelCount, str], dict[Hashable, NDArray[np.float32]]] = {}
    for at, result in enumerate(results):
        for point in result.labels.points:
            labels, seed = LabelCount(point.per_class, point.labels if point.per_class is None else None), seed_of(result, at)
            for row in ROWS:
                if scores := _draws(point, row, seed):
                    values.setdefault(labels, {}).setdefault(row, {}).update(scores)
                if row in point.examples:
                    examples.setdefault((labels, row), {})[seed] = point.examples[row]
    size, number = (n_test(results[0].data), results[0].data.task == "number") if results else (None, False)
    metric: Metric = "r2" if number else "share"
    return {
        labels: {row: Sample(scores, examples.get((labels, row), {}), size, metric) for row, scores in values[labels].items()}
        for labels in sorted((labels for labels in values if labels.number > 0), key=lambda labels: labels.number)
    }


def quoted(points: Mapping[LabelCount, Mapping[str, Sample]]) -> LabelCount | None:
    """The point that a headline quotes: 10 labels per class (100 labels), or the nearest below, or the first."""
    there = [labels for labels, rows in points.items() if "trained" in rows]
    below = [labels for labels in there if (labels.per_class or 0) <= 10 and (labels.labels or 0) <= 100]
    return below[-1] if below else there[0] if there else None


def _draws(point: LabelPoint, row: str, seed: Hashable) -> dict[tuple[Hashable, int], float]:
    return {(seed, draw): value for draw, value in enumerate(point.rows.get(row, ())) if math.isfinite(value)}
