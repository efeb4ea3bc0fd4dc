"""The files of an encoder in a run folder.

encoder.safetensors     weights and buffers
encoder.json            name, options, what an example looks like, how inputs were scaled, how data were read
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mixtrast import atomic, encoders, spec
from mixtrast.data.schema import Schema
from mixtrast.encoders import Encoder
from mixtrast.inference.encoder import TrainedEncoder
from mixtrast.recipe import OWN, Part
from mixtrast.records import write_json
from mixtrast.records.folder import ENCODER, ENCODER_OPTIONS
from mixtrast.version import __version__
from mixtrast.views import Scale

FORMAT = 2  # 1, of the first edition, calls the schema "facts"


@dataclass(frozen=True, eq=False)
class EncoderRecord:
    """encoder.json: all that is needed to build an encoder again and feed it.

    Args:
        part: name and options of the encoder.
        scale: from examples as read to the input of the encoder.
        schema: how its data were read.
        classes: names of the classes it was evaluated on.
    """

    part: Part
    spec: spec.Spec
    scale: Scale
    schema: Schema
    classes: tuple[str, ...]

    def write(self, path: Path, dim: int) -> None:
        write_json(
            path,
            {
                "format": FORMAT,
                "dim": dim,
                "encoder": self.part.to_dict(),
                "spec": spec.to_dict(self.spec),
                "mean": self.scale.mean.tolist(),
                "std": self.scale.std.tolist(),
                "schema": self.schema.to_dict(),
                "classes": list(self.classes),
                "mixtrast": __version__,
            },
        )

    @classmethod
    def read(cls, path: Path) -> EncoderRecord:
        """Raises: ValueError where the file is damaged or of a newer version."""
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            options = {key: tuple(value) if isinstance(value, list) else value for key, value in written["encoder"].items()}
            mean, std = (torch.tensor(written[key], dtype=torch.float32) for key in ("mean", "std"))
            name = str(options.pop("name"))
            return cls(
                Part(name, options),
                spec.from_dict(written["spec"]),
                Scale(mean, std),
                Schema.from_dict(written["schema" if "schema" in written else "facts"]),
                tuple(written["classes"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}.") from error

    def build(self, module: nn.Module | None = None) -> Encoder:
        """The encoder without its weights. `module`: a new one, where the encoder was the caller's own."""
        if module is not None:
            return encoders.wrap(module, self.spec)
        return encoders.get(self.part.name, self.spec, **self.part.options)


def save(folder: Path, encoder: Encoder, record: EncoderRecord) -> None:
    """Write encoder.safetensors and encoder.json, each atomically."""
    save_weights(folder / ENCODER, encoder)
    record.write(folder / ENCODER_OPTIONS, encoder.dim)


def load(folder: Path, *, module: nn.Module | None = None, weights: str = ENCODER) -> TrainedEncoder:
    """The encoder of a run folder.

    Args:
        module: a new one of the same architecture, where the encoder was a module of the caller.
        weights: the file of the weights in the folder.

    Raises: FileNotFoundError where there is none; ValueError where files do not fit together.
    """
    if not (folder / ENCODER_OPTIONS).is_file() or not (folder / weights).is_file():
        raise FileNotFoundError(
            f"{folder} holds no finished encoder: {ENCODER_OPTIONS} and {weights} are missing. Train first, or --resume."
        )
    return rebuild(folder / ENCODER_OPTIONS, folder / weights, module=module)


def rebuild(options: Path, weights: Path, *, module: nn.Module | None = None) -> TrainedEncoder:
    """The encoder of the two files, in evaluation mode. Arguments and errors as of `load`."""
    record = EncoderRecord.read(options)
    if record.part.name == OWN and module is None:
        raise ValueError(
            f"the encoder of {options.parent} is a module of your own, {dict(record.part.options)}. Give a new one of the same "
            "architecture: module=..."
        )
    encoder = record.build(module)
    load_weights(weights, encoder)
    return TrainedEncoder(encoder.eval(), record.spec, record.scale, record.schema, record.classes)


def save_weights(path: Path, module: nn.Module) -> None:
    """Write weights and buffers as .safetensors, atomically."""
    from safetensors.torch import save as to_bytes

    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    atomic.write(path, to_bytes(tensors))


def load_weights(path: Path, module: nn.Module) -> None:
    """Read weights and buffers. Raises: ValueError where the file is damaged or of another encoder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        module.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or of another encoder: {' '.join(str(error).split())[:300]}") from error
