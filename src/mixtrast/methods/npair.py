from __future__ import annotations

import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels
from mixtrast.methods._method import Batch, Contrastive, Loss, two_views


class NPair(Contrastive):
    """View 1 of an example finds its own view 2 among those of the batch: the N-pair loss, in one direction.

        l_i = -<z_i, c_i> / τ + log Σ_j exp(<z_i, c_j> / τ),       z of view 1, c of view 2

    Both views pass the encoder together. No label is looked at.

    Args:
        temperature: τ. i-Mix has .2 for CIFAR, .5 for speech, .1 for tables.
        projector: see `encoders.head`; i-Mix has mlpbn.
        dim: numbers in z.

    Reference: Sohn, NeurIPS 2016; as used by Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, eq. 1.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.2, projector: Head = "mlpbn", dim: int = 128) -> None:
        super().__init__(encoder, temperature, projector, dim)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z, c = self.embed(torch.cat(two_views(batch, self))).chunk(2)
        who = Labels.of(torch.arange(len(z), device=z.device))
        return self.compare(z, c, who, who)
