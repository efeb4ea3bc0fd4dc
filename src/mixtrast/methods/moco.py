from typing import Literal

import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, instances
from mixtrast.methods._method import DataDefault, Options
from mixtrast.methods._momentum import MOMENTUM, QUEUE, MomentumMethod, queue_default
from mixtrast.validation import check_choice


class MoCo(MomentumMethod, Contrastive):
    """View 1 is matched with the key of view 2 among a queue of earlier keys; keys come from a momentum encoder.

        l_i = -<q_i, k_i> / τ + log ( exp(<q_i, k_i> / τ) + Σ_j exp(<q_i, queue_j> / τ) ),       θ_k = m θ_k + (1 - m) θ_q

    The momentum encoder is the target network θ_k, without gradient. Queries and keys are encoded separately, so batch norm
    sees each by itself. The keys of a batch join the queue after its step. Labels are not used.

    Args:
        queue: keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: m, or (first, last): from the first to the last over training, along half a cosine. The paper has .999, which
            follows too slowly for runs of a few thousand steps; the authors' demo for CIFAR has .99.
        candidates: "own", the key of its own view and the queue; "batch", the keys of the whole batch and the queue, which is
            what i-Mix on MoCo has.
        symmetric: whether view 2 is matched with view 1 too; both losses are added, and both keys join the queue.
        splits: parts of a batch that share batch norm's statistics: 8 is what the authors' demo has instead of 8 devices. The
            encoder's batch norms are replaced.
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
        self.set_keys(momentum=momentum, queue=QUEUE if queue is None else queue, splits=splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = self.views(batch)
        loss = self.match(self.embed(first), self.encode_keys(second, generator))
        if not self.symmetric:
            return loss
        return loss.plus(self.match(self.embed(second), self.encode_keys(first, generator)))

    def match(self, q: Tensor, k: Tensor) -> Loss:
        """The loss of queries among their keys and the queue."""
        own = instances(q)
        if self.candidates == "batch":
            candidates, labels = self.with_queue(k, own)
            return self.compare(q, candidates, own, labels)
        queue, nobody = self.queued()
        return self.compare(q, queue, own, nobody, paired=k)

    @classmethod
    def data_defaults(cls, options: Options, rows: int) -> dict[str, DataDefault]:
        return queue_default(options, rows)
