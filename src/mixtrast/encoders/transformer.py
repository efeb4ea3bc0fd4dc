from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mixtrast.encoders._dropout import Dropout
from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders._tokens import Tokenize, tokenize
from mixtrast.spec import Spec
from mixtrast.validation import check_choice, check_dropout, check_whole

SIZES: Sizes = {
    "dabs": {"dim": 256, "layers": 12, "heads": 8, "head": 64, "hidden": 512, "compatible": "dabs"},
    "smalltransformer": {"dim": 64, "layers": 2, "heads": 4},
}


class Transformer(Encoder):
    """A transformer for every kind of example: image patches, series segments, words or table columns become tokens.

        t_0 = embed(x),   t = t_0 + position,   t ← t + Attention(LN t),   t ← t + MLP(LN t)  for each layer,   h = mean(LN t)

    Tokens are 4 x 4 patches of an image, segments of a series, ids of a text, columns of a table. Missing values have their own
    embedding; padding is masked in attention and in the mean.
    Depths: 0 the input, 1 the tokens without positions, 2 with positions (and CLS), 2 + l after layer l, last the vector. From
    depth 1 to the last but one an example is (B,T,D) tokens, with one more number for presence where some may be absent.

    Args:
        dim: numbers in a token.
        layers: of attention and MLP.
        heads: of attention.
        head: numbers in a head; None: dim / heads.
        hidden: width of the MLP; None: 2 dim, as in DABS.
        patch: side of a patch (or height, width), or length of a segment; None: 4 for images up to 32 pixels, else 8; some 64
            segments of a series.
        dropout: probability, in each layer and on the tokens; without views it makes two passes of an example differ.
        pool: "mean" of the tokens, or "cls", an additional token.
        compatible: "dabs" is the network of DABS: positions and CLS ~ N(0, 1), CLS in the mean, no norm before it, padding
            treated as any other token, one Linear for all columns of a table.

    Reference: Tamkin et al., DABS, NeurIPS 2021 (datasets and benchmarks), arXiv:2111.12062, section 4, and its code.
    Differs: unless compatible, as listed above; and each column of a table has its own vectors.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        dim: int = 128,
        layers: int = 4,
        heads: int = 4,
        head: int | None = None,
        hidden: int | None = None,
        patch: int | tuple[int, ...] | None = None,
        dropout: float = 0.1,
        pool: Literal["mean", "cls"] = "mean",
        compatible: Literal["none", "dabs"] = "none",
    ) -> None:
        sides = {f"patch[{at}]": side for at, side in enumerate(patch)} if isinstance(patch, tuple) else {"patch": patch}
        optional = {"head": head, "hidden": hidden, **sides}
        check_whole("Transformer", dim=dim, layers=layers, heads=heads, **{k: v for k, v in optional.items() if v is not None})
        if head is None and dim % heads:
            raise ValueError(f"`dim` of Transformer must be a multiple of `heads`, got {dim} and {heads}. Or give `head`.")
        check_dropout("Transformer", dropout)
        check_choice("pool", pool, ("mean", "cls"))
        check_choice("compatible", compatible, ("none", "dabs"))
        dabs = compatible == "dabs"
        embed = tokenize(spec, dim, patch=patch, shared=dabs)
        padded, embed.padded = embed.padded and not dabs, embed.padded and not dabs
        cls = dabs or pool == "cls"
        blocks = [Layer(dim, heads, head or dim // heads, hidden or 2 * dim, dropout, padded) for _ in range(layers)]
        last = Pool(dim, pool, padded, norm=not dabs)
        super().__init__([embed, Position(embed.count, dim, cls, dropout, padded), *blocks, last], dim)
        self.spec, self.padded = spec, padded
        if not dabs:
            _initialise(self, dim)

    def is_tokens(self, depth: int) -> bool:
        return 1 <= depth < len(self.stages)

    def token_outputs(self, h: Tensor, start: int) -> Tensor:
        tokens, _ = _split(self.run(h, start, len(self.stages) - 1), self.padded)
        last = self.stages[-1]
        assert isinstance(last, Pool)
        normed: Tensor = last.norm(tokens[:, tokens.shape[1] - self.tokenize.count :])  # without CLS
        return normed

    @property
    def tokenize(self) -> Tokenize:
        """The first stage."""
        first = self.stages[0]
        assert isinstance(first, Tokenize)
        return first


class Position(nn.Module):
    """Adds learned positions to the tokens, and a CLS token in front of them."""

    def __init__(self, count: int, dim: int, cls: bool, dropout: float, padded: bool) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, count + cls, dim))
        self.cls = nn.Parameter(torch.randn(1, 1, dim)) if cls else None
        self.dropout, self.padded = Dropout(dropout), padded

    def forward(self, tokens: Tensor) -> Tensor:
        tokens, presence = _split(tokens, self.padded)
        if self.cls is not None:
            tokens = torch.cat([self.cls.expand(tokens.shape[0], -1, -1).to(tokens.dtype), tokens], 1)
            presence = None if presence is None else torch.cat([torch.ones_like(presence[:, :1]), presence], 1)
        return _joined(self.dropout(tokens + self.position), presence)


class Layer(nn.Module):
    """t + Attention(LN t), then t + MLP(LN t). Absent tokens are masked in attention."""

    def __init__(self, dim: int, heads: int, head: int, hidden: int, dropout: float, padded: bool) -> None:
        super().__init__()
        self.heads, self.padded = heads, padded
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * heads * head, bias=False)
        bare = heads == 1 and head == dim  # then DABS has nothing after attention
        self.out = nn.Identity() if bare else nn.Sequential(nn.Linear(heads * head, dim), Dropout(dropout))
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, dim), Dropout(dropout))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens, presence = _split(tokens, self.padded)
        mask = None if presence is None else _attention_mask(presence[..., 0])
        q, k, v = self.qkv(self.norm1(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B,H,T,head)
        tokens = tokens + self.out(attended.transpose(1, 2).flatten(2))
        return _joined(tokens + self.mlp(self.norm2(tokens)), presence)


class Pool(nn.Module):
    """Tokens -> one vector: the mean of those present, or CLS."""

    def __init__(self, dim: int, kind: str, padded: bool, *, norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim) if norm else nn.Identity()
        self.kind, self.padded = kind, padded

    def forward(self, tokens: Tensor) -> Tensor:
        tokens, presence = _split(tokens, self.padded)
        tokens = self.norm(tokens)
        if self.kind == "cls":
            return tokens[:, 0]
        if presence is None:
            return tokens.mean(1)
        presence = (presence > 0).to(tokens.dtype)
        pooled: Tensor = (tokens * presence).sum(1) / presence.sum(1).clamp(min=1)  # an empty example is 0
        return pooled


def _attention_mask(presence: Tensor) -> Tensor:
    """(B,1,1,T) bool: the present tokens, or all of an example without any, as attention to no token is undefined."""
    present = presence > 0
    return (present | ~present.any(1, keepdim=True))[:, None, None]


def _split(tokens: Tensor, padded: bool) -> tuple[Tensor, Tensor | None]:
    """(B,T,D+1) -> (B,T,D) and presence (B,T,1)."""
    return (tokens[..., :-1], tokens[..., -1:]) if padded else (tokens, None)


def _joined(tokens: Tensor, presence: Tensor | None) -> Tensor:
    return tokens if presence is None else torch.cat([tokens, presence.to(tokens.dtype)], 2)


def _initialise(module: nn.Module, dim: int) -> None:
    """Draw embeddings and positions with a norm of about 1, so that both have equal weight."""
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=dim**-0.5)
        elif not isinstance(part, nn.LayerNorm | nn.Linear):
            for weight in part.parameters(recurse=False):
                nn.init.normal_(weight, std=dim**-0.5)
