"""Rows held out of training, by class: folds of cross-validation, and a fifth as validation."""

import numpy as np

from mixtrast.evaluation._score import Array

FOLDS = 5


def folds(label: Array, classes: int, seed: int) -> Array:
    """(N,) the fold that holds each row out. Each class is dealt out in turn, and the next continues where it ended.

    There are 5 folds, or as many as the most frequent class has rows: with n rows of every class, min(5, n). `classes` = 0:
    no strata, 5 folds or as many as rows.
    """
    order = np.random.default_rng(seed).permutation(len(label))
    if classes:
        order = order[np.argsort(label[order], kind="stable")]
    number = min(FOLDS, int(np.bincount(label).max()) if classes else len(label))
    out = np.empty(len(label), dtype=np.int64)
    out[order] = np.arange(len(label)) % number
    return out


def held_out(label: Array, classes: int, seed: int) -> Array:
    """(N,) bool, a fifth of the rows, of every class where there are classes; none where no class has two."""
    order = np.random.default_rng(seed).permutation(len(label))
    place = np.arange(len(order))
    if classes:
        order = order[np.argsort(label[order], kind="stable")]
        place = place - np.searchsorted(label[order], label[order])
    held = np.zeros(len(label), dtype=bool)
    held[order] = place % 5 == 1
    return held
