from typing import ClassVar

import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, instances, itself
from mixtrast.methods._method import DefaultMixer
from mixtrast.methods._mixing import MixingMethod
from mixtrast.mixers import Mixer, OneOf


class DACL(MixingMethod, Contrastive):
    """Two mixtures of an example, each with a small share of another, attract each other: SimCLR with mixing as augmentation.

        x̃_i = λ_i x_i + (1 - λ_i) x_j,      λ_i ~ U(α, 1), j != i random, both drawn anew for each of the 2N
        l_i = -<z_i, z_p(i)> / τ + log Σ_{k != i} exp(<z_i, z_k> / τ),       p(i) the other mixture of the same example

    A mixture has the label of its larger part: labels are not mixed. Nothing about the data need be known, so this works where
    there are no augmentations; views, where there are any, come first, and each is mixed with the same view of others. All
    mixtures are encoded together. Labels are not used.

    Args:
        mixer: by default mixup with λ ~ U(.9, 1), which is `weight=(α, 1)`; the .9 is a choice of ours. Another mixer should
            leave the first ingredient the larger part.
        depth: where to mix: 0 is the input, deeper as the encoder says; of several, one is drawn for each batch.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Verma et al., Towards Reader-Agnostic Contrastive Learning, ICML 2021, arXiv:2011.04419, algorithm 1.
    """

    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("mixup", {"weight": (0.9, 1.0)})

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        temperature: float = 0.5,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        self.set_mixing(mixer, depth)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, n = self.draw_depth(generator), len(batch.index)
        if n < 2:
            raise ValueError(f"DACL mixes each example with another of the batch: it takes two or more, got {n}.")
        views = torch.cat(self.run_to(depth, *self.views(batch)))
        mixed, _ = self.mix(views, generator, depth, parents=self.parents(n, generator))
        z = self.embed(mixed, depth)
        labels = instances(z, 2)
        return self.compare(z, z, labels, labels, exclude=itself(z))

    def parents(self, n: int, generator: torch.Generator) -> Tensor:
        """(2n, 2) rows of [view 1; view 2]: each example with a random other one of the same view."""
        own = torch.arange(n)
        other = (own + torch.randint(1, n, (2, n), generator=generator)) % n
        return torch.stack([torch.arange(2 * n), torch.cat([other[0], n + other[1]])], 1)
