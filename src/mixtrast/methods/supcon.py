from __future__ import annotations

from typing import ClassVar

import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._method import Batch, Contrastive, Loss, classes_of, two_views


class SupCon(Contrastive):
    """All views of a class attract each other among all views of the batch; the mean over positives is outside the log.

        l_i = -1/|P(i)| Σ_{p in P(i)} log ( exp(<z_i, z_p> / τ) / Σ_{j != i} exp(<z_i, z_j> / τ) )

    An example without a label is a class of its own: its positive is its other view, so labels may be missing in part.

    Args:
        temperature: τ. SupContrast has .1 for its published CIFAR numbers, .07 in its code.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Khosla et al., SupCon, NeurIPS 2020, arXiv:2004.11362, eq. 2 ("out").
    Differs: SupContrast multiplies the loss by τ / .07; this does not.
    """

    uses_labels: ClassVar[bool] = True

    def __init__(self, encoder: Encoder, *, temperature: float = 0.1, projector: Head = "mlp", dim: int = 128) -> None:
        super().__init__(encoder, temperature, projector, dim)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z, classes = self.embed(torch.cat(two_views(batch, self))), classes_of(batch)
        return self.compare(z, z, classes, classes, exclude=torch.arange(len(z), device=z.device))
