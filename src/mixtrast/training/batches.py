"""The batches of a training: the order of each epoch, reading from disk one batch ahead, and the views."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mixtrast import rng
from mixtrast.data.files import Files
from mixtrast.methods import Batch
from mixtrast.training.devices import Machine
from mixtrast.views import Scale, View, intensity


@dataclass(frozen=True, eq=False)
class Examples:
    """The training examples.

    Args:
        x: (N, *shape) as read; files are read a batch at a time.
        label: (N,) int64, -1 where missing.
        scale: of training rows; the views go with it. Left out, x is scaled already.
    """

    x: Tensor | Files
    label: Tensor
    scale: Scale = field(default_factory=lambda: Scale(torch.zeros(()), torch.ones(())))

    def to(self, device: str) -> Examples:
        """On the device, once: a step then indexes there and copies nothing."""
        x = self.x.to(device) if isinstance(self.x, Tensor) else self.x
        return Examples(x, self.label.to(device), self.scale.to(device))


class BatchSource:
    """The batch of any step, the same whenever it is requested.

    Args:
        examples: moved to the device of `machine`.
        size: examples in a batch; None for all.
        views: applied in this order, anew for each view of an example.
        per_example: views of each example.
        seed: of the order of every epoch and of the views.
        steps: after the last one nothing is read ahead.
    """

    def __init__(
        self,
        examples: Examples,
        *,
        size: int | None,
        views: Sequence[View],
        per_example: int,
        machine: Machine,
        seed: int,
        steps: int,
    ) -> None:
        self.examples = examples.to(machine.device)
        self.size = size or len(examples.x)
        self.per_epoch = len(examples.x) // self.size
        self.views, self.per_example, self.machine, self.seed, self.steps = views, per_example, machine, seed, steps
        self._order: tuple[int, Tensor, Tensor] = (-1, torch.empty(0), torch.empty(0))
        self._ahead: tuple[int, Future[Tensor]] | None = None
        self._reader = ThreadPoolExecutor(1)

    def __call__(self, step: int) -> Batch:
        """The batch of step 1 or later."""
        on_cpu, index = self._index(step)
        x = self.examples.x
        x = intensity(x[index] if isinstance(x, Tensor) else rng.to(self._read(x, step, on_cpu), index.device))
        views = []
        for number in range(self.per_example):
            view = self.examples.scale(x, self.views, rng.derived(self.seed, step, f"view {number}"))
            last = self.machine.channels_last and view.dim() == 4
            views.append(view.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format))
        return Batch(tuple(views), self.examples.label[index], index)

    def _index(self, step: int) -> tuple[Tensor, Tensor]:
        """The examples of a step, on the CPU and on the device; each epoch has an order of its own."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if self._order[0] != epoch:
            order = torch.randperm(len(self.examples.x), generator=rng.derived(self.seed, epoch, "order"))
            self._order = (epoch, order, rng.to(order, self.examples.label.device))
        here = slice(place * self.size, (place + 1) * self.size)
        return self._order[1][here], self._order[2][here]

    def _read(self, files: Files, step: int, index: Tensor) -> Tensor:
        """The images of this step; those of the next begin to be read."""
        if self._ahead is None or self._ahead[0] != step:
            self._ahead = (step, self._reader.submit(files.__getitem__, index))
        found = self._ahead[1].result()
        self._ahead = None
        if step < self.steps:
            self._ahead = (step + 1, self._reader.submit(files.__getitem__, self._index(step + 1)[0]))
        return found
