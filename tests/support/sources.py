"""Sources of every reader, tiny."""

from __future__ import annotations

import numpy as np
import torch

from mixtrast import spec
from mixtrast.data.dataset import Dataset
from mixtrast.data.schema import Schema

TABLE = "height,width,kind\n1.5,2,oak\n2.5,3,elm\n3.5,5,oak\n4.5,7,\n"
X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.array([0, 1, 0, 1, 0, 1, 0, 1])
MIXED = "kind,size,colour,n\noak,1.5,red,1\nelm,,blue,0\noak,2.5,,1\nelm,3.5,red ,0\n"


def schema(task: str = "none", *classes: str) -> Schema:
    """The schema of a table of one column, with these classes."""
    return Schema(reader="arrays", options={}, spec=spec.Table(1), task=task, classes=classes)


def made(
    rows: int = 40, label=None, task: str = "none", groups=None, test_rows=None, scaling_by: str = "feature", x=None
) -> Dataset:
    x = torch.zeros(rows, 2) if x is None else x
    if label is not None:
        label = torch.tensor(label, dtype=torch.int64 if task == "classes" else torch.float32)
    return Dataset(
        name="made",
        reader="arrays",
        spec=spec.of(tuple(x.shape[1:])),
        x=x,
        label=label,
        task=task,
        classes=tuple(str(k) for k in range(int(label.max()) + 1)) if task == "classes" else (),
        groups=None if groups is None else torch.tensor(groups, dtype=torch.int64),
        test_rows=None if test_rows is None else torch.tensor(test_rows, dtype=torch.bool),
        scaling=scaling_by,
        schema=schema(task),
    )
