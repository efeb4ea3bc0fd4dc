from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mixtrast import mixers
from mixtrast.checks import is_number
from mixtrast.encoders import Encoder, Head, Tokenize, head
from mixtrast.methods._hidden import checked_rate, choose
from mixtrast.methods._method import Batch, Contrastive, Loss, Method, checked_temperature, identities, one_view


class MAE(Contrastive):
    """Some tokens of an example are blotted out, and the outputs at their places guess what was there.

        l_t = |g(output_t) - patch_t|                         of numbers: patches, segments, columns, as scaled
        l_t = -log softmax_v(<output_t, table_v>)[id_t]       of ids: the rows of the embedding table are the candidates

    the mean over the tokens hidden. A hidden token is 0 before it learns its place; the whole sequence passes the encoder.
    Categories of a table are guessed by cross-entropy. No label is looked at. With `dmix` the loss of
    Dmix, with one mask for a batch, stands beside it.

    Args:
        rate: share of the tokens that is hidden. DABS has .15; He et al. hide .75 of an image's.
        dmix: weight of the loss of Dmix beside it; 0 is none.
        temperature: τ of Dmix.
        projector: of Dmix, see `encoders.head`.
        dim: numbers in z of Dmix.

    Reference: Tamkin et al., DABS 2.0, NeurIPS 2022 (datasets and benchmarks), the code of alextamkin/dabs; after He et al.,
        arXiv:2111.06377. Dmix beside it is what Dmix's text names as its next step.
    Differs: padding is never hidden and never guessed; from He et al.: no decoder, and hidden tokens are encoded.
    """

    needs: ClassVar[int] = 1
    of_tokens: ClassVar[bool] = True
    on_tokens: ClassVar[bool] = True

    def __init__(
        self,
        encoder: Encoder,
        *,
        rate: float = 0.15,
        dmix: float = 0.0,
        temperature: float = 0.2,
        projector: Head = "lnlinear",
        dim: int = 128,
    ) -> None:
        Method.__init__(self, encoder)
        if not is_number(dmix) or not 0 <= dmix < float("inf"):
            raise ValueError(f"`dmix` of MAE must be a weight, 0 or more, got {dmix!r}. 0 is no Dmix beside it.")
        self.rate, self.dmix = checked_rate("MAE", rate), dmix
        self.temperature = checked_temperature(self, "temperature", temperature)
        self.mixer, self.depth = mixers.get("patchmix", per="batch"), (1,)
        guess = self.tokenize.guess
        self.head = None if guess is None else nn.Sequential(nn.ReLU(), nn.Linear(encoder.dim, guess.width))
        beside = head(projector, encoder.dim, dim)
        if dmix:
            self.projector, self.dim = beside, dim

    @property
    def tokenize(self) -> Tokenize:
        """The encoder's first stage."""
        first = self.encoder.stages[0]
        assert isinstance(first, Tokenize)
        return first

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        x = one_view(batch, self)
        depth = self._draw((1,), generator)
        (h,) = self._up_to(depth, x)
        loss = self.guess(x, h, generator)
        if not self.dmix:
            return loss
        mixed, mix = self.mixer(h, generator)
        z, c = self.embed(mixed, depth), self.embed(h, depth)
        who = identities(c)
        return loss.plus(self.compare(z, c, who.mix(mix), who, part="dmix"), self.dmix)

    def guess(self, x: Tensor, h: Tensor, generator: torch.Generator) -> Loss:
        """x (B,*shape), its tokens h (B,T,D)."""
        present = self.encoder.present(h)
        which, valid, _ = choose(h, present, self.rate, generator)
        hidden = torch.zeros(h.shape[:2], dtype=torch.bool, device=h.device).scatter(1, which, valid)[..., None]
        if present is not None:  # what is hidden is still there
            values = torch.where(hidden, 0.0, h[..., :-1])
            h = torch.cat([values, h[..., -1:]], 2)
        else:
            h = torch.where(hidden, 0.0, h)
        outputs = self.encoder.outputs(h, 1)
        outputs = outputs.gather(1, which[..., None].expand(-1, -1, outputs.shape[2]))  # (B,K,D)
        how = self.tokenize.guess
        if how is None:
            table = self.tokenize.table
            assert table is not None
            logits = _wide(outputs @ table.weight.t())
            rows = cross_entropy(logits.flatten(0, 1), x.gather(1, which).flatten(), reduction="none").view_as(which)
            known = valid
        else:
            assert self.head is not None
            rows, there = how.loss(_wide(self.head(outputs)), x, which)
            known = valid & there
        value = _mean(rows, known)

        def chance() -> Tensor:
            if how is None:
                return value.new_tensor(float(logits.shape[2])).log()
            return _mean(how.chance(x, which)[0], known)

        return Loss(value, {"mae": value.detach()}, chance, lambda: value.new_zeros(()))


def _wide(x: Tensor) -> Tensor:
    """In float32 or wider: under autocast it comes as bfloat16."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _mean(rows: Tensor, known: Tensor) -> Tensor:
    """Over what was hidden and is known; a batch without any is 0."""
    return torch.where(known, rows, 0.0).sum() / known.sum().clamp(min=1)
