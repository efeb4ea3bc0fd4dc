"""What all methods share: a batch, a loss with its levels, depth, and the projector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mixtrast import algebra, mixers
from mixtrast.checks import is_number
from mixtrast.encoders import Encoder, Head, head
from mixtrast.labels import Labels
from mixtrast.methods._keys import Keys
from mixtrast.mixers import Mixer, OneOf


@dataclass(eq=False)
class Batch:
    """Examples on the device.

    Args:
        views: as many of (N, *shape) as the method asks for.
        label: (N,) int64 class, -1 where missing; or (N,K), several of an example, -1 where there are fewer.
        index: (N,) int64, which example of the data each is: both views of one share it.
    """

    views: tuple[Tensor, ...]
    label: Tensor
    index: Tensor


class Loss(NamedTuple):
    """One step's loss.

    Args:
        value: what is minimised.
        parts: named scalars for the log, on the device.
        chance: its value when nothing has been learned, () -> scalar; a function, so that only logged steps pay for it.
        floor: the lowest value attainable (the entropy of the targets), likewise.
    """

    value: Tensor
    parts: Mapping[str, Tensor]
    chance: Callable[[], Tensor]
    floor: Callable[[], Tensor]

    def plus(self, other: Loss, weight: float = 1.0) -> Loss:
        """This and `weight` times the other; levels add like values. Parts of one name are added too."""
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
        """`weight` of it, parts and levels too."""
        parts = {name: weight * part for name, part in self.parts.items()}
        return Loss(weight * self.value, parts, lambda: weight * self.chance(), lambda: weight * self.floor())


class Method(nn.Module, ABC):
    """The contract of methods: built on an encoder, a `Batch` and a generator in, a `Loss` out.

    The generator is a CPU one; the same state gives the same loss on any device.
    """

    FROM_DATA: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[int] = 2  # views of each example
    uses_labels: ClassVar[bool] = False
    labelled_only: ClassVar[bool] = False  # rows without a label cannot train it
    mixing: ClassVar[dict[str, Any] | None] = None  # its mixer where none is given: name and options
    of_tokens: ClassVar[bool] = False  # whether its encoder must give a vector for each token
    on_tokens: ClassVar[bool] = False  # whether it is about tokens: its encoder then is a transformer where none is named

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise TypeError(
                f"`encoder` of {type(self).__name__} must be an Encoder, got {type(encoder).__name__}. "
                "Wrap a module of your own: encoders.wrap(module, spec)."
            )
        if self.of_tokens and not encoder.is_tokens(1):
            raise ValueError(
                f"{type(self).__name__} looks at the tokens of an example, and {type(encoder).__name__} has none. Use the "
                "transformer encoder."
            )
        self.encoder = encoder

    @abstractmethod
    def forward(self, batch: Batch, generator: torch.Generator) -> Loss: ...

    @property
    def in_parts(self) -> bool:
        """Whether the batch is taken in parts, which must divide it."""
        return (keys := self._keys()) is not None and keys.splits > 1

    def before_step(self, progress: float) -> None:
        """Called before each step, with the share of the run that is done: what changes over training."""
        self._tell(progress=progress)

    def _draw(self, depths: tuple[int, ...], generator: torch.Generator) -> int:
        """The depth at which this batch is mixed, told to the mixer."""
        depth = draw(depths, generator)
        tokens = self.encoder.is_tokens(depth)
        present = tokens and self.encoder.padded
        self._tell(depth=depth, tokens=tokens, present=present, matters=self._matters)
        return depth

    def _matters(self, depth: int, h: Tensor) -> Tensor:
        """|∂ ½|f(h)|² / ∂h| of what stands at this depth, as h: how much each number moves the features."""
        modes = [(part, part.training) for part in self.encoder.modules()]
        self.encoder.eval()  # no statistics are moved, nothing is dropped
        try:
            with torch.enable_grad():
                here = h.detach().requires_grad_()
                (moved,) = torch.autograd.grad(self.encoder.run(here, depth).float().square().sum() / 2, here)
        finally:
            for part, training in modes:
                part.training = training
        return moved.abs()

    def _tell(self, **what: Any) -> None:
        """The mixer, where there is one."""
        mixer = getattr(self, "mixer", None)
        if isinstance(mixer, Mixer | OneOf):
            mixer.at(**what)

    def after_step(self, progress: float) -> None:
        """Called after each optimizer step, with the share of the run that is done: slow copies, queues."""
        if (keys := self._keys()) is not None:
            keys.step(self.encoder, self.get_submodule("projector"), progress)

    def restart(self) -> None:
        """Called when the encoder was given other weights before the first step: what is a copy of it is made anew."""
        if (keys := self._keys()) is not None:
            keys.slow.restart(self.encoder, self.get_submodule("projector"))

    def remember(self, x: Tensor) -> None:
        """What is kept of earlier batches becomes these examples' (N, *shape): a queue, where there is one."""
        if (keys := self._keys()) is not None and keys.queue is not None:
            keys.queue.fill(keys.slow(x))

    def _keys(self) -> Keys | None:
        return next((part for part in self.children() if isinstance(part, Keys)), None)

    @classmethod
    def usual(cls, given: Mapping[str, Any], rows: int) -> dict[str, tuple[Any, str]]:
        """Options that were left out and depend on others or on the number of training examples: value and reason."""
        return {}

    def _depths(self, depth: int | tuple[int, ...]) -> tuple[int, ...]:
        """The depths to draw from, checked against the encoder's stages."""
        depths = tuple(depth) if isinstance(depth, tuple | list) else (depth,)
        deepest, shallowest = len(self.encoder.stages), self.encoder.shallowest
        if not depths or not all(isinstance(d, int) and 0 <= d <= deepest for d in depths):
            raise ValueError(
                f"`depth` of {type(self).__name__} must be 0 (the input) to {deepest} (the features) with this encoder, or "
                f"several such, of which one is drawn for each batch, got {depth!r}."
            )
        if min(depths) < shallowest:
            raise ValueError(
                f"`depth` of {type(self).__name__} must be {shallowest} or more with such examples, got {depth!r}: ids, "
                "categories and missing values cannot be mixed as they are read. Use `depth` 1, the embedding."
            )
        return depths

    def _mixing(self, mixer: Mixer | OneOf | None, depth: int | tuple[int, ...]) -> tuple[Mixer | OneOf, tuple[int, ...]]:
        """The mixer and the depths to draw from, checked against each other and against the encoder."""
        mixer, depths = self._mixer(mixer), self._depths(depth)
        for one in mixer.mixers if isinstance(mixer, OneOf) else (mixer,):
            alpha = getattr(one, "alpha", None)
            if isinstance(alpha, Mapping) and set(alpha) != set(depths):
                raise ValueError(
                    f"`alpha` of the mixer must have one value for each depth of {type(self).__name__}, which are {depths}, "
                    f"got {alpha!r}."
                )
        return mixer, depths

    def _mixer(self, mixer: Mixer | OneOf | None) -> Mixer | OneOf:
        if mixer is None:
            return mixers.get(**(self.mixing or {"name": "mixup"}))
        if not isinstance(mixer, (Mixer, OneOf)):
            raise TypeError(f"`mixer` of {type(self).__name__} must be a mixer, got {mixer!r}. By name: mixers.get('mixup').")
        return mixer

    def _up_to(self, depth: int, *views: Tensor) -> tuple[Tensor, ...]:
        """The views at this depth, in one forward pass."""
        return views if depth == 0 else self.encoder.run(torch.cat(views), stop=depth).chunk(len(views))


