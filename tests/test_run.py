"""Runs: every source ends in the same files, every row of the table is what it says, and what stops a run loses nothing."""

from __future__ import annotations

import copy
import html
import json
import math
import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import evaluate, export, methods, recipe, registry, report, run, views
from mixtrast.evaluate import Features
from mixtrast.run import Run, assess, features, learning, work
from mixtrast.training import Interrupted, TrainingError
from mixtrast.views import View

FILES = {
    "recipe.yaml",
    "metrics.jsonl",
    "results.json",
    "report.html",
    "encoder.safetensors",
    "encoder.json",
    "untrained.safetensors",
    "checkpoint.pt",
    "figures",
}
KEYS = {
    "version", "finished", "data", "method", "mixer", "encoder", "seed", "uses_labels", "probes", "labels", "learning",
    "evaluation", "diagnosis", "cost", "next",
}  # fmt: skip
SMALL: dict[str, Any] = {"encoder": {"name": "mlp", "widths": (16,)}, "evaluation": "knn", "quiet": True}
COLUMNS = ["a", "b", "c", "d"]


@pytest.fixture(autouse=True)
def _light(monkeypatch, request):
    """Pages and maps take longer than the tiny runs here; they have tests of their own. Not for those that ask for `page`."""
    if "page" not in request.fixturenames:
        monkeypatch.setattr(report, "write", lambda folders, out, **_: out.write_text("a page", encoding="utf-8") and out)
        monkeypatch.setattr(evaluate, "tsne", lambda z, seed: (np.arange(len(z)), np.zeros((len(z), 2))))


@pytest.fixture
def page() -> None:
    """The report is really made."""


