"""Nearest neighbours against a loop."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from mixtrast import evaluation
from mixtrast.evaluation import FeatureSplit
from mixtrast.evaluation.knn import _votes
from support.clouds import C, made, numbers, without_val


def neighbours_loop(keys: np.ndarray, label: np.ndarray, query: np.ndarray, k: int, classes: int, leave: int = -1) -> float:
    """One query, in plain loops."""
    found = []
    for j, key in enumerate(keys):
        if j != leave:
            found.append((float(query @ key / np.linalg.norm(query) / np.linalg.norm(key)), j))
    found = sorted(found, reverse=True)[:k]
    weight = [(math.exp(s / 0.1), label[j]) for s, j in found]
    if not classes:
        return sum(w * y for w, y in weight) / sum(w for w, _ in weight)
    return max(range(classes), key=lambda c: sum(w for w, y in weight if y == c))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("val", [True, False], ids=["val", "no val"])
def test_knn_is_a_loop(kind, val):
    features = (made if kind == "classes" else numbers)()
    features = features if val else without_val(features)
    train, held, test = (FeatureSplit(p.features.astype(np.float64), p.label) for p in features.scaled())
    classes = features.classes
    metric = "accuracy" if classes else "r2"

    def predicted(part, k, leave=False):
        return [
            neighbours_loop(train.features, train.label, q, k, classes, i if leave else -1) for i, q in enumerate(part.features)
        ]

    grid = (149 if not val else 150, 30, 7, 2)
    truth, part = (held.label, held) if val else (train.label, train)
    value = [evaluation.score(truth, predicted(part, k, not val), classes).values[metric] for k in grid]
    best = grid[int(np.argmax(value))]
    found = evaluation.get("knn", neighbours=(2, 7, 30, 200, 999))(features, seed=0)
    assert found.chosen == {"neighbours": best}
    assert found.values[f"val_{metric}"] == pytest.approx(max(value), abs=1e-5)
    assert found.values[metric] == pytest.approx(
        evaluation.score(test.label, predicted(test, best), classes).values[metric], abs=1e-5
    )


def test_knn_in_blocks_is_knn():
    train, _, test = without_val(made()).scaled()
    keys, queries = (normalize(torch.from_numpy(part.features)) for part in (train, test))
    for rows, leave_one_out in ((queries, False), (keys, True)):
        votes = partial(_votes, rows, keys, torch.from_numpy(train.label), C, (30, 7, 2), 0.1, leave_one_out)
        assert torch.equal(votes(at_once=1000), votes())
