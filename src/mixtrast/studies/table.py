"""Every number of a comparison as a tidy table: one line for each configuration, seed, evaluation, row and metric."""

import csv
import io
import math
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from mixtrast import atomic
from mixtrast.records import Results

CSV = "compare.csv"
COLUMNS = (
    "configuration", "seed", "evaluation", "row", "metric", "value", "training_seconds", "examples_per_second",
    "peak_memory_bytes",
)  # fmt: skip
Line = dict[str, str | int | float | None]


def tidy(runs: Iterable[tuple[str, int, Results]]) -> list[Line]:
    """Lines of COLUMNS.

    Args:
        runs: configuration, seed and results of each finished run.

    Metrics of the evaluations alone, val_... among them; what was chosen is in results.json. With few labels the evaluation is
    called "10 labels per class" and the value is the mean over draws of labels.
    """
    lines = []
    for configuration, seed, results in runs:
        cost = (results.cost.seconds, results.cost.examples_per_second, results.cost.peak_memory_bytes)
        for number in _numbers(results):
            lines.append(dict(zip(COLUMNS, (configuration, seed, *number, *cost), strict=True)))
    return lines


def _numbers(results: Results) -> Iterator[tuple[str, str, str, float]]:
    """Evaluation, row, metric, value."""
    for evaluation, row, score in results.scores():
        yield from ((evaluation, row, metric, value) for metric, value in score.values.items())
    metric = "r2" if results.data.task == "number" else "accuracy"
    for point in results.labels.points:
        many = point.labels if point.per_class is None else point.per_class
        name = f"{many or 0:g} labels{'' if point.per_class is None else ' per class'}"
        for row, scores in point.rows.items():
            if known := [score for score in scores if math.isfinite(score)]:
                yield name, row, metric, statistics.fmean(known)


def write(lines: Iterable[Line], path: Path) -> None:
    """Write a CSV file atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    atomic.write(path, text.getvalue().encode())
