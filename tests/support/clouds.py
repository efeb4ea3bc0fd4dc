"""Features to probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from mixtrast import evaluation
from mixtrast.evaluation import Features, FeatureSplit
from mixtrast.evaluation._features import statistics

SIZES = {"train": 150, "val": 60, "test": 90}
C, D = 4, 12


def clouds(rows: int, rng: np.random.Generator, dims: int = D, spread: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds, features on very different scales."""
    y = rng.integers(0, C, rows)
    y[:C] = np.arange(C)
    means = np.random.default_rng(99).normal(size=(C, dims))
    z = means[y] + spread * rng.normal(size=(rows, dims))
    return (z * np.logspace(-2, 2, dims) + np.linspace(-5, 5, dims)).astype(np.float32), y


def made(seed: int = 0, dims: int = D, sizes: dict[str, int] = SIZES, spread: float = 1.6) -> Features:
    rng = np.random.default_rng(seed)
    return Features.of(classes=C, **{name: clouds(rows, rng, dims, spread) for name, rows in sizes.items()})


def numbers(seed: int = 0, dims: int = D) -> Features:
    rng = np.random.default_rng(seed)
    w = rng.normal(size=dims)
    parts = {}
    for name, rows in SIZES.items():
        z = rng.normal(size=(rows, dims))
        parts[name] = (z, z @ w + 2 * rng.normal(size=rows) + 7)
    return Features.of(classes=0, **parts)


def without_val(features: Features) -> Features:
    return replace(features, val=FeatureSplit(features.val.features[:0], features.val.label[:0]))


def relabelled(features: Features, split: str, seed: int = 5) -> Features:
    part = getattr(features, split)
    return replace(features, **{split: FeatureSplit(part.features, np.random.default_rng(seed).permutation(part.label))})


def mapped(features: Features, change) -> Features:
    """The same change to the features of all splits."""
    parts = {name: (change(part.features), part.label) for name in SIZES if (part := getattr(features, name)) is not None}
    return Features.of(classes=features.classes, **parts)


def reference(x: np.ndarray, y: np.ndarray, strength: float, tol: float = 1e-7) -> LogisticRegression:
    return LogisticRegression(C=strength, tol=tol, max_iter=20000).fit(x.astype(np.float64), y)


PROBES = {
    "lbfgs": lambda: evaluation.get("linear"),
    "sgd": lambda: evaluation.get("linear", protocol="sgd", epochs=8),
    "knn": lambda: evaluation.get("knn"),
    "boosting": lambda: evaluation.get("boosting", trees=30, rates=(0.3,)),
}


def standard(rows: int, dims: int, seed: int = 0, spread: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    z, y = clouds(rows, np.random.default_rng(seed), dims, spread)
    centre, scale = statistics(z)
    return ((z - centre) / scale).astype(np.float32), y
