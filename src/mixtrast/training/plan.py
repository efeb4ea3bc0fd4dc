"""What a training is given and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mixtrast.methods import Batch, Method
from mixtrast.recipe import Training
from mixtrast.training.devices import Machine
from mixtrast.views import View

Measure = Callable[[Method, int], dict[str, float]]


class OnlineLearner(Protocol):
    """What learns from the batches of a training after each step of the method."""

    def after(self, method: Method, batch: Batch) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """All that decides the weights of a training, besides its method and examples."""

    seed: int
    steps: int
    training: Training
    machine: Machine
    views: Sequence[View]  # applied in this order, anew for each of the views that the method needs
    monitor_at: Sequence[int] = ()  # steps after which the monitor measures


@dataclass(frozen=True)
class TrainingResult:
    """Seconds in all sessions, the last loss, and sentences about resuming."""

    seconds: float
    loss: float
    notes: tuple[str, ...]
