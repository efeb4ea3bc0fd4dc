"""Evaluation of a run on other data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import mixtrast as mt
from mixtrast import cli
from support.examples import small


def test_a_run_on_other_data(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 5)), rng.integers(0, 3, 150)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", x=3 * x, y=(x[:, 0] > 0).astype(int))  # other classes, of another scale
    run = mt.train(tmp_path / "a.npz", method="npair", training={"steps": 3}, quiet=True, out=tmp_path / "run")
    found = run.transfer(tmp_path / "b.npz", evaluation="linear+finetune", options=None)
    assert set(found["linear"]) == {"trained", "untrained", "raw", "majority"}
    assert set(found["finetune"]) == {"trained", "untrained", "majority"}
    assert found["linear"]["raw"].values["accuracy"] > 0.9
    (told,) = run.results.other_data.values()
    assert told.data.classes == ("0", "1")
    assert run.results.data.classes == ("0", "1", "2")  # what the run is about stays
    page = run.page.read_text(encoding="utf-8")
    assert "On other data: b" in page
    kept = run.encoder()
    assert torch.equal(kept.scale.mean, mt.run.read_for(kept, 0, 10, tmp_path / "b.npz", None, {}).scale.mean)
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "b.npz"), "--evaluation", "knn"]) == 0
    out = capsys.readouterr().out
    assert "kNN, accuracy" in out
    assert "Added to the report" in out
    assert cli.main(["report", str(run.folder)]) == 0


def test_options_of_other_data_are_typed(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        frame = pd.DataFrame({"t": np.arange(600), "v": rng.normal(size=600), "#y": ["ab"[at // 30 % 2] for at in range(600)]})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    quick = ["--training.steps", "1", "--evaluation", "knn", "--no-maps", "--quiet", "--out", str(tmp_path / "run")]
    words = ["train", str(tmp_path / "a.csv"), "--label", "#y", "--window", "10", "--method", "npair"]
    assert cli.main([*words, *quick]) == 0
    assert mt.Run(tmp_path / "run").results.data.classes == ("a", "b")
    other = ["--on", str(tmp_path / "b.csv"), "--label", "#y", "--data.window", "10", "--data.stride", "5"]
    assert cli.main(["evaluate", str(tmp_path / "run"), *other]) == 0
    assert "one every 5 rows" in capsys.readouterr().out
    assert cli.main(["evaluate", str(tmp_path / "run"), *other[:-1], "x"]) == 2
    assert "`stride` must be" in capsys.readouterr().err


def test_other_data_that_do_not_go(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(60, 5)), y=rng.integers(0, 2, 60))
    np.savez(tmp_path / "wide.npz", x=rng.normal(size=(60, 6)), y=rng.integers(0, 2, 60))
    np.savez(tmp_path / "bare.npz", x=rng.normal(size=(60, 5)))
    folder = tmp_path / "run"
    mt.train(tmp_path / "a.npz", method="npair", training={"steps": 1}, evaluation="linear", quiet=True, out=folder)
    before = (Path(folder) / "results.json").read_bytes()
    for words, sentence in (
        (
            ["--on", "wide.npz"],
            "examples must look like those of the earlier data, a table of 5 columns, got a table of 6 columns",
        ),
        (["--on", "bare.npz"], "bare has no labelled test examples, so nothing can be evaluated. Name a label: --label COL"),
        (["--on", "a.npz", "--evaluation", "labels"], "labels can be evaluated on a run's own data only"),
        (["--label", "y"], "--label is about other data. Name them: --on DATA"),
        (["--on", "no.npz"], "there is no file"),
    ):
        given = [str(tmp_path / word) if word.endswith(".npz") else word for word in words]
        assert cli.main(["evaluate", str(folder), *given]) == 2
        assert sentence in capsys.readouterr().err
    assert (Path(folder) / "results.json").read_bytes() == before


def test_what_was_an_input_cannot_be_the_label_elsewhere(tmp_path, capsys):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"]).assign(y=np.arange(60) % 2, who=np.arange(60) // 6)
    table.to_csv(tmp_path / "t.csv", index=False)
    quick = ["--training.steps", "1", "--quiet", "--no-maps", "--method", "npair"]
    assert cli.main(["train", str(tmp_path / "t.csv"), *quick, "--out", str(tmp_path / "run")]) == 0
    for option, column in (("label", "y"), ("groups", "who")):
        assert cli.main(["evaluate", str(tmp_path / "run"), "--on", str(tmp_path / "t.csv"), f"--{option}", column]) == 2
        said = capsys.readouterr().err
        assert f"column '{column}' of t cannot be the {option}: it was an input of the earlier data" in said


def test_other_data_are_kept_apart_and_the_own_are_said(tmp_path, capsys):
    x, y = small()
    for name, label in (("a", y), ("b", np.arange(120) % 2)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "t.npz", x=x + (name == "b"), y=label)
    run = mt.train(str(tmp_path / "a/t.npz"), method="npair", training={"steps": 1}, evaluation="linear", quiet=True,
                   out=tmp_path / "run")  # fmt: skip
    for evaluation in ("linear", "knn"):
        run.transfer(str(tmp_path / "b/t.npz"), evaluation=evaluation)
    run.transfer(str(tmp_path / "a/t.npz"), evaluation="knn")  # the same split: none of its test examples trained
    np.savez(tmp_path / "c.npz", x=x, y=y, who=np.arange(120) // 4)
    run.transfer(str(tmp_path / "c.npz"), groups="who", evaluation="knn")  # the same examples, split in another way
    kept = list(run.results.other_data.values())
    assert [set(each.probes) for each in kept] == [{"linear", "knn"}, {"knn"}, {"knn"}]
    assert [each.trained_on > 0 for each in kept] == [False, False, True]
    page = run.page.read_text(encoding="utf-8")
    assert page.count("On other data: t") == 2
    assert page.count("The run trained on") == 1
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "b/t.npz"), "--evaluation", "linear"]) == 0
    out = capsys.readouterr().out
    assert f"{100 * kept[0].probes['linear']['raw'].values['accuracy']:.1f} %" in out  # of b, though c came after it
    assert "trained the encoder" not in out
    assert cli.main(["evaluate", str(run.folder), "--on", str(tmp_path / "c.npz"), "--groups", "who"]) == 0
    assert re.search(r"The run trained on \d+ of these test examples", capsys.readouterr().out)
    assert cli.main(["evaluate", str(run.folder), "--on", "x.npz", "--method.dim", "5", "--data.task", "classes"]) == 2
    assert "options of evaluation and data only, got --method." in capsys.readouterr().err
