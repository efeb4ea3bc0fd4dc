from typing import ClassVar

import torch
from torch import Tensor, nn

from mixtrast.algebra.labels import Labels
from mixtrast.algebra.losses import soft_cross_entropy
from mixtrast.encoders import Encoder
from mixtrast.methods._batch import Batch, Loss, labels_of
from mixtrast.methods._mixing import MixingMethod
from mixtrast.mixers import Mixer, OneOf


class Supervised(MixingMethod):
    """A linear classifier on the encoder, trained with cross-entropy: ERM, or with a mixer mixup, CutMix and relatives.

        l_i = -Σ_c ỹ_ic log softmax(A h(x̃_i) + b)_c,       ỹ the labels mixed as the examples were

    One view of each example; only labelled examples train it. With a mixer, only mixtures are encoded.

    Args:
        classes: how many, from the data.
        mixer: by default none, which is plain training.
        depth: where to mix: 0 is the input, deeper is manifold mixup; of several, one is drawn for each batch.

    Reference: Zhang et al., mixup, ICLR 2018, arXiv:1710.09412; Verma et al., Manifold mixup, ICML 2019, arXiv:1806.05236
        (its depths {0, 1, 2} of a ResNet are 0, 2, 3 here).
    Differs: cross-entropy; the manifold authors' code has binary cross-entropy on softmax outputs.
    """

    views_needed: ClassVar[int] = 1
    uses_labels: ClassVar[bool] = True
    labelled_only: ClassVar[bool] = True

    def __init__(
        self, encoder: Encoder, *, classes: int, mixer: Mixer | OneOf | None = None, depth: int | tuple[int, ...] = 0
    ) -> None:
        super().__init__(encoder)
        if not isinstance(classes, int) or classes < 2:
            raise ValueError(f"`classes` of Supervised must be 2 or more, got {classes!r}.")
        self.classes, self.mixer = classes, None
        self.depth = self.checked_depths(depth) if mixer is None and encoder.min_depth == 0 else (0,)
        if mixer is not None:
            self.set_mixing(mixer, depth)
        self.classifier = nn.Linear(encoder.dim, classes)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = self.draw_depth(generator)
        (h,) = self.run_to(depth, batch.views[0])
        labels = labels_of(batch.label)
        if self.mixer is not None:
            h, mix = self.mix(h, generator, depth)
            labels = labels.mix(mix)
        value = soft_cross_entropy(self.classifier(self.encoder.run(h, depth)), labels)
        return Loss(value, {"cross_entropy": value.detach()}, lambda: self._chance(labels), lambda: self._floor(labels))

    def _chance(self, labels: Labels) -> Tensor:
        """The best loss of the same prediction for all rows: the cross-entropy of the batch's mean label, log C if balanced."""
        mean = self._dense(labels).mean(0)  # sums to the share of labels that are known
        chance: Tensor = torch.special.entr(mean).sum() - torch.special.entr(mean.sum())
        return chance

    def _floor(self, labels: Labels) -> Tensor:
        """The mean entropy of the mixed labels."""
        dense = self._dense(labels)
        entropy: Tensor = (torch.special.entr(dense).sum(1) - torch.special.entr(dense.sum(1))).mean()
        return entropy

    def _dense(self, labels: Labels) -> Tensor:
        """(R,C) mixed labels as a matrix; unknown labels are left out."""
        dense = torch.zeros(len(labels.ids), self.classes, device=labels.ids.device, dtype=torch.float64)
        return dense.scatter_add_(1, labels.ids.clamp(min=0), torch.where(labels.ids < 0, 0.0, labels.weight).double())
