from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch

from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels
from mixtrast.methods._method import Batch, Contrastive, Loss, draw, two_views
from mixtrast.mixers import Mixer, OneOf


class IMix(Contrastive):
    """Mixed first views find, among clean second views, both their ingredients, each by its share: the label is who you are.

        x̃_i = λ_i x_i + (1 - λ_i) x_π(i),        l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,π(i)

    with p_ij the softmax over the clean second views c_j of <z_i, c_j> / τ. Mixed and clean examples pass the encoder
    together, so batch norm sees both. No label is looked at, and nothing about the data need be known.

    Args:
        mixer: how; mixup with λ = max(λ, 1 - λ) where none is given.
        depth: where: 0 the input, deeper as the encoder says; of several, one is drawn for each batch.
        base: the method that is mixed.
        temperature: τ. The paper has .2 for CIFAR, .5 for speech, .1 for tables.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, eq. 2-3 (N-pair).
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup", "dominant": True}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        base: Literal["npair"] = "npair",
        temperature: float = 0.2,
        projector: Head = "mlpbn",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        if base != "npair":
            raise ValueError(f"`base` of IMix must be 'npair', got {base!r}.")
        self.mixer, self.depth, self.base = self._mixer(mixer), self._depths(depth), base

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = draw(self.depth, generator)
        first, second = self._up_to(depth, *two_views(batch, self))
        mixed, mix = self.mixer(first, generator)
        z, c = self.embed(torch.cat([mixed, second]), depth).chunk(2)
        who = Labels.of(torch.arange(len(c), device=c.device))
        return self.compare(z, c, who.mix(mix), who)
