"""What MoCo, BYOL and mixing on them compare with: keys of a slow copy, and a queue of those of earlier batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mixtrast import draws
from mixtrast.encoders import EMA, Encoder, split_norms
from mixtrast.labels import Labels

QUEUE = 4096  # i-Mix's and the MoCo demo's for CIFAR
MOMENTUM = 0.99  # the MoCo demo's; .999 follows too slowly for runs of a few thousand steps


class Queue(nn.Module):
    """Unit vectors, the oldest overwritten first; random directions at the start.

    Args:
        length: how many.
        dim: numbers in each.
    """

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
        """These alone, over and over where they are too few."""
        self.keys.copy_(keys[torch.arange(len(self.keys), device=keys.device) % len(keys)])

    @torch.no_grad()
    def add(self, keys: Tensor) -> None:
        """Any number of them; of more than the queue holds, the last."""
        keys = keys[-len(self.keys) :].to(self.keys.dtype)
        places = (self.at + torch.arange(len(keys), device=self.at.device)) % len(self.keys)
        self.keys.index_copy_(0, places, keys)
        self.at.copy_((self.at + len(keys)) % len(self.keys))


class Keys(nn.Module):
    """Keys of a batch from a slow copy of encoder and projector, and a queue of earlier ones. `step` follows each step.

    Args:
        dim: numbers in a key.
        momentum: of the copy, see `encoders.EMA`.
        queue: how many keys of earlier batches; None is none.
        splits: parts of a batch that share batch norm's statistics, in the encoder itself and in its copy. Keys are then
            normalised in another order than queries.
    """

    def __init__(
        self,
        encoder: Encoder,
        projector: nn.Module,
        dim: int,
        *,
        momentum: float | tuple[float, float] = MOMENTUM,
        queue: int | None = None,
        splits: int = 1,
    ) -> None:
        super().__init__()
        split_norms(encoder, splits)
        split_norms(projector, splits)
        self.slow, self.splits = EMA(encoder, projector, momentum=momentum), splits
        self.queue = None if queue is None else Queue(queue, dim)
        self.new: list[Tensor] = []  # of this step, for the queue

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(N, *shape) -> keys (N, dim), which the queue takes at the end of the step."""
        if self.splits > 1:
            order = torch.randperm(len(x), generator=generator)
            keys: Tensor = self.slow(x[draws.to(order, x.device)])[draws.to(order.argsort(), x.device)]
        else:
            keys = self.slow(x)
        if self.queue is not None and self.training:
            self.new.append(keys)
            while sum(map(len, self.new[1:])) >= len(self.queue.keys):  # without `step` they would heap up
                del self.new[0]
        return keys

    def candidates(self, keys: Tensor) -> tuple[Tensor, Labels]:
        """The keys of the batch, who are themselves, and the queue, which is nobody."""
        who = Labels.of(torch.arange(len(keys), device=keys.device))
        if self.queue is None:
            return keys, who
        nobody = Labels.nobody(len(self.queue.keys), keys.device)
        return torch.cat([keys, self.queue.keys]), Labels.cat(who, nobody)

    def step(self, encoder: Encoder, projector: nn.Module, progress: float) -> None:
        """After the optimizer's step."""
        self.slow.follow(encoder, projector, progress)
        if self.queue is not None and self.new:
            self.queue.add(torch.cat(self.new))
        self.new = []


def usual_queue(rows: int) -> tuple[int, str]:
    """The length of a queue for that many training examples, with the reason."""
    if rows // 4 >= QUEUE:
        return QUEUE, "i-Mix's for CIFAR"
    return max(1, rows // 4), f"a quarter of the {rows:,} training examples: in a longer one many meet their own old keys"
