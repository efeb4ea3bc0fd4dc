import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, instances, itself


class SimCLR(Contrastive):
    """Both views of an example attract each other among all views of the batch: the NT-Xent loss.

        l_i = -<z_i, z_p(i)> / τ + log Σ_{j != i} exp(<z_i, z_j> / τ),       i, j over the 2N views

    Both views are encoded together. Labels are not used.

    Args:
        temperature: τ. The paper's .5 for CIFAR-10.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Chen et al., SimCLR, ICML 2020, arXiv:2002.05709, eq. 1.
    """

    def __init__(self, encoder: Encoder, *, temperature: float = 0.5, projector: Head = "mlp", dim: int = 128) -> None:
        super().__init__(encoder, temperature, projector, dim)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z = self.embed(torch.cat(self.views(batch)))
        labels = instances(z, 2)
        return self.compare(z, z, labels, labels, exclude=itself(z))
