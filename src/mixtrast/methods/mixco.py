from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mixtrast.checks import check_choice, is_number
from mixtrast.encoders import Encoder, Head
from mixtrast.labels import Labels, Mix
from mixtrast.methods._keys import MOMENTUM, QUEUE, Keys, usual_queue
from mixtrast.methods._method import (
    Batch,
    Contrastive,
    Loss,
    checked_temperature,
    identities,
    itself,
    only_for,
    two_views,
)
from mixtrast.mixers import Mixer, OneOf

# What the authors' code has for TinyImageNet: τ, τ of the mixed term.
TEMPERATURES = {"simclr": (0.5, 0.5), "moco": (0.2, 0.05)}


class MixCo(Contrastive):
    """SimCLR or MoCo, and beside it mixtures of a view find, in the clean other view, their ingredients by their shares.

        x̃_i = Σ_k λ_ik x_i+kh,      i = 1..h = N/K,  k = 0..K-1,      l_i = -Σ_k λ_ik log p_i,i+kh
        L = L_base(τ) + weight 1/h Σ_i l_i          (with simclr the mean over mixtures of view 1 and of view 2)

    with p_ij the softmax of <z_i, c_j> / mix_temperature over

        simclr   all N clean c_j of the other view, not detached. Mixtures pass the encoder apart from the clean views, so batch
                 norm sees clean ones alone, then mixed ones alone.
        moco     the keys of the whole batch and the queue. Only queries are mixed, and pass the encoder with the clean ones.

    The parts of a batch are partners, as its order is random; what K does not divide is not mixed. No label is looked at.

    Args:
        mixer: how; mixup with λ ~ U(0, 1) where none is given.
        depth: where: 0 the input, as in the paper, deeper as the encoder says; of several, one is drawn for each batch.
        base: the method that stands beside the mixtures.
        weight: of the mixed term, >= 0: the paper's β. The authors' code for SimCLR has none, which is 1.
        ingredients: K. The paper has 2, and names more as future work; then the mixer is mixup.
        temperature: τ of the base; None: .5 with simclr, .2 with moco.
        mix_temperature: that of the mixed term; None: .5 with simclr, .05 with moco, as in the authors' code.
        queue: with moco, keys of earlier batches; None: 4096, or a quarter of the training examples.
        momentum: with moco, of the slow copy: one number, or (first, last) along half a cosine. None: .99.
        splits: with moco, parts of a batch that share batch norm's statistics; the encoder's own norms are replaced.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Kim et al., MixCo, 2020, arXiv:2010.06300, eq. 3-4, and its code (Lee-Gihun/MixCo-Mixup-Contrast).
    Differs: with simclr both views pass the encoder together, and so do the mixtures of both; the authors pass each by itself,
        which only batch norm can tell.
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "mixup"}

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
        check_choice("base", base, tuple(TEMPERATURES))
        usual, usual_mixed = TEMPERATURES[base]
        super().__init__(encoder, usual if temperature is None else temperature, projector, dim)
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise ValueError(f"`weight` of MixCo must be 0 or more, got {weight!r}. The paper has 1.")
        if not isinstance(ingredients, int) or isinstance(ingredients, bool) or ingredients < 2:
            raise ValueError(f"`ingredients` of MixCo must be a whole number, 2 or more, got {ingredients!r}. The paper has 2.")
        mixed = usual_mixed if mix_temperature is None else mix_temperature
        self.mix_temperature = checked_temperature(self, "mix_temperature", mixed)
        (self.mixer, self.depth), self.base = self._mixing(mixer, depth), base
        self.weight, self.ingredients = weight, ingredients
        only_for(self, base, ("moco",), queue=queue, momentum=momentum, splits=None if splits == 1 else splits)
        if base == "moco":
            length, m = QUEUE if queue is None else queue, MOMENTUM if momentum is None else momentum
            self.keys = Keys(encoder, self.projector, self.dim, momentum=m, queue=length, splits=splits)

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        depth, n = self._draw(self.depth, generator), len(batch.index)
        if n < self.ingredients:
            raise ValueError(
                f"MixCo mixes one part of a batch with another: with {self.ingredients} ingredients it takes that many "
                f"examples or more, got {n}. Use a larger `batch`."
            )
        first, second = two_views(batch, self)
        return (self._simclr if self.base == "simclr" else self._moco)(first, second, depth, generator)

    def _simclr(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        n = len(first)
        views = torch.cat(self._up_to(depth, first, second))
        z = self.embed(views, depth)
        both, who = identities(z, 2), identities(first)
        loss = self.compare(z, z, both, both, exclude=itself(z), part="simclr")
        mixed, mix = self.mixer(views, generator, parents=self.parents(n))
        one, two = (both.mix(Mix(*rows)) for rows in zip(mix.parents.chunk(2), mix.weight.chunk(2), strict=True))
        mine, yours = self.embed(mixed, depth).chunk(2)
        beside = self._beside(mine, z[n:], one, who).plus(self._beside(yours, z[:n], two, who))
        return loss.plus(beside.times(0.5), self.weight)

    def _moco(self, first: Tensor, second: Tensor, depth: int, generator: torch.Generator) -> Loss:
        (first,) = self._up_to(depth, first)
        parents = self.parents(len(first)).chunk(2)[0]
        mixed, mix = self.mixer(first, generator, parents=parents)
        q, m = self.embed(torch.cat([first, mixed]), depth).tensor_split([len(first)])
        k, who, queue = self.keys(second, generator), identities(q), self.keys.queue
        assert queue is not None
        nobody = Labels.nobody(len(queue.keys), q.device)
        loss = self.compare(q, queue.keys, who, nobody, paired=k, part="moco")
        candidates, theirs = self.keys.candidates(k)
        return loss.plus(self._beside(m, candidates, who.mix(mix), theirs), self.weight)

    def _beside(self, z: Tensor, candidates: Tensor, ours: Labels, theirs: Labels) -> Loss:
        return self.compare(z, candidates, ours, theirs, temperature=self.mix_temperature, part="mixco")

    def parents(self, n: int) -> Tensor:
        """(2h, K) rows of [view 1; view 2], h = n // K: of each view, the first h with the next, and so on."""
        h = n // self.ingredients
        one = torch.arange(h * self.ingredients).view(self.ingredients, h).t()
        return torch.cat([one, one + n])

    @classmethod
    def usual(cls, given: Mapping[str, Any], rows: int) -> dict[str, tuple[Any, str]]:
        base = given.get("base") or "simclr"
        found: dict[str, tuple[Any, str]] = {}
        if base in TEMPERATURES:
            names = ("temperature", "mix_temperature")
            found = {name: (value, f"the authors' with {base}") for name, value in zip(names, TEMPERATURES[base], strict=True)}
        if base == "moco":
            found["queue"] = usual_queue(rows)
        return {name: value for name, value in found.items() if given.get(name) is None}
