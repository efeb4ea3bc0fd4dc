"""The papers' linear probe: stochastic gradient descent without a penalty, at several learning rates side by side."""

import numpy as np
import torch
from torch.nn.functional import one_hot

from mixtrast.evaluation._features import FeatureSplit
from mixtrast.evaluation._logistic import NEGLIGIBLE
from mixtrast.evaluation._score import Array
from mixtrast.evaluation._selection import Path

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
BATCH, MOMENTUM = 256, 0.9
DROPS, FACTOR = (0.6, 0.75, 0.9), 0.2


def descend(train: FeatureSplit, rates: tuple[float, ...], epochs: int, seed: int) -> Path:
    """Softmax regression by SGD with momentum, v <- 0.9 v + g, w <- w - η v, in shuffled batches of 256, the last one smaller.

    W ~ N(0, 0.01²), bias 0; η is multiplied by 0.2 at 60, 75 and 90 % of the epochs. All L rates start from the same weights
    and use the same batches, so they are one product with a weight (D, L C). Classes that are not in train are never predicted.
    """
    generator = torch.Generator().manual_seed(seed)
    names, label = np.unique(train.label, return_inverse=True)
    paths, classes = len(rates), len(names)
    x, target = torch.from_numpy(train.features), one_hot(torch.from_numpy(label), classes).float()
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    start = torch.cat([0.01 * torch.randn(x.shape[1] - 1, 1, classes, generator=generator), torch.zeros(1, 1, classes)])
    w = start.repeat(1, paths, 1).flatten(1)
    v = torch.zeros_like(w)
    eta = torch.tensor(rates).repeat_interleave(classes)
    drops = [int(share * epochs) for share in DROPS]
    for epoch in range(epochs):
        rate = -eta * FACTOR ** sum(epoch >= drop for drop in drops)
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            part = x[rows]
            off = torch.threshold_((part @ w).view(-1, paths, classes).softmax(2), NEGLIGIBLE, 0.0).sub_(target[rows, None])
            v.mul_(MOMENTUM).addmm_(part.T, off.flatten(1), alpha=1 / len(rows))
            w.addcmul_(rate, v)

    def predict(z: Array) -> Array:
        found = (torch.from_numpy(z) @ w[:-1] + w[-1]).view(-1, paths, classes).argmax(2)
        return names[found.T.numpy()]  # type: ignore[no-any-return]

    return Path(predict)
