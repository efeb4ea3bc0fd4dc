"""Two-dimensional maps of features."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from mixtrast.evaluation._features import check_features
from mixtrast.evaluation._options import check_count
from mixtrast.evaluation._score import Array
from mixtrast.evaluation._span import Span

_FEW, _DIMS = 10, 50


def tsne(features: ArrayLike | Tensor, *, seed: int, most: int = 1000) -> tuple[Array, Array]:
    """A two-dimensional t-SNE map: neighbours stay neighbours; distances between groups mean little.

    Returns: the indices of the rows of the map (n,) int64, ascending, a sample where (N,D) has more rows than `most`, and their
    coordinates (n,2) float32.

    More than 50 dimensions are first reduced to their 50 principal ones; perplexity is 30, or (n - 1) / 3 for few rows. Fewer
    than 10 rows, or vectors that are all equal, are mapped to their principal axes.

    Reference: van der Maaten & Hinton, Visualizing Data using t-SNE, JMLR 9, 2008; scikit-learn computes it (Barnes-Hut).
    """
    z, rng = check_features(features, "tsne"), np.random.default_rng(seed)
    rows = np.arange(len(z))
    if len(z) > check_count("tsne", "most", most):
        rows = np.sort(rng.choice(len(z), most, replace=False))
    z = _principal(z[rows], _DIMS)
    if len(z) < _FEW or np.ptp(z[:, 0]) == 0:
        return rows, z[:, :2]
    from sklearn.manifold import TSNE

    perplexity = min(30, (len(z) - 1) / 3)
    model = TSNE(perplexity=perplexity, init="pca", random_state=int(rng.integers(2**31)))
    return rows, model.fit_transform(z).astype(np.float32)


def _principal(z: Array, most: int) -> Array:
    """(n,D) -> (n, 2 to `most`): the first principal axes, the largest first, with signs that do not depend on the machine."""
    if not len(z):
        return np.zeros((0, 2), np.float32)
    x = torch.from_numpy(z)[None]
    scores = Span.of(x).scores(x)[0].flip(1)[:, :most].numpy()
    largest = np.abs(scores).argmax(0)
    scores = scores * np.where(scores[largest, np.arange(scores.shape[1])] < 0, -1, 1)
    return np.pad(scores, ((0, 0), (0, max(0, 2 - scores.shape[1])))).astype(np.float32)