def blobs(rows: int = 80, apart: float = 3.0, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clouds, one a class, in turn."""
    rng, y = np.random.default_rng(seed), np.arange(rows) % classes
    x = rng.normal(size=(rows, len(COLUMNS)))
    x[:, 0] += apart * y
    return x.astype(np.float32), y


def frame(**options: Any) -> pd.DataFrame:
    x, y = blobs(**options)
    return pd.DataFrame(x, columns=COLUMNS).assign(kind=np.array(["oak", "elm", "ash", "fir"])[y])


def small(data: Any, out: Path, **options: Any) -> Run:
    """A run of a few steps."""
    training = {"steps": 6, "precision": "32-true", **options.pop("training", {})}
    return mt.train(data, out=out, **{**SMALL, "training": training, **options})


def strict(path: Path) -> dict[str, Any]:
    """JSON as the standard has it: no NaN, no infinity."""

    def no(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=no)
    return found


def timeless(results: dict[str, Any]) -> dict[str, Any]:
    """Results without what the clock says and where they are."""
    kept = {key: value for key, value in results.items() if key not in ("finished", "next", "cost")}
    return {**kept, "cost": {key: results["cost"][key] for key in ("steps", "parameters", "device")}}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def state(done: Run, **which: Any) -> dict[str, Tensor]:
    return done.encoder(**which).encoder.state_dict()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def verdicts(done: Run) -> list[str]:
    return [verdict["verdict"] for verdict in done.results["diagnosis"]]


# --- what goes in and what comes out --------------------------------------------------------------------------------------


def csv(folder: Path) -> Path:
    path = folder / "trees.csv"
    frame().to_csv(path, index=False)
    return path


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
    results = strict(done.folder / "results.json")
    assert results == done.results
    assert set(results) == KEYS
    assert results["method"] == "mixsupcon"
    assert (results["data"]["train"], results["data"]["val"], results["data"]["test"]) == (48, 12, 20)
    assert results["data"]["counts"] == {"train": [24, 24], "val": [6, 6], "test": [10, 10]}
    assert results["data"]["labels_seen"] == 48
    assert set(results["probes"]) == {"knn"}
    assert set(results["probes"]["knn"]) == {"trained", "untrained", "supervised", "raw", "majority"}
    assert results["probes"]["knn"]["majority"]["accuracy"] == 0.5
    assert results["cost"]["steps"] == 6
    assert [line["step"] for line in done.metrics] == list(range(7))
    assert done.recipe["training"]["steps"] == 6
    z, read = done.embed(data)
    assert z.shape == (80, 16)
    assert z.isfinite().all()
    assert len(read.x) == 80


@pytest.mark.usefixtures("page")
def test_a_run_with_its_page(tmp_path):
    done = small(frame(), tmp_path / "run", label="kind", evaluation=None)
    page = html.unescape(done.page.read_text(encoding="utf-8"))
    assert done.headline in page.replace("\N{NO-BREAK SPACE}", " ")
    assert set(done.results["probes"]) == {"linear", "knn", "boosting"}
    assert done.results["labels"]["points"] == []
    assert "saw all 48 labels" in done.results["labels"]["withheld"]
    with np.load(done.folder / "figures" / "map.npz") as drawn:
        assert sorted(drawn) == ["index", "label", "raw", "trained"]
        assert drawn["trained"].shape == (20, 2)
    with np.load(done.folder / "figures" / "strip.npz") as drawn:
        assert sorted(drawn) == ["first", "mixed", "second", "view1", "view2", "weight", "x"]
        assert drawn["x"].shape == (8, 4)


def test_label_efficiency_is_for_encoders_that_saw_no_label(tmp_path):
    options = {"per_class": (1, 5, 100), "draws": 2}
    found = small(blobs(), tmp_path / "run", method="imix", evaluation={"labels": options}).results["labels"]
    assert [point["per_class"] for point in found["points"]] == [1, 5]
    assert all(set(point["rows"]) == {"trained", "untrained", "raw"} for point in found["points"])
    assert found["withheld"] is None


@pytest.mark.usefixtures("page")
def test_digits(tmp_path):
    training = {"steps": 4, "batch": 64}
    done = small("digits", tmp_path / "run", method="imix", encoder={"name": "resnet8", "width": 4}, training=training)
    results = strict(done.folder / "results.json")
    assert results["data"]["spec"] == {"kind": "Image", "channels": 1, "height": 8, "width": 8}
    assert results["data"]["classes"] == [str(digit) for digit in range(10)]
    assert results["probes"]["knn"]["raw"]["accuracy"] > 0.9
    assert done.page.stat().st_size > 10_000


def test_a_test_set_that_is_given_is_the_test_set(tmp_path):
    done = small(blobs(), tmp_path / "run", test=blobs(30, seed=1))
    assert (done.results["data"]["examples"], done.results["data"]["test"]) == (110, 30)
    assert done.recipe["data"]["test"] == "<tuple in memory>"


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


# --- the rows of the table ------------------------------------------------------------------------------------------------


def prepared(done: Run, data: Any) -> run.Prepared:
    return run.prepare(done.recipe, data)


def by_hand(ready: run.Prepared, encode: Any) -> dict[str, float]:
    """The kNN scores of an encoder, from the split alone."""
    parts = {}
    for name in ("train", "val", "test"):
        rows = getattr(ready.split, name)
        parts[name] = encode(ready.scale(ready.data.x[rows])), ready.label[rows]
    return evaluate.get("knn")(Features.of(**parts, classes=2), seed=0)


def test_every_row_is_what_it_says(tmp_path):
    data = blobs(apart=1.0)
    done = small(data, tmp_path / "run", training={"steps": 60, "lr": 0.05})
    found, ready = done.results["probes"]["knn"], prepared(done, data)
    trained, untrained = done.encoder(), done.encoder(untrained=True)
    assert not same(state(done), state(done, untrained=True))
    assert found["trained"] == by_hand(ready, lambda x: export.embed(trained.encoder, x))
    assert found["untrained"] == by_hand(ready, lambda x: export.embed(untrained.encoder, x))
    assert found["raw"] == by_hand(ready, lambda x: x)
    assert len({json.dumps(found[row]) for row in ("trained", "untrained", "raw")}) == 3


def test_the_untrained_row_is_the_encoder_at_step_zero(tmp_path):
    done = small(blobs(), tmp_path / "run")
    before = state(done, untrained=True)
    assert same(before, prepared(done, blobs()).method.encoder.state_dict())  # built anew from the seed
    assert all(int(value) == 0 for name, value in before.items() if name.endswith("num_batches_tracked"))
    assert any(int(value) == 6 for name, value in state(done).items() if name.endswith("num_batches_tracked"))


@pytest.mark.parametrize("name", methods.names())
def test_plain_labels_stand_beside_every_method_that_sees_labels(name, tmp_path):
    body = {"encoder": "smalltransformer"} if registry.find(methods, name).of_tokens else {}
    done = small(blobs(), tmp_path / "run", method=name, **body)
    kind = getattr(mt.methods, type(prepared(done, blobs()).method).__name__)
    beside = kind.uses_labels and name != "supervised"
    assert ("supervised" in done.results["probes"]["knn"]) == beside
    assert (done.folder / "supervised").is_dir() == beside
    assert done.results["data"]["labels_seen"] == (48 if kind.uses_labels else 0)
    if beside:  # as many steps, from the same weights
        lines = [json.loads(line) for line in (done.folder / "supervised" / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["step"] == 6
        alone = small(blobs(), tmp_path / "alone", method="supervised", training={"batch": 48})
        ours, theirs = (results["probes"]["knn"] for results in (done.results, alone.results))
        assert ours["supervised"].keys() == theirs["trained"].keys()


def test_inputs_are_scaled_by_training_rows_alone(tmp_path):
    x, y = blobs()
    done = small((x, y), tmp_path / "run")
    rows = prepared(done, (x, y)).split.train
    how = json.loads((done.folder / "encoder.json").read_text())
    np.testing.assert_allclose(how["mean"], x[rows].mean(0), rtol=1e-5)
    np.testing.assert_allclose(how["std"], x[rows].std(0), rtol=1e-5)
    kept = done.encoder()
    given = torch.from_numpy(x)
    assert torch.equal(kept(given), export.embed(kept.encoder, kept.scale(given)))
    with pytest.raises(ValueError, match=r"takes examples of shape \(4,\), got \(3,\)"):
        kept(given[:, :3])


# --- labels: few, numbers, none, groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mixsupcon", "supervised", "imix"])
def test_only_granted_labels_are_seen(method, tmp_path):
    done = small(blobs(), tmp_path / "run", labels=3, method=method)
    facts = done.results["data"]
    assert facts["labels_granted"] == 3
    assert facts["labels_seen"] == (0 if method == "imix" else 6)
    assert facts["counts"] == {"train": [3, 3], "val": [0, 0], "test": [10, 10]}
    assert any("Only 3 labels of each class are seen" in note for note in facts["notes"])
    ready = prepared(done, blobs())
    assert int((ready.seen >= 0).sum()) == 6
    assert set(ready.seen[ready.split.test].tolist()) | set(ready.seen[ready.split.val].tolist()) == {-1}
    assert len(ready.rows) == (6 if method == "supervised" else 48)
    assert done.results["probes"]["knn"]["trained"]["chosen_by"] == "leave-one-out"  # validation labels were not granted
    assert all("knn" not in line.get("look", {}) for line in done.metrics)


def test_labels_can_be_missing_in_part(tmp_path):
    x, y = blobs()
    y[:30] = -1
    done = small((x, y), tmp_path / "run")
    assert done.results["data"]["unlabelled"] == 30
    assert done.results["method"] == "imix"  # too few labels for a method that uses them
    done = small((x, y), tmp_path / "other", method="mixsupcon")
    assert done.results["data"]["labels_seen"] == done.results["data"]["train"] - 30


@pytest.mark.parametrize("method", ["imix", "mixsupcon"])
def test_a_number_is_predicted_and_its_bins_are_what_training_sees(method, tmp_path):
    x, _ = blobs()
    target = x @ np.array([1, -1, 0.5, 2], dtype=np.float32)
    done = small(x, tmp_path / "run", label=target, method=method, training={"bins": 4}, evaluation="knn+linear")
    results = strict(done.folder / "results.json")
    assert results["data"]["task"] == "number"
    assert any("sees its 4 quantile bins" in note or "see its 4 quantile bins" in note for note in results["data"]["notes"])
    for table in results["probes"].values():
        assert {"r2", "mae"} <= set(table["trained"])
        assert all("accuracy" not in row for row in table.values())
        assert table["majority"]["r2"] <= 0
    assert results["probes"]["linear"]["raw"]["r2"] > 0.99
    ready = prepared(done, (x, target))
    seen = ready.seen[ready.split.train]
    assert torch.bincount(seen).tolist() == [12, 12, 12, 12]
    for bins in range(3):
        label = ready.label[ready.split.train]
        assert label[seen == bins].max() < label[seen == bins + 1].min()
    assert set(ready.seen[ready.split.test].tolist()) == {-1}


def test_without_a_label_nothing_is_probed_and_it_is_said(tmp_path):
    done = small(blobs()[0], tmp_path / "run")
    results = strict(done.folder / "results.json")
    assert results["method"] == "imix"
    assert results["probes"] == {}
    assert results["labels"] == {}
    assert any("nothing can be probed" in note for note in results["data"]["notes"])
    assert results["data"]["test"] == 0
    with pytest.raises(ValueError, match="no labelled test examples, so nothing can be evaluated"):
        done.evaluate("linear", data=blobs()[0])


def test_groups_are_in_one_split(tmp_path):
    groups = np.arange(80) // 4
    for number, options in enumerate([{"groups": groups, "label": blobs()[1]}, {"groups": "who"}]):
        data = blobs()[0] if number == 0 else frame().assign(who=groups)
        more = {} if number == 0 else {"label": "kind"}
        done = small(data, tmp_path / str(number), **options, **more)
        again = (data, blobs()[1], groups) if number == 0 else data
        split = prepared(done, again).split
        parts = [set(groups[rows].tolist()) for rows in (split.train, split.val, split.test)]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert "whole groups" in done.results["data"]["split"]


# --- parts of one's own ---------------------------------------------------------------------------------------------------


class Net(nn.Module):
    """An encoder of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 12), nn.Linear(12, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())


