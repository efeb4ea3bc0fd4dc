import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mixtrast import algebra, rng
from mixtrast.algebra.labels import Labels
from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss, class_labels
from mixtrast.methods._contrastive import Contrastive, itself
from mixtrast.methods._method import DefaultMixer
from mixtrast.methods._mixing import MixingMethod
from mixtrast.mixers import Mixer, OneOf
from mixtrast.validation import check_choice, is_number


class MixSupCon(MixingMethod, Contrastive):
    """Mixtures attract each other in proportion to the overlap of their mixed class labels.

        x̃_k = λ_k x1_i + (1 - λ_k) x2_j,   ỹ_k likewise,   W_kl = <ỹ_k, ỹ_l>,   l_k = -1/r_k Σ_{l != k} W_kl log p_kl

    View 1 of i is mixed with view 2 of j, only mixtures are encoded, and they are both anchors and candidates. An example
    without a label is its own class, in its mixtures too: with some labels missing this is semi-supervised contrast.

    Args:
        mixer: by default mixup.
        depth: where to mix: 0 is the input, deeper as the encoder says; of several, one is drawn for each batch.
        mixtures: "2N": view 1 with a partner's view 2 and view 2 with another's view 1, as many as SupCon encodes; "N": the
            first half of these; "any": 2N, with partners from both views.
        reading: "C", every mixture counts equally (1/r_k); "B", by the mass r_k of its label, Σ_k r_k l_k / Σ_k r_k: strongly
            mixed ones and rare classes less; "A", as B with one softmax for all pairs of the batch, as the sums are printed;
            "D", as C among the clean views, which are encoded too: W_kl = <ỹ_k, y_l>.
        clean: weight of an added SupCon loss of the clean views, which then are encoded too.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Mixtures are encoded together, and so are the clean views, where they are used.

    Reference: the MixSupCon manuscript (no public code). As printed, its eq. 4-6 compare each mixture with itself, and the
        loss is constant; these are the readings that make sense of it, C the one that is SupCon at λ = 1.
    """

    uses_labels: ClassVar[bool] = True
    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("mixup")

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        mixtures: Literal["N", "2N", "any"] = "2N",
        reading: Literal["A", "B", "C", "D"] = "C",
        clean: float = 0.0,
        temperature: float = 0.1,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        super().__init__(encoder, temperature, projector, dim)
        check_choice("mixtures", mixtures, ("N", "2N", "any"))
        check_choice("reading", reading, ("A", "B", "C", "D"))
        if not is_number(clean) or not 0 <= clean < float("inf"):
            raise ValueError(f"`clean` of MixSupCon must be a weight, 0 or more, got {clean!r}. 0 is no clean term.")
        self.set_mixing(mixer, depth)
        self.mixtures, self.reading, self.clean = mixtures, reading, clean

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, classes = self.draw_depth(generator), class_labels(batch)
        (pool,) = self.run_to(depth, torch.cat(self.views(batch)))
        parents = rng.to(self.parents(len(batch.index), generator), pool.device)
        mixed, mix = self.mix(pool, generator, depth, parents=parents)
        z, labels = self.embed(mixed, depth), classes.mix(mix)
        if self.reading != "D" and not self.clean:
            return self._among(z, labels)
        c = self.embed(pool, depth)
        loss = self.compare(z, c, labels, classes, part="mixsupcon") if self.reading == "D" else self._among(z, labels)
        if not self.clean:
            return loss
        return loss.plus(self.compare(c, c, classes, classes, exclude=itself(c), part="supcon"), self.clean)

    def _among(self, z: Tensor, labels: Labels) -> Loss:
        """Readings A, B and C: mixtures among mixtures."""
        normalize: Literal["row", "total"] = "row" if self.reading == "C" else "total"
        if self.reading == "A":
            return self._one_partition(z, labels)
        return self.compare(z, z, labels, labels, exclude=itself(z), normalize=normalize, part="mixsupcon")

    def _one_partition(self, z: Tensor, labels: Labels) -> Loss:
        """-1/ΣW Σ_kl W_kl log ( exp(<z_k, z_l> / τ) / Σ_{i != j} exp(<z_i, z_j> / τ) )."""
        own = itself(z)
        log_z = algebra.log_partition(z, z, temperature=self.temperature, exclude=own).logsumexp(0)
        apart = algebra.align(z, z, labels, labels, exclude=own, normalize="total")
        value = log_z - (1 - apart / 2) / self.temperature  # less the mean of <z_k, z_l>, weighed by W
        mass = algebra.row_mass(labels, labels, exclude=own)
        share = mass / mass.sum().clamp(min=1e-300)
        return Loss(
            value,
            {"mixsupcon": value.detach()},
            lambda: value.new_tensor(math.log(len(z) * (len(z) - 1))),
            lambda: algebra.floor(labels, labels, exclude=own, normalize="total") + torch.special.entr(share).sum(),
        )

    def parents(self, n: int, generator: torch.Generator) -> Tensor:
        """(N or 2N, 2) rows of [view 1; view 2]: each with a random partner, of the other view unless `mixtures` is "any"."""
        if self.mixtures == "any":
            return torch.stack([torch.arange(2 * n), torch.randperm(2 * n, generator=generator)], 1)
        first = torch.stack([torch.arange(n), n + torch.randperm(n, generator=generator)], 1)
        if self.mixtures == "N":
            return first
        return torch.cat([first, torch.stack([n + torch.arange(n), torch.randperm(n, generator=generator)], 1)])
