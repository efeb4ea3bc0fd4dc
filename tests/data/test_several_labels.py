"""Several labels an example: `a;b;c` in a cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import cli, datasets, evaluation, report
from mixtrast.encoders import get
from mixtrast.methods import Batch
from mixtrast.methods._batch import labels_of
from mixtrast.run import prepare
from mixtrast.run.evaluate import Evaluator
from mixtrast.spec import Table

TAGS = ("large", "old", "red")


def table(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    there = rng.random((rows, 3)) < (0.5, 0.4, 0.3)
    values = rng.normal(size=(rows, 6))
    values[:, :3] += 2.5 * there
    cells = [";".join(tag for tag, is_there in zip(TAGS, row, strict=True) if is_there) for row in there]
    return pd.DataFrame(values, columns=list("abcdef")).assign(tags=cells)


def test_cells_are_read_as_several_labels():
    frame = table()
    frame.loc[0, "tags"] = " red ; old;;red "
    frame.loc[1, "tags"] = ""
    data = datasets.open(frame, label="tags")
    assert data.classes == TAGS
    assert data.task == "classes"
    assert data.label_sets is not None
    assert data.label_sets[0].tolist() == [1, 2, -1]  # in order, so that it does not matter how they were written
    assert data.label_sets[1].tolist() == [-1, -1, -1]
    assert torch.equal(data.label, data.label_sets[:, 0])
    assert any("has several labels in a cell, between ';': 3 in all" in note for note in data.notes)
    assert data.schema.multilabel is True
    more = datasets.open(table(20, 1).assign(tags="old"), schema=data.schema)
    assert more.label_sets.tolist() == [[1]] * 20
    with pytest.raises(
        ValueError, match=r"has 'odl' in 20 rows, first in row 0, and the earlier data have the classes .* only\. Did you"
    ):
        datasets.open(table(20, 1).assign(tags="odl"), schema=data.schema)
    tested = datasets.open(frame, label="tags", test=table(30, 2).assign(tags="old;red"))
    assert tested.label_sets.shape == (190, 3)
    assert tested.label_sets[-1].tolist() == [1, 2, -1]


def test_what_is_one_class_stays_one():
    frame = table()
    whole = datasets.open(frame[frame["tags"] != ""], label="tags", task="classes")
    assert whole.label_sets is None
    assert "large;old" in whole.classes
    once = datasets.open(pd.DataFrame({"a": np.arange(40.0), "y": ["x;y", "z"] * 20}), label="y")  # never in other company
    assert once.label_sets is None
    asked = datasets.open(pd.DataFrame({"a": np.arange(40.0), "y": ["x;y", "z"] * 20}), label="y", task="multilabel")
    assert asked.classes == ("x", "y", "z")


def test_shares_are_equal_and_who_has_none_is_alone():
    label = torch.tensor([[0, 2, -1], [1, -1, -1], [-1, -1, -1]])
    found = labels_of(label, torch.tensor([5, 6, 7]))
    assert found.weight.tolist() == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert found.ids[2, 0] == -9
    assert labels_of(label).weight[2].sum() == 0  # nobody


def made(label: Tensor, name: str) -> Tensor:
    torch.manual_seed(0)
    method = mt.methods.get(name, get("mlp", Table(4), widths=(8,)), classes=3)
    x = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1))
    return method(Batch(tuple(x[: method.views_needed]), label, torch.arange(9)), torch.Generator().manual_seed(2)).value


@pytest.mark.parametrize("name", ["supcon", "mixsupcon", "supervised"])
def test_one_label_among_several_is_that_label(name):
    label = torch.arange(9) % 3
    padded = torch.stack([label, torch.full((9,), -1)], 1)
    torch.testing.assert_close(made(padded, name), made(label, name))
    if name != "supervised":
        missing = torch.where(torch.arange(9) < 2, -1, label)
        torch.testing.assert_close(made(torch.stack([missing, torch.full((9,), -1)], 1), name), made(missing, name))
    assert not torch.allclose(made(torch.stack([label, (label + 1) % 3], 1), name), made(label, name))


def test_contrast_follows_the_overlap():
    """The loop: W_ij is the share that two examples have in common."""
    label = torch.tensor([[0, 1], [1, 2], [0, -1], [2, -1]])
    labels = labels_of(label)
    z = torch.nn.functional.normalize(torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    share = [{int(k): 1 / int((row >= 0).sum()) for k in row if k >= 0} for row in label]
    total = 0.0
    for i in range(4):
        others = [j for j in range(4) if j != i]
        scores = torch.stack([z[i] @ z[j] / 0.1 for j in others])
        weight = torch.tensor([sum(u * share[j].get(k, 0.0) for k, u in share[i].items()) for j in others])
        total += float(-(weight * scores.log_softmax(0)).sum() / weight.sum()) / 4
    found = mt.contrast(z, z, labels, labels, temperature=0.1, exclude=torch.arange(4))
    assert float(found) == pytest.approx(total, rel=1e-5)


def test_a_run_with_several_labels(tmp_path, capsys):
    frame = table(240)
    frame.loc[3, "tags"] = ""
    frame.to_csv(tmp_path / "t.csv", index=False)
    quick = ["--training.steps", "3", "--no-maps", "--training.online", "eval", "--out", str(tmp_path / "run")]
    assert cli.main(["train", str(tmp_path / "t.csv"), "--label", "tags", "--method", "mixsupcon", *quick]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the online probe is left out" in out
    run = mt.Run(tmp_path / "run")
    results = run.results
    assert results.data.multilabel is True
    assert sum(results.data.counts["train"]) > results.data.train - results.data.unlabelled
    linear = results.probes["linear"]
    assert linear["raw"].values["balanced_accuracy"] > 0.8
    assert linear["majority"].values == {"balanced_accuracy": 0.5}
    assert linear["raw"].values["labels"] == 3
    assert "an example has several labels" in results.labels.withheld
    assert "mean over labels" in report.table(results)[0][1]
    assert "several for an example" in run.page.read_text(encoding="utf-8")
    assert "constant baseline" in run.page.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="finetune cannot be evaluated: it needs one class per example, and here"):
        run.evaluate("knn+finetune")
    assert set(run.evaluate("default")) == {"boosting", "knn", "linear"}
    assert "constant baseline" in " ".join(verdict.says for verdict in run.results.diagnosis)
    assert cli.main(["embed", str(run.folder), str(tmp_path / "t.csv"), "-o", str(tmp_path / "z.csv")]) == 0
    written = pd.read_csv(tmp_path / "z.csv")["label"]
    assert written.fillna("").tolist()[:5] == frame["tags"].tolist()[:5]
    assert cli.main(["train", str(tmp_path / "t.csv"), "--label", "tags", "--labels", "5", "--out", str(tmp_path / "few")]) == 2
    assert "an example has several here" in capsys.readouterr().err


def test_each_label_is_a_question_of_its_own():
    ready = prepare({"method": "npair", "data": {"label": "tags"}, "encoder": {"name": "mlp", "widths": (8,)}}, table(200))
    found = Evaluator(ready, {}).evaluate({"linear": {}}, lambda part: None).probes["linear"]["raw"].values
    scores = []
    for label in range(3):
        there = torch.where(ready.dataset.label >= 0, (ready.dataset.label_sets == label).any(1).long(), -1)
        own = {name: getattr(ready.split, name) for name in ("train", "val", "test")}
        parts = {name: (ready.scale(ready.dataset.x[part]), there[part]) for name, part in own.items()}
        features = evaluation.Features.of(**parts, classes=2)
        scores.append(evaluation.get("linear")(features, seed=ready.seed).values["balanced_accuracy"])
    assert found["balanced_accuracy"] == pytest.approx(np.mean(scores), abs=1e-9)
    assert ready.training_labels[ready.split.test].max() == -1  # training sees no label outside its rows


def test_other_files_of_the_same_labels(tmp_path):
    numbered = pd.DataFrame({"a": np.arange(40.0), "y": ["1;2", "2", "3;1", "2;3"] * 10})
    data = datasets.open(numbered, label="y")
    assert data.classes == ("1", "2", "3")
    more = datasets.open(
        pd.DataFrame({"a": [1.0, 2.0], "y": [1.0, np.nan]}), schema=data.schema
    )  # one label in each, so numbers
    assert more.label_sets.tolist() == [[0], [-1]]
    lists = datasets.open(pd.DataFrame({"a": np.arange(40.0), "y": [["x", "y"], ["x"], [], ["z", "x"]] * 10}), label="y")
    assert lists.label_sets[:4].tolist() == [[0, 1], [0, -1], [-1, -1], [0, 2]]
    pd.DataFrame({"a": np.arange(40.0), "y": [["x", "y"], ["x"], ["y"], ["z", "x"]] * 10}).to_parquet(tmp_path / "t.parquet")
    assert torch.equal(datasets.open(tmp_path / "t.parquet", label="y").label_sets[:2], torch.tensor([[0, 1], [0, -1]]))
    with pytest.raises(ValueError, match="most of them once: it looks like an identifier"):
        datasets.open(
            pd.DataFrame({"a": np.arange(40.0), "y": [f"u{n};v{n}" for n in range(40)]}), label="y", task="multilabel"
        )
    with pytest.raises(ValueError, match="is missing in all 40 rows"):
        datasets.open(pd.DataFrame({"a": np.arange(40.0), "y": [";"] * 40}), label="y", task="multilabel")


def test_other_data_have_labels_of_their_own(tmp_path):
    table(160).to_csv(tmp_path / "t.csv", index=False)
    run = mt.train(tmp_path / "t.csv", label="tags", method="npair", training={"steps": 1}, evaluation="linear", quiet=True,
                   out=tmp_path / "run")  # fmt: skip
    plain = table(160, 5).assign(y=["u", "v"] * 80)
    plain.to_csv(tmp_path / "o.csv", index=False)
    found = run.transfer(tmp_path / "o.csv", label="y", evaluation="linear+finetune")
    assert "accuracy" in found["finetune"]["trained"].values
    assert "labels" not in found["linear"]["raw"].values
    again = run.transfer(tmp_path / "o.csv", label="tags", evaluation="linear")
    assert again["linear"]["raw"].values["labels"] == 3


def test_labels_that_share_their_first(tmp_path):
    rng = np.random.default_rng(0)
    second = rng.random(160) < 0.5
    frame = pd.DataFrame({"a": rng.normal(size=160) + 3 * second, "b": rng.normal(size=160)})
    frame["y"] = ["photo;cat" if is_cat else "photo" for is_cat in second]
    run = mt.train(
        frame, label="y", method="mixsupcon", training={"steps": 2}, evaluation="linear", quiet=True, out=tmp_path / "r"
    )
    assert run.results.probes["linear"]["raw"].values["labels"] == 1  # all have photo: nothing is asked of it
    assert run.results.probes["linear"]["raw"].values["balanced_accuracy"] > 0.8
