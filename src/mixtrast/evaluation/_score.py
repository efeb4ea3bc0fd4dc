"""Scores of predictions, with the score of each test example: float32 arrays whose means are the metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtrast.records import Score

Array = NDArray[Any]
PerExample = NDArray[np.float32]


def score(truth: ArrayLike, predicted: ArrayLike, classes: int) -> Score:
    """Accuracy and balanced accuracy of classes; r² and mean absolute error of numbers (`classes` = 0).

    Balanced accuracy is the mean over the classes that are in `truth`. r² = 1 - Σ(y - ŷ)² / Σ(y - ȳ)²; where all y are equal it
    is 1 if every ŷ is y, else 0.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or not truth.size:
        raise ValueError(f"`predicted` must be as long as `truth` and not empty, got {predicted.shape} for {truth.shape}.")
    return _of_classes(truth, predicted, classes) if classes else _of_numbers(truth, predicted)


def main_metric(classes: int) -> str:
    """The metric by which options are chosen."""
    return "accuracy" if classes else "r2"


def _of_classes(truth: Array, predicted: Array, classes: int) -> Score:
    correct = truth == predicted
    right = np.bincount(truth, correct, minlength=classes)
    count = np.bincount(truth, minlength=classes)
    recall = right[count > 0] / count[count > 0]
    balanced = correct * (len(truth) / len(recall)) / count[truth]
    values = {"accuracy": float(right.sum() / len(truth)), "balanced_accuracy": float(recall.mean())}
    return _with_examples(values, accuracy=correct, balanced_accuracy=balanced)


def _of_numbers(truth: Array, predicted: Array) -> Score:
    error, around = ((truth - value).astype(np.float64) for value in (predicted, truth.mean()))
    left, total = float(error @ error), float(around @ around)
    r2 = 1 - left / total if total > 0 else float(left == 0)
    examples = 1 - error**2 * (len(truth) / total) if total > 0 else np.full(len(truth), r2)
    return _with_examples({"r2": r2, "mae": float(np.abs(error).mean())}, r2=examples, mae=np.abs(error))


def mean_examples(scores: Sequence[Score], metric: str) -> PerExample:
    """The score of each test example, mean over several scores."""
    found: PerExample = np.mean([each.examples[metric] for each in scores], 0, dtype=np.float32)
    return found


def _with_examples(values: dict[str, float], **examples: Array) -> Score:
    return Score(values, examples={metric: each.astype(np.float32) for metric, each in examples.items()})
