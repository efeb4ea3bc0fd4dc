"""One of a grid of fits is chosen: on the validation split, or where that has no labels within train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtrast.evaluate._evaluation import Array, Fitted, Part, scores

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Path:
    """The fits of a grid, from the simplest answer up: `predict` is (N,D) -> (P,N); `says[p]` is told if p is chosen."""

    predict: Callable[[Array], Array]
    says: list[dict[str, Any]] = field(default_factory=list)


def choose(
    name: str,
    grid: tuple[float, ...],
    path: Path,
    val: Part,
    classes: int,
    within: Callable[[], tuple[Array, Array, str]],
) -> Fitted:
    """The fit of the grid that predicts best what it was not fitted on; the first of equals.

    Args:
        name: of what is chosen: "C".
        within: without validation labels: predictions (P,N) of rows of train by fits without them, their labels (N,), and
            how that is called. No rows, where nothing can be held out: the fit nearest to 1 is taken.
    """
    metric = "accuracy" if classes else "r2"
    held, truth, by = (path.predict(val.features), val.label, "validation") if len(val) else within()
    if len(truth):
        values = [scores(truth, row, classes)[metric] if np.isfinite(row).all() else -np.inf for row in held]
        at = int(np.argmax(values))
        says = {f"val_{metric}": float(values[at]), "at_edge": len(grid) > 1 and at in (0, len(grid) - 1)}
    else:
        at, by, says = int(np.abs(np.log(grid)).argmin()), "default", {"at_edge": False}
    told = path.says[at] if path.says else {}
    return Fitted(lambda x: path.predict(x)[at], {"chosen": {name: grid[at]}, "chosen_by": by, **says, **told})


def out_of_fold(solve: Callable[[Part], Path], train: Part, classes: int, seed: int) -> tuple[Array, Array, str]:
    """(P,N) predictions of the rows of train by fits made without their fold, and the labels of these rows."""
    fold = folds(train.label, classes, seed)
    many = int(fold.max()) + 1
    if many == 1:
        return np.empty((0, 0)), train.label[:0], "default"
    held, truth = [], []
    for own in range(many):
        out = fold == own
        held.append(solve(Part(train.features[~out], train.label[~out])).predict(train.features[out]))
        truth.append(train.label[out])
    return np.concatenate(held, 1), np.concatenate(truth), "cross-validation"


def folds(label: Array, classes: int, seed: int) -> Array:
    """(N,) the fold that holds each row out. Each class is dealt out in turn, and the next goes on where it ended.

    There are 5 of them, or as many as the most frequent class has rows: with n rows of every class, min(5, n). `classes` = 0:
    no strata, 5 folds or as many as rows.
    """
    order = np.random.default_rng(seed).permutation(len(label))
    if classes:
        order = order[np.argsort(label[order], kind="stable")]
    many = min(FOLDS, int(np.bincount(label).max()) if classes else len(label))
    out = np.empty(len(label), dtype=np.int64)
    out[order] = np.arange(len(label)) % many
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
