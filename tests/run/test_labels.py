"""Labels and groups of a run: few, numbers, none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mixtrast import methods, registry, run
from mixtrast.records import LabelCurve
from support.runs import SMALL, blobs, csv, frame, prepared, same, small, state, strict

pytestmark = pytest.mark.usefixtures("light")


@pytest.mark.parametrize("method", ["mixsupcon", "supervised", "imix"])
def test_only_granted_labels_are_seen(method, tmp_path):
    done = small(blobs(), tmp_path / "run", labels=3, method=method)
    facts = done.results.data
    assert facts.labels_per_class == 3
    assert facts.labels_used == (0 if method == "imix" else 6)
    assert facts.counts == {"train": (3, 3), "val": (0, 0), "test": (10, 10)}
    assert any("use only 3 labels of each class" in note for note in facts.notes)
    ready = prepared(done, blobs())
    assert int((ready.visible >= 0).sum()) == 6
    assert set(ready.visible[ready.split.test].tolist()) | set(ready.visible[ready.split.val].tolist()) == {-1}
    assert len(ready.training_rows) == (6 if method == "supervised" else 48)
    assert done.results.probes["knn"]["trained"].chosen_by == "leave-one-out"  # validation labels were not granted
    assert all("knn" not in line.monitor for line in done.metrics)


def test_labels_can_be_missing_in_part(tmp_path):
    x, y = blobs()
    y[:30] = -1
    done = small((x, y), tmp_path / "run")
    assert done.results.data.unlabelled == 30
    assert done.results.method == "imix"  # too few labels for a method that uses them
    done = small((x, y), tmp_path / "other", method="mixsupcon")
    assert done.results.data.labels_used == done.results.data.train - 30


@pytest.mark.parametrize("method", ["imix", "mixsupcon"])
def test_a_number_is_predicted_and_its_bins_are_what_training_sees(method, tmp_path):
    x, _ = blobs()
    target = x @ np.array([1, -1, 0.5, 2], dtype=np.float32)
    done = small(x, tmp_path / "run", label=target, method=method, training={"bins": 4}, evaluation="knn+linear")
    strict(done.folder / "results.json")
    results = done.results
    assert results.data.task == "number"
    assert any("get its 4 quantile bins" in note for note in results.data.notes)
    for table in results.probes.values():
        assert {"r2", "mae"} <= set(table["trained"].values)
        assert all("accuracy" not in row.values for row in table.values())
        assert table["majority"].values["r2"] <= 0
    assert results.probes["linear"]["raw"].values["r2"] > 0.99
    ready = prepared(done, (x, target))
    seen = ready.visible[ready.split.train]
    assert torch.bincount(seen).tolist() == [12, 12, 12, 12]
    for bins in range(3):
        label = ready.label[ready.split.train]
        assert label[seen == bins].max() < label[seen == bins + 1].min()
    assert set(ready.visible[ready.split.test].tolist()) == {-1}


def test_without_a_label_nothing_is_probed_and_it_is_said(tmp_path):
    done = small(blobs()[0], tmp_path / "run")
    strict(done.folder / "results.json")
    results = done.results
    assert results.method == "imix"
    assert results.probes == {}
    assert results.labels == LabelCurve()
    assert any("nothing can be probed" in note for note in results.data.notes)
    assert results.data.test == 0
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
        assert "by group" in done.results.data.split


def test_fewer_examples_are_drawn_by_class_and_nested():
    x, y = blobs(400)
    y = (np.arange(400) % 4 == 0).astype(int)
    whole, some, fewer = (
        run.prepare({"data": {"examples": many} if many else {}, "encoder": SMALL["encoder"]}, (x, y))
        for many in (None, 60, 20)
    )
    assert (len(some.training_rows), len(fewer.training_rows)) == (60, 20)
    assert set(fewer.training_rows.tolist()) < set(some.training_rows.tolist()) < set(whole.training_rows.tolist())
    assert set(some.split.val.tolist()) < set(whole.split.val.tolist())
    assert torch.equal(some.split.test, whole.split.test)
    assert int((some.visible[some.training_rows] == 1).sum()) == 15
    assert len(some.split.val) == round(len(whole.split.val) * 60 / len(whole.training_rows))
    assert "60 train and" in some.split.description
    with pytest.raises(ValueError, match="asks for 500 training examples, and there are"):
        run.prepare({"data": {"examples": 500}, "encoder": SMALL["encoder"]}, (x, y))
    with pytest.raises(ValueError, match="`examples` must be how many training examples"):
        run.prepare({"data": {"examples": 1}, "encoder": SMALL["encoder"]}, (x, y))


METHODS_OF_LABELS = [name for name in methods.names() if registry.find(methods, name).uses_labels]


@pytest.mark.parametrize("label", [np.zeros(80, dtype=int), np.full(80, "oak"), np.full(80, 0.25)], ids=["0", "oak", "0.25"])
def test_a_label_of_one_class_probes_nothing(label, tmp_path):
    done = small((blobs()[0], label), tmp_path / "run")
    assert done.results.method == "imix"
    assert done.results.probes == {}
    assert any("there is nothing to predict and nothing is probed" in note for note in done.results.data.notes)
    assert not any("knn" in line.monitor for line in done.metrics if line.monitor)
    for method in METHODS_OF_LABELS:
        with pytest.raises(ValueError, match="tells classes apart, but there is only one"):
            small((blobs()[0], label), tmp_path / method, method=method)
        assert not (tmp_path / method).exists()


def test_groups_alone_are_groups(tmp_path):
    done = small(blobs()[0], tmp_path / "run", groups=np.arange(80) // 4)
    assert done.results.data.task == "none"
    assert "by group" in done.results.data.split


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
    assert one.results.probes == other.results.probes


def test_groups_as_an_array_are_those_of_a_column(tmp_path):
    x, y = blobs()
    groups = np.arange(80) // 4
    one = small(x, tmp_path / "one", label=y, groups=groups)
    other = small({"x": x, "y": y, "groups": groups}, tmp_path / "other")
    assert one.results.probes == other.results.probes
    assert one.recipe.data.fingerprint == other.recipe.data.fingerprint
