"""Examples with several labels: each label is scored on its own, present or not, and the scores are averaged."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mixtrast.evaluation._features import Features, FeatureSplit
from mixtrast.evaluation._score import mean_examples
from mixtrast.records import Score

MOST_LABELS = 20  # labels that are scored, the most frequent first
METRICS = ("balanced_accuracy", "accuracy")


@dataclass(frozen=True, eq=False)
class LabelSets:
    """All labels of the labelled rows of each split, (R,K) int64, -1 where there are fewer; `classes`: how many there are."""

    train: Tensor
    val: Tensor
    test: Tensor
    classes: int


def score_each_label(probe: Callable[[Features], Score], features: Features, sets: LabelSets) -> Score:
    """The mean scores of the probe over labels, at most the 20 most frequent in training.

    A label that no row of train or test has, or that all have, is left out; where none is left there is no value. `labels` is
    how many were scored, `n` how many test examples of two equally frequent classes would be as informative.
    """
    counts = torch.bincount(sets.train.flatten().clamp(min=-1) + 1, minlength=sets.classes + 1)[1:]
    found: list[Score] = []
    for label in counts.argsort(descending=True, stable=True)[:MOST_LABELS].tolist():
        train, val, test = (
            FeatureSplit(getattr(features, name).features, (getattr(sets, name) == label).any(1).long().numpy())
            for name in ("train", "val", "test")
        )
        ours, (with_label, without) = ((int(part.label.sum()), int(len(part) - part.label.sum())) for part in (train, test))
        if min(*ours, with_label, without) > 0:
            one = probe(replace(features, train=train, val=val, test=test, classes=2))
            found.append(replace(one, values={**one.values, "n": 4 / (1 / with_label + 1 / without)}))
    if not found:
        return Score()
    values = {key: float(np.mean([each.values[key] for each in found])) for key in (*METRICS, "n")}
    examples = {key: mean_examples(found, key) for key in METRICS}
    return Score({**values, "labels": len(found)}, examples=examples)
