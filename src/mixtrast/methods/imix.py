from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder, Head, head, split_norms
from mixtrast.methods._keys import MOMENTUM, QUEUE, Keys, usual_queue
from mixtrast.methods._method import Batch, Contrastive, Loss, attract, identities, only_for, two_views, unit
from mixtrast.mixers import Mixer, OneOf

SLOW = ("moco", "byol")  # bases with a slow copy of the encoder


class IMix(Contrastive):
    """Mixed first views find, among clean second views, both their ingredients, each by its share: the label is who you are.

        x̃_i = λ_i x_i + (1 - λ_i) x_π(i),        l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,π(i)

    with p_ij the softmax of <z_i, c_j> / τ over the candidates c_j, which the base decides:

        npair    the clean second views of the batch. Mixed and clean examples pass the encoder together.
        simclr   both clean views, but for the two ingredients as the mixture's own view shows them; both views are mixed. The
                 mixtures pass the encoder together, and so do the clean views: twice what SimCLR encodes.
        moco     the keys of the clean second views and the queue. Queries are mixed, and pass a network of their own.
        byol     no others: l_i = 2 - 2 (λ_i <p_i, k_i> + (1 - λ_i) <p_i, k_π(i)>), p of the predictor, k of the slow copy.

    What passes the encoder together shares batch norm's statistics. No label is looked at, and nothing about the data need be
    known.

    Args:
        mixer: how; mixup with λ = max(λ, 1 - λ) where none is given.
        depth: where: 0 the input, deeper as the encoder says; of several, one is drawn for each batch.
        base: the method that is mixed.
        temperature: τ, not used with byol. The paper has .2 for CIFAR, .5 for speech, .1 for tables.
        queue: with moco, keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: with moco and byol, of the slow copy: one number, or (first, last) along half a cosine. None: .99.
        splits: with moco and byol, parts of a batch that share batch norm's statistics; the encoder's own norms are replaced.
        projector: see `encoders.head`. The paper has mlpbn with npair, mlpbn1 with moco and byol.
        dim: numbers in z.

    Reference: Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, eq. 2-6, and its code (kibok90/imix).
    Differs: there the partner has no column among standard MoCo's candidates either, and the code takes the keys of the batch
        too; compare with `moco` and its `candidates="batch"`.
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup", "dominant": True}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        base: Literal["npair", "simclr", "moco", "byol"] = "npair",
        temperature: float = 0.2,
        queue: int | None = None,
        momentum: float | tuple[float, float] | None = None,
        splits: int = 1,
        projector: Head = "mlpbn",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        check_choice("base", base, ("npair", "simclr", *SLOW))
        only_for(self, base, ("moco",), queue=queue)
        only_for(self, base, SLOW, momentum=momentum, splits=None if splits == 1 else splits)
        (self.mixer, self.depth), self.base = self._mixing(mixer, depth), base
        if base in SLOW:
            length = None if base == "byol" else QUEUE if queue is None else queue
            m = MOMENTUM if momentum is None else momentum
            self.keys = Keys(encoder, self.projector, self.dim, momentum=m, queue=length, splits=splits)
        if base == "byol":
            self.predictor = split_norms(head("mlpbn1", self.dim, self.dim, hidden=encoder.dim), splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = two_views(batch, self)
        depth = self._draw(self.depth, generator)
        if self.base in SLOW:
            return self._slow(first, second, depth, generator)
        first, second = self._up_to(depth, first, second)
        return (self._npair if self.base == "npair" else self._simclr)(first, second, depth, generator)

    def _npair(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        mixed, mix = self.mixer(first, generator)
        z, c = self.embed(torch.cat([mixed, second]), depth).chunk(2)
        who = identities(c)
        return self.compare(z, c, who.mix(mix), who)

    def _simclr(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        n = len(first)
        (one, mix1), (two, mix2) = self.mixer(first, generator), self.mixer(second, generator)
        z, c = self.embed(torch.cat([one, two]), depth), self.embed(torch.cat([first, second]), depth)
        who = identities(c, 2)  # a mixture's parents are rows of one view, whose labels are those of the other
        loss = self.compare(z[:n], c, who.mix(mix1), who, exclude=mix1.parents)
        return loss.plus(self.compare(z[n:], c, who.mix(mix2), who, exclude=n + mix2.parents)).times(0.5)

    def _slow(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        (first,) = self._up_to(depth, first)
        mixed, mix = self.mixer(first, generator)
        q, k = self.project(mixed, depth), self.keys(second, generator)
        who = identities(k)
        if self.base == "byol":
            return attract(unit(self.predictor(q)), k, who.mix(mix), who)
        candidates, theirs = self.keys.candidates(k)
        return self.compare(unit(q), candidates, who.mix(mix), theirs)

    @classmethod
    def usual(cls, given: Mapping[str, Any], rows: int) -> dict[str, tuple[Any, str]]:
        wanted = given.get("base") == "moco" and given.get("queue") is None
        return {"queue": usual_queue(rows)} if wanted else {}
