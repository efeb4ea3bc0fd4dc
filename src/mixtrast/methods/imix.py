from typing import ClassVar, Literal

import torch
from torch import Tensor

from mixtrast.encoders import Encoder, Head, head, split_norms
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, alignment_loss, instances, unit
from mixtrast.methods._method import DataDefault, DefaultMixer, Options
from mixtrast.methods._mixing import MixingMethod
from mixtrast.methods._momentum import MomentumMethod, queue_default
from mixtrast.mixers import Mixer, OneOf
from mixtrast.validation import check_choice


class IMix(MixingMethod, MomentumMethod, Contrastive):
    """Mixed first views are matched with the clean second views of both ingredients; each example is its own class.

        x̃_i = λ_i x_i + (1 - λ_i) x_π(i),        l_i = -λ_i log p_i,i - (1 - λ_i) log p_i,π(i)

    with p_ij the softmax of <z_i, c_j> / τ over the candidates c_j, which the base decides:

        npair    the clean second views of the batch. Mixed and clean examples are encoded together.
        simclr   both clean views, without the two ingredients in the mixture's own view; both views are mixed. The mixtures are
                 encoded together, and so are the clean views: twice what SimCLR encodes.
        moco     the keys of the clean second views, and the queue. Queries are mixed, and encoded apart from the keys.
        byol     no candidates: l_i = 2 - 2 (λ_i <p_i, k_i> + (1 - λ_i) <p_i, k_π(i)>), p the prediction, k the keys.

    What is encoded together shares batch norm's statistics. Labels are not used, and nothing about the data need be known.

    Args:
        mixer: by default mixup with λ = max(λ, 1 - λ).
        depth: where to mix: 0 is the input, deeper as the encoder says; of several, one is drawn for each batch.
        base: the method that is mixed.
        temperature: τ, not used with byol. The paper has .2 for CIFAR, .5 for speech, .1 for tables.
        queue: with moco, keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: with moco and byol, of the target network: one number, or (first, last) along half a cosine. None: .99.
        splits: with moco and byol, parts of a batch that share batch norm's statistics; the encoder's batch norms are replaced.
        projector: see `encoders.head`. The paper has mlpbn with npair, mlpbn1 with moco and byol.
        dim: numbers in z.

    Reference: Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, eq. 2-6, and its code (kibok90/imix).
    Differs: there the partner has no column among standard MoCo's candidates either, and the code takes the keys of the batch
        too; compare with `moco` and its `candidates="batch"`.
    """

    bases: ClassVar[tuple[str, ...]] = ("npair", "simclr", "moco", "byol")
    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("mixup", {"dominant": True})

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
        check_choice("base", base, self.bases)
        self.set_mixing(mixer, depth)
        self.set_base(base, queue=queue, momentum=momentum, splits=splits)
        if base == "byol":
            self.predictor = split_norms(head("mlpbn1", self.dim, self.dim, hidden=encoder.dim), splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        first, second = self.views(batch)
        depth = self.draw_depth(generator)
        if self.keys is not None:
            return self._with_keys(first, second, depth, generator)
        first, second = self.run_to(depth, first, second)
        return (self._npair if self.base == "npair" else self._simclr)(first, second, depth, generator)

    def _npair(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        mixed, mix = self.mix(first, generator, depth)
        z, c = self.embed(torch.cat([mixed, second]), depth).chunk(2)
        labels = instances(c)
        return self.compare(z, c, labels.mix(mix), labels)

    def _simclr(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        n = len(first)
        (one, mix1), (two, mix2) = self.mix(first, generator, depth), self.mix(second, generator, depth)
        z, c = self.embed(torch.cat([one, two]), depth), self.embed(torch.cat([first, second]), depth)
        labels = instances(c, 2)  # a mixture's parents are rows of one view, whose labels are those of the other
        loss = self.compare(z[:n], c, labels.mix(mix1), labels, exclude=mix1.parents)
        return loss.plus(self.compare(z[n:], c, labels.mix(mix2), labels, exclude=n + mix2.parents)).times(0.5)

    def _with_keys(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        (first,) = self.run_to(depth, first)
        mixed, mix = self.mix(first, generator, depth)
        q, k = self.project(mixed, depth), self.encode_keys(second, generator)
        labels = instances(k)
        if self.base == "byol":
            return alignment_loss(unit(self.predictor(q)), k, labels.mix(mix), labels)
        candidates, theirs = self.with_queue(k, labels)
        return self.compare(unit(q), candidates, labels.mix(mix), theirs)

    @classmethod
    def data_defaults(cls, options: Options, rows: int) -> dict[str, DataDefault]:
        return queue_default(options, rows) if options.get("base") == "moco" else {}
