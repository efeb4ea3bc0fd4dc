from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch

from mixtrast.checks import check_choice
from mixtrast.evaluate._choice import Path, choose, out_of_fold
from mixtrast.evaluate._descent import RATES, descend
from mixtrast.evaluate._evaluation import Array, Evaluation, Fitted, Part, check_count, check_grid, scores
from mixtrast.evaluate._logistic import logistic
from mixtrast.evaluate._ridge import ridge

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)


class Linear(Evaluation):
    """A linear probe: how much of the label can be read off the features by a weighted sum.

    Classes, "lbfgs": multinomial logistic regression with penalty |W|² / 2C, C chosen among `strengths`. Classes, "sgd": the
    papers' probe without penalty, its learning rate chosen among 0.001 to 30. Numbers: ridge regression with α = 1/C, whatever
    the protocol. The choice is by accuracy (r²) on the validation split, without one by 5-fold cross-validation in train, and
    goes to the stronger penalty, or the smaller rate, among equals. The chosen fit has seen train only. Where no class has
    two labelled rows there is nothing to choose by: the one nearest to 1 is taken, and chosen_by is "default".

    Args:
        protocol: "lbfgs" or "sgd".
        strengths: values of C, scikit-learn's; smaller is a stronger penalty.
        max_iter: steps of "lbfgs" at most; `converged` says whether they were enough for the chosen fit.
        epochs: of "sgd": batches of 256, momentum 0.9, rate x 0.2 at 60, 75 and 90 % of the epochs.

    Returns (when called): the scores of test; val_accuracy and train_accuracy, or val_r2 and train_r2; chosen {"C"}, {"lr"} or
        {"alpha"}; chosen_by "validation", or "cross-validation", whose held-out score then stands as val_...; at_edge: whether
        the choice is an end of its grid, so that a wider one might be better; converged ("lbfgs").

    Reference: Zhang et al., Colorful Image Colorization, 2016, arXiv:1603.08511 (linear probes); the schedule of "sgd": Khosla
        et al., SupCon, 2020, arXiv:2004.11362, code.
    Differs: features are standardised, for all rows alike, so rates are not the papers' rates. "lbfgs" goes down by bounded,
        accelerated steps, all strengths at once, to the minimum that L-BFGS would find.
    """

    def __init__(
        self,
        *,
        protocol: Literal["lbfgs", "sgd"] = "lbfgs",
        strengths: tuple[float, ...] = STRENGTHS,
        max_iter: int = 500,
        epochs: int = 100,
    ):
        check_choice("protocol", protocol, ("lbfgs", "sgd"))
        self.protocol = protocol
        self.strengths = check_grid("Linear", "strengths", strengths)
        self.max_iter = check_count("Linear", "max_iter", max_iter)
        self.epochs = check_count("Linear", "epochs", epochs)

    def fit(self, train: Part, val: Part, *, classes: int, seed: int) -> Fitted:
        name, grid = "C", self.strengths
        solve: Callable[[Part], Path] = partial(_logistic, strengths=grid, max_iter=self.max_iter)
        if not classes:
            name, grid = "alpha", tuple(1 / c for c in self.strengths)
            solve = partial(ridge, alphas=grid)
        elif self.protocol == "sgd":
            name, grid = "lr", RATES
            solve = partial(descend, rates=grid, epochs=self.epochs, seed=seed)
        fitted = choose(name, grid, solve(train), val, classes, lambda: out_of_fold(solve, train, classes, seed))
        metric = "accuracy" if classes else "r2"
        fitted.says[f"train_{metric}"] = scores(train.label, fitted.predict(train.features), classes)[metric]
        return fitted


def _logistic(train: Part, strengths: tuple[float, ...], max_iter: int) -> Path:
    """Classes that train does not have are never predicted."""
    names, label = np.unique(train.label, return_inverse=True)
    x, y, grid = torch.from_numpy(train.features)[None], torch.from_numpy(label)[None], torch.tensor(strengths)
    fits = logistic(x, y, grid, classes=len(names), max_iter=max_iter)

    def predict(z: Array) -> Array:
        found: Array = names[fits.predict(torch.from_numpy(z)).numpy()[0]]
        return found

    return Path(predict, [{"converged": bool(done)} for done in fits.converged[0]])
