"""The linear probe."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch

from mixtrast.evaluation._descent import RATES, descend
from mixtrast.evaluation._features import FeatureSplit
from mixtrast.evaluation._logistic import logistic
from mixtrast.evaluation._options import check_count, check_grid
from mixtrast.evaluation._probes import FeatureProbe, FittedProbe
from mixtrast.evaluation._score import Array, main_metric, score
from mixtrast.evaluation._selection import Path, choose, out_of_fold
from mixtrast.evaluation._span import Span
from mixtrast.validation import check_choice

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)


class Linear(FeatureProbe):
    """A linear probe: logistic regression on the features, or ridge regression where the label is a number.

    Classes, "lbfgs": multinomial logistic regression with penalty |W|² / 2C, C chosen among `strengths`. Classes, "sgd": the
    probe of the papers, without penalty, its learning rate chosen among 0.001 to 30. Numbers: ridge regression with α = 1/C,
    whatever the protocol. The choice is by accuracy (r²) on the validation split, without one by 5-fold cross-validation in
    train; among equals the stronger penalty, or the smaller rate. The chosen fit is fitted on train only. Where no class has
    two labelled rows nothing can be chosen: the value nearest to 1 is used, and chosen_by is "default".

    Args:
        protocol: "lbfgs" or "sgd".
        strengths: values of C, scikit-learn's; smaller is a stronger penalty.
        max_iter: steps of "lbfgs" at most; `converged` says whether they were enough for the chosen fit.
        epochs: of "sgd": batches of 256, momentum 0.9, rate x 0.2 at 60, 75 and 90 % of the epochs.

    Returns (when called): the scores of test; val_accuracy and train_accuracy, or val_r2 and train_r2; chosen {"C"}, {"lr"} or
        {"alpha"}; chosen_by "validation", or "cross-validation", whose held-out score is then val_...; at_edge: whether the
        choice is an end of its grid, so that a wider one might be better; converged ("lbfgs").

    Reference: Zhang et al., Colorful Image Colorization, 2016, arXiv:1603.08511 (linear probes); the schedule of "sgd": Khosla
        et al., SupCon, 2020, arXiv:2004.11362, code.
    Differs: features are standardised, for all rows of the table, so rates are not the papers' rates. "lbfgs" takes bounded,
        accelerated steps for all strengths at once, to the minimum that L-BFGS would find.
    """

    title, phrase, order = "linear probe", "a linear probe", 0

    def __init__(
        self,
        *,
        protocol: Literal["lbfgs", "sgd"] = "lbfgs",
        strengths: tuple[float, ...] = STRENGTHS,
        max_iter: int = 500,
        epochs: int = 100,
    ):
        check_choice("protocol", protocol, ("lbfgs", "sgd"))
        self.protocol, self.strengths = protocol, check_grid("Linear", "strengths", strengths)
        self.max_iter, self.epochs = check_count("Linear", "max_iter", max_iter), check_count("Linear", "epochs", epochs)

    def fit(self, train: FeatureSplit, val: FeatureSplit, *, classes: int, seed: int) -> FittedProbe:
        name, grid = "C", self.strengths
        solve: Callable[[FeatureSplit], Path] = partial(_logistic, strengths=grid, max_iter=self.max_iter)
        if not classes:
            name, grid = "alpha", tuple(1 / c for c in self.strengths)
            solve = partial(ridge, alphas=grid)
        elif self.protocol == "sgd":
            name, grid = "lr", RATES
            solve = partial(descend, rates=grid, epochs=self.epochs, seed=seed)
        fitted = choose(name, grid, solve(train), val, classes, lambda: out_of_fold(solve, train, classes, seed))
        metric = main_metric(classes)
        on_train = score(train.label, fitted.predict(train.features), classes).values[metric]
        values = {**fitted.choice.values, f"train_{metric}": on_train}
        return replace(fitted, choice=replace(fitted.choice, values=values))


def _logistic(train: FeatureSplit, strengths: tuple[float, ...], max_iter: int) -> Path:
    """Logistic regression at each strength. Classes that are not in train are never predicted."""
    names, label = np.unique(train.label, return_inverse=True)
    x, y, grid = torch.from_numpy(train.features)[None], torch.from_numpy(label)[None], torch.tensor(strengths)
    fits = logistic(x, y, grid, classes=len(names), max_iter=max_iter)

    def predict(z: Array) -> Array:
        found: Array = names[fits.predict(torch.from_numpy(z)).numpy()[0]]
        return found

    return Path(predict, tuple(bool(done) for done in fits.converged[0]))


def ridge(train: FeatureSplit, alphas: tuple[float, ...]) -> Path:
    """min over w, b of Σ_i (y_i - x_i w - b)² + α |w|², for every α from one decomposition, in float64.

    In the principal axes, with scores t = (x - x̄) V and s² = diag(tᵀt): V w = tᵀ(y - ȳ) / (s² + α).
    """
    x, y = torch.from_numpy(train.features)[None], torch.from_numpy(train.label)
    span = Span.of(x)
    pull = span.scores(x)[0].T @ (y - y.mean())
    weight = span.axes[0] @ (pull[:, None] / (span.power[0][:, None] + torch.tensor(alphas, dtype=torch.float64)))

    def predict(z: Array) -> Array:
        found: Array = ((torch.from_numpy(z) - span.centre[0]) @ weight + y.mean()).T.numpy()
        return found

    return Path(predict)
