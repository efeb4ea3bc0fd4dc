"""Evaluations that need more than vectors: the examples themselves, and the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mixtrast.checks import NOBODY
from mixtrast.domains import Files
from mixtrast.encoders import Encoder
from mixtrast.evaluate._choice import held_out
from mixtrast.spec import Spec
from mixtrast.views import Scale


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples in three splits.

    Args:
        spec: what one looks like.
        x: (N, *shape) as read; `scale` makes of it what an encoder sees.
        label: (N,) int64 classes, or float numbers (`classes` = 0).
        train, val, test: (R,) int64 rows whose label is known; `val` may be empty.
        val_is: where the validation rows come from, for people.
    """

    spec: Spec
    x: Tensor | Files
    scale: Scale
    label: Tensor
    classes: int
    train: Tensor
    val: Tensor
    test: Tensor
    val_is: str = "validation"

    @classmethod
    def of(
        cls, spec: Spec, x: Tensor | Files, scale: Scale, label: Tensor, classes: int, parts: Mapping[str, Tensor]
    ) -> Examples:
        """Rows without a label (-1, NaN) are left out."""
        known = (label != NOBODY) if classes else ~label.isnan()
        train, val, test = (parts[name][known[parts[name]]] for name in ("train", "val", "test"))
        return cls(spec, x, scale, label, classes, train, val, test)

    def seen(self, rows: Tensor) -> Tensor:
        """What an encoder sees of these rows."""
        return self.scale(self.x[rows])

    def validated(self, seed: int) -> Examples:
        """With a fifth of train as validation, where there is none."""
        if len(self.val):
            return self
        held = torch.from_numpy(held_out(self.label[self.train].numpy(), self.classes, seed))
        if not held.any():
            return self
        return replace(self, train=self.train[~held], val=self.train[held], val_is="a fifth of train, held out")

    def truth(self, rows: Tensor) -> np.ndarray:
        """Labels of these rows, as scores take them."""
        found: np.ndarray = self.label[rows].numpy()
        return found if self.classes else found.astype(np.float64)


@torch.no_grad()
def features(encoder: Encoder, x: Tensor, *, noisy: bool = False) -> Tensor:
    """(B,*shape) as an encoder sees it -> (B,dim) float32, in evaluation mode; `noisy`: with dropout.

    The encoder is left as it was, its modes and the statistics of its norms.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    if noisy:
        for module, _ in modes:
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.train()
    try:
        found: Tensor = encoder(x).float().flatten(1)
        return found
    finally:
        for module, training in modes:
            module.training = training


def device_of(encoder: Encoder) -> torch.device:
    return next((weight.device for weight in encoder.parameters()), torch.device("cpu"))


def check_rate(owner: str, name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"`{name}` of {owner} must be 0 or more, got {value!r}.")
    return value


class OfExamples(ABC):
    """The contract of evaluations of examples: the constructor's keywords are what can be set; test is predicted once."""

    rows: ClassVar[tuple[str, ...]]  # of the table, that it is asked of

    @staticmethod
    def suits(spec: Spec) -> bool:
        """Whether it is asked of such data where no evaluation is named."""
        return False

    @abstractmethod
    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> dict[str, Any]:
        """The scores of test, and how they came about; JSON-able. `encoder`: None of raw input. It is left as it is."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items() if k[0] != '_')})"
