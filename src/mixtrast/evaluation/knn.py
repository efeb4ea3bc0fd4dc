"""The nearest-neighbour probe."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mixtrast.evaluation._features import FeatureSplit
from mixtrast.evaluation._options import check_count, check_grid
from mixtrast.evaluation._probes import FeatureProbe, FittedProbe
from mixtrast.evaluation._score import Array
from mixtrast.evaluation._selection import HeldOut, Path, choose

SIMILARITIES = 2**24  # computed at a time


class KNN(FeatureProbe):
    """A k-nearest-neighbour probe by cosine similarity, weighted by exp(s / τ). It has no weights to fit.

        votes_c(x) = Σ over the k nearest j of class c of exp(s_j / τ),   s_j = <x, x_j> / |x| |x_j|

    Numbers are predicted by the mean with the same weights. k is chosen by accuracy (r²) on the validation split, without one
    by leaving out each row of train in turn; among equals the largest k. Features are standardised first, as for every probe.

    Args:
        neighbours: values of k; those above the size of train (less one, when rows are left out) count as that.
        temperature: τ.

    Returns (when called): the scores of test; val_accuracy or val_r2; chosen {"neighbours"}; chosen_by "validation" or
        "leave-one-out"; at_edge.

    Reference: Wu et al., instance discrimination, CVPR 2018, arXiv:1805.01978, and the demo of MoCo, He et al., 2020,
        arXiv:1911.05722: k = 200, τ = 0.1.
    Differs: features are standardised before they are normalised, k is chosen, and no weight is rounded.
    """

    title, phrase, order = "kNN", "a kNN probe", 1

    def __init__(self, *, neighbours: tuple[int, ...] = (1, 5, 20, 200), temperature: float = 0.1):
        values = neighbours if isinstance(neighbours, tuple | list) else (neighbours,)
        self.neighbours = tuple(sorted({check_count("KNN", "neighbours", k) for k in values}))
        if not self.neighbours:
            raise ValueError("`neighbours` of KNN must be one or more whole numbers, got none.")
        (self.temperature,) = check_grid("KNN", "temperature", (temperature,))

    def fit(self, train: FeatureSplit, val: FeatureSplit, *, classes: int, seed: int) -> FittedProbe:
        others = len(train) - (not len(val))
        grid = tuple(sorted({min(k, others) for k in self.neighbours}, reverse=True))
        keys, label = normalize(torch.from_numpy(train.features)), torch.from_numpy(train.label)

        def predict(z: Array, leave_one_out: bool = False) -> Array:
            queries = normalize(torch.from_numpy(z))
            found: Array = _votes(queries, keys, label, classes, grid, self.temperature, leave_one_out).numpy()
            return found

        def within_train() -> HeldOut:
            return predict(train.features, leave_one_out=True), train.label, "leave-one-out"

        return choose("neighbours", grid, Path(predict), val, classes, within_train)


def _votes(
    queries: Tensor,
    keys: Tensor,
    label: Tensor,
    classes: int,
    grid: tuple[int, ...],
    temperature: float,
    leave_one_out: bool,
    at_once: int = SIMILARITIES,
) -> Tensor:
    """(P,N) predictions for the k of `grid`, descending, from one search at the largest; `leave_one_out`: query i is key i."""
    out, size = [], max(1, at_once // len(keys))
    for start in range(0, len(queries), size):
        similarity = queries[start : start + size] @ keys.T
        if leave_one_out:
            own = torch.arange(len(similarity))
            similarity[own, start + own] = -torch.inf
        near, index = similarity.topk(grid[0], dim=1)
        weight = ((near - near[:, :1]) / temperature).exp().double()
        labels = label[index]
        votes = torch.zeros(len(near), max(classes, 1), dtype=torch.float64)
        found, done = [], 0
        for k in reversed(grid):  # each k adds to the votes of the one before
            if classes:
                votes.scatter_add_(1, labels[:, done:k], weight[:, done:k])
                found.append(votes.argmax(1))
            else:
                votes += (weight[:, done:k] * labels[:, done:k]).sum(1, keepdim=True)
                found.append(votes[:, 0] / weight[:, :k].sum(1))
            done = k
        out.append(torch.stack(found[::-1]))
    return torch.cat(out, 1)
