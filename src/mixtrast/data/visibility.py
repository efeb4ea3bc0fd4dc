"""Label visibility: which labels a run may use."""

import numpy as np
import torch
from torch import Tensor

from mixtrast.data.split import LABELS, keys
from mixtrast.text import count, listed
from mixtrast.validation import check_whole


def limit_labels(label: Tensor, rows: Tensor, per_class: int, seed: int) -> Tensor:
    """Return a copy of the labels with only `per_class` of each class visible among `rows`, drawn by `seed`.

    With the same seed, the labels visible at 5 a class are among those visible at 10.

    Args:
        label: (N,) int64, -1 where missing.
        rows: (R,) int64, rows whose labels are hidden, usually the training rows. All others stay as they are.
        per_class: 1 or more.

    Raises: ValueError when a class of `label` has fewer among `rows`.
    """
    if label.dtype != torch.int64 or label.dim() != 1:
        raise ValueError(f"`label` must be int64 classes of shape (N,), got {label.dtype} of {tuple(label.shape)}.")
    check_whole("limit_labels", per_class=per_class)
    here = label[rows].numpy()
    classes = np.unique(label[label >= 0].numpy())
    sizes = {int(kind): int((here == kind).sum()) for kind in classes}
    short = [f"class {kind} has {size:,}" for kind, size in sizes.items() if size < per_class]
    if short:
        raise ValueError(
            f"`per_class` must be at most what every class has among the {count(len(rows), 'row')}, {min(sizes.values()):,}, "
            f"got {per_class:,}: {listed(short)}. Use fewer labels, or more rows of these classes."
        )
    order = np.lexsort((keys(len(here), seed, LABELS), here))
    visible = label.clone()
    visible[rows] = -1
    for kind in classes:
        drawn = rows[torch.from_numpy(order[here[order] == kind][:per_class])]
        visible[drawn] = int(kind)
    return visible