class Embedding(Method):
    """A method whose loss is of unit vectors: z = projector(encoder(x)) / |...|."""

    def __init__(self, encoder: Encoder, projector: Head, dim: int) -> None:
        super().__init__(encoder)
        if not isinstance(dim, int) or dim < 1:
            raise ValueError(f"`dim` of {type(self).__name__} must be a whole number above 0, got {dim!r}. Usual is 128.")
        self.projector = head(projector, encoder.dim, dim)
        self.dim = encoder.dim if projector == "none" else dim

    def project(self, x: Tensor, start: int = 0) -> Tensor:
        """(N, ...) at depth `start` -> vectors (N, dim) of any length, which a predictor takes."""
        projected: Tensor = self.projector(self.encoder.run(x, start))
        return projected

    def embed(self, x: Tensor, start: int = 0) -> Tensor:
        """(N, ...) at depth `start` -> unit vectors (N, dim)."""
        return unit(self.project(x, start))


class Contrastive(Embedding):
    """A method that contrasts unit vectors at a temperature."""

    def __init__(self, encoder: Encoder, temperature: float, projector: Head, dim: int) -> None:
        super().__init__(encoder, projector, dim)
        self.temperature = checked_temperature(self, "temperature", temperature)

    def compare(
        self, anchors: Tensor, candidates: Tensor, ours: Labels, theirs: Labels, *, part: str = "contrast",
        temperature: float | None = None, **seen: Any,
    ) -> Loss:  # fmt: skip
        """`contrast` at this temperature, or another, and its levels."""
        temperature = self.temperature if temperature is None else temperature
        value = algebra.contrast(anchors, candidates, ours, theirs, temperature=temperature, **seen)
        return Loss(
            value,
            {part: value.detach()},
            lambda: algebra.chance(ours, theirs, **seen),
            lambda: algebra.floor(ours, theirs, **seen),
        )


