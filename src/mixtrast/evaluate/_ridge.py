from __future__ import annotations

import torch

from mixtrast.evaluate._choice import Path
from mixtrast.evaluate._evaluation import Array, Part
from mixtrast.evaluate._span import Span


def ridge(train: Part, alphas: tuple[float, ...]) -> Path:
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
