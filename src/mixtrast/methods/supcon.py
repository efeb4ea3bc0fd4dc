import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mixtrast import algebra
from mixtrast.algebra.labels import Labels
from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss, class_labels
from mixtrast.methods._contrastive import Contrastive, itself
from mixtrast.validation import check_choice

BASE_TEMPERATURE = 0.07  # SupContrast's, whatever τ is


class SupCon(Contrastive):
    """All views of a class attract each other among all views of the batch: supervised contrastive learning.

        out        l_i = -1/|P(i)| Σ_{p in P(i)} log ( exp(<z_i, z_p> / τ) / Σ_{j != i} exp(<z_i, z_j> / τ) )
        in         l_i = -log ( 1/|P(i)| Σ_{p in P(i)} exp(<z_i, z_p> / τ) / Σ_{j != i} exp(<z_i, z_j> / τ) )
        sololearn  l_i = -log ( Σ_{p in P(i)} exp(<z_i, z_p> / τ) / Σ_{j != i} exp(<z_i, z_j> / τ) )

    By default the mean over positives is outside the log. An example without a label is its own class: its positive is its
    other view, so labels may be missing in part. Both views are encoded together.

    Args:
        form: "out", the paper's recommendation; "in", its other form; "sololearn", the sum of the positives instead of their
            mean, which is what that library calls SupCon.
        compatible: "supcontrast" multiplies the loss by τ / .07 as the authors' code does, and with it the learning rate of
            SGD; "paper" does not.
        temperature: τ. SupContrast has .1 for its published CIFAR numbers, .07 in its code.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Khosla et al., SupCon, NeurIPS 2020, arXiv:2004.11362, eq. 2 ("out") and 3 ("in"); HobbitLong/SupContrast;
        vturrisi/solo-learn.
    """

    uses_labels: ClassVar[bool] = True

    def __init__(
        self,
        encoder: Encoder,
        *,
        form: Literal["out", "in", "sololearn"] = "out",
        compatible: Literal["paper", "supcontrast"] = "paper",
        temperature: float = 0.1,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        check_choice("form", form, ("out", "in", "sololearn"))
        check_choice("compatible", compatible, ("paper", "supcontrast"))
        self.form, self.compatible = form, compatible

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        z, classes = self.embed(torch.cat(self.views(batch))), class_labels(batch)
        loss = self.compare(z, z, classes, classes, exclude=itself(z)) if self.form == "out" else self._summed(z, classes)
        return loss.times(self.temperature / BASE_TEMPERATURE) if self.compatible == "supcontrast" else loss

    def _summed(self, z: Tensor, classes: Labels) -> Loss:
        """The forms with the positives inside the log. A row without positives adds 0."""
        mass = algebra.row_mass(classes, classes, exclude=itself(z))
        some, count = mass > 0, mass.clamp(min=1).log()
        mean = count if self.form == "in" else torch.zeros_like(count)
        every = algebra.log_partition(z, z, temperature=self.temperature, exclude=itself(z))
        theirs = algebra.log_partition(z, z, temperature=self.temperature, exclude=itself(z), among=(classes, classes))
        value = torch.where(some, every - theirs + mean.to(every.dtype), 0.0).mean()
        return Loss(
            value,
            {"contrast": value.detach()},
            lambda: torch.where(some, math.log(len(z) - 1) - count + mean, 0.0).mean(),
            lambda: torch.where(some, mean, 0.0).mean(),
        )