def attract(anchors: Tensor, targets: Tensor, ours: Labels, theirs: Labels) -> Loss:
    """`align` with its levels: 2 for vectors that have nothing to do with each other, and 0."""
    value = algebra.align(anchors, targets, ours, theirs)
    return Loss(value, {"align": value.detach()}, lambda: value.new_full((), 2.0), lambda: value.new_zeros(()))


def unit(z: Tensor) -> Tensor:
    """Rows over their norm, in float32 or wider: under autocast they come as bfloat16."""
    return normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)


def checked_temperature(method: Method, name: str, value: float) -> float:
    if not is_number(value) or not 0 < value < float("inf"):
        raise ValueError(f"`{name}` of {type(method).__name__} must be > 0, got {value!r}. Usual values are 0.05 to 1.")
    return value


def only_for(method: Method, base: str, bases: tuple[str, ...], **options: Any) -> None:
    """Refuses options, None where they were left out, that this base has no use for."""
    for name, value in options.items():
        if value is not None and base not in bases:
            raise ValueError(
                f"`{name}` of {type(method).__name__} is for base {' or '.join(bases)}, got {value!r} with {base!r}. "
                f"Leave it out, or use `base` {bases[0]!r}."
            )


def identities(rows: Tensor, times: int = 1) -> Labels:
    """Row i is i; of `times` views one after the other, each view's row i."""
    return Labels.of(torch.arange(len(rows) // times, device=rows.device).repeat(times))


def itself(rows: Tensor) -> Tensor:
    """What `exclude` takes where no row may see itself."""
    return torch.arange(len(rows), device=rows.device)


def draw(depths: tuple[int, ...], generator: torch.Generator) -> int:
    """One of the depths, for this batch."""
    return depths[0] if len(depths) == 1 else depths[int(torch.randint(len(depths), (), generator=generator))]


def one_view(batch: Batch, method: Method) -> Tensor:
    if len(batch.views) != 1:
        raise ValueError(f"{type(method).__name__} takes one view of each example, got {len(batch.views)}.")
    return batch.views[0]


def two_views(batch: Batch, method: Method) -> tuple[Tensor, Tensor]:
    if len(batch.views) != 2:
        raise ValueError(f"{type(method).__name__} takes two views of each example, got {len(batch.views)}.")
    return batch.views[0], batch.views[1]


def classes_of(batch: Batch) -> Labels:
    """Class labels of both views, one after the other; an unlabelled example is a class of its own."""
    twice = (2,) if batch.label.dim() == 1 else (2, 1)
    return labels_of(batch.label.repeat(*twice), batch.index.repeat(2))


def labels_of(label: Tensor, instance: Tensor | None = None) -> Labels:
    """Of one label an example, (B,), or of several, (B,K), that have equal shares; -1 is none.

    With `instance` (B,) an example without a label is a class of its own, else it is nobody.
    """
    if label.dim() == 1:
        return Labels.of(label, instance=instance)
    there = label >= 0
    share = there.float() / there.sum(1, keepdim=True).clamp(min=1)
    if instance is None:
        return Labels(label, share)
    first = torch.zeros_like(there)
    first[:, 0] = ~there.any(1)  # the slot in which an example stands for itself
    return Labels(torch.where(first, -2 - instance[:, None], label), share + first)
