from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels
from mixtrast.methods._method import Batch, Contrastive, Loss, two_views
from mixtrast.mixers import Mixer, OneOf


class DACL(Contrastive):
    """Two mixtures of an example, each with a little of another one, attract each other: SimCLR with mixing for its views.

        x̃_i = λ_i x_i + (1 - λ_i) x_j,      λ_i ~ U(α, 1), j != i random, both drawn anew for each of the 2N
        l_i = -<z_i, z_p(i)> / τ + log Σ_{k != i} exp(<z_i, z_k> / τ),       p(i) the other mixture of the same example

    A mixture is who its larger part is: the label is not mixed. Nothing about the data need be known, so this works where no
    view does; views, where there are any, come first, and each is mixed with the same view of others. All mixtures pass the
    encoder together. No label is looked at.

    Args:
        mixer: how; mixup with λ ~ U(.9, 1), which is `weight=(α, 1)`, where none is given: the .9 is a choice of ours. Another
            should leave the first ingredient the larger part.
        depth: where: 0 the input, deeper as the encoder says; of several, one is drawn for each batch.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Verma et al., Towards Domain-Agnostic Contrastive Learning, ICML 2021, arXiv:2011.04419, algorithm 1.
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup", "weight": (0.9, 1.0)}

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
        self.mixer, self.depth = self._mixing(mixer, depth)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, n = self._draw(self.depth, generator), len(batch.index)
        if n < 2:
            raise ValueError(f"DACL mixes each example with another of the batch: it takes two or more, got {n}.")
        views = torch.cat(self._up_to(depth, *two_views(batch, self)))
        mixed, _ = self.mixer(views, generator, parents=self.parents(n, generator))
        z = self.embed(mixed, depth)
        who, itself = Labels.of(torch.arange(n, device=z.device).repeat(2)), torch.arange(2 * n, device=z.device)
        return self.compare(z, z, who, who, exclude=itself)

    def parents(self, n: int, generator: torch.Generator) -> Tensor:
        """(2n, 2) rows of [view 1; view 2]: each with a random other one of its view."""
        own = torch.arange(n)
        other = (own + torch.randint(1, n, (2, n), generator=generator)) % n
        return torch.stack([torch.arange(2 * n), torch.cat([other[0], n + other[1]])], 1)
