import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mixtrast import registry
from mixtrast.encoders import Encoder
from mixtrast.methods._batch import Batch, Loss

Options = Mapping[str, object]


@dataclass(frozen=True)
class DefaultMixer:
    """Name and options of the mixer that a method has where none is given."""

    name: str
    options: dict[str, bool | str | tuple[float, float]] = field(default_factory=dict)


class DataDefault(NamedTuple):
    """Value of an option that was left open, and the reason for it."""

    value: int | float
    reason: str


class Method(nn.Module, ABC):
    """The contract of methods: built on an encoder; a `Batch` and a generator in, a `Loss` out.

    The generator is a CPU one; the same state gives the same loss on any device.
    """

    views_needed: ClassVar[int] = 2  # of each example
    uses_labels: ClassVar[bool] = False
    labelled_only: ClassVar[bool] = False  # whether examples without a label cannot train it
    default_mixer: ClassVar[DefaultMixer | None] = None  # where none is given
    needs_tokens: ClassVar[bool] = False  # whether its encoder must give a vector for each token
    prefers_transformer: ClassVar[bool] = False  # where no encoder is named

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise TypeError(
                f"`encoder` of {type(self).__name__} must be an Encoder, got {type(encoder).__name__}. "
                "Wrap a module of your own: encoders.wrap(module, spec)."
            )
        if self.needs_tokens and not encoder.is_tokens(1):
            what = f"{type(self).__name__} works on the tokens of an example, and {type(encoder).__name__} has none."
            raise ValueError(f"{what} Use the transformer encoder.")
        self.encoder, self.progress = encoder, 0.0  # share of training that is done

    @abstractmethod
    def forward(self, batch: Batch, generator: torch.Generator) -> Loss: ...

    @property
    def splits_batch(self) -> bool:
        """Whether the batch is processed in parts, whose number must divide it."""
        return False

    @property
    def queue_length(self) -> int:
        """How many keys of earlier batches it compares with; 0 without a queue."""
        return 0

    def before_step(self, progress: float) -> None:
        """Called before each step, with the share of training that is done."""
        self.progress = progress

    def after_step(self, progress: float) -> None:
        """Called after each optimizer step, with the share of training that is done: target networks, queues."""

    def restart(self) -> None:
        """Called when the encoder got other weights before the first step: a target network copies them."""

    def remember(self, x: Tensor) -> None:
        """Replace what was stored of earlier batches by these examples (N, *shape): the queue, where there is one."""

    @classmethod
    def data_defaults(cls, options: Options, rows: int) -> dict[str, DataDefault]:
        """Options that were left open and depend on others, or on the number of training examples."""
        return {}

    def views(self, batch: Batch) -> tuple[Tensor, ...]:
        """The views of a batch, as many as the method needs."""
        if len(batch.views) != self.views_needed:
            takes = "one view" if self.views_needed == 1 else "two views"
            raise ValueError(f"{type(self).__name__} takes {takes} of each example, got {len(batch.views)}.")
        return batch.views

    def run_to(self, depth: int, *views: Tensor) -> tuple[Tensor, ...]:
        """The views at this depth of the encoder, in one forward pass."""
        return views if depth == 0 else self.encoder.run(torch.cat(views), stop=depth).chunk(len(views))

    def checked_depths(self, depth: int | tuple[int, ...]) -> tuple[int, ...]:
        """The depths to draw from, checked against the encoder's stages."""
        depths = tuple(depth) if isinstance(depth, tuple | list) else (depth,)
        deepest, least = len(self.encoder.stages), self.encoder.min_depth
        if not depths or not all(isinstance(d, int) and 0 <= d <= deepest for d in depths):
            raise ValueError(
                f"`depth` of {type(self).__name__} must be 0 (the input) to {deepest} (the features) with this encoder, or "
                f"several such, of which one is drawn for each batch, got {depth!r}."
            )
        if min(depths) < least:
            raise ValueError(
                f"`depth` of {type(self).__name__} must be {least} or more with such examples, got {depth!r}: ids, "
                "categories and missing values cannot be mixed as they are read. Use `depth` 1, the embedding."
            )
        return depths


def get(name: str, encoder: Encoder, *, classes: int = 0, **options: Any) -> Method:
    """Build the method of that name on an encoder; `classes` is passed to those that need it."""
    method: Method = registry.make(sys.modules["mixtrast.methods"], name, options, encoder, classes=classes)
    return method
