from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mixtrast.encoders import Encoder
from mixtrast.methods._batch import Batch, Loss
from mixtrast.methods._method import Method
from mixtrast.methods._tokens import Chosen, checked_rate, choose, tokenize_of
from mixtrast.validation import check_choice


class ShED(Method):
    """Some tokens of an example change places, and a linear layer on each token's output detects which: shuffled embeddings.

        l_t = -log p_t(moved or not),        p_t = softmax(W output_t + b), the mean over all tokens of the batch

    A share of the tokens moves by one place along a random ring, so that each of them changes its place. Nothing is mixed
    between examples, and labels are not used. The chance level is that of predicting the share of moved tokens for every token.

    Args:
        rate: share of the tokens that move, 2 at least.
        depth: where to move them: 1, before positions are added, or 2, after it.
        compatible: "dabs": one token may be chosen alone, which then counts as moved; and tokens that were replaced by an equal
            token count as moved too. Else only tokens that changed count.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 4.2, and its code.
    """

    views_needed: ClassVar[int] = 1
    needs_tokens: ClassVar[bool] = True
    prefers_transformer: ClassVar[bool] = True

    def __init__(
        self, encoder: Encoder, *, rate: float = 0.15, depth: int = 1, compatible: Literal["none", "dabs"] = "none"
    ) -> None:
        super().__init__(encoder)
        check_choice("compatible", compatible, ("none", "dabs"))
        self.rate, self.compatible = checked_rate("ShED", rate), compatible
        (self.depth,) = self.checked_depths(depth)
        if not self.encoder.is_tokens(self.depth):
            what = f"ShED moves tokens, and {type(encoder).__name__} has none at depth {depth}."
            raise ValueError(f"{what} Use the transformer encoder, depth 1.")
        self.head = nn.Linear(encoder.dim, 2)
        self.tokens = tokenize_of(encoder).count

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        (h,) = self.run_to(self.depth, *self.views(batch))
        front = h.shape[1] - self.tokens  # 1 with a CLS token, which is not moved
        body = h[:, front:]
        present = self.encoder.present(body)
        chosen = choose(body, present, self.rate, generator, least=1 if self.compatible == "dabs" else 2)
        moved, mark = move(body, chosen)
        if self.compatible != "dabs":
            mark = mark & (moved != body).any(2)
        moved = moved if not front else torch.cat([h[:, :front], moved], 1)
        return self.detect(self.encoder.token_outputs(moved, self.depth), mark, present)

    def detect(self, outputs: Tensor, mark: Tensor, present: Tensor | None) -> Loss:
        """The loss from outputs (B,T,D), which tokens were moved (B,T), and which are present (B,T)."""
        logits = self.head(outputs)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        weight = torch.ones_like(mark) if present is None else present
        rows = cross_entropy(logits.flatten(0, 1), mark.flatten().long(), reduction="none").view(mark.shape)
        many = weight.sum().clamp(min=1)
        value = (rows * weight).sum() / many

        def chance() -> Tensor:
            share = (mark & weight).sum() / many
            entropy: Tensor = torch.special.entr(share) + torch.special.entr(1 - share)
            return entropy

        return Loss(value, {"shed": value.detach()}, chance, lambda: value.new_zeros(()))


def move(h: Tensor, chosen: Chosen) -> tuple[Tensor, Tensor]:
    """Move each chosen token to the next chosen place, the last to the first; also which places are chosen, (B,T) bool."""
    which, valid, many = chosen
    rank = torch.arange(which.shape[1], device=h.device)
    source = torch.where(rank > 0, rank - 1, (many - 1).clamp(min=0)[:, None])  # (B,K), the place before in the ring
    source = torch.where(valid, which.gather(1, source.expand_as(which)), which)
    wide = (-1, -1, h.shape[2])
    moved: Tensor = h.scatter(1, which[..., None].expand(wide), h.gather(1, source[..., None].expand(wide)))
    mark = torch.zeros(h.shape[:2], dtype=torch.bool, device=h.device).scatter(1, which, valid)
    return moved, mark
