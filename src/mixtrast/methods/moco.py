from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels
from mixtrast.methods._keys import MOMENTUM, QUEUE, Keys, usual_queue
from mixtrast.methods._method import Batch, Contrastive, Loss, identities, two_views


class MoCo(Contrastive):
    """View 1 of an example finds the key of its view 2 among keys of earlier batches, which a slow copy of the encoder made.

        l_i = -<q_i, k_i> / τ + log ( exp(<q_i, k_i> / τ) + Σ_j exp(<q_i, queue_j> / τ) ),       θ_k = m θ_k + (1 - m) θ_q

    Keys have no gradient. Queries and keys pass networks of their own, so batch norm sees each by itself. The keys of a batch
    join the queue after its step. No label is looked at.

    Args:
        queue: keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: m, or (first, last): from the one to the other along half a cosine. The paper has .999, which follows too
            slowly for runs of a few thousand steps; the authors' demo for CIFAR .99.
        candidates: "own", the key of its own view and the queue; "batch", the keys of the whole batch and the queue, which is
            what i-Mix on MoCo sees.
        symmetric: whether view 2 looks for view 1 too; both losses add up, and both keys join the queue.
        splits: parts of a batch that share batch norm's statistics: 8 is what the authors' demo has instead of 8 devices. The
            encoder's own norms are replaced.
        temperature: τ.
        projector: see `encoders.head`; version 2 has mlp.
        dim: numbers in a key.

    Reference: He et al., MoCo, CVPR 2020, arXiv:1911.05722, eq. 1-2; Chen et al., MoCo v2, arXiv:2003.04297; the CIFAR-10 demo
        of facebookresearch/moco (symmetric, splits).
    Differs: the queue may have any length, also one that batches do not divide.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        queue: int | None = None,
        momentum: float | tuple[float, float] = MOMENTUM,
        candidates: Literal["own", "batch"] = "own",
        symmetric: bool = False,
        splits: int = 1,
        temperature: float = 0.2,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        check_choice("candidates", candidates, ("own", "batch"))
        self.candidates, self.symmetric = candidates, symmetric
        length = QUEUE if queue is None else queue
        self.keys = Keys(encoder, self.projector, self.dim, momentum=momentum, queue=length, splits=splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = two_views(batch, self)
        if not self.symmetric:
            return self.find(self.embed(first), self.keys(second, generator))
        loss = self.find(self.embed(first), self.keys(second, generator))
        return loss.plus(self.find(self.embed(second), self.keys(first, generator)))

    def find(self, q: Tensor, k: Tensor) -> Loss:
        """Queries among their keys and the queue."""
        who = identities(q)
        if self.candidates == "batch":
            candidates, theirs = self.keys.candidates(k)
            return self.compare(q, candidates, who, theirs)
        assert self.keys.queue is not None
        queue = self.keys.queue.keys
        return self.compare(q, queue, who, Labels.nobody(len(queue), q.device), paired=k)

    @classmethod
    def usual(cls, given: Mapping[str, Any], rows: int) -> dict[str, tuple[Any, str]]:
        return {"queue": usual_queue(rows)} if given.get("queue") is None else {}
