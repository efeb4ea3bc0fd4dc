"""The raw input as features: the row of a table of results that no encoder has a part in."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d

from mixtrast import spec
from mixtrast.run.inputs import Inputs

SIDE = 32  # of the grid to which larger images are averaged
NUMBERS = SIDE**2  # of all other examples, at most


def raw_features(inputs: Inputs, rows: Tensor) -> Tensor:
    """These rows as read and scaled, (R,D): no more numbers than a probe can take.

    Images larger than 32 × 32 are averaged over a grid of that size, series longer than 1,024 numbers likewise; a text with
    more words is how often each of the 1,024 occurs that are most frequent in training.
    """
    dataset, found = inputs.dataset, []
    words = _frequent_words(inputs) if isinstance(dataset.spec, spec.Tokens) else None
    for some in rows.split(1024):
        x = inputs.scale(dataset.x[some])
        if x.dim() == 4 and x.shape[2] * x.shape[3] > NUMBERS:
            x = adaptive_avg_pool2d(x, SIDE).flatten(1)
        elif x.dim() == 3 and x.shape[1] * x.shape[2] > NUMBERS:
            x = adaptive_avg_pool1d(x.nan_to_num(), max(1, NUMBERS // x.shape[1])).flatten(1)
        else:
            x = spec.flat(dataset.spec, x)
        found.append(x if words is None else x[:, words])
    return torch.cat(found) if found else torch.empty(0, 1)


def _frequent_words(inputs: Inputs) -> Tensor:
    """The ids that are most frequent in the training rows, at most 1,024, in order."""
    tokens, x = inputs.dataset.spec, inputs.dataset.x
    assert isinstance(tokens, spec.Tokens)
    assert isinstance(x, Tensor)
    counts = torch.bincount(x[inputs.split.train].flatten(), minlength=tokens.vocab)
    if tokens.pad is not None:
        counts[tokens.pad] = 0
    return counts.argsort(descending=True, stable=True)[:NUMBERS].sort().values