@pytest.mark.parametrize("make", [Net, lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))])
def test_an_encoder_of_ones_own(make, tmp_path):
    data, mine = blobs(), make()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    done = small(data, tmp_path / "run", encoder=mine)
    assert done.results["encoder"] == "own"
    assert done.recipe["encoder"] == {"name": "own", "made": type(mine).__name__}
    with pytest.raises(ValueError, match=r"is a module of your own.*Give a new one of the same make: module="):
        Run(done.folder).encoder()
    assert same(done.encoder().encoder.state_dict(), done.encoder(make()).encoder.state_dict())  # the run itself knows it
    with pytest.raises(ValueError, match="is damaged or of another encoder"):
        done.encoder(nn.Linear(4, 6))
    assert mine.training
    assert same(mine.state_dict(), before)  # a copy was trained
    assert not any(weight.grad is not None for weight in mine.parameters())
    again = small(data, tmp_path / "again", encoder=mine)
    assert same(state(done, module=make()), state(again, module=make()))
    kept = done.encoder(make())
    x = torch.from_numpy(data[0])
    assert not torch.equal(kept(x), mine(kept.scale(x)))
    with torch.no_grad():
        torch.testing.assert_close(kept(x), kept.encoder(kept.scale(x)))
    z, _ = done.embed(data, module=make())
    assert torch.equal(z, kept(x))
    untrained = done.encoder(make(), untrained=True).encoder
    assert [value.tolist() for value in untrained.state_dict().values()] == [value.tolist() for value in before.values()]
    assert done.evaluate("linear", data=data, module=make())["linear"]["trained"]["accuracy"] > 0.5


def test_an_encoder_that_does_not_take_the_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"this encoder, Linear, fails on two examples of shape \(4,\)"):
        small(blobs(), tmp_path / "run", encoder=nn.Linear(5, 6))
    assert not (tmp_path / "run").exists()


def test_a_mixer_of_ones_own(tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix", mixer=mt.mixers.Mixup(alpha=0.3))
    assert done.results["mixer"] == "own"
    assert "alpha=0.3" in done.recipe["mixer"]["made"]
    named = small(blobs(), tmp_path / "named", method="imix", mixer={"name": "mixup", "alpha": 0.3, "dominant": False})
    assert same(state(done), state(named))


class Twice(View):
    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return 2 * x


def test_a_view_of_ones_own(tmp_path):
    done = small(blobs(), tmp_path / "run", method="simclr", views={"mask": {"p": 0.1}, "twice": Twice()})
    assert done.recipe["views"] == {"mask": {"p": 0.1, "fill": 0.0}, "twice": "Twice()"}
    again = small(blobs(), tmp_path / "run", method="simclr", views={"mask": {"p": 0.1}, "twice": Twice()}, resume=True)
    assert again == done


def test_a_view_that_fails_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="a table has no neighbours"):
        small(blobs(), tmp_path / "run", views="shift")
    assert not (tmp_path / "run").exists()


# --- again, and more ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"method": "imix", "training": {"precision": "bf16-mixed"}}], ids=str)
def test_the_same_call_gives_the_same_to_the_bit(options, tmp_path):
    one, other = (small(blobs(), tmp_path / name, **options) for name in ("one", "other"))
    assert same(state(one), state(other))
    assert torch.equal(one.embed(blobs())[0], other.embed(blobs())[0])
    assert timeless(one.results) == timeless(other.results)
    third = small(blobs(), tmp_path / "third", seed=1, **options)
    assert not same(state(one), state(third))


