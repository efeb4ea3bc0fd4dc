"""An encoder as a file for other programs, with its scaling inside, checked by running the file.

.safetensors    weights and buffers; with the .json of the same name, `inference.rebuild` and any other code rebuild it
.onnx           for ONNX Runtime and whatever else reads ONNX
.pt2            a torch.export program: `torch.export.load(path).module()(x)`, without this library

The last two take float32 examples (N, *shape) of any N and give features (N, dim): images as intensities in 0 to 1 (bytes /
255), all else as it was read; ids of tokens are int64.
"""

import contextlib
import io
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mixtrast.encoders import Encoder
from mixtrast.inference import EncoderRecord, TrainedEncoder, rebuild
from mixtrast.recipe import OWN
from mixtrast.records.folder import ENCODER, ENCODER_OPTIONS
from mixtrast.spec import Spec, Tokens, examples
from mixtrast.validation import check_choice
from mixtrast.views import Scale

Format = Literal["safetensors", "onnx", "torch"]
FORMATS = {"safetensors": ".safetensors", "onnx": ".onnx", "torch": ".pt2"}
TRIED = (1, 2, 5)  # examples in the batches on which a file is run before it is kept
TOLERANCE = 1e-4  # of the length of a feature vector: what two runtimes may differ by in float32


class ScaledEncoder(nn.Module):
    """Scaling and encoder in one: examples as read -> features."""

    mean: Tensor
    std: Tensor

    def __init__(self, trained: TrainedEncoder) -> None:
        super().__init__()
        self.encoder: Encoder = trained.encoder.eval()
        self.register_buffer("mean", trained.scale.mean.clone())
        self.register_buffer("std", trained.scale.std.clone())

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.encoder(Scale(self.mean, self.std)(x)).flatten(1)
        return features


def write(trained: TrainedEncoder, folder: Path, out: Path, format: str | None = None) -> float:  # noqa: A002 - the word of the command
    """Write the encoder of a run folder to `out`; the file stays only if running it gives the same features.

    Args:
        trained: the encoder, from `inference.load(folder)`.
        format: "safetensors", "onnx" or "torch"; None: by the ending of `out`.

    Returns: the largest difference of a feature vector to the encoder's own, over its length.

    Raises: FileExistsError; ValueError for an unknown format or ending, and where the file gives other features; ImportError
        where what writes or runs ONNX is not installed.
    """
    format = _format(out, format)  # noqa: A001
    options = out.with_suffix(".json")
    for path in (out, options) if format == "safetensors" else (out,):
        if path.exists():
            raise FileExistsError(f"{path} exists already, and nothing is overwritten. Choose another -o.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into. Make it first.")
    encoder = ScaledEncoder(trained).cpu()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.stem}.") as temporary:
        partial = Path(temporary) / out.name
        if format == "safetensors":
            run = _safetensors(folder, partial)
        else:
            run = {"onnx": _onnx, "torch": _torch}[format](encoder, trained.spec, partial)
        difference = _difference(encoder, trained.spec, run)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"the exported file gives other features than the encoder: they differ by {difference:.1e} of their length, "
                f"more than {TOLERANCE:.0e}. Use another --format."
            )
        if format == "safetensors":
            os.replace(partial.with_suffix(".json"), options)
        os.replace(partial, out)
    return difference


def _format(out: Path, format: str | None) -> str:  # noqa: A002
    by_ending = {ending: name for name, ending in FORMATS.items()}
    if format is None:
        if out.suffix not in by_ending:
            raise ValueError(f"an encoder is exported to a file that ends in {', '.join(by_ending)}, got {out.name!r}.")
        return by_ending[out.suffix]
    check_choice("format", format, tuple(FORMATS))
    if out.suffix != FORMATS[format]:
        raise ValueError(f"a file of format {format} ends in {FORMATS[format]}, got {out.name!r}.")
    return format


def _difference(encoder: ScaledEncoder, shape: Spec, run: Callable[[Tensor], Tensor]) -> float:
    """Over batches of several sizes; NaN where a file gives NaN."""
    most = 0.0
    for number, rows in enumerate(TRIED):
        x = examples(shape, rows, torch.Generator().manual_seed(number))
        x = encoder.mean + encoder.std * x if x.is_floating_point() else x  # examples as they are in the mean
        if getattr(shape, "gaps", False):
            x[-1, ..., 0] = float("nan")
        elif isinstance(shape, Tokens) and shape.pad is not None:
            x[-1, shape.length // 2 :] = shape.pad
        with torch.no_grad():
            ours = encoder(x)
        theirs = run(x).detach()
        if theirs.shape != ours.shape:
            raise ValueError(f"the exported file gives shape {tuple(theirs.shape)}, the encoder {tuple(ours.shape)}.")
        off = float(((theirs - ours).norm(dim=1) / ours.norm(dim=1).clamp(min=1e-6)).max())
        most = off if not off <= most else most
    return most


def _safetensors(folder: Path, partial: Path) -> Callable[[Tensor], Tensor]:
    """Copy both files of the run folder, and rebuild the encoder from the copies alone."""
    if EncoderRecord.read(folder / ENCODER_OPTIONS).part.name == OWN:
        raise ValueError("an encoder of your own is rebuilt by your own code: export it as .onnx or .pt2.")
    shutil.copyfile(folder / ENCODER, partial)
    shutil.copyfile(folder / ENCODER_OPTIONS, partial.with_suffix(".json"))
    return ScaledEncoder(rebuild(partial.with_suffix(".json"), partial))


def _torch(encoder: ScaledEncoder, shape: Spec, partial: Path) -> Callable[[Tensor], Tensor]:
    torch.export.save(_program(encoder, shape), partial)
    module: Any = torch.export.load(partial).module()
    return module  # type: ignore[no-any-return]


def _onnx(encoder: ScaledEncoder, shape: Spec, partial: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter uses it
    except ImportError as error:
        raise ImportError("writing and checking .onnx needs pip install 'mixtrast[onnx]'. Or write .pt2.") from error
    program = _program(encoder, shape)
    with _tracing():
        made = torch.onnx.export(program, input_names=["examples"], output_names=["features"], dynamo=True, verbose=False)
        assert made is not None
        made.save(str(partial), external_data=False)
    session = onnxruntime.InferenceSession(str(partial), providers=["CPUExecutionProvider"])

    def run(x: Tensor) -> Tensor:
        (features,) = session.run(None, {"examples": x.numpy()})
        return torch.from_numpy(features)

    return run


def _program(encoder: ScaledEncoder, shape: Spec) -> Any:
    """Traced for batches of any size."""
    x = examples(shape, 2, torch.Generator().manual_seed(0))
    with _tracing():
        return torch.export.export(encoder, (x,), dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}})


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """Silence what torch and ONNX print while they trace; an encoder that they cannot trace is a ValueError.

    Raises: ValueError.
    """
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # torch names a dozen kinds, some of them private
        said = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"torch cannot follow this encoder for batches of any size: {said} In a module of your own, take sizes from "
            "x.shape and not from len(x), let no branch depend on values, and keep to operations that ONNX has, or write .pt2."
        ) from error
    finally:
        logging.disable(before)
