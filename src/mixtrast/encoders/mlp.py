import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.spec import Spec, flat, is_plain, numbers
from mixtrast.validation import check_dropout

SIZES: Sizes = {"imixmlp": {"widths": (2048, 2048, 4096, 4096, 8192), "embed": 64, "maxout": 4}}


class MLP(Encoder):
    """A multi-layer perceptron over the flattened numbers of an example: Linear-BN-ReLU for each of `widths`.

    Depths: 0 the input, d after the d-th of these layers (the embedding, where there is one, is the first). Ids, categories and
    missing values are first converted to numbers (`spec.flat`), which then are depth 1.

    Args:
        widths: outputs of each layer.
        embed: width of an embedding Linear-BN-ReLU before them; 0 is none.
        groups: sizes of groups of neighbouring columns, each of which is embedded by its own Linear, without BN and ReLU;
            i-Mix has (10, 4, 40) for CovType: numbers, wilderness areas, soil types.
        maxout: the last layer is a Linear without BN and ReLU, of whose outputs the largest of each `maxout` is taken; 0: the
            last layer is the same as the others.
        norm: batch norm, and no bias before it.
        dropout: probability, after each ReLU.

    `imixmlp` is the encoder of i-Mix's tables: Linear(F,64), then 2048, 2048, 4096, 4096, then Linear(4096,8192) with the
    largest of each four: 2,048 features, some 63 million weights.

    Reference: Lee et al., i-Mix, ICLR 2021, arXiv:2010.08887, appendix on tabular data, and its code.
    Differs: for CovType the i-Mix code has `groups` (10, 4, 40), which `imixmlp` does not have: tables differ.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        widths: tuple[int, ...] = (512, 512, 512),
        embed: int = 0,
        groups: tuple[int, ...] = (),
        maxout: int = 0,
        norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        if isinstance(widths, int):
            widths = (widths,)
        groups = tuple(groups)
        _check(spec, widths, embed, groups, maxout, dropout)
        outs = [*([embed * max(1, len(groups))] if embed else []), *widths]
        ins = [numbers(spec), *outs[:-1]]
        stages = [_layer(a, b, norm, dropout) for a, b in zip(ins, outs, strict=True)]
        if maxout:
            stages[-1] = nn.Sequential(nn.Linear(ins[-1], outs[-1]), Maxout(maxout))
        if groups:
            stages[0] = nn.Sequential(_Grouped(groups, embed))
        if is_plain(spec):
            stages[0] = nn.Sequential(nn.Flatten(), *stages[0])
        super().__init__(stages if is_plain(spec) else [_Flat(spec), *stages], outs[-1] // maxout if maxout else outs[-1])
        self.spec = spec
        _initialise(self)


def _check(spec: Spec, widths: tuple[int, ...], embed: int, groups: tuple[int, ...], maxout: int, dropout: float) -> None:
    """Raise ValueError for options of MLP that are wrong or do not fit together."""
    if not widths or not all(isinstance(width, int) and width > 0 for width in widths):
        raise ValueError(f"`widths` of MLP must be one or more whole numbers above 0, got {widths!r}.")
    integers = isinstance(embed, int) and isinstance(maxout, int)
    if not integers or embed < 0 or maxout < 0 or (maxout and widths[-1] % maxout):
        must = f"must be 0 or more, and maxout divide {widths[-1]}"
        raise ValueError(f"`embed` and `maxout` of MLP {must}, got {embed}, {maxout}.")
    check_dropout("MLP", dropout)
    sizes = all(isinstance(size, int) and size > 0 for size in groups)
    if groups and (not embed or sum(groups) != numbers(spec) or not sizes):
        raise ValueError(
            f"`groups` of MLP must be sizes that sum to the {numbers(spec)} numbers of an example, with an `embed`, got "
            f"{groups!r} and embed {embed!r}. Leave it out."
        )


class _Grouped(nn.Module):
    """A Linear for each group of neighbouring columns, with concatenated outputs."""

    def __init__(self, groups: tuple[int, ...], embed: int) -> None:
        super().__init__()
        self.groups = groups
        self.parts = nn.ModuleList(nn.Linear(size, embed) for size in groups)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(some) for part, some in zip(self.parts, x.split(self.groups, 1), strict=True)], 1)


class _Flat(nn.Module):
    """`spec.flat`: any kind of example -> numbers (B, D)."""

    one: Tensor

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("one", torch.ones(()), persistent=False)  # has the dtype of the weights

    def forward(self, x: Tensor) -> Tensor:
        return flat(self.spec, x).to(self.one.dtype)


class Maxout(nn.Module):
    """The largest of each `pieces` neighbours: (B, D) -> (B, D / pieces)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        largest: Tensor = x.unflatten(1, (-1, self.pieces)).amax(2)
        return largest


def _layer(inputs: int, outputs: int, norm: bool, dropout: float) -> nn.Sequential:
    norms, dropouts = [nn.BatchNorm1d(outputs)] if norm else [], [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.Linear(inputs, outputs, bias=not norm), *norms, nn.ReLU(), *dropouts)


def _initialise(module: nn.Module) -> None:
    """Draw weights as He et al., arXiv:1502.01852; torch's default shrinks the activations of a deep MLP with ReLU."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
