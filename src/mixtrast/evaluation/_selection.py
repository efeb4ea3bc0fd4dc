"""Selection among the fits of a grid: on the validation split, or where that has no labels within train."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixtrast.evaluation._features import FeatureSplit
from mixtrast.evaluation._folds import folds
from mixtrast.evaluation._probes import FittedProbe
from mixtrast.evaluation._score import Array, main_metric, score
from mixtrast.records import Score

HeldOut = tuple[Array, Array, str]  # predictions (P,N), labels (N,), and how these rows were held out


@dataclass(frozen=True, eq=False)
class Path:
    """The fits of a grid, the simplest first; predict: (N,D) -> (P,N); converged: of each fit, where that is known."""

    predict: Callable[[Array], Array]
    converged: tuple[bool, ...] = ()


def choose(
    name: str, grid: tuple[float, ...], path: Path, val: FeatureSplit, classes: int, within_train: Callable[[], HeldOut]
) -> FittedProbe:
    """The fit of the grid (of option `name`) that predicts best what it was not fitted on; the first of equals.

    Without validation labels `within_train` predicts rows of train by fits without them; if it holds none out, the fit nearest
    to 1 is taken.
    """
    held, truth, by = (path.predict(val.features), val.label, "validation") if len(val) else within_train()
    metric, values = main_metric(classes), {}
    if len(truth):
        found = [score(truth, row, classes).values[metric] if np.isfinite(row).all() else -np.inf for row in held]
        at = int(np.argmax(found))
        values[f"val_{metric}"] = float(found[at])
    else:
        at, by = int(np.abs(np.log(grid)).argmin()), "default"
    at_edge = bool(values) and len(grid) > 1 and at in (0, len(grid) - 1)
    converged = path.converged[at] if path.converged else None
    return FittedProbe(lambda x: path.predict(x)[at], Score(values, {name: grid[at]}, by, at_edge, converged))


def out_of_fold(solve: Callable[[FeatureSplit], Path], train: FeatureSplit, classes: int, seed: int) -> HeldOut:
    """Predictions of the rows of train by fits made without their fold."""
    fold = folds(train.label, classes, seed)
    number = int(fold.max()) + 1
    if number == 1:
        return np.empty((0, 0)), train.label[:0], "default"
    parts = [fold == own for own in range(number)]
    held = [solve(train.take(~out)).predict(train.features[out]) for out in parts]
    return np.concatenate(held, 1), np.concatenate([train.label[out] for out in parts]), "cross-validation"
