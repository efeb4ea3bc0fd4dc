"""A trained encoder, and the features of examples."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mixtrast import spec
from mixtrast.data.files import Files
from mixtrast.data.schema import Schema
from mixtrast.encoders import Encoder, evaluation_mode
from mixtrast.views import Scale


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """An encoder from disk, called on examples as they were read: it scales them, then encodes.

    Args:
        scale: from examples as read to the input of the encoder.
        schema: how its data were read, for `datasets.open(..., schema=schema)`.
        classes: names of the classes it was evaluated on.
    """

    encoder: Encoder
    spec: spec.Spec
    scale: Scale
    schema: Schema
    classes: tuple[str, ...]

    def __call__(self, x: Tensor | Files, *, batch: int = 256) -> Tensor:
        """(N, *shape) as read -> (N, dim) features, before the projector, on the CPU."""
        if len(x.shape) != len(self.spec.shape) + 1 or tuple(x.shape[1:]) != self.spec.shape:
            raise ValueError(f"this encoder takes examples of shape {self.spec.shape}, got {tuple(x.shape[1:])}.")
        return embed(self.encoder, x, self.scale, batch=batch)


@torch.no_grad()
def embed(
    encoder: Encoder, x: Tensor | Files, scale: Scale | None = None, *, rows: Tensor | None = None, batch: int = 256
) -> Tensor:
    """Features of examples as read, in evaluation mode and float32, on the CPU.

    Args:
        scale: None where x is scaled already.
        rows: (R,) int64, of these examples only.
    """
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    scale = None if scale is None else scale.to(device)
    # Half again as fast on a CPU as the plain order (float32; the fault of torch 2.13 in bfloat16 is not met).
    last = encoder.channels_last and any(isinstance(module, nn.Conv2d) for module in encoder.modules())
    found = []
    with evaluation_mode(encoder):
        for some in (torch.arange(len(x)) if rows is None else rows).split(batch):
            part = x[some].to(device)
            part = part if scale is None else scale(part)
            part = part.contiguous(memory_format=torch.channels_last) if last and part.dim() == 4 else part
            found.append(encoder(part).float().flatten(1).cpu())
    return torch.cat(found) if found else torch.empty(0, encoder.dim)
