from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder, Tokenize
from mixtrast.methods._hidden import Chosen, checked_rate, choose
from mixtrast.methods._method import Batch, Loss, Method, one_view


class ShED(Method):
    """Some tokens of an example change places, and a linear layer on each token's output tells which: shuffled embeddings.

        l_t = -log p_t(moved or not),        p_t = softmax(W output_t + b), the mean over all tokens of the batch

    A share of the tokens is moved round one place in a random ring, so none of them stays. Nothing is mixed between
    examples and no label is looked at. Most tokens are not moved: to say so of all is the chance level that is shown.

    Args:
        rate: share of the tokens that move, 2 at least.
        depth: where: 1, before tokens know their place, or 2, after it.
        compatible: "dabs": one token may be chosen alone, which then counts as moved; and tokens that were replaced by their
            like count as moved too. Else only what is another counts.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 4.2, and its code.
    """

    needs: ClassVar[int] = 1
    of_tokens: ClassVar[bool] = True
    on_tokens: ClassVar[bool] = True

    def __init__(
        self, encoder: Encoder, *, rate: float = 0.15, depth: int = 1, compatible: Literal["none", "dabs"] = "none"
    ) -> None:
        super().__init__(encoder)
        check_choice("compatible", compatible, ("none", "dabs"))
        self.rate, self.compatible = checked_rate("ShED", rate), compatible
        (self.depth,) = self._depths(depth)
        if not self.encoder.is_tokens(self.depth):
            raise ValueError(
                f"ShED moves tokens, and {type(encoder).__name__} has none at depth {depth}. Use the transformer encoder, "
                "depth 1."
            )
        self.head = nn.Linear(encoder.dim, 2)
        first = encoder.stages[0]
        assert isinstance(first, Tokenize)
        self.tokens = first.count

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        (h,) = self._up_to(self.depth, one_view(batch, self))
        front = h.shape[1] - self.tokens  # CLS, which stays where it is
        body = h[:, front:]
        present = self.encoder.present(body)
        chosen = choose(body, present, self.rate, generator, least=1 if self.compatible == "dabs" else 2)
        moved, mark = move(body, chosen)
        if self.compatible != "dabs":
            mark = mark & (moved != body).any(2)
        moved = moved if not front else torch.cat([h[:, :front], moved], 1)
        return self.tell(self.encoder.outputs(moved, self.depth), mark, present)

    def tell(self, outputs: Tensor, mark: Tensor, present: Tensor | None) -> Loss:
        """outputs (B,T,D), which were moved (B,T), which are there."""
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
    """Place j of the chosen takes what was at place j - 1, the first what was at the last; which these are, (B,T) bool."""
    which, valid, many = chosen
    rank = torch.arange(which.shape[1], device=h.device)
    source = torch.where(rank > 0, rank - 1, (many - 1).clamp(min=0)[:, None])  # (B,K), the place before in the ring
    source = torch.where(valid, which.gather(1, source.expand_as(which)), which)
    wide = (-1, -1, h.shape[2])
    moved: Tensor = h.scatter(1, which[..., None].expand(wide), h.gather(1, source[..., None].expand(wide)))
    mark = torch.zeros(h.shape[:2], dtype=torch.bool, device=h.device).scatter(1, which, valid)
    return moved, mark
