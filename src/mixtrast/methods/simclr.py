from __future__ import annotations

import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels
from mixtrast.methods._method import Batch, Contrastive, Loss, two_views


class SimCLR(Contrastive):
    """Both views of an example attract each other among all views of the batch: NT-Xent.

        l_i = -<z_i, z_p(i)> / τ + log Σ_{j != i} exp(<z_i, z_j> / τ),       i, j over the 2N views

    Both views pass the encoder together. No label is looked at.

    Args:
        temperature: τ. The paper's .5 for CIFAR-10.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Chen et al., SimCLR, ICML 2020, arXiv:2002.05709, eq. 1.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.5, projector: Head = "mlp", dim: int = 128) -> None:
        super().__init__(encoder, temperature, projector, dim)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z = self.embed(torch.cat(two_views(batch, self)))
        n = len(batch.index)
        who, itself = Labels.of(torch.arange(n, device=z.device).repeat(2)), torch.arange(2 * n, device=z.device)
        return self.compare(z, z, who, who, exclude=itself)
