"""`Mix`, what was mixed, and `Labels`, the labels of rows: two sparse matrices, so that examples and labels mix by one rule.

    Mix     (R x B)     row i = Σ_k weight[i,k] example parents[i,k]
    Labels  (R x ids)   row i = Σ_k weight[i,k] id ids[i,k]

`mix(x)` mixes a tensor with one row an example; `labels.mix(mix)` mixes its labels, whether classes or identities.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.algebra._validation import INTEGERS, NOBODY, check_slots
from mixtrast.validation import describe, on_cpu


@dataclass(frozen=True, eq=False)
class Mix:
    """What was mixed: a sparse row-stochastic matrix, row i = Σ_k weight[i,k] x[parents[i,k]].

    Args:
        parents: (R,K) int64, the rows mixed; each indexes the batch, or the pool, that was mixed.
        weight: (R,K) floating, their shares, >= 0; rows sum to 1.

    K = 2 is mixup, R = B/2 MixCo's half batch, K > 2 repeated mixing.

    >>> mix = Mix(torch.tensor([[0, 1]]), torch.tensor([[0.75, 0.25]]))
    >>> mix(torch.tensor([[4.0], [8.0]]))
    tensor([[5.]])
    """

    parents: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        check_slots("Mix", "parents", self.parents, self.weight)
        if on_cpu(self.weight) and self.weight.numel():
            off = float((self.weight.detach().double().sum(1) - 1).abs().max())
            if off > 1e-4:
                raise ValueError(
                    f"`weight` of Mix must have rows that sum to 1, got a row {off:.2g} off. Divide by the row sum."
                )
            if int(self.parents.min()) < 0:
                raise ValueError(f"`parents` of Mix must be rows, 0 or more, got {int(self.parents.min())}.")

    @classmethod
    def identity(cls, batch: int, device: torch.device | str | None = None) -> Mix:
        """No mixing: row i is example i."""
        return cls(torch.arange(batch, device=device)[:, None], torch.ones(batch, 1, device=device))

    def __repr__(self) -> str:
        return f"Mix({len(self.parents)} rows of {self.parents.shape[1]} parents, {self.parents.device})"

    def to(self, device: torch.device | str) -> Mix:
        """The same Mix on another device."""
        return Mix(self.parents.to(device, non_blocking=True), self.weight.to(device, non_blocking=True))

    def __call__(self, x: Tensor) -> Tensor:
        """The mixtures of a tensor with leading size B: (B,...) -> (R,...), in the dtype of x, integers as float32.

        Numbers are weighted and added. Ids are not numbers to be added: mix them with `Labels.mix`.
        """
        x = x if x.is_floating_point() else x.float()
        if on_cpu(self.parents) and self.parents.numel() and int(self.parents.max()) >= len(x):
            raise ValueError(f"this Mix takes row {int(self.parents.max())}, but the tensor has {len(x)} rows.")
        shape = (-1, *(1,) * (x.dim() - 1))
        weight = self.weight if x.dtype in (torch.float32, torch.float64) else self.weight.float()
        mixed = sum(w.view(shape) * x[p] for p, w in zip(self.parents.unbind(1), weight.unbind(1), strict=True))
        assert isinstance(mixed, Tensor)
        return mixed.to(x.dtype)


@dataclass(frozen=True, eq=False)
class Labels:
    """Soft labels of rows, sparsely: row i has id ids[i,k] with weight weight[i,k].

    Args:
        ids: (R,K) int64, any values. -1 is nobody: it matches no id, not even itself.
        weight: (R,K) floating, >= 0, data (no gradient passes). A weight of 0 has the effect of nobody.
    """

    ids: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        check_slots("Labels", "ids", self.ids, self.weight)
        if self.weight.requires_grad:
            raise ValueError("`weight` of Labels is data, but requires a gradient, which would be lost. Detach it.")

    @classmethod
    def of(cls, ids: Tensor, *, instance: Tensor | None = None) -> Labels:
        """Hard labels: ids (R,) integers. With `instance` (R,), a row of id -1 (unlabelled) is its own class, -2 - instance.

        An instance is a class of one example, so labelled and unlabelled rows contrast in one loss: semi-supervised. Give
        both views of an example the same instance.

        >>> Labels.of(torch.tensor([3, -1]), instance=torch.tensor([0, 1])).ids.tolist()
        [[3], [-3]]
        """
        if not isinstance(ids, Tensor) or ids.dim() != 1 or ids.dtype not in INTEGERS:
            raise TypeError(f"`ids` of Labels.of must be a 1-d integer tensor, got {describe(ids)}.")
        ids = ids.long().clone()
        if instance is not None:
            if not isinstance(instance, Tensor) or instance.shape != ids.shape or instance.dtype not in INTEGERS:
                raise ValueError(f"`instance` must be integers of shape {tuple(ids.shape)}, got {describe(instance)}.")
            if on_cpu(instance) and instance.numel() and int(instance.min()) < 0:
                raise ValueError(f"`instance` must be 0 or more, a number for each example, got {int(instance.min())}.")
            if on_cpu(ids) and ids.numel() and int(ids.min()) < NOBODY:
                raise ValueError(
                    f"`ids` of Labels.of must be -1 or more where `instance` is given, got {int(ids.min())}: -2 and below "
                    "stand for unlabelled instances."
                )
            ids = torch.where(ids == NOBODY, -2 - instance.long(), ids)
        return cls(ids[:, None], torch.ones_like(ids[:, None], dtype=torch.float32))

    @classmethod
    def nobody(cls, rows: int, device: torch.device | str | None = None) -> Labels:
        """Labels of rows that are nobody's positive: a queue."""
        return cls.of(torch.full((rows,), NOBODY, device=device))

    @classmethod
    def cat(cls, *parts: Labels) -> Labels:
        """The rows of several labels, one after the other; missing slots are filled with nobody."""
        if not parts:
            raise ValueError("Labels.cat needs the labels of at least one set of rows.")
        slots = max(part.ids.shape[1] for part in parts)
        pads = [(0, slots - part.ids.shape[1]) for part in parts]
        ids = [torch.nn.functional.pad(part.ids, pad, value=NOBODY) for part, pad in zip(parts, pads, strict=True)]
        weight = [torch.nn.functional.pad(part.weight, pad) for part, pad in zip(parts, pads, strict=True)]
        return cls(torch.cat(ids), torch.cat(weight))

    def __repr__(self) -> str:
        return f"Labels({len(self.ids)} rows, {self.ids.shape[1]} slots, {self.ids.device})"

    def to(self, device: torch.device | str) -> Labels:
        """The same labels on another device."""
        return Labels(self.ids.to(device, non_blocking=True), self.weight.to(device, non_blocking=True))

    def mix(self, mix: Mix) -> Labels:
        """The labels of the mixtures: row i has the slots of its parents, weighted by their shares."""
        if not isinstance(mix, Mix):
            raise TypeError(
                f"`mix` must be the Mix that a mixer returned, got {describe(mix)}: mixed, mix = mixer(x, generator)."
            )
        if on_cpu(mix.parents) and mix.parents.numel() and int(mix.parents.max()) >= len(self.ids):
            raise ValueError(f"this Mix takes row {int(mix.parents.max())}, but there are labels for {len(self.ids)} rows.")
        weight = mix.weight.detach()[:, :, None] * self.weight[mix.parents]  # (R,Km,K)
        return Labels(self.ids[mix.parents].flatten(1), weight.flatten(1))
