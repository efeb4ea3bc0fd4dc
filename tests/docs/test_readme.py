"""The code and the commands of the README run."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
import yaml
from PIL import Image

import mixtrast as mt
from mixtrast.cli import main
from support.repository import ROOT

README = (ROOT / "README.md").read_text()


def test_the_python_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    whole, part = blocks
    whole = whole.replace("epochs=200", "epochs=2")
    assert len(whole.splitlines()) <= 10
    names: dict = {}
    exec(whole, names)
    assert names["z"].shape == (150, names["run"].encoder().encoder.dim)
    assert "iris" not in capsys.readouterr().err
    exec(part, names)
    assert torch.isfinite(names["imix"])
    assert torch.isfinite(names["mixsupcon"])
    assert names["imix"] < 3 * mt.chance(names["identity"].mix(names["mix"]), names["identity"])


@pytest.fixture
def commands(tmp_path, monkeypatch) -> list[str]:
    """Those of "Your own data", in a folder with such data."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("table", "more"):
        species = rng.choice(["setosa", "versicolor"], 120)
        values = rng.normal(size=(120, 5)) + (species == "setosa")[:, None]
        pd.DataFrame(values, columns=list("abcde")).assign(species=species).to_csv(f"{name}.csv", index=False)
    np.savez("windows.npz", x=rng.normal(size=(80, 3, 16)).astype(np.float32))
    for kind in ("cats", "dogs"):
        folder = tmp_path / "photos" / kind
        folder.mkdir(parents=True)
        for k in range(20):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    block = README.split("## Your own data")[1].split("```")[1]
    return [line.partition("#")[0] for line in block.strip().splitlines()]


@pytest.mark.slow
def test_the_commands_of_the_readme_run(tmp_path, commands, capsys):
    """As printed, on data made here, for a few steps."""
    assert len(commands) == 8
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] == "compare":
            continue
        quick = ["--training.steps", "2", "--evaluation.labels.draws", "2"] if words[0] == "train" else []
        quick += ["--batch", "16", "--encoder.width", "4"] if "--recipe" in words else []  # few and small images here
        assert main([*words, *quick]) == 0, command
    for line in README.split("Later:")[1].split("```")[1].strip().splitlines():
        words = shlex.split(line.partition("#")[0])[1:]
        words += ["--evaluation.finetune.epochs", "1"] if "finetune" in words else []
        assert main(words) == 0, line
    assert "On other data: more" in (tmp_path / "runs/table-mixsupcon/report.html").read_text()
    assert "features in z.csv" in capsys.readouterr().out
    assert (tmp_path / "encoder.onnx").stat().st_size > 1_000
    for page in ("table-mixsupcon", "table-imix", "windows-imix", "windows-imix/seed-2", "photos-imix", "photos-moco"):
        assert (tmp_path / "runs" / page / "report.html").is_file()


@pytest.mark.slow
def test_every_kind_of_data_of_the_readme_is_read(tmp_path, monkeypatch):
    """The commands as printed, on files of such names made here, for two steps."""
    for extra in ("tokenizers", "soundfile"):
        pytest.importorskip(extra, reason=f"{extra}, an extra, is not installed")
    monkeypatch.chdir(tmp_path)
    rng, lines = np.random.default_rng(0), range(60)
    frame = pd.DataFrame({"age": rng.normal(size=60), "site": [["a", "b", None][n % 3] for n in lines]})
    frame.assign(outcome=[n % 2 for n in lines]).to_csv("patients.csv", index=False)
    series = "".join(f"{','.join(map(str, rng.normal(size=8 + n % 3)))}:{'ab'[n % 2]}\n" for n in lines)
    Path("gestures_TRAIN.ts").write_text(f"@classLabel true a b\n@data\n{series}")
    moments = pd.DataFrame(rng.normal(size=(2400, 2)), columns=["x", "y"])
    people = [f"p{n // 200}" for n in range(2400)]
    moments.assign(person=people, activity=[f"a{n // 100 % 2}" for n in range(2400)]).to_csv("sensors.csv", index=False)
    text = "".join(f"the {n}th film was {['fine', 'poor'][n % 2]} to see\t{n % 2}\n" for n in lines)
    Path("reviews.tsv").write_text("sentence\tlabel\n" + text)
    Path("genes.fasta").write_text("".join(f">g{n} {'xy'[n % 2]}\n{'ACGT' * (2 + n % 3)}\n" for n in lines))
    Path("spoken").mkdir()
    for n in lines:
        with wave.open(f"spoken/{n % 2}_s{n % 6}_{n}.wav", "wb") as sound:
            sound.setparams((1, 2, 4000, 0, "NONE", ""))
            sound.writeframes(rng.integers(-9000, 9000, 1200).astype("<i2").tobytes())
    for n in lines:
        Path("tiles", "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(
            f"tiles/{'ab'[n % 2]}/{n}.tif", rng.integers(0, 9999, (8, 8, 5), dtype=np.uint16), planarconfig="contig"
        )
    block = README.split("The kind of data is detected")[1].split("```")[1]
    commands = [shlex.split(line.partition("#")[0])[1:] for line in block.strip().splitlines()]
    assert len(commands) == 8
    for at, words in enumerate(commands):
        quick = ["--training.steps", "2", "--evaluation", "linear", "--training.baseline", "none", "--no-maps", "--quiet"]
        assert main([*words, *quick, "--out", f"run-{at}"]) == 0, words
    chosen = [yaml.safe_load(Path(f"run-{at}/recipe.yaml").read_text()) for at in range(8)]
    readers = ["tabular", "series", "windows", "text", "fasta", "speech", "tiles", "tabular"]
    assert [recipe["data"]["reader"] for recipe in chosen] == readers
    names = ["mlp", "resnet1d", "resnet1d", "smalltransformer", "smalltransformer", "logmel", "resnet8", "smalltransformer"]
    assert [recipe["encoder"]["name"] for recipe in chosen] == names


