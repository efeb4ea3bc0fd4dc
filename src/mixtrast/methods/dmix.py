from typing import ClassVar

from mixtrast.encoders import Encoder, Head
from mixtrast.methods._method import DefaultMixer
from mixtrast.methods.emix import EMix
from mixtrast.mixers import Mixer, OneOf


class DMix(EMix):
    """Tokens of two examples are swapped, and the mixture is matched with both unmixed examples in proportion to their shares.

        h̃_i = M h_i + (1 - M) h_π(i),   M_t in {0, 1},   λ = the share of tokens that stay,
        l_i = -λ log p_i,i - (1 - λ) log p_i,π(i)

    e-mix with tokens swapped instead of added: CutMix without the box, on anything that becomes tokens. Tokens are swapped
    before positions are added, so each stays at its position. λ is the realised share of tokens that stay, of padded examples
    without padding. Labels are not used.

    Args:
        mixer: by default patchmix with one mask for a batch; `per` "sample" draws one for each mixture.
        depth: where to mix: 1 is the embedding, deeper as the encoder says; of several, one is drawn for each batch.
        detach: whether the partner has no gradient; e-mix has it so, Dmix's text does not say it.
        temperature: τ.
        projector: see `encoders.head`.
        dim: numbers in z.

    Reference: Dmix, an unpublished text, its Algorithm 2, on DABS (arXiv:2111.12062).
    Differs: ceil(λ T) of the T tokens stay (the text's formula indexes the batch, which must be a slip); λ in the loss is the
        realised share, not the λ drawn; mixtures are the anchors, as in its eq. 2.
    """

    default_mixer: ClassVar[DefaultMixer | None] = DefaultMixer("patchmix", {"per": "batch"})

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
