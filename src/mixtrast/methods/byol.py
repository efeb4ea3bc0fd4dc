import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head, head, split_norms
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import alignment_loss, instances, unit
from mixtrast.methods._momentum import MomentumMethod


class BYOL(MomentumMethod):
    """View 1 predicts the embedding of view 2 by a target network; there are no negatives.

        l_i = 2 - 2 <p_i, k_i>,       p = predictor(projector(encoder(x1))),  k = projector'(encoder'(x2)),  each / its length

    The target network is an exponential moving average, θ' = m θ' + (1 - m) θ after each step, without gradient. Each view is
    encoded separately, so batch norm sees one at a time. Labels are not used. The chance level is 2 for each direction, that of
    orthogonal vectors. A loss near 0 is also what collapse looks like; the report's rank and alignment tell the two apart.

    Args:
        symmetric: whether view 2 predicts view 1 too, and both losses are added, as in the paper; i-Mix has one direction.
        momentum: m, or (first, last): from the first to the last over training, along half a cosine.
        splits: parts of a batch that share batch norm's statistics; the encoder's batch norms are replaced.
        projector: see `encoders.head`; the paper has mlpbn1.
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
        self.set_keys(momentum=momentum, splits=splits)
        self.predictor = split_norms(head(predictor, self.dim, self.dim, hidden=encoder.dim), splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = self.views(batch)
        loss = self.predict(first, second, generator)
        return loss.plus(self.predict(second, first, generator)) if self.symmetric else loss

    def predict(self, view: Tensor, target: Tensor, generator: torch.Generator) -> Loss:
        """The loss of predicting the key of one view from another view."""
        p = unit(self.predictor(self.project(view)))
        return alignment_loss(p, self.encode_keys(target, generator), instances(p), instances(p))
