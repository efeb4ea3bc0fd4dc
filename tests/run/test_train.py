"""Runs: every source ends in the same files, and the same call in the same bits."""

from __future__ import annotations

import html
import shlex
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mixtrast import methods
from mixtrast.records import Results
from mixtrast.run import Run
from support.runs import COLUMNS, blobs, csv, frame, same, small, state, strict, timeless

pytestmark = pytest.mark.usefixtures("light")

FILES = {
    "recipe.yaml",
    "metrics.jsonl",
    "results.json",
    "examples.npz",
    "report.html",
    "encoder.safetensors",
    "encoder.json",
    "untrained.safetensors",
    "checkpoint.pt",
    "figures",
}
KEYS = {
    "version", "finished", "data", "method", "mixer", "encoder", "seed", "uses_labels", "probes", "labels", "learning",
    "evaluations", "diagnosis", "cost", "next", "other_data",
}  # fmt: skip


def npz(folder: Path) -> Path:
    path = folder / "trees.npz"
    np.savez(path, x=blobs()[0], y=blobs()[1])
    return path


SOURCES = {
    "a pair of arrays": lambda folder: (blobs(), {}),
    "an array and its labels": lambda folder: (blobs()[0], {"label": blobs()[1]}),
    "tensors": lambda folder: (tuple(map(torch.from_numpy, blobs())), {}),
    "a dictionary": lambda folder: (dict(zip("xy", blobs(), strict=True)), {}),
    "an npz file": lambda folder: (npz(folder), {}),
    "a csv file": lambda folder: (str(csv(folder)), {"label": "kind"}),
    "a frame": lambda folder: (frame(), {"label": "kind"}),
    "a frame and its labels": lambda folder: (frame()[COLUMNS], {"label": frame()["kind"]}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_becomes_a_whole_run(name, tmp_path):
    data, options = SOURCES[name](tmp_path)
    done = small(data, tmp_path / "run", **options)
    assert done.folder == tmp_path / "run"
    names = {path.name for path in done.folder.iterdir()}
    assert names == FILES | {"supervised"}
    assert not list(done.folder.rglob("*.partial"))
    assert {path.name for path in (done.folder / "figures").iterdir()} == {"strip.npz", "map.npz"}
    written, results = strict(done.folder / "results.json"), done.results
    assert Results.from_dict(written) == results
    assert set(written) == KEYS
    assert results.method == "mixsupcon"
    assert (results.data.train, results.data.val, results.data.test) == (48, 12, 20)
    assert results.data.counts == {"train": (24, 24), "val": (6, 6), "test": (10, 10)}
    assert results.data.labels_used == 48
    assert set(results.probes) == {"knn"}
    assert set(results.probes["knn"]) == {"trained", "untrained", "supervised", "raw", "majority"}
    assert results.probes["knn"]["majority"].values["accuracy"] == 0.5
    assert results.cost.steps == 6
    assert [line.step for line in done.metrics] == list(range(7))
    assert done.recipe.training.steps == 6
    z, read = done.embed(data)
    assert z.shape == (80, 16)
    assert z.isfinite().all()
    assert len(read.x) == 80


@pytest.mark.usefixtures("page")
def test_a_run_with_its_page(tmp_path):
    done = small(frame(), tmp_path / "run", label="kind", evaluation=None)
    page = html.unescape(done.page.read_text(encoding="utf-8"))
    assert done.headline in page.replace("\N{NO-BREAK SPACE}", " ")
    assert set(done.results.probes) == {"linear", "knn", "boosting"}
    assert done.results.labels.points == ()
    assert "trained with all 48 labels" in done.results.labels.withheld
    with np.load(done.folder / "figures" / "map.npz") as drawn:
        assert sorted(drawn) == ["index", "label", "raw", "trained"]
        assert drawn["trained"].shape == (20, 2)
    with np.load(done.folder / "figures" / "strip.npz") as drawn:
        assert sorted(drawn) == ["first", "mixed", "second", "view1", "view2", "weight", "x"]
        assert drawn["x"].shape == (8, 4)


def test_label_efficiency_is_for_encoders_that_saw_no_label(tmp_path):
    options = {"per_class": (1, 5, 100), "draws": 2}
    found = small(blobs(), tmp_path / "run", method="imix", evaluation={"labels": options}).results.labels
    assert [point.per_class for point in found.points] == [1, 5]
    assert all(set(point.rows) == {"trained", "untrained", "raw"} for point in found.points)
    assert found.withheld is None


@pytest.mark.usefixtures("page")
def test_digits(tmp_path):
    training = {"steps": 4, "batch": 64}
    done = small("digits", tmp_path / "run", method="imix", encoder={"name": "resnet8", "width": 4}, training=training)
    strict(done.folder / "results.json")
    results = done.results
    assert results.data.spec == {"kind": "Image", "channels": 1, "height": 8, "width": 8}
    assert results.data.classes == tuple(str(digit) for digit in range(10))
    assert results.probes["knn"]["raw"].values["accuracy"] > 0.9
    assert done.page.stat().st_size > 10_000


def test_a_test_set_that_is_given_is_the_test_set(tmp_path):
    done = small(blobs(), tmp_path / "run", test=blobs(30, seed=1))
    assert (done.results.data.examples, done.results.data.test) == (110, 30)
    assert done.recipe.data.test == "<tuple in memory>"


def test_without_a_folder_a_free_name_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = csv(tmp_path)
    first = small(path, None, label="kind", method="simclr")
    second = small(path, None, label="kind", method="simclr")
    assert [first.folder, second.folder] == [Path("runs/trees-simclr"), Path("runs/trees-simclr-2")]


def test_quiet_prints_nothing_and_loud_says_what_happens(tmp_path, capfd):
    small(blobs(), tmp_path / "one")
    assert capfd.readouterr() == ("", "")
    small(blobs(), tmp_path / "two", quiet=False)
    assert capfd.readouterr() == ("evaluating ...\n", "")


@pytest.mark.parametrize("options", [{}, {"method": "imix", "training": {"precision": "bf16-mixed"}}], ids=str)
def test_the_same_call_gives_the_same_to_the_bit(options, tmp_path):
    one, other = (small(blobs(), tmp_path / name, **options) for name in ("one", "other"))
    assert same(state(one), state(other))
    assert torch.equal(one.embed(blobs())[0], other.embed(blobs())[0])
    assert timeless(one.results) == timeless(other.results)
    third = small(blobs(), tmp_path / "third", seed=1, **options)
    assert not same(state(one), state(third))


def test_compiling_is_of_the_stages_and_changes_nothing_else(tmp_path, monkeypatch):
    plain = small(blobs(), tmp_path / "plain", method="imix")
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, *given, **options: compiled.append(module))
    done = small(blobs(), tmp_path / "compiled", method="imix", training={"compile": True})
    assert len(compiled) == len(done.encoder().encoder.stages) > 0
    assert not any(isinstance(module, methods.Method) for module in compiled)
    assert same(state(plain), state(done))


def test_two_threads_train_as_one_does(tmp_path):
    alone = small(blobs(), tmp_path / "alone")
    found: dict[int, Run] = {}

    def train(k: int) -> None:
        found[k] = small(blobs(), tmp_path / f"thread{k}")

    threads = [threading.Thread(target=train, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(state(alone), state(found[0]))
    assert same(state(alone), state(found[1]))


def test_what_comes_next_can_be_typed(tmp_path):
    path = tmp_path / "my trees.csv"
    frame().to_csv(path, index=False)
    done = small(path, tmp_path / "my run", label="kind")
    words = [shlex.split(command) for command in done.results.next]
    assert words[0] == ["mixtrast", "embed", str(done.folder), str(path), "-o", "features.npz"]
    assert str(done.folder / "recipe.yaml") in words[1]
