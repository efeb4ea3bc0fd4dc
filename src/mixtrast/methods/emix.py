from typing import ClassVar, Literal

import torch

from mixtrast.algebra.labels import Mix
from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, instances
from mixtrast.methods._method import DefaultMixer
from mixtrast.methods._mixing import MixingMethod
from mixtrast.mixers import Mixer, OneOf
from mixtrast.validation import check_choice


class EMix(MixingMethod, Contrastive):
    """Mixtures of embedded examples are matched with both of their unmixed ingredients: i-Mix without augmentations.

        h = embed(x),   h̃_i = λ_i h_i + (1 - λ_i) sg(h_π(i)),        l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,π(i)

    with p_ij the softmax of <z̃_i, z_j> / τ over all clean z_j of the batch, including its own, and sg stop-gradient. There is
    one view: mixtures and clean examples differ by mixing and dropout, and are encoded separately from `depth` on. Works on any
    kind of input, ids and categories too, as only their embeddings are mixed. Labels are not used.

    Args:
        mixer: by default mixup with λ = max(λ, 1 - λ).
        depth: where to mix: 1 is the embedding, deeper as the encoder says; of several, one is drawn for each batch.
        detach: whether the partner has no gradient (sg).
        compatible: with published code: "dabs" gives every row the mean λ of the batch in its target, as the published code
            does by a broadcast; its inputs are mixed by their own λ all the same.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 4.2, and its code; after Lee et al., i-Mix, arXiv:2010.08887.
    """

    views_needed: ClassVar[int] = 1
    prefers_transformer: ClassVar[bool] = True
    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("mixup", {"dominant": True})

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
        self.set_mixing(mixer, depth)
        self.detach, self.compatible = detach, compatible

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = self.draw_depth(generator)
        (h,) = self.run_to(depth, *self.views(batch))
        mixed, mix = self.mix(h, generator, depth, pool=h.detach() if self.detach else h)
        if self.compatible == "dabs":
            mix = Mix(mix.parents, mix.weight.mean(0, keepdim=True).expand_as(mix.weight))
        z, c = self.embed(mixed, depth), self.embed(h, depth)
        labels = instances(c)
        return self.compare(z, c, labels.mix(mix), labels)
