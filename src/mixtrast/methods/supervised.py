from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from mixtrast.algebra import soft_cross_entropy
from mixtrast.encoders import Encoder
from mixtrast.labels import Labels
from mixtrast.methods._method import Batch, Loss, Method, labels_of
from mixtrast.mixers import Mixer, OneOf


class Supervised(Method):
    """A linear classifier on the encoder and its cross-entropy: plain (ERM), or, with a mixer, mixup, CutMix and relatives.

        l_i = -Σ_c ỹ_ic log softmax(A h(x̃_i) + b)_c,       ỹ the labels mixed as the examples were

    One view of each example; only labelled examples train it. With a mixer the mixtures alone pass the encoder.

    Args:
        classes: how many, from the data.
        mixer: how; none is plain training.
        depth: where: 0 the input, deeper is manifold mixup; of several, one is drawn for each batch.

    Reference: Zhang et al., mixup, ICLR 2018, arXiv:1710.09412; Verma et al., Manifold mixup, ICML 2019, arXiv:1806.05236
        (its depths {0, 1, 2} of a ResNet are 0, 2, 3 here).
    Differs: cross-entropy; the manifold authors' code has binary cross-entropy on softmax outputs.
    """

    FROM_DATA: ClassVar[tuple[str, ...]] = ("classes",)
    needs: ClassVar[int] = 1
    uses_labels: ClassVar[bool] = True
    labelled_only: ClassVar[bool] = True

    def __init__(
        self, encoder: Encoder, *, classes: int, mixer: Mixer | OneOf | None = None, depth: int | tuple[int, ...] = 0
    ) -> None:
        super().__init__(encoder)
        if not isinstance(classes, int) or classes < 2:
            raise ValueError(f"`classes` of Supervised must be 2 or more, got {classes!r}.")
        self.classes, self.mixer = classes, mixer
        self.depth = self._depths(depth) if mixer is None and encoder.shallowest == 0 else (0,)
        if mixer is not None:
            self.depth = self._mixing(mixer, depth)[1]
        self.classifier = nn.Linear(encoder.dim, classes)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = self._draw(self.depth, generator)
        (h,) = self._up_to(depth, batch.views[0])
        labels = labels_of(batch.label)
        if self.mixer is not None:
            h, mix = self.mixer(h, generator)
            labels = labels.mix(mix)
        value = soft_cross_entropy(self.classifier(self.encoder.run(h, depth)), labels)
        return Loss(value, {"cross_entropy": value.detach()}, lambda: self._chance(labels), lambda: self._floor(labels))

    def _chance(self, labels: Labels) -> Tensor:
        """The best that one answer for all rows can do: the cross-entropy of the batch's mean label, log C if balanced."""
        whole = self._dense(labels).mean(0)  # sums to the share of labels that are known
        chance: Tensor = torch.special.entr(whole).sum() - torch.special.entr(whole.sum())
        return chance

    def _floor(self, labels: Labels) -> Tensor:
        """The mean entropy of the mixed labels."""
        dense = self._dense(labels)
        entropy: Tensor = (torch.special.entr(dense).sum(1) - torch.special.entr(dense.sum(1))).mean()
        return entropy

    def _dense(self, labels: Labels) -> Tensor:
        """(R,C), rows of mixed labels; what is unknown in them is left out."""
        dense = torch.zeros(len(labels.ids), self.classes, device=labels.ids.device, dtype=torch.float64)
        return dense.scatter_add_(1, labels.ids.clamp(min=0), torch.where(labels.ids < 0, 0.0, labels.weight).double())
