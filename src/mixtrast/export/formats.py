"""An encoder as a file for others, with its scaling inside, checked by running the file.

.safetensors    weights and buffers; with a .json of the same name beside it, `export.load` and any other code rebuild it
.onnx           for ONNX Runtime and whatever else reads ONNX
.pt2            a torch.export program: `torch.export.load(path).module()(x)`, without this library

The last two take float32 examples (N, *shape) of any N and give features (N, dim): images as intensities in 0 to 1 (bytes /
255), all else as it was read; ids of tokens are int64.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder
from mixtrast.export import HOW, WEIGHTS, Kept
from mixtrast.spec import Spec, Tokens, examples
from mixtrast.views import Scale

FORMATS = {"safetensors": ".safetensors", "onnx": ".onnx", "torch": ".pt2"}
TRIED = (1, 2, 5)  # examples in the batches on which a file is run before it is kept
ALIKE = 1e-4  # of the length of a feature vector: what two runtimes may differ by in float32


class Whole(nn.Module):
    """Scaling and encoder in one: examples as read -> features."""

    mean: Tensor
    std: Tensor

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.encoder: Encoder = kept.encoder.eval()
        self.register_buffer("mean", kept.scale.mean.clone())
        self.register_buffer("std", kept.scale.std.clone())

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.encoder(Scale(self.mean, self.std)(x)).flatten(1)
        return features


def write(kept: Kept, folder: Path, out: Path, format: str | None = None) -> float:  # noqa: A002 - the word of the command
    """Writes the encoder of a run folder to `out`, runs the file, and keeps it only where it gives the same features.

    Args:
        kept: the encoder, from `export.load(folder)`.
        format: "safetensors", "onnx" or "torch"; None: by the ending of `out`.

    Returns: the largest difference of a feature vector to the encoder's own, over its length.

    Raises: FileExistsError; ValueError for an unknown format or ending, and where the file gives other features; ImportError
        where what writes or runs ONNX is not installed.
    """
    format = _format(out, format)  # noqa: A001
    beside = out.with_suffix(".json")
    for path in (out, beside) if format == "safetensors" else (out,):
        if path.exists():
            raise FileExistsError(f"{path} exists already, and nothing is overwritten. Choose another -o.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into. Make it first.")
    whole = Whole(kept).cpu()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.stem}.") as made:
        partial = Path(made) / out.name
        if format == "safetensors":
            shutil.copyfile(folder / WEIGHTS, partial)
            shutil.copyfile(folder / HOW, Path(made) / beside.name)
            run = _rebuilt(partial)
        else:
            run = {"onnx": _onnx, "torch": _torch}[format](whole, kept.spec, partial)
        off = _difference(whole, kept.spec, run)
        if not off <= ALIKE:
            raise ValueError(
                f"the exported file gives other features than the encoder: they differ by {off:.1e} of their length, more than "
                f"{ALIKE:.0e}. Use another --format."
            )
        if format == "safetensors":
            os.replace(Path(made) / beside.name, beside)
        os.replace(partial, out)
    return off


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


def _difference(whole: Whole, shape: Spec, run: Callable[[Tensor], Tensor]) -> float:
    """Over batches of several sizes; NaN where a file gives NaN."""
    most = 0.0
    for number, rows in enumerate(TRIED):
        x = examples(shape, rows, torch.Generator().manual_seed(number))
        x = whole.mean + whole.std * x if x.is_floating_point() else x  # examples as they are in the mean
        if getattr(shape, "gaps", False):
            x[-1, ..., 0] = float("nan")
        elif isinstance(shape, Tokens) and shape.pad is not None:
            x[-1, shape.length // 2 :] = shape.pad
        with torch.no_grad():
            ours = whole(x)
        theirs = run(x).detach()
        if theirs.shape != ours.shape:
            raise ValueError(f"the exported file gives shape {tuple(theirs.shape)}, the encoder {tuple(ours.shape)}.")
        off = float(((theirs - ours).norm(dim=1) / ours.norm(dim=1).clamp(min=1e-6)).max())
        most = off if not off <= most else most
    return most


def _rebuilt(partial: Path) -> Callable[[Tensor], Tensor]:
    """From the two files alone, by what they say."""
    from safetensors.torch import load_file

    from mixtrast import encoders, spec

    how = json.loads(partial.with_suffix(".json").read_text(encoding="utf-8"))
    part: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in how["encoder"].items()}
    name = part.pop("name")
    if name == "own":
        raise ValueError("an encoder of your own is rebuilt by your own code: export it as .onnx or .pt2.")
    encoder = encoders.get(name, spec.from_dict(how["spec"]), **part)
    encoder.load_state_dict(load_file(partial))
    mean, std = (torch.tensor(how[key], dtype=torch.float32) for key in ("mean", "std"))
    encoder.eval()

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        features: Tensor = encoder(Scale(mean, std)(x)).flatten(1)
        return features

    return run


def _torch(whole: Whole, shape: Spec, partial: Path) -> Callable[[Tensor], Tensor]:
    torch.export.save(_program(whole, shape), partial)
    module: Any = torch.export.load(partial).module()
    return module  # type: ignore[no-any-return]


def _onnx(whole: Whole, shape: Spec, partial: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter uses it
    except ImportError as error:
        raise ImportError("writing and checking .onnx needs pip install 'mixtrast[onnx]'. Or write .pt2.") from error
    program = _program(whole, shape)
    with _tracing():
        made = torch.onnx.export(program, input_names=["examples"], output_names=["features"], dynamo=True, verbose=False)
        assert made is not None
        made.save(str(partial), external_data=False)
    session = onnxruntime.InferenceSession(str(partial), providers=["CPUExecutionProvider"])

    def run(x: Tensor) -> Tensor:
        (features,) = session.run(None, {"examples": x.numpy()})
        return torch.from_numpy(features)

    return run


def _program(whole: Whole, shape: Spec) -> Any:
    """Traced for batches of any size."""
    x = examples(shape, 2, torch.Generator().manual_seed(0))
    with _tracing():
        return torch.export.export(whole, (x,), dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}})


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """Without what torch and ONNX say of their own insides; an encoder that they cannot follow is a ValueError.

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
