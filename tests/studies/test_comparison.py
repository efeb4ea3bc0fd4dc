"""Comparisons that really run: they fail in part, are resumed, grow, and store data that are in memory."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import mixtrast as mt
from mixtrast import recipe, run, studies
from mixtrast.records import read_sessions, recipe_file
from mixtrast.run import Inputs
from mixtrast.studies import Comparison, ComparisonRequest, Grid, PreparedComparison, memory, prepare
from mixtrast.studies.memory import FileForm
from support.comparisons import COMPARE, command, refusal


def prepared(data: Any, out: str, *, resume: bool = False, **configurations: dict[str, Any]) -> PreparedComparison:
    grid = Grid.of(configurations, {"training": {"steps": 1}})
    return prepare(ComparisonRequest(grid=grid, data=data, seeds=(0,), out=Path(out), resume=resume))


def stored(comparison: PreparedComparison, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """The data of its runs, which are not started."""
    monkeypatch.setattr(studies.comparison, "run_all", lambda *_: ())
    studies.execute(comparison, quiet=True)
    (path,) = comparison.folder.glob("configurations/npair.yaml")
    return run.read(recipe.check(recipe_file.read(path)).data, 0, 10)


@pytest.mark.slow
def test_a_grid_runs_fails_in_part_and_is_resumed(here, capsys, monkeypatch):
    """Two configurations, of which one diverges; then the same again as it was planned."""
    grid = ["--configuration", "--method imix", "--configuration", "--method simclr --lr 1e38 --training.warmup 0"]
    assert command(*COMPARE, *grid, "--seed", "0", "--out", "c", "--workers", "2") == 1
    out, said = capsys.readouterr()
    assert "2 at a time, " in out
    assert re.search(r"^1/2  imix, seed 0: .*accuracy.* \d+\.\d %; \d+ s", out, re.MULTILINE), out
    assert "mixtrast: failed: simclr lr=1e38 training.warmup=0, seed 0: training stopped at step" in said
    assert "Try a lower learning rate" in Path("c/runs/simclr-lr=1e38-training.warmup=0/seed-0.log").read_text()
    assert not Path("c/runs/imix/seed-0.log").exists()
    assert {path.name for path in Path("c").iterdir()} == {
        "compare.yaml", "compare.csv", "report.html", "sessions.jsonl", "configurations", "runs", "probe-cache",
    }  # fmt: skip
    done = Path("c/runs/imix/seed-0/results.json").stat().st_mtime_ns
    assert read_sessions(Path("c"))[-1].cpu_seconds > 0
    other = ("--configuration", "--method imix --lr 0.1", "--out", "c", "--resume")
    assert "holds another comparison" in refusal(capsys, *COMPARE, *other)
    assert command(*COMPARE, *grid[:2], "--method", "imix", "--seed", "0", "--out", "c", "--resume") == 2  # one is missing
    settings = yaml.safe_load(Path("c/compare.yaml").read_text())
    assert settings["version"] == 2
    capsys.readouterr()
    assert command("compare", "--out", "c", "--resume", "--quiet") == 1  # as it was planned, without a word of it again
    assert Path("c/runs/imix/seed-0/results.json").stat().st_mtime_ns == done
    again = yaml.safe_load(Path("c/compare.yaml").read_text())
    assert again == settings
    found = recipe.load(Path("c/runs/imix/seed-0/recipe.yaml"))
    assert (found.method.name, found.training.steps) == ("imix", 3)


@pytest.mark.slow
def test_from_python_with_data_in_memory(here):
    frame = pd.read_csv("trees.csv")
    x, y = frame[list("abcd")].to_numpy(np.float32), frame["kind"].to_numpy(str)
    common = {"encoder": {"name": "mlp", "widths": (8,)}, "training": {"steps": 3}, "evaluation": "knn"}
    found = mt.compare(
        x, label=y, configurations={"simclr": {"method": "simclr"}}, seeds=(3, 5), out="c", quiet=True, workers=2, **common
    )
    assert isinstance(found, Comparison)
    assert found.failed == {}
    assert found.page.is_file()
    assert list(found.runs) == [("simclr", 3), ("simclr", 5)]
    assert {line["row"] for line in found.table} == {"trained", "untrained", "raw", "majority"}
    with np.load("c/data.npz") as written:
        assert np.array_equal(written["x"], x)
        assert np.array_equal(written["y"], y)
    with open("c/compare.csv") as file:
        assert len(list(csv.DictReader(file))) == len(found.table)


@pytest.mark.parametrize("kind", ["frame", "frame and labels", "pair", "dictionary", "tensor"])
def test_data_in_memory_are_stored_as_they_are(kind, here):
    import torch

    frame = pd.read_csv("trees.csv")
    x, y = frame[list("abcd")], frame["kind"]
    data: Any = {
        "frame": frame,
        "frame and labels": (x, y),
        "pair": (x.to_numpy(np.float32), np.array(y, dtype=object)),
        "dictionary": {"x": x.to_numpy(np.float32), "species": y.to_numpy(str)},
        "tensor": (torch.tensor(x.to_numpy(np.float32)), torch.arange(80) % 2),
    }[kind]
    form = memory.file_form(data)
    path = here / f"data{form.ending}"
    form.store(path)
    label = {"frame": "kind", "dictionary": "species"}.get(kind, form.label)
    assert (label == "label") == (kind == "frame and labels")
    section, of_file = (recipe.check({"data": {"label": each} if each else {}}).data for each in (label, label))
    section = section if kind in ("frame", "dictionary") else recipe.check({}).data
    ours, theirs = run.read(section, 0, 10, data), run.read(of_file, 0, 10, str(path))
    assert ours.section.fingerprint == theirs.section.fingerprint
    assert memory.in_memory(data)
    assert not memory.in_memory("digits")


def test_a_frame_is_read_by_the_runs_as_it_was_checked(here, monkeypatch):
    """Columns called by numbers, and classes that look like numbers; and it can be resumed."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)))
    frame[3] = np.array(["1.5", "2.5", "3.0"])[np.arange(60) % 3]
    for data, out, own in ((frame, "c", {"label": "3"}), ((frame.drop(columns=[3]), frame[3]), "d", {})):
        read = stored(prepared(data, out, npair={"method": "npair", **own}), monkeypatch)
        assert (read.dataset.classes, len(read.dataset.x)) == (("1.5", "2.5", "3"), 60)
        more = prepared(data, out, resume=True, npair={"method": "npair", **own}, simclr={"method": "simclr", **own})
        assert set(more.record.configurations) == {"npair", "simclr"}


