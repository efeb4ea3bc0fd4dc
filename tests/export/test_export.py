"""Exported files, held to the encoder by running them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

import mixtrast as mt
from mixtrast import spec
from mixtrast.cli import main
from mixtrast.export import formats
from mixtrast.inference.encoder import TrainedEncoder
from mixtrast.run import Run
from mixtrast.views import Scale

KINDS = {"table": (6,), "image": (1, 8, 8)}


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory) -> Run:
    x = torch.rand(40, *KINDS[request.param], generator=torch.Generator().manual_seed(0))
    encoder = {"name": "mlp", "widths": (8, 5)} if request.param == "table" else {"name": "resnet8", "width": 4}
    out = tmp_path_factory.mktemp("runs") / request.param
    return mt.train(x.numpy(), method="imix", encoder=encoder, epochs=2, batch=20, out=out, quiet=True)


@pytest.mark.parametrize("ending", ["safetensors", "onnx", "pt2"])
def test_a_file_is_written_and_its_json_beside_where_it_takes_two(run, ending, tmp_path):
    out = tmp_path / f"e.{ending}"
    assert run.export(out) == out
    there = {path.name for path in tmp_path.iterdir()}
    assert there == ({"e.safetensors", "e.json"} if ending == "safetensors" else {out.name})
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        run.export(out)


@pytest.mark.parametrize("ending", ["onnx", "pt2"])
def test_another_process_without_mixtrast_gets_the_same_features(run, ending, tmp_path):
    """For batches of a size that was not tried when it was written."""
    x = torch.rand(11, *run.encoder().spec.shape, generator=torch.Generator().manual_seed(3))
    run.export(tmp_path / f"e.{ending}")
    torch.save(x, tmp_path / "x.pt")
    code = {
        "onnx": """
            import onnxruntime
            (z,) = onnxruntime.InferenceSession("e.onnx").run(None, {"examples": x.numpy()})
            z = torch.tensor(z)""",
        "pt2": """
            z = torch.export.load("e.pt2").module()(x).detach()""",
    }
    script = textwrap.dedent(f"""
            import sys, torch
            x = torch.load("x.pt"){code[ending]}
            torch.save(z, "z.pt")
            assert "mixtrast" not in sys.modules""")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    torch.testing.assert_close(torch.load(tmp_path / "z.pt"), run.encoder()(x), rtol=1e-4, atol=1e-5)


def test_weights_and_json_rebuild_the_encoder(run, tmp_path):
    from safetensors.torch import load_file

    run.export(tmp_path / "e.safetensors")
    how = json.loads((tmp_path / "e.json").read_text())
    part = {key: tuple(value) if isinstance(value, list) else value for key, value in how["encoder"].items()}
    encoder = mt.encoders.get(part.pop("name"), run.encoder().spec, **part)
    encoder.load_state_dict(load_file(tmp_path / "e.safetensors"))
    x = torch.rand(4, *run.encoder().spec.shape, generator=torch.Generator().manual_seed(5))
    mean, std = (torch.tensor(how[key]) for key in ("mean", "std"))
    torch.testing.assert_close(encoder.eval()((x - mean) / std), run.encoder()(x))


def test_a_file_that_gives_other_features_is_not_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "_torch", lambda whole, shape, partial: lambda x: whole(x) * 1.01)
    with pytest.raises(ValueError, match=r"gives other features .* they differ by 1\.0e-02"):
        run.export(tmp_path / "e.pt2")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(formats, "_torch", lambda whole, shape, partial: lambda x: whole(x) * float("nan"))
    with pytest.raises(ValueError, match="gives other features"):
        run.export(tmp_path / "e.pt2")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("e.h5", {}, r"ends in \.safetensors, \.onnx, \.pt2, got 'e\.h5'"),
        ("e.onnx", {"format": "torch"}, r"of format torch ends in \.pt2, got 'e\.onnx'"),
        ("e.onnx", {"format": "tf"}, "`format` must be one of"),
        ("no/e.onnx", {}, "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused(run, name, options, says, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        run.export(tmp_path / name, **options)


CLS = {"dim": 16, "layers": 1, "heads": 2, "pool": "cls"}
EVERY = [  # each way that an encoder begins and ends
    ("lenet", {}, spec.Image(1, 12, 12)),
    ("vgg", {"blocks": (1, 1), "width": 4}, spec.Image(1, 12, 12)),
    ("preact_resnet", {"blocks": (1, 1), "width": 4}, spec.Image(3, 12, 9)),
    ("logmel", {"blocks": (1, 1), "width": 4}, spec.Series(1, 2000)),
    ("resnet1d", {"blocks": (1, 1), "width": 4}, spec.Series(3, 11, gaps=True)),
    ("mlp", {"widths": (8,), "embed": 4, "maxout": 2}, spec.Table(6)),
    ("mlp", {"widths": (8,)}, spec.Table(7, (0, 3, 0, 2, 0, 0, 5), gaps=True)),
    ("mlp", {"widths": (8,)}, spec.Tokens(9, 20, pad=0)),
    ("transformer", CLS, spec.Image(1, 8, 8)),
    ("transformer", CLS | {"pool": "mean"}, spec.Series(3, 11, gaps=True)),
    ("transformer", CLS, spec.Table(7, (0, 3, 0, 2, 0, 0, 5), gaps=True)),
    ("transformer", CLS | {"pool": "mean"}, spec.Tokens(9, 20, pad=0)),
    ("transformer", {"compatible": "dabs", "dim": 16, "layers": 1, "heads": 2, "head": 16, "hidden": 8}, spec.Image(3, 8, 8)),
]


@pytest.mark.parametrize(("name", "options", "of"), EVERY, ids=[f"{name}-{type(of).__name__}" for name, _, of in EVERY])
def test_every_encoder_leaves_as_a_program(name, options, of, tmp_path):
    """For batches of any size, with gaps and padding; `write` runs the file and would not keep another."""
    kept = kept_of(name, options, of)
    off = formats.write(kept, tmp_path, tmp_path / "e.pt2")
    assert off <= formats.TOLERANCE
    assert (tmp_path / "e.pt2").is_file()


@pytest.mark.parametrize("at", [4, 6, 8, 11], ids=lambda at: f"{EVERY[at][0]}-{type(EVERY[at][2]).__name__}")
def test_gaps_categories_and_padding_reach_onnx(at, tmp_path):
    formats.write(kept_of(*EVERY[at]), tmp_path, tmp_path / "e.onnx")
    assert (tmp_path / "e.onnx").is_file()


def kept_of(name: str, options: dict[str, object], of: spec.Spec) -> TrainedEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = mt.encoders.get(name, of, **options)
    return TrainedEncoder(made.eval(), of, Scale(torch.zeros(()), torch.ones(())), {}, ())


class Fixed(nn.Module):
    """`len` makes the size of the batch a number of the program."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(len(x), 3, 2).flatten(1) + self.offset

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(6))


