from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mixtrast import algebra
from mixtrast.checks import is_number
from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels, Mix
from mixtrast.methods._method import Batch, Contrastive, Loss, draw, two_views
from mixtrast.mixers import Mixer, OneOf


class MixCo(Contrastive):
    """SimCLR, and beside it mixtures of each view find, in the clean other view, both their ingredients by their shares.

        x̃_i = λ_i x_i + (1 - λ_i) x_h+i,      i = 1..h = N/2,      l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,h+i
        L = NT-Xent(τ) + weight 1/2 Σ_views 1/h Σ_i l_i

    with p_ij the softmax over all N clean c_j of the other view of <z_i, c_j> / mix_temperature, c not detached. The halves of
    a batch are partners, as its order is random; the last example of an odd batch is not mixed. Mixtures pass the encoder
    apart from the clean views, so batch norm sees clean ones alone, then mixed ones alone. No label is looked at.

    Args:
        mixer: how; mixup with λ ~ U(0, 1) where none is given.
        depth: where: 0 the input, as in the paper, deeper as the encoder says; of several, one is drawn for each batch.
        base: the method that stands beside the mixtures.
        weight: of the mixed term, >= 0: the paper's β. The authors' code for SimCLR has none, which is 1.
        temperature: τ of the clean term.
        mix_temperature: that of the mixed term. The authors' code has .5 with SimCLR.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Kim et al., MixCo, 2020, arXiv:2010.06300, eq. 3-4, with SimCLR's loss as in the authors' code.
    Differs: both views pass the encoder together, and so do the mixtures of both; the authors pass each by itself, which only
        batch norm can tell.
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup"}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        base: Literal["simclr"] = "simclr",
        weight: float = 1.0,
        temperature: float = 0.5,
        mix_temperature: float = 0.5,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        if base != "simclr":
            raise ValueError(f"`base` of MixCo must be 'simclr', got {base!r}.")
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise ValueError(f"`weight` of MixCo must be 0 or more, got {weight!r}. The paper has 1.")
        if not is_number(mix_temperature) or not 0 < mix_temperature < float("inf"):
            raise ValueError(f"`mix_temperature` of MixCo must be > 0, got {mix_temperature!r}. Usual values are 0.05 to 1.")
        self.mixer, self.depth, self.base = self._mixer(mixer), self._depths(depth), base
        self.weight, self.mix_temperature = weight, mix_temperature

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, n = draw(self.depth, generator), len(batch.index)
        if n < 2:
            raise ValueError(f"MixCo mixes one half of a batch with the other: it takes two examples or more, got {n}.")
        views = torch.cat(self._up_to(depth, *two_views(batch, self)))
        z = self.embed(views, depth)
        both = Labels.of(torch.arange(n, device=z.device).repeat(2))
        plain = self.compare(z, z, both, both, exclude=torch.arange(2 * n, device=z.device))
        mixed, mix = self.mixer(views, generator, parents=self.parents(n))
        who = Labels.of(torch.arange(n, device=z.device))
        labels = [both.mix(Mix(*rows)) for rows in zip(mix.parents.chunk(2), mix.weight.chunk(2), strict=True)]
        terms = zip(self.embed(mixed, depth).chunk(2), z.chunk(2)[::-1], labels, strict=True)
        directions = [algebra.contrast(m, c, ours, who, temperature=self.mix_temperature) for m, c, ours in terms]
        beside = (directions[0] + directions[1]) / 2
        return Loss(
            plain.value + self.weight * beside,
            {"simclr": plain.value.detach(), "mixco": beside.detach()},
            lambda: plain.chance() + self.weight / 2 * (algebra.chance(labels[0], who) + algebra.chance(labels[1], who)),
            lambda: plain.floor() + self.weight / 2 * (algebra.floor(labels[0], who) + algebra.floor(labels[1], who)),
        )

    def parents(self, n: int) -> Tensor:
        """(2h, 2) rows of [view 1; view 2], h = n // 2: of each view, the first half with the second."""
        first = torch.arange(n // 2)
        pairs = torch.stack([first, first + n // 2], 1)
        return torch.cat([pairs, pairs + n])