def test_a_frame_with_several_labels_is_stored_as_such(here, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    frame["tags"] = np.array(["r;x", "r", "b;x", "b"])[np.arange(80) % 4]
    read = stored(prepared(frame, "c", npair={"method": "npair", "label": "tags", "evaluation": "linear"}), monkeypatch)
    assert read.dataset.label_sets is not None
    assert read.dataset.classes == ("b", "r", "x")


def test_data_that_a_file_does_not_hold_are_refused(here, monkeypatch):
    frame = pd.read_csv("trees.csv")
    other = frame.assign(a=frame["a"] + 1)
    form = FileForm(".csv", None, lambda path: other.to_csv(path, index=False))
    monkeypatch.setattr(memory, "file_form", lambda data: form)
    options = {"configurations": {"npair": {"method": "npair"}}, "training": {"steps": 1}, "out": "c", "quiet": True}
    with pytest.raises(ValueError, match="are not the same once they are written to a file and read again"):
        mt.compare(frame, label="kind", **options)
    assert not (here / "c/data.csv").exists()


def test_configurations_are_tested_on_the_same_examples(here, capsys):
    rows = "".join(f"{at},{at % 7},{'ab'[at // 40 % 2]}\n" for at in range(2000))
    Path("w.csv").write_text("t,v,y\n" + rows)
    words = ["compare", "w.csv", "--label", "y", "--method", "npair", "--training.steps", "1"]
    said = refusal(capsys, *words, "--vary", "window=10,20")
    assert "configurations 'window=10' and 'window=20' have other test examples" in said
    assert "test=a.csv: test is the same for all configurations" in refusal(capsys, *words, "--vary", "test=a.csv,b.csv")