@pytest.mark.parametrize("ending", ["onnx", "pt2"])
def test_a_module_that_cannot_be_followed_is_told_with_a_way_out(ending, tmp_path, capfd):
    x = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    run = mt.train(x.numpy(), method="imix", encoder=Fixed(), epochs=1, batch=20, out=tmp_path / "run", quiet=True)
    with pytest.raises(ValueError, match=r"cannot follow this encoder .* take sizes from x\.shape and not from len\(x\)"):
        run.export(tmp_path / f"e.{ending}")
    assert not (tmp_path / f"e.{ending}").exists()
    assert capfd.readouterr().err == ""


def test_an_encoder_of_ones_own_leaves_as_a_program(tmp_path):
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh())
    x = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    run = mt.train(x.numpy(), method="imix", encoder=module, epochs=1, batch=20, out=tmp_path / "run", quiet=True)
    run.export(tmp_path / "e.pt2")
    again = torch.export.load(tmp_path / "e.pt2").module()
    torch.testing.assert_close(again(x), run.encoder()(x))
    with pytest.raises(ValueError, match=r"export it as \.onnx or \.pt2"):
        run.export(tmp_path / "e.safetensors")


def test_the_command_exports(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run.folder), "-o", "mine.pt2"]) == 0
    assert "mine.pt2, run and compared with the encoder" in capsys.readouterr().out
    assert main(["export", str(run.folder), "--format", "safetensors"]) == 0
    assert (tmp_path / f"{run.folder.name}.safetensors").is_file()
    assert main(["export", str(run.folder)]) == 2
    assert "Name it: -o encoder.onnx" in capsys.readouterr().err
    assert main(["export", str(tmp_path), "-o", "x.onnx"]) == 2
    assert main(["export", str(run.folder), "-o", "mine.pt2"]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
