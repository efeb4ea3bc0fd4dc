from __future__ import annotations

from typing import Any, ClassVar

from mixtrast.encoders import Encoder, Head
from mixtrast.methods.emix import EMix
from mixtrast.mixers import Mixer, OneOf


class DMix(EMix):
    """Some tokens of an example are swapped for those of another, and it finds both among the unmixed by their shares.

        h̃_i = M h_i + (1 - M) h_π(i),   M_t in {0, 1},   λ = the share of tokens kept,
        l_i = -λ log p_i,i - (1 - λ) log p_i,π(i)

    e-mix with tokens swapped instead of added: CutMix without the box, on anything that becomes tokens. Tokens are swapped
    before they learn their place, so each keeps the place that it had. λ is the share that was really kept, of padded
    examples the share of what is not padding. No label is looked at.

    Args:
        mixer: how; patchmix, with one mask for a batch, where none is given. `per` "sample" draws one each.
        depth: where: 1 the embedding, deeper as the encoder says; of several, one is drawn for each batch.
        detach: whether the partner has no gradient; e-mix has it so, Dmix's text does not say it.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Dmix, an unpublished text, its Algorithm 2, on DABS (arXiv:2111.12062).
    Differs: the number of tokens kept is ceil(λ T), where that text's index says the batch; λ in the loss is the share kept,
        not the λ drawn; mixtures are the anchors, as in its eq. 2.
    """

    mixing: ClassVar[dict[str, Any] | None] = {"name": "patchmix", "per": "batch"}

    def __init__(
        self,
        encoder: Encoder,
        *,
        mixer: Mixer | OneOf | None = None,
        depth: int | tuple[int, ...] = 1,
        detach: bool = False,
        temperature: float = 0.2,
        projector: Head = "lnlinear",
        dim: int = 128,
    ) -> None:
        super().__init__(
            encoder, mixer=mixer, depth=depth, detach=detach, temperature=temperature, projector=projector, dim=dim
        )
