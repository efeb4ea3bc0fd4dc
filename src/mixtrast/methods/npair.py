import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, instances


class NPair(Contrastive):
    """View 1 of an example is matched with its view 2 among the second views of the batch: the N-pair loss, in one direction.

        l_i = -<z_i, c_i> / τ + log Σ_j exp(<z_i, c_j> / τ),       z of view 1, c of view 2

    Both views are encoded together. Labels are not used.

    Args:
        temperature: τ. i-Mix has .2 for CIFAR, .5 for speech, .1 for tables.
        projector: see `encoders.head`; i-Mix has mlpbn.
        dim: numbers in z.

    Reference: Sohn, NeurIPS 2016; as used by Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, eq. 1.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.2, projector: Head = "mlpbn", dim: int = 128) -> None:
        super().__init__(encoder, temperature, projector, dim)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z, c = self.embed(torch.cat(self.views(batch))).chunk(2)
        labels = instances(z)
        return self.compare(z, c, labels, labels)
