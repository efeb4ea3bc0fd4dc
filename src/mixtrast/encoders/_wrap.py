import copy

import torch
from torch import Tensor, nn

from mixtrast.encoders._encoder import Encoder
from mixtrast.encoders._modes import evaluation_mode
from mixtrast.spec import Image, Spec, examples


def wrap(module: nn.Module, spec: Spec) -> Encoder:
    """Turn a copy of any module into an encoder: (B, *spec.shape) -> (B, dim), or more dimensions, which are flattened.

    The module itself is not changed: trained in place, it would carry what one run has learned into the next. The children of
    an `nn.Sequential` become the stages; any other module is one stage, and is mixed at its input only.

    Raises: ValueError where the module does not take such examples, or gives no vectors.
    """
    if not isinstance(module, nn.Module):
        got = type(module).__name__
        raise TypeError(f"an encoder of one's own must be an nn.Module, got {got}. By name: encoders.get('mlp', spec).")
    module = copy.deepcopy(module).cpu()  # where methods are built; training moves them
    if isinstance(module, Encoder):
        module.channels_last = _takes_channels_last(module, spec)
        return module
    stages = list(module) if type(module) is nn.Sequential and len(module) else [module]
    try:
        with evaluation_mode(module), torch.no_grad():
            out = module(examples(spec, 2, torch.Generator().manual_seed(0)))
    except Exception as error:
        what = f"this encoder, {type(module).__name__}, fails on two examples of shape {spec.shape}"
        raise ValueError(f"{what}: {error}") from error
    if not isinstance(out, Tensor) or out.dim() < 2 or len(out) != 2:
        got = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise ValueError(f"an encoder must give one vector an example, (B, dim), got {got} for two examples.")
    if out.dim() > 2:
        stages.append(nn.Flatten())
    encoder = Encoder(stages, out[0].numel())
    encoder.spec = spec
    encoder.channels_last = _takes_channels_last(encoder, spec)
    return encoder


@torch.no_grad()
def _takes_channels_last(encoder: Encoder, spec: Spec) -> bool:
    """Whether the module also takes images in channels-last order; `x.view(len(x), -1)` after a convolution does not."""
    if not isinstance(spec, Image):
        return True
    try:
        trial = copy.deepcopy(encoder).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        trial(examples(spec, 2, torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last))
    except Exception:  # torch's, of a view or of a weight of five dimensions, or the module's own
        return False
    return True