def test_new_data_are_embedded_as_the_encoder_does(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    more = frame(rows=17, seed=3)
    shuffled = more[["kind", "c", "a", "d", "b"]].assign(other=1.0)
    kept = done.encoder()
    expected = kept(torch.tensor(more[COLUMNS].to_numpy(np.float32)))
    z, read = done.embed(shuffled)
    assert torch.equal(z, expected)
    assert [done.results["data"]["classes"][number] for number in read.label] == more["kind"].tolist()
    z, read = done.embed(more[COLUMNS[::-1]])
    assert torch.equal(z, expected)
    assert read.label is None
    path = tmp_path / "more.csv"
    shuffled.to_csv(path, index=False)
    torch.testing.assert_close(done.embed(path)[0], expected)
    assert torch.equal(done.embed(more[COLUMNS].to_numpy())[0], expected)
    with pytest.raises(ValueError, match="lacks b"):
        done.embed(more[["a", "c", "d"]])


def test_features_are_whole_or_not_there(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    data = frame(rows=12, seed=5)
    z, read = done.embed(data)
    assert features.write(done, data, tmp_path / "z.npz") == (12, 16)
    with np.load(tmp_path / "z.npz") as stored:
        assert np.array_equal(stored["z"], z)
        assert np.array_equal(stored["y"], read.label)
    features.write(done, data, tmp_path / "z.csv")
    stored = pd.read_csv(tmp_path / "z.csv")
    assert list(stored) == [*(f"z{k}" for k in range(16)), "label"]
    assert stored["label"].tolist() == data["kind"].tolist()
    np.testing.assert_allclose(stored.iloc[:, :16], z, rtol=1e-5)
    features.write(done, data[COLUMNS], tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz") as stored:
        assert list(stored) == ["z"]
    before = content(tmp_path)
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        features.write(done, data, tmp_path / "z.npz")
    with pytest.raises(ValueError, match=r"written as \.npz, \.csv, \.parquet"):
        features.write(done, data, tmp_path / "z.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        features.write(done, data, tmp_path / "none" / "z.npz")
    with pytest.raises(ValueError, match="lacks"):
        features.write(done, data[["a"]], tmp_path / "new.npz")
    assert content(tmp_path) == before


def test_other_evaluations_are_added_to_the_results(tmp_path):
    path = csv(tmp_path)
    done = small(path, tmp_path / "run", label="kind")
    before = done.results
    found = done.evaluate("linear")
    assert set(found) == {"linear"}
    assert set(found["linear"]) == {"trained", "untrained", "supervised", "raw", "majority"} == set(before["probes"]["knn"])
    assert done.results["probes"] == {**before["probes"], "linear": found["linear"]}
    sgd = done.evaluate({"linear": {"protocol": "sgd", "epochs": 5}})
    assert done.results["probes"]["linear"] == sgd["linear"] != found["linear"]
    assert set(sgd["linear"]["trained"]["chosen"]) == {"lr"}
    knn = done.evaluate("knn")  # the same again, under the same rules and on the same split
    assert knn["knn"] == done.results["probes"]["knn"] == before["probes"]["knn"]
    results = done.results
    assert results["diagnosis"] == assess.verdicts(results["learning"], results["probes"], results["labels"], 20)
    assert "saw all" in done.evaluate("labels") or "saw all" in done.results["labels"]["withheld"]
    strict(done.folder / "results.json")


def test_evaluating_data_from_memory_needs_them_again(tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix")
    assert done.evaluate("linear", data=blobs())["linear"]["trained"]["accuracy"] > 0.5
    with pytest.raises(ValueError, match="its content has changed"):
        done.evaluate("linear", data=blobs(seed=1))


def test_a_recipe_file_is_gone_over_by_what_is_given(tmp_path):
    path = tmp_path / "mine.yaml"
    text = "method: {name: imix, temperature: 0.3}\nmixer: {name: cutmix, alpha: 0.5}\nseed: 4\ntraining: {lr: 0.02}\n"
    path.write_text(text)
    found = small(blobs(), tmp_path / "run", recipe_file=path, seed=5).recipe
    assert (found["method"]["name"], found["method"]["temperature"]) == ("imix", 0.3)
    assert (found["mixer"]["name"], found["mixer"]["alpha"]) == ("cutmix", 0.5)
    assert (found["training"]["lr"], found["training"]["steps"], found["seed"]) == (0.02, 6, 5)


# --- stopped and resumed --------------------------------------------------------------------------------------------------


def stopping(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """SIGTERM after this step, once."""
    look, sent = learning.Looker.__call__, []

    def looked(self: learning.Looker, method: methods.Method, step: int) -> dict[str, Any]:
        if step == at and not sent:
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)
        return look(self, method, step)

    monkeypatch.setattr(learning.Looker, "__call__", looked)


def untimed(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "examples_per_second")} for line in lines]


def check_alike(one: Run, other: Run) -> None:
    assert same(state(one), state(other))
    assert same(state(one, untrained=True), state(other, untrained=True))
    assert untimed(one.folder) == untimed(other.folder)
    assert timeless(one.results) == timeless(other.results)
    files, others = ({name for name in content(done.folder) if "before" not in name} for done in (one, other))
    assert files == others


@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_a_run_that_was_stopped_ends_as_the_one_that_was_not(at, tmp_path, monkeypatch, capsys):
    whole = small(blobs(), tmp_path / "one")
    stopping(monkeypatch, at)
    with pytest.raises(Interrupted, match=f"SIGTERM after step {max(at, 1)} of 6"):
        small(blobs(), tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"is not finished: .* Go on with --resume"):
        _ = Run(tmp_path / "other").results
    with pytest.raises(FileNotFoundError, match="holds no finished encoder"):
        Run(tmp_path / "other").encoder()
    parts = small(blobs(), tmp_path / "other", resume=True, quiet=False)
    assert f"resumed after step {max(at, 1)} of 6" in capsys.readouterr().out
    check_alike(whole, parts)


@pytest.mark.parametrize("where", ["beside", "evaluating", "results", "page"])
def test_a_run_that_fails_after_training_is_finished_by_resuming(where, tmp_path, monkeypatch):
    whole = small(blobs(), tmp_path / "one")
    owner, name = {"beside": (work, "_beside"), "evaluating": (assess, "probe"), "results": (work, "write_json"),
                   "page": (report, "write")}[where]  # fmt: skip

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fails)
        with pytest.raises(KeyboardInterrupt):
            small(blobs(), tmp_path / "other")
    check_alike(whole, small(blobs(), tmp_path / "other", resume=True))


def test_stopped_while_plain_labels_are_trained(tmp_path, monkeypatch):
    whole = small(blobs(), tmp_path / "one")
    after, steps = mt.methods.Supervised.after_step, []

    def step(self: methods.Method, progress: float) -> None:
        steps.append(progress)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        after(self, progress)

    monkeypatch.setattr(mt.methods.Supervised, "after_step", step)
    with pytest.raises(Interrupted, match="SIGINT after step 3 of 6"):
        small(blobs(), tmp_path / "other")
    parts = small(blobs(), tmp_path / "other", resume=True)
    assert len(steps) == 6
    check_alike(whole, parts)
    assert untimed(whole.folder / "supervised") == untimed(parts.folder / "supervised")


def test_a_finished_run_is_left_as_it_is_and_it_is_said(tmp_path, capsys):
    done = small(blobs(), tmp_path / "run")
    before = content(done.folder)
    again = small(blobs(), tmp_path / "run", resume=True, quiet=False)
    assert again == done
    assert f"{done.folder} is finished already; nothing is left to do." in capsys.readouterr().out
    assert content(done.folder) == before


def test_an_encoder_of_ones_own_resumes_from_other_weights(tmp_path, monkeypatch):
    torch.manual_seed(0)
    mine = Net()
    start = {name: value.clone() for name, value in mine.state_dict().items()}
    whole = small(blobs(), tmp_path / "one", encoder=mine)
    again = Net()
    again.load_state_dict(start)
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "other", encoder=again)
    parts = small(blobs(), tmp_path / "other", encoder=Net(), resume=True)  # its weights are not used
    for untrained in (False, True):
        assert same(*(export.load(done.folder, module=Net(), weights=export.UNTRAINED if untrained else export.WEIGHTS)
                      .encoder.state_dict() for done in (whole, parts)))  # fmt: skip
    assert timeless(whole.results) == timeless(parts.results)


@pytest.mark.parametrize("what", ["x", "y", "rows", "shape", "order"])
def test_data_that_have_changed_are_refused(what, tmp_path):
    (x, y), out = blobs(), tmp_path / "run"
    small((x, y), out)
    before = content(out)
    changed = {
        "x": (x + (np.arange(80) == 7)[:, None], y),
        "y": (x, y[::-1].copy()),
        "rows": (x[:-2], y[:-2]),
        "shape": (x.reshape(80, 2, 2), y),
        "order": (x[::-1].copy(), y),
    }[what]
    with pytest.raises(ValueError, match=r"is not what it was when this run began.*Start in another --out"):
        small(changed, out, resume=True)
    assert content(out) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "imix"}, "method.name: 'mixsupcon' and 'imix'"),
        ({"training": {"lr": 0.5}}, "training.lr: 0.001 and 0.5"),
        ({"seed": 3}, "seed: 0 and 3"),
        ({"encoder": {"name": "mlp", "widths": (8,)}}, "encoder.widths"),
        ({"labels": 5}, "data.labels: None and 5"),
    ],
    ids=str,
)
def test_another_recipe_is_refused(options, said, tmp_path):
    done = small(blobs(), tmp_path / "run")
    before = content(done.folder)
    with pytest.raises(ValueError, match="holds a run of another recipe") as caught:
        small(blobs(), tmp_path / "run", resume=True, **options)
    assert said in str(caught.value)
    assert content(done.folder) == before


