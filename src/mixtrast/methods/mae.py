from collections.abc import Callable
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mixtrast import mixers
from mixtrast.encoders import Encoder, Head, head
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._contrastive import checked_temperature, contrastive_loss, instances, unit
from mixtrast.methods._mixing import MixingMethod
from mixtrast.methods._tokens import checked_rate, choose, tokenize_of
from mixtrast.validation import check_choice, is_number


class MAE(MixingMethod):
    """Some tokens of an example are masked, and predicted from the encoder's outputs at their positions.

        l_t = |g(output_t) - patch_t|                         of numbers: patches, segments, columns, as scaled
        l_t = -log softmax_v(<output_t, table_v>)[id_t]       of ids: the rows of the embedding table are the candidates

    the mean over the masked tokens. A masked token is 0 before its position is added; the full sequence is encoded. Categories
    of a table are predicted with cross-entropy. Labels are not used. With `dmix` the loss of Dmix, with one mask for a batch,
    is added.

    Args:
        rate: share of the tokens that is masked. DABS has .15; He et al. mask .75 of an image's.
        dmix: weight of the added loss of Dmix; 0 is none.
        temperature: τ of Dmix.
        projector: of Dmix, see `encoders.head`.
        dim: numbers in z of Dmix.

    Reference: Tamkin et al., DABS 2.0, NeurIPS 2022 (datasets and benchmarks), the code of alextamkin/dabs; after He et al.,
        arXiv:2111.06377. The sum with Dmix is what Dmix's text names as its next step.
    Differs: padding is never masked and never predicted; from He et al.: no decoder, and masked tokens are encoded.
    """

    views_needed: ClassVar[int] = 1
    needs_tokens: ClassVar[bool] = True
    prefers_transformer: ClassVar[bool] = True

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
        super().__init__(encoder)
        if not is_number(dmix) or not 0 <= dmix < float("inf"):
            raise ValueError(f"`dmix` of MAE must be a weight, 0 or more, got {dmix!r}. 0 is no loss of Dmix.")
        check_choice("projector", projector, get_args(Head))
        self.rate, self.dmix = checked_rate("MAE", rate), dmix
        self.temperature = checked_temperature(self, "temperature", temperature)
        self.set_mixing(mixers.get("patchmix", per="batch"), 1)
        prediction = tokenize_of(self.encoder).prediction
        self.head = None if prediction is None else nn.Sequential(nn.ReLU(), nn.Linear(encoder.dim, prediction.width))
        self.projector = head(projector, encoder.dim, dim) if dmix else None

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        (x,) = self.views(batch)
        (h,) = self.run_to(1, x)
        loss = self._masked_loss(x, h, generator)
        return loss if self.projector is None else loss.plus(self._dmix_loss(h, generator), self.dmix)

    def _dmix_loss(self, h: Tensor, generator: torch.Generator) -> Loss:
        """The loss of Dmix on tokens (B,T,D)."""
        assert self.projector is not None
        mixed, mix = self.mix(h, generator, 1)
        z, c = (unit(self.projector(self.encoder.run(tokens, 1))) for tokens in (mixed, h))
        labels = instances(c)
        return contrastive_loss(z, c, labels.mix(mix), labels, temperature=self.temperature, part="dmix")

    def _masked_loss(self, x: Tensor, h: Tensor, generator: torch.Generator) -> Loss:
        """From examples (B,*shape) and their tokens (B,T,D)."""
        present = self.encoder.present(h)
        which, valid, _ = choose(h, present, self.rate, generator)
        masked = torch.zeros(h.shape[:2], dtype=torch.bool, device=h.device).scatter(1, which, valid)[..., None]
        if present is not None:  # a masked token is still present
            h = torch.cat([torch.where(masked, 0.0, h[..., :-1]), h[..., -1:]], 2)
        else:
            h = torch.where(masked, 0.0, h)
        outputs = self.encoder.token_outputs(h, 1)
        outputs = outputs.gather(1, which[..., None].expand(-1, -1, outputs.shape[2]))  # (B,K,D)
        prediction = tokenize_of(self.encoder).prediction
        if prediction is None:
            return self._id_loss(outputs, x.gather(1, which), valid)
        assert self.head is not None
        rows, known = prediction.loss(_wide(self.head(outputs)), x, which)
        known = valid & known
        return _loss(_mean(rows, known), lambda: _mean(prediction.chance(x, which)[0], known))

    def _id_loss(self, outputs: Tensor, ids: Tensor, valid: Tensor) -> Loss:
        """Cross-entropy with the rows of the embedding table as candidates."""
        table = tokenize_of(self.encoder).table
        assert table is not None
        logits = _wide(outputs @ table.weight.t())
        rows = cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none").view_as(ids)
        value = _mean(rows, valid)
        return _loss(value, lambda: value.new_tensor(float(logits.shape[2])).log())


def _loss(value: Tensor, chance: Callable[[], Tensor]) -> Loss:
    return Loss(value, {"mae": value.detach()}, chance, lambda: value.new_zeros(()))


def _wide(x: Tensor) -> Tensor:
    """In float32 or wider, also under autocast."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _mean(rows: Tensor, known: Tensor) -> Tensor:
    """The mean over masked tokens that are known; 0 where there is none."""
    return torch.where(known, rows, 0.0).sum() / known.sum().clamp(min=1)
