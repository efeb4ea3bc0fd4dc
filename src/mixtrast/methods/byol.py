from __future__ import annotations

import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head, head, split_norms
from mixtrast.methods._keys import Keys
from mixtrast.methods._method import Batch, Embedding, Loss, attract, identities, two_views, unit


class BYOL(Embedding):
    """View 1 predicts what a slow copy of the encoder makes of view 2; nothing is pushed apart.

        l_i = 2 - 2 <p_i, k_i>,       p = predictor(projector(encoder(x1))),  k = projector'(encoder'(x2)),  each / its length

    The copy is θ' = m θ' + (1 - m) θ after each step and has no gradient. Each view passes by itself, so batch norm sees one at
    a time. No label is looked at. The chance level shown is 2 for each direction, of vectors that have nothing to do with each
    other; a loss near 0 is also what collapse looks like: the report's rank and alignment tell the two apart.

    Args:
        symmetric: whether view 2 predicts view 1 too, and both losses add up, as in the paper; i-Mix has one direction.
        momentum: m, or (first, last): from the one to the other along half a cosine.
        splits: parts of a batch that share batch norm's statistics; the encoder's own norms are replaced.
        projector: see `encoders.head`; as does the paper, mlpbn1.
        predictor: likewise; its hidden layer is as wide as the encoder's vector.
        dim: numbers in a key.

    Reference: Grill et al., BYOL, NeurIPS 2020, arXiv:2006.07733, eq. 2; as used by Lee et al., i-Mix, arXiv:2010.08887.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        symmetric: bool = True,
        momentum: float | tuple[float, float] = (0.99, 1.0),
        splits: int = 1,
        projector: Head = "mlpbn1",
        predictor: Head = "mlpbn1",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, projector, dim)
        self.symmetric = symmetric
        self.keys = Keys(encoder, self.projector, self.dim, momentum=momentum, splits=splits)
        self.predictor = split_norms(head(predictor, self.dim, self.dim, hidden=encoder.dim), splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = two_views(batch, self)
        loss = self.predict(first, second, generator)
        return loss.plus(self.predict(second, first, generator)) if self.symmetric else loss

    def predict(self, seen: Tensor, wanted: Tensor, generator: torch.Generator) -> Loss:
        """From one view the key of another."""
        p = unit(self.predictor(self.project(seen)))
        return attract(p, self.keys(wanted, generator), identities(p), identities(p))