def test_resuming_needs_no_setting_again(tmp_path, monkeypatch):
    stopping(monkeypatch, 2)
    with pytest.raises(Interrupted):
        small(csv(tmp_path), tmp_path / "run", label="kind", method="imix", mixer={"name": "cutmix", "alpha": 0.4})
    done = mt.train(out=tmp_path / "run", resume=True, quiet=True)
    assert done.results["mixer"] == "cutmix"
    assert done.results["cost"]["steps"] == 6


def test_resuming_needs_a_folder_and_may_begin(tmp_path):
    with pytest.raises(ValueError, match="none was named"):
        small(blobs(), None, resume=True)
    done = small(blobs(), tmp_path / "run", resume=True)
    assert done.results["cost"]["steps"] == 6


def test_two_do_not_resume_one_run_at_once(tmp_path, monkeypatch):
    stopping(monkeypatch, 2)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "run")
    before = content(tmp_path / "run")
    with work.alone(tmp_path / "run"), pytest.raises(BlockingIOError, match=r"another process is at work on .*run"):
        small(blobs(), tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == before
    small(blobs(), tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", ["checkpoint.pt", "untrained.safetensors"])
def test_a_damaged_file_is_said_when_resuming(name, tmp_path, monkeypatch):
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"")
    with pytest.raises(ValueError, match="is damaged"):
        small(blobs(), tmp_path / "run", resume=True)


# --- what is refused, with nothing written --------------------------------------------------------------------------------

REFUSED = {
    "no data": (None, {}, ValueError, "no data were given"),
    "a kind of data": (["a"], {}, TypeError, "must be a name, a path, arrays or a DataFrame"),
    "a file": ("none.csv", {}, FileNotFoundError, "there is no file"),
    "a method": (blobs(), {"method": "imx"}, ValueError, "Did you mean 'imix'"),
    "an option": (blobs(), {"method": {"name": "imix", "temprature": 1}}, ValueError, "Did you mean 'temperature'"),
    "labels of a number": (blobs()[0], {"label": blobs()[0][:, 0], "labels": 3}, ValueError, "this label is a number"),
    "labels of nothing": (blobs()[0], {"labels": 3}, ValueError, "there is no label"),
    "more labels than there are": (blobs(), {"labels": 99}, ValueError, "must be at most what every class has"),
    "a column": (frame(), {"label": "kid"}, ValueError, "kind"),
    "a domain's option": (frame(), {"options": {"hedaer": "no"}}, ValueError, "Did you mean 'header'"),
    "a depth": (blobs(), {"method": {"name": "imix", "depth": 9}}, ValueError, "`depth` of IMix"),
    "a mixer": (blobs(), {"mixer": "resizemix"}, ValueError, "the columns of a table have no order"),
    "a device": (blobs(), {"training": {"device": "mps"}}, ValueError, "`device` must be 'auto', 'cpu' or 'cuda'"),
    "infinity": ((blobs()[0] * np.inf, blobs()[1]), {}, ValueError, "must be finite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, options, error, said = REFUSED[name]
    for out in (tmp_path / "run", None):
        with pytest.raises(error, match=said):
            small(data, out, **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "file").write_text("mine")
    for name in ("run", "file"):
        with pytest.raises(FileExistsError, match="nothing is overwritten"):
            small(blobs(), tmp_path / name)
    with pytest.raises(ValueError, match="is a file, not a run folder"):
        small(blobs(), tmp_path / "file", resume=True)
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not a run: it holds no recipe\.yaml"):
        small(blobs(), tmp_path / "run", resume=True)
    assert content(tmp_path) == {"file": b"mine", "run/mine.txt": b"mine"}


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"is not a run: it holds no recipe\.yaml"):
        Run(tmp_path)


def test_results_are_json_without_nan(tmp_path):
    work.write_json({"a": [math.nan, 1.0, {"b": math.nan}], "c": (2, None)}, tmp_path / "a.json")
    assert strict(tmp_path / "a.json") == {"a": [None, 1.0, {"b": None}], "c": [2, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# --- the diagnosis, of runs that really have it ---------------------------------------------------------------------------


def test_learning_is_seen(tmp_path):
    done = small(blobs(120, apart=8.0), tmp_path / "run", method="simclr", training={"steps": 150, "lr": 0.01})
    assert "learning" in verdicts(done)
    assert not {"at chance", "collapsed", "memorising", "diverged"} & set(verdicts(done))
    learned = done.results["learning"]
    assert learned["floor"] < learned["loss"] < learned["chance"]


@pytest.mark.parametrize("method", ["supcon", "mixsupcon", "supervised"])
def test_standing_still_is_seen(method, tmp_path):
    done = small(blobs(120), tmp_path / "run", method=method, training={"steps": 10, "lr": 1e-8})
    assert "at chance" in verdicts(done)
    assert "learning" not in verdicts(done)


class Constant(nn.Module):
    """An encoder whose last layer has died."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Linear(4, 12), nn.Linear(12, 16)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x).relu())


def test_a_collapse_is_seen(tmp_path):
    done = small(blobs(), tmp_path / "run", method="simclr", encoder=Constant(), training={"lr": 1e-8})
    assert verdicts(done)[0] == "collapsed"
    assert done.results["learning"]["rank"] < 2


def test_learning_by_heart_is_seen(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(120, 10)).astype(np.float32), rng.permutation(np.arange(120) % 2)
    options = {"encoder": {"name": "mlp", "widths": (64,)}, "views": "none", "training": {"steps": 300, "lr": 0.01}}
    done = small(noise, tmp_path / "run", method="supervised", **options)
    assert "memorising" in verdicts(done)
    assert done.results["learning"]["train_loss"] < 0.2 < done.results["learning"]["val_loss"]


def test_what_is_worth_it_is_seen(tmp_path):
    """Rings: what is near the middle is one class, and no straight line tells them apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
    training = {"steps": 300, "lr": 0.01}
    done = small((x, y), tmp_path / "run", method="supervised", evaluation="linear", views="noise", training=training)
    assert {"learning", "worth it"} & set(verdicts(done))
    assert done.results["probes"]["linear"]["trained"]["accuracy"] > done.results["probes"]["linear"]["raw"]["accuracy"] + 0.1


# --- what goes wrong on the way -------------------------------------------------------------------------------------------


def test_a_training_that_blows_up_keeps_its_folder(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"Try a lower learning rate"):
        small(blobs(), out, method="imix", views={"breaks": Breaks()}, training={"checkpoint_every": 0.0})
    assert [line["step"] for line in Run(out).metrics] == [0, 1, 2, 3]
    assert (out / "checkpoint.pt").is_file()
    assert not (out / "results.json").exists()


class Breaks(View):
    """Not finite from the fourth step on: before it are two views of the batch that is tried first, and of three steps."""

    def __init__(self) -> None:
        self.steps = 0

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        self.steps += len(x) == 48
        return x / (self.steps < 9)

    def __repr__(self) -> str:
        return "Breaks()"


def test_a_look_sees_validation_and_no_test_example():
    ready = run.prepare({"encoder": SMALL["encoder"], "training": {"steps": 6}}, blobs())
    looker = learning.Looker(ready)
    assert {name: sorted(rows.tolist()) for name, rows in looker.parts.items()} == {
        "train": ready.split.train.tolist(), "test": ready.split.val.tolist(),
    }  # fmt: skip
    seen = looker(ready.method, 0)
    assert set(seen) == {"alignment", "uniformity", "rank", "knn"}
    ready.data.x[ready.split.test] = math.nan
    assert looker(ready.method, 0) == seen


@pytest.mark.parametrize("seed", range(4))
def test_an_encoder_that_stood_still_has_learned_nothing_by_heart(seed, tmp_path):
    """A dozen validation examples may be harder than a dozen others, and were so before training."""
    x = np.random.default_rng(seed).normal(size=(120, 4)).astype(np.float32)
    done = small(x, tmp_path / "run", method="imix", training={"steps": 3, "lr": 1e-9})
    learned = done.results["learning"]
    assert "memorising" not in verdicts(done)
    assert "too early" in verdicts(done)
    assert abs(learned["gain_train"] - learned["gain_train_before"]) < 1


OWN: list[dict[str, Any]] = [{}, {"mixer": mt.mixers.CutMix()}, {"encoder": nn.Linear(10, 8)}]


@pytest.mark.parametrize("own", OWN, ids=["named", "mixer", "encoder"])
def test_the_method_before_training_is_built_again_as_it_began(own):
    x = np.random.default_rng(0).normal(size=(60, 10)).astype(np.float32)
    ready = run.prepare({"method": "imix", "seed": 3, **own}, x)
    again = learning._before(ready, ready.method, copy.deepcopy(ready.method.encoder)).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in ready.method.state_dict().items())


# --- images in bytes, fewer examples, what stands beside ------------------------------------------------------------------


def pictures(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.arange(rows) % 2
    x = rng.integers(0, 156, (rows, 3, 8, 8))
    x[:, :, :4] += 90 * y[:, None, None, None]
    return x.astype(np.uint8), y


def test_bytes_stay_bytes_and_give_what_their_intensities_give(tmp_path):
    x, y = pictures()
    options: dict[str, Any] = {"method": "imix", "views": "shift+noise"}
    some = small((x, y), tmp_path / "bytes", **options)
    other = small((x.astype(np.float32) / 255, y), tmp_path / "floats", **options)
    assert prepared(some, (x, y)).data.x.dtype == torch.uint8
    for key, value in state(some).items():
        torch.testing.assert_close(value, state(other)[key], rtol=1e-3, atol=1e-4)  # the scale is summed in another order
    again = torch.from_numpy(x[:5])
    torch.testing.assert_close(some.encoder()(again), other.encoder()(again.float() / 255), rtol=1e-3, atol=1e-4)


def test_views_of_pixels_come_before_the_scale_and_others_after():
    class Once(View):
        def __init__(self, name: str) -> None:
            self.name = name

        def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
            seen.append((self.name, float(x.min()), float(x.max())))
            return x

    class Before(Once):
        unscaled = True

    seen: list[tuple[str, float, float]] = []
    scale = views.Scale(torch.tensor([[[0.5]]]), torch.tensor([[[0.1]]]))
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    out = scale(x, [Once("after"), Before("before")], torch.Generator())
    assert seen == [("before", 0.0, pytest.approx(1.0)), ("after", pytest.approx(-5.0), pytest.approx(5.0))]
    torch.testing.assert_close(out, (x.float() / 255 - 0.5) / 0.1)
    with pytest.raises(TypeError, match="views draw from a generator, got none"):
        scale(x, [Once("after")])


def test_a_folder_that_is_streamed_gives_what_memory_gives(tmp_path):
    image = pytest.importorskip("PIL.Image")
    x, y = pictures(40)
    for row, (pixels, kind) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "images" / f"class{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{row:03}.png")
    source = str(tmp_path / "images")
    kept, streamed = (
        small(source, tmp_path / memory, views="flip", batch=10, method="mixsupcon", options={"memory": memory})
        for memory in ("yes", "no")
    )
    assert same(state(kept), state(streamed))
    assert kept.results["probes"] == streamed.results["probes"]
    assert torch.equal(kept.embed(source)[0], streamed.embed(source)[0])


def test_fewer_examples_are_drawn_by_class_and_nested():
    x, y = blobs(400)
    y = (np.arange(400) % 4 == 0).astype(int)
    whole, some, fewer = (
        run.prepare({"data": {"examples": many} if many else {}, "encoder": SMALL["encoder"]}, (x, y))
        for many in (None, 60, 20)
    )
    assert (len(some.rows), len(fewer.rows)) == (60, 20)
    assert set(fewer.rows.tolist()) < set(some.rows.tolist()) < set(whole.rows.tolist())
    assert set(some.split.val.tolist()) < set(whole.split.val.tolist())
    assert torch.equal(some.split.test, whole.split.test)
    assert int((some.seen[some.rows] == 1).sum()) == 15
    assert len(some.split.val) == round(len(whole.split.val) * 60 / len(whole.rows))
    assert "60 train and" in some.split.says
    with pytest.raises(ValueError, match="asks for 500 training examples, and there are"):
        run.prepare({"data": {"examples": 500}, "encoder": SMALL["encoder"]}, (x, y))
    with pytest.raises(ValueError, match="`examples` must be how many training examples"):
        run.prepare({"data": {"examples": 1}, "encoder": SMALL["encoder"]}, (x, y))


def test_compiling_is_of_the_stages_and_changes_nothing_else(tmp_path, monkeypatch):
    plain = small(blobs(), tmp_path / "plain", method="imix")
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, *given, **options: compiled.append(module))
    done = small(blobs(), tmp_path / "compiled", method="imix", training={"compile": True})
    assert len(compiled) == len(done.encoder().encoder.stages) > 0
    assert not any(isinstance(module, methods.Method) for module in compiled)
    assert same(state(plain), state(done))


def test_nothing_stands_beside_where_it_is_not_wanted(tmp_path):
    done = small(blobs(), tmp_path / "run", method="supcon", training={"beside": "none"})
    assert "supervised" not in done.results["probes"]["knn"]
    assert not (done.folder / "supervised").exists()


def test_pipelines_are_their_views(tmp_path):
    recipe_ = run.prepare({"views": "supcon", "encoder": {"name": "resnet8", "width": 4}}, pictures()).recipe
    assert list(recipe_["views"]) == ["crop", "flip", "color", "gray"]
    assert tuple(recipe_["views"]["crop"]["scale"]) == (0.2, 1.0)
    both = run.prepare({"views": {"supcon": {}, "crop": {"scale": (0.5, 1.0)}, "noise": {}}}, pictures()).recipe["views"]
    assert (tuple(both["crop"]["scale"]), list(both)[-1]) == ((0.5, 1.0), "noise")


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


def test_what_an_evaluation_was_made_with_is_kept(tmp_path):
    data = blobs()
    done = small(data, tmp_path / "run")
    done.evaluate({"knn": {"neighbours": (3,)}, "linear": {"protocol": "sgd"}}, data=data)
    assert done.results["evaluation"]["linear"]["protocol"] == "sgd"
    assert done.results["evaluation"]["knn"]["neighbours"] == [3]


def test_the_folder_of_several_seeds_says_what_to_give(tmp_path):
    small(blobs(), tmp_path / "all" / "seed-0")
    with pytest.raises(ValueError, match=r"holds the runs of several seeds\. Give one of them: .*seed-0"):
        Run(tmp_path / "all")


# --- once wrong -----------------------------------------------------------------------------------------------------------


METHODS_OF_LABELS = [name for name in methods.names() if registry.find(methods, name).uses_labels]


@pytest.mark.parametrize("label", [np.zeros(80, dtype=int), np.full(80, "oak"), np.full(80, 0.25)], ids=["0", "oak", "0.25"])
def test_a_label_of_one_class_probes_nothing(label, tmp_path):
    done = small((blobs()[0], label), tmp_path / "run")
    assert done.results["method"] == "imix"
    assert done.results["probes"] == {}
    assert any("there is nothing to tell apart, and nothing is probed" in note for note in done.results["data"]["notes"])
    assert not any("knn" in line["look"] for line in done.metrics if "look" in line)
    for method in METHODS_OF_LABELS:
        with pytest.raises(ValueError, match="tells classes apart, but there is only one"):
            small((blobs()[0], label), tmp_path / method, method=method)
        assert not (tmp_path / method).exists()


def test_a_table_that_is_sorted_by_class_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "LOOKED", (20, 10))  # as 2,000 and 500 of a larger table
    x, y = blobs()
    order = np.argsort(y, kind="stable")
    done = small((x[order], y[order]), tmp_path / "run", method="imix")
    assert "knn" in done.metrics[0]["look"]
    ready = run.prepare({"encoder": SMALL["encoder"], "training": {"steps": 6}}, (x[order], y[order]))
    one, other = learning.Looker(ready).parts, learning.Looker(ready).parts
    for name, rows, many in (("train", ready.split.train, 20), ("test", ready.split.val, 10)):
        assert torch.equal(one[name], other[name])
        assert len(one[name].unique()) == many
        assert set(one[name].tolist()) <= set(rows.tolist())


def test_a_look_at_a_training_that_blew_up_is_a_training_error(tmp_path):
    with pytest.raises(TrainingError, match="Try a lower learning rate"):
        small(blobs(), tmp_path / "run", method="imix", training={"lr": 1e38, "warmup": 0.0})


def test_a_last_step_that_blows_up_is_a_training_error(tmp_path, monkeypatch):
    monkeypatch.setattr(learning.Looker, "__call__", lambda self, method, step: {})
    with pytest.raises(TrainingError, match="Try a lower learning rate"):
        small(blobs(), tmp_path / "run", method="imix", training={"lr": 1e38, "warmup": 0.0, "steps": 1})
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    assert not (tmp_path / "run" / "encoder.safetensors").exists()


def test_groups_alone_are_groups(tmp_path):
    done = small(blobs()[0], tmp_path / "run", groups=np.arange(80) // 4)
    assert done.results["data"]["task"] == "none"
    assert "whole groups" in done.results["data"]["split"]


def test_groups_beside_a_frame_or_a_file_are_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups, path = np.arange(80) // 4, csv(tmp_path)
    for data, kind in ((frame(), "DataFrame"), (str(path), "str"), (path, "Path"), (blobs(), "tuple")):
        with pytest.raises(
            TypeError, match=rf"go with an array of examples, got \w*{kind}\. Make them columns .*groups='subject'"
        ):
            small(data, tmp_path / "run", groups=groups, label=None if kind == "tuple" else "kind")
    with pytest.raises(TypeError, match="go with an array of examples"):
        small(frame().drop(columns="kind"), tmp_path / "run", label=frame()["kind"], groups=groups)
    with pytest.raises(TypeError, match="go with an array of examples"):
        small(path, tmp_path / "run", label=blobs()[1])
    with pytest.raises(TypeError, match="go with an array of examples"):
        small(blobs()[0], tmp_path / "run", label="kind", groups=groups)
    assert [path.name for path in tmp_path.iterdir()] == ["trees.csv"]


@pytest.mark.parametrize("kind", [pd.Series, np.array], ids=["series", "array"])
def test_labels_beside_a_frame_are_its_column(kind, tmp_path):
    data = frame()
    one, other = (
        small(data, tmp_path / "one", label="kind"),
        small(data.drop(columns="kind"), tmp_path / "other", label=kind(data["kind"])),
    )
    assert same(state(one), state(other))
    assert one.results["probes"] == other.results["probes"]


def test_groups_as_an_array_are_those_of_a_column(tmp_path):
    x, y = blobs()
    groups = np.arange(80) // 4
    one = small(x, tmp_path / "one", label=y, groups=groups)
    other = small({"x": x, "y": y, "groups": groups}, tmp_path / "other")
    assert one.results["probes"] == other.results["probes"]
    assert one.recipe["data"]["fingerprint"] == other.recipe["data"]["fingerprint"]


def test_test_rows_that_have_changed_are_refused(tmp_path):
    """The same rows in all, and another one more of them for the test."""
    x, y = blobs(110)
    small((x[:80], y[:80]), tmp_path / "run", test=(x[80:], y[80:]))
    with pytest.raises(ValueError, match="its content has changed"):
        small((x[:79], y[:79]), tmp_path / "run", test=(x[79:], y[79:]), resume=True)


def test_the_majority_is_of_all_training_labels_granted_or_not(tmp_path):
    x, _ = blobs()
    y = (np.arange(80) % 4 == 0).astype(int)
    for number, options in enumerate([{}, {"labels": 3}]):
        done = small((x, y), tmp_path / str(number), method="imix", **options)
        counts = np.bincount(y[prepared(done, (x, y)).split.test])
        assert done.results["probes"]["knn"]["majority"]["accuracy"] == pytest.approx(counts[0] / counts.sum())


def test_groups_that_have_changed_are_refused(tmp_path, monkeypatch):
    (x, y), groups = blobs(), np.arange(80) // 4
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small((x, y, groups), tmp_path / "run")
    with pytest.raises(ValueError, match="its content has changed"):
        small((x, y, groups[::-1] // 2), tmp_path / "run", resume=True)


@pytest.mark.parametrize("method", ["simclr", "npair"])
def test_standing_still_below_chance_is_not_learning(method, tmp_path):
    done = small(blobs(120), tmp_path / "run", method=method, training={"steps": 10, "lr": 1e-8})
    assert "stuck" in verdicts(done)
    assert "learning" not in verdicts(done)
    assert done.results["learning"]["loss_first"] < done.results["learning"]["chance"]


def test_a_number_that_is_learned_is_not_learned_by_heart(tmp_path):
    x, _ = blobs(200)
    training = {"steps": 150, "lr": 0.01}
    done = small(x, tmp_path / "run", label=x.sum(1), method="supervised", views="none", training=training)
    assert "memorising" not in verdicts(done)


@pytest.mark.parametrize("own", [{"mixer": mt.mixers.Mixup(alpha=0.3)}, {"views": {"twice": Twice()}}], ids=["mixer", "view"])
def test_a_run_with_parts_of_ones_own_is_evaluated(own, tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix", **own)
    assert "trained" in done.evaluate("linear", data=blobs())["linear"]


def test_a_run_with_a_test_set_from_memory_is_evaluated(tmp_path):
    done = small(blobs(), tmp_path / "run", test=blobs(30, seed=1))
    assert "trained" in done.evaluate("linear", data=blobs(), test=blobs(30, seed=1))["linear"]


def test_evaluating_without_the_data_says_what_to_give(tmp_path):
    done = small(blobs(), tmp_path / "run")
    with pytest.raises(ValueError, match="data="):
        done.evaluate("linear")


def test_the_recipe_of_a_run_is_good_for_other_data(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    other = small(frame(rows=120, seed=1), tmp_path / "other", label="kind", recipe_file=done.folder / "recipe.yaml")
    assert other.results["cost"]["steps"] == 6
    assert (done.recipe["training"]["batch"], other.recipe["training"]["batch"]) == (48, 72)  # decided anew
    assert done.recipe["data"]["fingerprint"] != other.recipe["data"]["fingerprint"]


def test_the_recipe_of_a_run_is_good_for_itself(tmp_path):
    path = csv(tmp_path)
    done = small(path, tmp_path / "run", label="kind", training={"lr": 0.01})
    again = mt.train(recipe_file=done.folder / "recipe.yaml", out=tmp_path / "again", quiet=True)
    assert recipe.differences(done.recipe, again.recipe) == []
    assert same(state(done), state(again))


def test_settings_are_what_is_given_over_a_file_over_what_is_there(tmp_path):
    (tmp_path / "run").mkdir()
    stored = {"method": {"name": "imix", "dim": 8}, "training": {"lr": 0.1, "epochs": 3}, "seed": 1, "why": {"method": "so"}}
    recipe.write(stored, tmp_path / "run" / "recipe.yaml")
    recipe.write({"training": {"steps": 5}, "seed": 2}, tmp_path / "mine.yaml")
    where = {"out": tmp_path / "run", "file": tmp_path / "mine.yaml"}
    given = {"method": {"temperature": 0.3}, "seed": None}
    assert run.layers(given, resume=False, **where) == {
        "method": {"temperature": 0.3}, "training": {"steps": 5}, "seed": 2,
    }  # fmt: skip
    assert run.layers(given, resume=True, **where) == {
        "method": {"name": "imix", "dim": 8, "temperature": 0.3},  # all there is counts as given, decided or not
        "training": {"lr": 0.1, "epochs": None, "steps": 5},
        "seed": 2,
    }
    assert run.layers({}, resume=True, out=tmp_path / "new", file=None) == {}
    assert run.layers({}, resume=True, out=tmp_path / "run", file=None) == {k: v for k, v in stored.items() if k != "why"}


def test_infinity_is_no_json_either(tmp_path):
    work.write_json({"a": math.inf}, tmp_path / "a.json")
    assert strict(tmp_path / "a.json") == {"a": None}


def test_what_comes_next_can_be_typed(tmp_path):
    path = tmp_path / "my trees.csv"
    frame().to_csv(path, index=False)
    done = small(path, tmp_path / "my run", label="kind")
    words = [shlex.split(command) for command in done.results["next"]]
    assert words[0] == ["mixtrast", "embed", str(done.folder), str(path), "-o", "features.npz"]
    assert str(done.folder / "recipe.yaml") in words[1]
