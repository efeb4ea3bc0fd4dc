from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mixtrast.spec import Image, Spec, examples, is_plain


class Encoder(nn.Module):
    """The contract of encoders: stages, one after the other, so that examples can be mixed between any two of them.

    Depth 0 is the input, depth d what has left the first d stages; the docstring of each encoder says what its depths are.

    Args:
        stages: modules; the last one gives (B, dim).
        dim: numbers in a vector.

    Attributes:
        spec: what it takes, where its maker has said so: then methods know whether the input can be mixed as it is.
        padded: whether the last number of a token says if it is there.
        channels_last: whether images may come in channels-last order.
    """

    tried: ClassVar[Spec] = Image(1, 8, 8)  # an example of the kind it takes, on which options are tried before data are read
    of_data: ClassVar[tuple[str, ...]] = ()  # options that only the data can say are right
    lr: ClassVar[float] = 0.001  # of AdamW, where nothing else is said
    spec: Spec | None = None
    padded: bool = False
    channels_last: bool = True

    def __init__(self, stages: Sequence[nn.Module], dim: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.dim = dim

    @property
    def shallowest(self) -> int:
        """The first depth at which examples are numbers that can be mixed: 1 for ids, categories and what may be missing."""
        return 0 if self.spec is None or is_plain(self.spec) else 1

    def is_tokens(self, depth: int) -> bool:
        """Whether an example at this depth is a sequence of tokens, (B,T,D)."""
        return False

    def present(self, h: Tensor) -> Tensor | None:
        """(B,T) bool: which tokens of h are there; None: all are."""
        return h[..., -1] > 0 if self.padded else None

    def outputs(self, h: Tensor, start: int) -> Tensor:
        """Tokens (B,T,...) at depth `start` -> what the encoder makes of each, (B,T,D), before they become one vector."""
        raise ValueError(
            f"{type(self).__name__} gives one vector for a whole example, and this asks for one for each token. Use the "
            "transformer encoder."
        )

    def run(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Stages start..stop-1: what was at depth `start` comes to depth `stop` (None: to the end)."""
        for stage in self.stages[start:stop]:
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)


def wrap(module: nn.Module, spec: Spec) -> Encoder:
    """A copy of a module of one's own as an encoder: (B, *spec.shape) -> (B, dim), or more dimensions, which are flattened.

    The module itself is left alone: trained in place, it would carry what one run has learned into the next.

    The children of an `nn.Sequential` become the stages; any other module is one stage, and is mixed at its input only.

    Raises: ValueError where the module does not take such examples, or gives no vectors.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"an encoder of one's own must be an nn.Module, got {type(module).__name__}. By name: encoders.get('mlp', spec)."
        )
    module = copy.deepcopy(module).cpu()  # where methods are built; training moves them
    if isinstance(module, Encoder):
        module.channels_last = _takes_channels_last(module, spec)
        return module
    stages = list(module) if type(module) is nn.Sequential and len(module) else [module]
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            out = module(examples(spec, 2, torch.Generator().manual_seed(0)))
    except Exception as error:
        raise ValueError(
            f"this encoder, {type(module).__name__}, fails on two examples of shape {spec.shape}: {error}"
        ) from error
    finally:
        for part, training in modes:
            part.training = training
    if not isinstance(out, Tensor) or out.dim() < 2 or len(out) != 2:
        got = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise ValueError(f"an encoder must give one vector an example, (B, dim), got {got} for two examples.")
    if out.dim() > 2:
        stages.append(nn.Flatten())
    made = Encoder(stages, out[0].numel())
    made.spec = spec
    made.channels_last = _takes_channels_last(made, spec)
    return made


@torch.no_grad()
def _takes_channels_last(encoder: Encoder, spec: Spec) -> bool:
    """Whether a module that takes the plain order takes the other: `x.view(len(x), -1)` after a convolution does not."""
    if not isinstance(spec, Image):
        return True
    try:
        tried = copy.deepcopy(encoder).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        tried(examples(spec, 2, torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last))
    except Exception:  # torch's, of a view or of a weight of five dimensions, or the module's own
        return False
    return True
