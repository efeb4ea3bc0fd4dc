"""Every number of a comparison as a tidy table: one line a cell, seed, evaluation, row and metric."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mixtrast import whole

COLUMNS = (
    "cell", "seed", "evaluation", "row", "metric", "value", "training_seconds", "examples_per_second", "peak_memory_bytes",
)  # fmt: skip
_COST = {"training_seconds": "seconds", "examples_per_second": "examples_per_second", "peak_memory_bytes": "peak_memory_bytes"}


def tidy(runs: Iterable[tuple[str, int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Lines of COLUMNS.

    Args:
        runs: cell, seed and results.json of each finished run.

    Numbers of the probes alone, val_... among them; what was chosen is in results.json. With few labels the evaluation is
    called "10 labels per class" and the value is the mean over draws of labels.
    """
    lines = []
    for cell, seed, results in runs:
        cost = {column: results["cost"].get(key) for column, key in _COST.items()}
        for evaluation, row, metric, value in _numbers(results):
            first = {"cell": cell, "seed": seed, "evaluation": evaluation, "row": row, "metric": metric, "value": value}
            lines.append(first | cost)
    return lines


def _numbers(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    for evaluation, rows in results["probes"].items():
        for row, scores in rows.items():
            for metric, value in scores.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    yield evaluation, row, metric, value
    metric = "r2" if results["data"]["task"] == "number" else "accuracy"
    for point in (results.get("labels") or {}).get("points", ()):
        many = point.get("per_class")
        name = f"{many:g} labels per class" if many is not None else f"{point.get('labels')} labels"
        for row, scores in point["rows"].items():
            known = [score for score in scores if score is not None]
            if known:
                yield name, row, metric, statistics.fmean(known)


def write(lines: Iterable[Mapping[str, Any]], path: Path) -> None:
    """As CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    whole.write(path, text.getvalue().encode())
