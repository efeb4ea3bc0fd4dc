"""Losses that have been computed but not read: reading one at once would make a GPU wait."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.methods import Loss


class HostValue:
    """A number of the device on its way to the host: `float` waits for it alone, and not for what was queued after it."""

    def __init__(self, value: Tensor) -> None:
        self.copy = value.detach().to("cpu", non_blocking=True)
        self.arrived = torch.cuda.Event() if value.is_cuda else None
        if self.arrived is not None:
            self.arrived.record()

    def __float__(self) -> float:
        if self.arrived is not None:
            self.arrived.synchronize()
        return float(self.copy)


@dataclass(frozen=True)
class PendingLoss:
    """The loss of a step that has not been checked and logged yet."""

    step: int
    loss: Loss
    value: HostValue
