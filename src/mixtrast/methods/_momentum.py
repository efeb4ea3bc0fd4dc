from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mixtrast import rng
from mixtrast.algebra.labels import Labels
from mixtrast.encoders import EMA, Encoder, split_norms
from mixtrast.methods._contrastive import Embedding
from mixtrast.methods._method import DataDefault, Options

QUEUE = 4096  # i-Mix's and the MoCo demo's for CIFAR
MOMENTUM = 0.99  # the MoCo demo's; .999 follows too slowly for runs of a few thousand steps
TARGET_BASES, QUEUE_BASES = ("moco", "byol"), ("moco",)  # base methods that have a target network, and a queue


class Queue(nn.Module):
    """A ring buffer of unit vectors, random at the start; the oldest are overwritten first."""

    keys: Tensor
    at: Tensor

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise ValueError(f"`queue` must be a whole number of keys, 1 or more, got {length!r}. Usual is 4096.")
        self.register_buffer("keys", normalize(torch.randn(length, dim), dim=1))
        self.register_buffer("at", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def fill(self, keys: Tensor) -> None:
        """Replace all keys by these, repeated where they are fewer."""
        self.keys.copy_(keys[torch.arange(len(self.keys), device=keys.device) % len(keys)])

    @torch.no_grad()
    def add(self, keys: Tensor) -> None:
        """Add any number of keys; of more than the queue holds, the last."""
        keys = keys[-len(self.keys) :].to(self.keys.dtype)
        places = (self.at + torch.arange(len(keys), device=self.at.device)) % len(self.keys)
        self.keys.index_copy_(0, places, keys)
        self.at.copy_((self.at + len(keys)) % len(self.keys))


class KeyBranch(nn.Module):
    """Target network and queue: keys (N, dim) of a batch, and `queue` keys of earlier batches.

    With `splits`, parts of a batch share batch norm's statistics, in the encoder and in the target network; keys then are
    normalised in another order than queries.
    """

    def __init__(
        self,
        encoder: Encoder,
        projector: nn.Module,
        dim: int,
        momentum: float | tuple[float, float],
        queue: int | None,
        splits: int,
    ) -> None:
        super().__init__()
        split_norms(encoder, splits)
        split_norms(projector, splits)
        self.target, self.splits = EMA(encoder, projector, momentum=momentum), splits
        self.queue = None if queue is None else Queue(queue, dim)
        self.pending: list[Tensor] = []  # keys of this step, for the queue

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(N, *shape) -> keys (N, dim), which join the queue at the end of the step."""
        if self.splits > 1:
            order = torch.randperm(len(x), generator=generator)
            keys: Tensor = self.target(x[rng.to(order, x.device)])[rng.to(order.argsort(), x.device)]
        else:
            keys = self.target(x)
        if self.queue is not None and self.training:
            self.pending.append(keys)
            while sum(map(len, self.pending[1:])) >= len(self.queue.keys):  # bounded, also where `step` is never called
                del self.pending[0]
        return keys

    def step(self, encoder: Encoder, projector: nn.Module, progress: float) -> None:
        """Update the target network and the queue, after the optimizer's step."""
        self.target.follow(encoder, projector, progress)
        if self.queue is not None and self.pending:
            self.queue.add(torch.cat(self.pending))
        self.pending = []

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        for name in [name for name in state_dict if name.startswith(f"{prefix}slow.")]:  # of version 0.1
            state_dict[f"{prefix}target.{name.removeprefix(f'{prefix}slow.')}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args)


class MomentumMethod(Embedding):
    """A method that compares with the keys of a target network, and with a queue of earlier keys where there is one."""

    bases: ClassVar[tuple[str, ...]] = ()  # the values of its option `base`
    keys: KeyBranch | None  # None for a base without a target network

    def set_keys(self, *, momentum: float | tuple[float, float], queue: int | None = None, splits: int = 1) -> None:
        """Add the target network, a copy of encoder and projector, and a queue of that length."""
        self.keys = KeyBranch(self.encoder, self.projector, self.dim, momentum, queue, splits)

    def set_base(self, base: str, *, queue: int | None, momentum: float | tuple[float, float] | None, splits: int) -> None:
        """Set the base method, with a target network for moco and byol, and a queue for moco.

        Options that the base does not have must be None (`splits`: 1).
        """
        options = {"queue": queue, "momentum": momentum, "splits": None if splits == 1 else splits}
        for name, value in options.items():
            allowed = [one for one in (QUEUE_BASES if name == "queue" else TARGET_BASES) if one in self.bases]
            if value is not None and base not in allowed:
                what = f"`{name}` of {type(self).__name__} is for base {' or '.join(allowed)}, got {value!r} with {base!r}."
                raise ValueError(f"{what} Leave it out, or use `base` {allowed[0]!r}.")
        self.base, self.keys = base, None
        if base in TARGET_BASES:
            length = None if base not in QUEUE_BASES else QUEUE if queue is None else queue
            self.set_keys(momentum=MOMENTUM if momentum is None else momentum, queue=length, splits=splits)

    @property
    def splits_batch(self) -> bool:
        return self.keys is not None and self.keys.splits > 1

    @property
    def queue_length(self) -> int:
        return 0 if self.keys is None or self.keys.queue is None else len(self.keys.queue.keys)

    def encode_keys(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(N, *shape) -> keys (N, dim) of the target network."""
        assert self.keys is not None
        keys: Tensor = self.keys(x, generator)
        return keys

    def queued(self) -> tuple[Tensor, Labels]:
        """The queue as candidates, which belong to no class."""
        assert self.keys is not None
        assert self.keys.queue is not None
        keys = self.keys.queue.keys
        return keys, Labels.nobody(len(keys), keys.device)

    def with_queue(self, keys: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
        """The keys of a batch and the queue, as candidates."""
        queue, nobody = self.queued()
        return torch.cat([keys, queue]), Labels.cat(labels, nobody)

    def after_step(self, progress: float) -> None:
        if self.keys is not None:
            self.keys.step(self.encoder, self.projector, progress)

    def restart(self) -> None:
        if self.keys is not None:
            self.keys.target.restart(self.encoder, self.projector)

    def remember(self, x: Tensor) -> None:
        if self.keys is not None and self.keys.queue is not None:
            self.keys.queue.fill(self.keys.target(x))


def queue_default(options: Options, rows: int) -> dict[str, DataDefault]:
    """The length of the queue for that many training examples, where it was left open."""
    if options.get("queue") is not None:
        return {}
    if rows // 4 >= QUEUE:
        return {"queue": DataDefault(QUEUE, "i-Mix's for CIFAR")}
    reason = f"a quarter of the {rows:,} training examples: in a longer one many meet their own old keys"
    return {"queue": DataDefault(max(1, rows // 4), reason)}
