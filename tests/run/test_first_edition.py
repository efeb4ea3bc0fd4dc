"""Run folders of the first edition are read, evaluated, reported and resumed."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import mixtrast as mt
from mixtrast import cli, inference, report
from mixtrast.run import Run

HERE = Path(__file__).parent / "first_edition"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A copy of the folders, in the place from which the runs name their data."""
    shutil.copytree(HERE, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    return tmp_path / "runs"


def close(one: Path, other: Path) -> None:
    """The same weights, up to the arithmetic of another machine."""
    ours, theirs = load_file(one), load_file(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-4, atol=1e-6)


def test_its_records_are_read(folder):
    done = Run("finished")
    written = json.loads((folder / "finished" / "results.json").read_text())
    for name, rows in written["probes"].items():
        for row, scores in rows.items():
            found = done.results.probes[name][row]
            assert found.values == {key: value for key, value in scores.items() if key in found.values}
            assert found.values["accuracy"] == scores["accuracy"]
    assert done.results.data.labels_used == written["data"]["labels_seen"] == 36
    assert [other.data.name for other in done.results.other_data.values()] == ["trees"]
    assert done.results.evaluations["linear"].title == "linear probe"
    assert done.recipe.training.baseline == "supervised"
    assert (done.recipe.data.reader, done.recipe.method.name, done.recipe.mixer.name) == ("tabular", "mixsupcon", "mixup")
    lines = [json.loads(line) for line in (folder / "finished" / "metrics.jsonl").read_text().splitlines()]
    assert [line.step for line in done.metrics] == [line["step"] for line in lines]
    assert [line.monitor for line in done.metrics if line.monitor] == [line["look"] for line in lines if "look" in line]


def test_its_encoder_gives_features(folder):
    done = Run("finished")
    x = torch.tensor(np.loadtxt("trees.csv", delimiter=",", skiprows=1, usecols=range(4)), dtype=torch.float32)
    z, dataset = done.embed("trees.csv")
    assert torch.equal(z, done.encoder()(x))
    assert dataset.classes == done.results.data.classes
    assert not torch.equal(done.encoder(untrained=True)(x), z)
    assert done.export("e.safetensors").is_file()
    rebuilt = inference.rebuild(folder / "e.json", folder / "e.safetensors")
    assert torch.equal(rebuilt(x), z)


def test_it_is_evaluated_again_and_on_other_data(folder):
    before = Run("finished").results
    found = Run("finished").evaluate("linear+knn")
    for name in ("linear", "knn"):
        for row, score in before.probes[name].items():
            assert found[name][row].values["accuracy"] == pytest.approx(score.values["accuracy"], abs=0.14)  # two of 15
    assert found["linear"]["trained"].examples
    Run("finished").transfer("trees.csv", label="kind", evaluation="linear")
    results = Run("finished").results
    assert len(results.other_data) == 1  # of the same data: the linear probe joins kNN
    assert set(next(iter(results.other_data.values())).probes) == {"linear", "knn"}
    assert json.loads((folder / "finished" / "results.json").read_text())["version"] == 2


def test_it_has_a_page_and_is_compared_with_others(folder):
    assert cli.main(["report", "finished"]) == 0
    page = html.unescape((folder / "finished" / "report.html").read_text(encoding="utf-8"))
    page = page.replace("\N{NO-BREAK SPACE}", " ")
    assert Run("finished").headline in page
    report.write([folder / "finished", folder / "resumed-moco"], folder / "both.html")
    assert (folder / "both.html").stat().st_size > 10_000


@pytest.mark.parametrize("method", ["moco", "mixsupcon"])
def test_one_that_was_stopped_is_resumed(method, folder):
    """To what the first edition made of it, bit for bit on the machine that made it."""
    done = mt.train(out=f"stopped-{method}", resume=True, quiet=True)
    expected = folder / f"resumed-{method}"
    close(done.folder / "encoder.safetensors", expected / "encoder.safetensors")
    lines = [json.loads(line) for line in (expected / "metrics.jsonl").read_text().splitlines()]
    assert [line.step for line in done.metrics] == [line["step"] for line in lines]
    losses = [line.loss for line in done.metrics if line.loss is not None]
    assert losses == pytest.approx([line["loss"] for line in lines if "loss" in line], rel=1e-4)
    theirs = json.loads((expected / "results.json").read_text())
    for name in ("gain_train_before", "gain_val_before", "gain_train", "loss", "chance", "rank_untrained"):
        assert getattr(done.results.learning, name) == pytest.approx(theirs["learning"][name], rel=1e-3), name
    if method == "mixsupcon":
        close(done.folder / "supervised" / "encoder.safetensors", expected / "supervised.safetensors")
    else:  # the online probe continues
        assert done.results.learning.online == pytest.approx(theirs["learning"]["online"], abs=0.12)


def test_another_recipe_does_not_resume_it(folder):
    with pytest.raises(ValueError, match="holds a run of another recipe"):
        mt.train(out="stopped-moco", resume=True, quiet=True, lr=0.5)


def test_its_recipe_is_good_for_new_runs(folder):
    done = mt.train("trees.csv", recipe=folder / "finished" / "recipe.yaml", seed=1, out="new", quiet=True)
    assert (done.recipe.method.name, done.recipe.training.steps, done.recipe.encoder.options["widths"]) == (
        "mixsupcon",
        12,
        (6,),
    )
