from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch

from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Mix
from mixtrast.methods._method import Batch, Contrastive, Loss, identities, one_view
from mixtrast.mixers import Mixer, OneOf


class EMix(Contrastive):
    """Mixtures of embedded examples find, among the same examples unmixed, both their ingredients: i-Mix without views.

        h = embed(x),   h̃_i = λ_i h_i + (1 - λ_i) sg(h_π(i)),        l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,π(i)

    with p_ij the softmax of <z̃_i, z_j> / τ over all clean z_j of the batch, the own among them: no view is drawn, and what
    makes the two differ is the mixing and dropout. Mixtures and clean examples pass the rest of the encoder apart. Works on any
    kind of input, ids and categories too, as only their embeddings are mixed. No label is looked at.

    Args:
        mixer: how; mixup with λ = max(λ, 1 - λ) where none is given.
        depth: where: 1 the embedding, deeper as the encoder says; of several, one is drawn for each batch.
        detach: whether the partner has no gradient (sg).
        compatible: "dabs" gives every row the mean λ of the batch in its target, as the published code does by a broadcast;
            its inputs are mixed by their own λ all the same.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 4.2, and its code; after Lee et al., i-Mix, arXiv:2010.08887.
    """

    needs: ClassVar[int] = 1
    on_tokens: ClassVar[bool] = True
    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup", "dominant": True}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 1,
        detach: bool = True,
        compatible: Literal["none", "dabs"] = "none",
        temperature: float = 0.2,
        projector: Head = "lnlinear",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        check_choice("compatible", compatible, ("none", "dabs"))
        self.mixer, self.depth = self._mixing(mixer, depth)
        self.detach, self.compatible = detach, compatible

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = self._draw(self.depth, generator)
        (h,) = self._up_to(depth, one_view(batch, self))
        mixed, mix = self.mixer(h, generator, pool=h.detach() if self.detach else h)
        if self.compatible == "dabs":
            mix = Mix(mix.parents, mix.weight.mean(0, keepdim=True).expand_as(mix.weight))
        z, c = self.embed(mixed, depth), self.embed(h, depth)
        who = identities(c)
        return self.compare(z, c, who.mix(mix), who)
