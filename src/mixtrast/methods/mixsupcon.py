from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.encoders import Encoder, Head
from mixtrast.methods._method import Batch, Contrastive, Loss, classes_of, draw, two_views
from mixtrast.mixers import Mixer, OneOf


class MixSupCon(Contrastive):
    """Mixtures attract each other by the overlap of their mixed class labels.

        x̃_k = λ_k x1_i + (1 - λ_k) x2_j,   ỹ_k likewise,   W_kl = <ỹ_k, ỹ_l>,   l_k = -1/r_k Σ_{l != k} W_kl log p_kl

    View 1 of i is mixed with view 2 of j, only mixtures are encoded, and they are anchors and candidates alike. An example
    without a label is a class of its own, in its mixtures too: with some labels missing this is semi-supervised contrast.

    Args:
        mixer: how; mixup where none is given.
        depth: where: 0 the input, deeper as the encoder says; of several, one is drawn for each batch.
        mixtures: "2N": view 1 with a partner's view 2 and view 2 with another's view 1, as many as SupCon encodes; "N": the
            first half of these.
        reading: "C", every mixture counts alike (1/r_k); "B", by the mass r_k of its label, Σ_k r_k l_k / Σ_k r_k: strongly
            mixed ones and rare classes less.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: the MixSupCon manuscript (no public code). As printed, its eq. 4-6 compare each mixture with itself, and the
        loss is constant; these are the readings that make sense of it, C the one that is SupCon at λ = 1.
    """

    uses_labels: ClassVar[bool] = True
    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup"}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        mixtures: Literal["N", "2N"] = "2N",
        reading: Literal["B", "C"] = "C",
        temperature: float = 0.1,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        if mixtures not in ("N", "2N") or reading not in ("B", "C"):
            raise ValueError(
                f"`mixtures` of MixSupCon must be 'N' or '2N' and `reading` 'B' or 'C', got {mixtures!r} and {reading!r}."
            )
        self.mixer, self.depth = self._mixer(mixer), self._depths(depth)
        self.mixtures, self.reading = mixtures, reading

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth = draw(self.depth, generator)
        pool = torch.cat(two_views(batch, self))
        pool = self.encoder.run(pool, stop=depth) if depth else pool
        parents = draws.to(self.parents(len(batch.index), generator), pool.device)
        mixed, mix = self.mixer(pool, generator, parents=parents)
        z, labels = self.embed(mixed, depth), classes_of(batch).mix(mix)
        normalize = "row" if self.reading == "C" else "total"
        itself = torch.arange(len(z), device=z.device)
        return self.compare(z, z, labels, labels, exclude=itself, normalize=normalize)

    def parents(self, n: int, generator: torch.Generator) -> Tensor:
        """(N or 2N, 2) rows of [view 1; view 2]: each with a random one of the other view."""
        first = torch.stack([torch.arange(n), n + torch.randperm(n, generator=generator)], 1)
        if self.mixtures == "N":
            return first
        return torch.cat([first, torch.stack([n + torch.arange(n), torch.randperm(n, generator=generator)], 1)])
