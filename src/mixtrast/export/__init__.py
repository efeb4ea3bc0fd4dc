"""What leaves the house: an encoder's weights, and all that is needed to rebuild it and feed it.

encoder.safetensors     weights and buffers
encoder.json            name, options, what an example looks like, how inputs were scaled, how data were read

`formats` writes an encoder for others, with its scaling inside: ONNX, a torch program, or these two files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mixtrast import encoders, spec, whole
from mixtrast.domains import Files
from mixtrast.encoders import Encoder
from mixtrast.views import Scale

Format = Literal["safetensors", "onnx", "torch"]
WEIGHTS, HOW, UNTRAINED = "encoder.safetensors", "encoder.json", "untrained.safetensors"


@dataclass(frozen=True, eq=False)
class Kept:
    """An encoder that came back from disk: scale the input, then encode.

    Args:
        scale: from examples as read to what the encoder sees.
        facts: how its data were read, for `domains.open(..., like=facts)`.
        classes: names of the classes it was evaluated on.
    """

    encoder: Encoder
    spec: spec.Spec
    scale: Scale
    facts: dict[str, Any]
    classes: tuple[str, ...]

    @torch.no_grad()
    def __call__(self, x: Tensor | Files, *, batch: int = 256) -> Tensor:
        """(N, *shape) as read -> (N, dim) features, before the projector, on the CPU."""
        if len(x.shape) != len(self.spec.shape) + 1 or tuple(x.shape[1:]) != self.spec.shape:
            raise ValueError(f"this encoder takes examples of shape {self.spec.shape}, got {tuple(x.shape[1:])}.")
        return embed(self.encoder, x, self.scale, batch=batch)


@torch.no_grad()
def embed(
    encoder: Encoder, x: Tensor | Files, scale: Scale | None = None, *, rows: Tensor | None = None, batch: int = 256
) -> Tensor:
    """Features of examples as read (scaled already, without a `scale`), in evaluation mode and float32; on the CPU.

    Args:
        rows: (R,) int64, of these examples alone.
    """
    training = encoder.training
    encoder.eval()
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    scale = None if scale is None else scale.to(device)
    # Half again as fast on a CPU as the plain order (float32; the fault of torch 2.13 in bfloat16 is not met).
    last = encoder.channels_last and any(isinstance(module, nn.Conv2d) for module in encoder.modules())
    found = []
    for some in (torch.arange(len(x)) if rows is None else rows).split(batch):
        part = x[some].to(device)
        part = part if scale is None else scale(part)
        part = part.contiguous(memory_format=torch.channels_last) if last and part.dim() == 4 else part
        found.append(encoder(part).float().flatten(1).cpu())
    encoder.train(training)
    return torch.cat(found) if found else torch.empty(0, encoder.dim)


def save(folder: Path, encoder: Encoder, how: dict[str, Any]) -> None:
    """Both files, each whole or not at all. `how`: encoder (name and options), spec, mean, std, facts, classes."""
    save_weights(folder / WEIGHTS, encoder)
    text = json.dumps({"format": 1, "dim": encoder.dim, **how}, indent=1)
    whole.write(folder / HOW, text.encode())


def save_weights(path: Path, encoder: Encoder) -> None:
    from safetensors.torch import save as to_bytes

    whole.write(
        path, to_bytes({name: value.detach().cpu().contiguous().clone() for name, value in encoder.state_dict().items()})
    )


def load(folder: Path, *, module: nn.Module | None = None, weights: str = WEIGHTS) -> Kept:
    """The encoder of a run folder.

    Args:
        module: where the encoder was a module of one's own: a new one of the same make.

    Raises: FileNotFoundError where there is none; ValueError where files do not fit together.
    """
    if not (folder / HOW).is_file() or not (folder / weights).is_file():
        raise FileNotFoundError(
            f"{folder} holds no finished encoder: {HOW} and {weights} are missing. Train first, or --resume."
        )
    try:
        how = json.loads((folder / HOW).read_text(encoding="utf-8"))
        shape = spec.from_dict(how["spec"])
        part = dict(how["encoder"])
        mean, std = (torch.tensor(how[key], dtype=torch.float32) for key in ("mean", "std"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / HOW} is damaged: {error}.") from error
    name = part.pop("name")
    if name == "own" and module is None:
        raise ValueError(
            f"the encoder of {folder} is a module of your own, {part}. Give a new one of the same make: module=..."
        )
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in part.items()}
    encoder = encoders.wrap(module, shape) if module is not None else encoders.get(name, shape, **options)
    load_weights(folder / weights, encoder)
    return Kept(encoder.eval(), shape, Scale(mean, std), dict(how["facts"]), tuple(how["classes"]))


def load_weights(path: Path, encoder: Encoder) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        encoder.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or of another encoder: {' '.join(str(error).split())[:300]}") from error