@pytest.mark.slow
def test_the_comparison_of_the_readme_runs(tmp_path, commands):
    (compare,) = [command for command in commands if " compare " in command]
    quick = ["--training.steps", "2", "--seed", "0", "--out", "compared", "--quiet"]  # of three seeds one
    assert main([*shlex.split(compare)[1:], *quick]) == 0
    assert len(pd.read_csv("compared/compare.csv")["configuration"].unique()) == 3
    assert (tmp_path / "compared/report.html").is_file()


def test_the_tables_are_those_of_the_rooms():
    assert runpy.run_path(str(ROOT / "docs/tables.py"))["filled"](README) == README, "run python docs/tables.py"


def test_every_call_of_the_methods_table_computes():
    """The calls as printed, on a batch of eight."""
    from mixtrast import Labels, Mix, align, contrast, log_partition, row_mass, soft_cross_entropy

    n, g = 8, torch.Generator().manual_seed(0)
    unit = lambda rows: torch.nn.functional.normalize(torch.randn(rows, 5, generator=g))  # noqa: E731
    identity, y, itself = Labels.of(torch.arange(n)), torch.arange(n) % 3, torch.arange(n)
    ids = torch.stack([y, torch.where(itself % 2 == 0, (y + 1) % 3, -1)], 1)
    names = {
        "z": unit(n), "c": unit(n), "q": unit(n), "k": unit(n), "p": unit(n), "queue": unit(12), "logits": unit(n),
        "identity": identity, "both": Labels.of(torch.arange(n // 2).repeat(2)), "classes": Labels.of(y), "itself": itself,
        "mix": Mix(torch.stack([itself, itself.flip(0)], 1), torch.tensor([[0.7, 0.3]]).expand(n, 2)),
        "y": y.clone(), "share": (ids >= 0) / (ids >= 0).sum(1, keepdim=True), "ids": ids, "nobody": Labels.nobody(12),
        "index": itself, "tags": Labels(ids, (ids >= 0) / (ids >= 0).sum(1, keepdim=True)), "Labels": Labels, "align": align,
        "row_mass": row_mass,
        "soft_cross_entropy": soft_cross_entropy, "arange": torch.arange, "n": n // 2,
        "contrast": lambda *a, **k: contrast(*a, temperature=0.1, **k),
        "log_partition": lambda *a, **k: log_partition(names["z"], names["z"], temperature=0.1, exclude=itself, **k),
    }  # fmt: skip
    names["row_mass"] = lambda *a: row_mass(names["classes"], names["classes"], exclude=itself)
    table = README.split("| method | call |")[1].split("\n\n")[0]
    calls = [code for code in re.findall(r"`([^`]+)`", table) if "(" in code]
    assert len(calls) >= 11
    for call in calls:
        call = call.split(" = ", 1)[-1].replace("(..., ", "(").replace("(...)", "()")
        value = eval(call, names)
        assert isinstance(value, Labels) or torch.isfinite(value).all(), call


def test_the_commands_of_the_readme_exist():
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"make (\w+)", README))
    assert {"demo", "test"} <= named <= made
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_extras_of_the_readme_exist():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    (named,) = re.findall(r"pip install '\.\[([^]]+)\]'", README)
    assert set(named.split(",")) == extras - {"test", "benchmark"}


def test_the_rooms_are_in_the_readme():
    for name in (*mt.mixers.names(), *mt.views.names(), *mt.methods.names(), *mt.encoders.names()):
        assert f"`{name}`" in README, name
