import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mixtrast import registry
from mixtrast.spec import Spec, is_plain

Sizes = dict[str, dict[str, int | str | tuple[int, ...]]]  # named sizes of an encoder: name -> options


class Encoder(nn.Module):
    """The contract of encoders: a sequence of stages, between any two of which examples can be mixed.

    Depth 0 is the input, depth d the output of the first d stages; the docstring of each encoder lists its depths.

    The last stage gives vectors (B, dim).
    """

    lr: ClassVar[float] = 0.001  # default learning rate, of AdamW
    spec: Spec | None = None  # the kind of examples it takes, where known; it decides whether the input can be mixed as it is
    padded: bool = False  # whether the last number of a token says if the token is present
    channels_last: bool = True  # whether images may come in channels-last order

    def __init__(self, stages: Sequence[nn.Module], dim: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.dim = dim

    @property
    def min_depth(self) -> int:
        """The least depth at which examples can be mixed: 1 for ids, categories and missing values, else 0."""
        return 0 if self.spec is None or is_plain(self.spec) else 1

    def is_tokens(self, depth: int) -> bool:
        """Whether an example at this depth is a sequence of tokens, (B,T,D)."""
        return False

    def present(self, h: Tensor) -> Tensor | None:
        """(B,T) bool: which tokens of h are present; None: all are."""
        return h[..., -1] > 0 if self.padded else None

    def token_outputs(self, h: Tensor, start: int) -> Tensor:
        """Tokens (B,T,...) at depth `start` -> the output for each token, (B,T,D), before they are pooled."""
        what = f"{type(self).__name__} gives one vector for an example, and one for each token is needed"
        raise ValueError(f"{what}. Use the transformer encoder.")

    def run(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Run stages start..stop-1: from depth `start` to depth `stop` (None: to the end)."""
        for stage in self.stages[start:stop]:
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)


def get(name: str, spec: Spec, **options: Any) -> Encoder:
    """Build the encoder of that name for examples of this kind."""
    encoder: Encoder = registry.make(sys.modules["mixtrast.encoders"], name, options, spec)
    return encoder
