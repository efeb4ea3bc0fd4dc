"""What a method takes and returns: a `Batch`, and a `Loss`; and the labels of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mixtrast.algebra.labels import Labels


@dataclass(eq=False)
class Batch:
    """Examples on the device."""

    views: tuple[Tensor, ...]  # as many of (N, *shape) as the method needs
    label: Tensor  # (N,) int64 class, -1 where missing; or (N,K), several of an example, -1 where there are fewer
    index: Tensor  # (N,) int64, the number of each example in the dataset, which both of its views share


class Loss(NamedTuple):
    """The loss of one step, with its levels, chance and lowest value, as functions: only logged steps compute them."""

    value: Tensor
    parts: Mapping[str, Tensor]  # named scalars for the log, on the device
    chance: Callable[[], Tensor]  # the value when nothing has been learned
    floor: Callable[[], Tensor]  # the lowest value attainable: the entropy of the targets

    def plus(self, other: Loss, weight: float = 1.0) -> Loss:
        """This loss plus `weight` times the other; levels add like values, parts of the same name are added."""
        parts = dict(self.parts)
        for name, part in other.parts.items():
            parts[name] = parts[name] + part if name in parts else part
        return Loss(
            self.value + weight * other.value,
            parts,
            lambda: self.chance() + weight * other.chance(),
            lambda: self.floor() + weight * other.floor(),
        )

    def times(self, weight: float) -> Loss:
        """This loss times `weight`, parts and levels too."""
        parts = {name: weight * part for name, part in self.parts.items()}
        return Loss(weight * self.value, parts, lambda: weight * self.chance(), lambda: weight * self.floor())


def class_labels(batch: Batch) -> Labels:
    """Class labels of both views, one after the other; an unlabelled example is its own class."""
    repeats = (2,) if batch.label.dim() == 1 else (2, 1)
    return labels_of(batch.label.repeat(*repeats), batch.index.repeat(2))


def labels_of(label: Tensor, instance: Tensor | None = None) -> Labels:
    """Labels from one class an example, (B,), or from several, (B,K), with equal shares; -1 is no class.

    With `instance` (B,) an example without a label is its own class, else it belongs to no class.
    """
    if label.dim() == 1:
        return Labels.of(label, instance=instance)
    known = label >= 0
    share = known.float() / known.sum(1, keepdim=True).clamp(min=1)
    if instance is None:
        return Labels(label, share)
    first = torch.zeros_like(known)
    first[:, 0] = ~known.any(1)  # the column in which an unlabelled example stands for itself
    return Labels(torch.where(first, -2 - instance[:, None], label), share + first)
