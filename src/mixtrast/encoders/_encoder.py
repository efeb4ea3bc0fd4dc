from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mixtrast.spec import Spec


class Encoder(nn.Module):
    """The contract of encoders: stages, one after the other, so that examples can be mixed between any two of them.

    Depth 0 is the input, depth d what has left the first d stages; the docstring of each encoder says what its depths are.

    Args:
        stages: modules; the last one gives (B, dim).
        dim: numbers in a vector.
    """

    def __init__(self, stages: Sequence[nn.Module], dim: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.dim = dim

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
    module = copy.deepcopy(module)
    if isinstance(module, Encoder):
        return module
    stages = list(module) if type(module) is nn.Sequential and len(module) else [module]
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    example = next((p for p in module.parameters()), torch.empty(0))
    try:
        with torch.no_grad():
            out = module(torch.zeros(2, *spec.shape, device=example.device))
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
    return Encoder(stages, out[0].numel())
