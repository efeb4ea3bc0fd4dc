from typing import ClassVar, Literal

import torch
from torch import Tensor

from mixtrast.algebra.labels import Labels, Mix
from mixtrast.encoders import Encoder, Head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import Contrastive, checked_temperature, contrastive_loss, instances, itself
from mixtrast.methods._method import DataDefault, DefaultMixer, Options
from mixtrast.methods._mixing import MixingMethod
from mixtrast.methods._momentum import MomentumMethod, queue_default
from mixtrast.mixers import Mixer, OneOf
from mixtrast.validation import check_choice, is_number

# What the authors' code has for TinyImageNet: τ, τ of the mixed term.
TEMPERATURES = {"simclr": (0.5, 0.5), "moco": (0.2, 0.05)}


class MixCo(MixingMethod, MomentumMethod, Contrastive):
    """SimCLR or MoCo with a mixed term: mixtures of one view are matched with their ingredients in the clean other view.

        x̃_i = Σ_k λ_ik x_i+kh,      i = 1..h = N/K,  k = 0..K-1,      l_i = -Σ_k λ_ik log p_i,i+kh
        L = L_base(τ) + weight 1/h Σ_i l_i          (with simclr the mean over mixtures of view 1 and of view 2)

    with p_ij the softmax of <z_i, c_j> / mix_temperature over

        simclr   all N clean c_j of the other view, not detached. Mixtures are encoded apart from the clean views, so batch norm
                 sees each kind by itself.
        moco     the keys of the batch and the queue. Only queries are mixed, and encoded together with the clean ones.

    The parts of a batch are partners, as its order is random; what K does not divide is not mixed. Labels are not used.

    Args:
        mixer: by default mixup with λ ~ U(0, 1).
        depth: where to mix: 0 is the input, as in the paper, deeper as the encoder says; of several, one is drawn for each
            batch.
        base: the method that the mixed term is added to.
        weight: of the mixed term, >= 0: the paper's β. The authors' code for SimCLR has none, which is 1.
        ingredients: K. The paper has 2, and names more as future work; then the mixer is mixup.
        temperature: τ of the base; None: .5 with simclr, .2 with moco.
        mix_temperature: that of the mixed term; None: .5 with simclr, .05 with moco, as in the authors' code.
        queue: with moco, keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: with moco, of the target network: one number, or (first, last) along half a cosine. None: .99.
        splits: with moco, parts of a batch that share batch norm's statistics; the encoder's batch norms are replaced.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Kim et al., MixCo, 2020, arXiv:2010.06300, eq. 3-4, and its code (Lee-Gihun/MixCo-Mixup-Contrast).
    Differs: with simclr both views are encoded together, and so are the mixtures of both; the authors encode each by itself,
        which makes a difference to batch norm only.
    """

    bases: ClassVar[tuple[str, ...]] = ("simclr", "moco")
    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("mixup")

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 0,
        base: Literal["simclr", "moco"] = "simclr",
        weight: float = 1.0,
        ingredients: int = 2,
        temperature: float | None = None,
        mix_temperature: float | None = None,
        queue: int | None = None,
        momentum: float | tuple[float, float] | None = None,
        splits: int = 1,
        projector: Head = "mlp",
        dim: int = 128,
    ) -> None:
        check_choice("base", base, self.bases)
        default, default_mixed = TEMPERATURES[base]
        super().__init__(encoder, default if temperature is None else temperature, projector, dim)
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise ValueError(f"`weight` of MixCo must be 0 or more, got {weight!r}. The paper has 1.")
        if not isinstance(ingredients, int) or isinstance(ingredients, bool) or ingredients < 2:
            raise ValueError(f"`ingredients` of MixCo must be a whole number, 2 or more, got {ingredients!r}. The paper has 2.")
        mixed = default_mixed if mix_temperature is None else mix_temperature
        self.mix_temperature = checked_temperature(self, "mix_temperature", mixed)
        self.weight, self.ingredients = weight, ingredients
        self.set_mixing(mixer, depth)
        self.set_base(base, queue=queue, momentum=momentum, splits=splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, n = self.draw_depth(generator), len(batch.index)
        if n < self.ingredients:
            takes = f"with {self.ingredients} ingredients it takes that many examples or more"
            raise ValueError(f"MixCo mixes one part of a batch with another: {takes}, got {n}. Use a larger `batch`.")
        first, second = self.views(batch)
        return (self._simclr if self.base == "simclr" else self._moco)(first, second, depth, generator)

    def _simclr(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        n = len(first)
        views = torch.cat(self.run_to(depth, first, second))
        z = self.embed(views, depth)
        both, labels = instances(z, 2), instances(first)
        loss = self.compare(z, z, both, both, exclude=itself(z), part="simclr")
        mixed, mix = self.mix(views, generator, depth, parents=self.parents(n))
        one, two = (both.mix(Mix(*rows)) for rows in zip(mix.parents.chunk(2), mix.weight.chunk(2), strict=True))
        m1, m2 = self.embed(mixed, depth).chunk(2)
        added = self._mixed_term(m1, z[n:], one, labels).plus(self._mixed_term(m2, z[:n], two, labels))
        return loss.plus(added.times(0.5), self.weight)

    def _moco(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        (first,) = self.run_to(depth, first)
        mixed, mix = self.mix(first, generator, depth, parents=self.parents(len(first)).chunk(2)[0])
        q, m = self.embed(torch.cat([first, mixed]), depth).tensor_split([len(first)])
        k, labels, (queue, nobody) = self.encode_keys(second, generator), instances(q), self.queued()
        loss = self.compare(q, queue, labels, nobody, paired=k, part="moco")
        candidates, theirs = self.with_queue(k, labels)
        return loss.plus(self._mixed_term(m, candidates, labels.mix(mix), theirs), self.weight)

    def _mixed_term(self, z: Tensor, candidates: Tensor, ours: Labels, theirs: Labels) -> Loss:
        return contrastive_loss(z, candidates, ours, theirs, temperature=self.mix_temperature, part="mixco")

    def parents(self, n: int) -> Tensor:
        """(2h, K) rows of [view 1; view 2], h = n // K: of each view, the first h with the next, and so on."""
        h = n // self.ingredients
        one = torch.arange(h * self.ingredients).view(self.ingredients, h).t()
        return torch.cat([one, one + n])

    @classmethod
    def data_defaults(cls, options: Options, rows: int) -> dict[str, DataDefault]:
        base = str(options.get("base") or "simclr")
        values = zip(("temperature", "mix_temperature"), TEMPERATURES.get(base, ()), strict=False)
        found = {name: DataDefault(value, f"the authors' with {base}") for name, value in values if options.get(name) is None}
        return found | queue_default(options, rows) if base == "moco" else found
