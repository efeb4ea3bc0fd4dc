"""Labelled examples in three splits, and the features that an encoder makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mixtrast.algebra._validation import NOBODY
from mixtrast.data.files import Files
from mixtrast.encoders import Encoder, evaluation_mode
from mixtrast.evaluation._folds import held_out
from mixtrast.evaluation._score import Array
from mixtrast.spec import Spec
from mixtrast.views import Scale


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples in three splits: x (N, *shape) as read, of which `scale` makes the input of an encoder.

    Args:
        label: (N,) int64 classes, or float numbers (`classes` = 0).
        train, val, test: (R,) int64 rows whose label is known; `val` may be empty.
        validation_source: where the validation rows come from, in words.
    """

    spec: Spec
    x: Tensor | Files
    scale: Scale
    label: Tensor
    classes: int
    train: Tensor
    val: Tensor
    test: Tensor
    validation_source: str = "validation"

    @classmethod
    def of(
        cls, spec: Spec, x: Tensor | Files, scale: Scale, label: Tensor, classes: int, parts: Mapping[str, Tensor]
    ) -> Examples:
        """Examples of these rows; those without a label (-1, NaN) are left out."""
        known = (label != NOBODY) if classes else ~label.isnan()
        train, val, test = (parts[name][known[parts[name]]] for name in ("train", "val", "test"))
        return cls(spec, x, scale, label, classes, train, val, test)

    def inputs(self, rows: Tensor) -> Tensor:
        """These rows, scaled, as an encoder takes them."""
        return self.scale(self.x[rows])

    def with_validation(self, seed: int) -> Examples:
        """The same with a fifth of train as validation, where there is none."""
        if len(self.val):
            return self
        held = torch.from_numpy(held_out(self.label[self.train].numpy(), self.classes, seed))
        if not held.any():
            return self
        source = "a fifth of train, held out"
        return replace(self, train=self.train[~held], val=self.train[held], validation_source=source)

    def truth(self, rows: Tensor) -> Array:
        """Labels of these rows, as `score` takes them."""
        found: Array = self.label[rows].numpy()
        return found if self.classes else found.astype(np.float64)


@torch.no_grad()
def features(encoder: Encoder, x: Tensor, *, noisy: bool = False) -> Tensor:
    """(B,*shape), scaled -> (B,dim) float32, in evaluation mode; `noisy`: with dropout.

    The modes of the encoder and the statistics of its norms stay as they were.
    """
    with evaluation_mode(encoder, dropout=noisy):
        found: Tensor = encoder(x).float().flatten(1)
    return found


def device_of(encoder: Encoder) -> torch.device:
    """The device of its weights."""
    return next((weight.device for weight in encoder.parameters()), torch.device("cpu"))
