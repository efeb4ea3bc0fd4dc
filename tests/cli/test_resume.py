"""Resuming by the command: what cannot be resumed is refused, and damaged checkpoints are handled."""

from __future__ import annotations

import io
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mixtrast.records.folder import CHECKPOINT, CHECKPOINT_BEFORE
from mixtrast.run import Run
from support.commands import TRAIN, command, refusal, same, table, trained
from support.runs import content

pytestmark = pytest.mark.usefixtures("light")


def test_what_is_no_run_is_not_resumed(here, capsys):
    Path("other").mkdir()
    Path("other/mine.txt").write_text("mine")
    Path("file").write_text("mine")
    assert "is not a run: it holds no recipe.yaml" in refusal(capsys, *TRAIN, "--out", "other", "--resume")
    assert "no data were given" in refusal(capsys, "train", "--out", "other", "--resume")
    assert "is a file, not a run folder" in refusal(capsys, *TRAIN, "--out", "file", "--resume")


def test_a_run_of_another_recipe_is_not_resumed(stopped, capsys):
    said = refusal(capsys, "train", "--out", "run", "--resume", "--lr", "0.5")
    assert "holds a run of another recipe (there and here): training.lr: 0.001 and 0.5" in said
    assert "Resume it without options" in said


def test_data_that_have_changed_are_not_gone_on_with(stopped, capsys):
    table(seed=1).to_csv("../data/trees.csv", index=False)
    said = refusal(capsys, "train", "--out", "run", "--resume", "--quiet")
    assert "trees is not what it was when this run began" in said


def refused_checkpoint(capsys: pytest.CaptureFixture[str]) -> str:
    before = content(Path("run"))
    assert command("train", "--out", "run", "--resume", "--quiet") == 2
    assert content(Path("run")) == before
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    assert said.endswith("No good checkpoint is left: start again in another --out.\n")
    return said


def test_checkpoints_that_are_both_cut_short(stopped, capsys):
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        path = stopped / name
        path.write_bytes(path.read_bytes()[:-100])
    said = refused_checkpoint(capsys)
    assert f"run/{CHECKPOINT} is damaged or cut short." in said
    assert f"run/{CHECKPOINT_BEFORE} is damaged or cut short." in said


def test_a_newest_checkpoint_that_is_cut_short_gives_way_and_it_is_said(stopped, capsys):
    path = stopped / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    assert command("train", "--out", "run", "--resume") == 0
    out = capsys.readouterr().out
    assert "run/checkpoint.pt is damaged or cut short. Continuing from the one before, step 2." in out
    assert "resumed after step 2 of 6" in out
    assert same(Run(stopped), trained("--training.checkpoint_every", "0", out="whole"))


def test_a_checkpoint_of_another_run(stopped, capsys):
    other = trained("--seed", "7", out="other")
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        shutil.copy(other.folder / CHECKPOINT, stopped / name)
    assert "run/checkpoint.pt is of another recipe." in refused_checkpoint(capsys)


class Harm:
    """What a pickle can do: code that runs when it is read."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("harm",))


@pytest.mark.parametrize("way", ["torch", "pickle"])
def test_a_checkpoint_that_would_run_code(stopped, capsys, way):
    whole = io.BytesIO()
    pickle.dump({"step": Harm()}, whole, protocol=2) if way == "pickle" else torch.save({"step": Harm()}, whole)
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        (stopped / name).write_bytes(whole.getvalue())
    said = refused_checkpoint(capsys)
    assert "is refused: it holds more than tensors and numbers, and would run code." in said
    assert not Path("harm").exists()


def test_a_run_can_be_gone_on_with_without_its_settings(stopped, capsys):
    assert command("train", "--out", "run", "--resume") == 0
    assert "resumed after step 3 of 6" in capsys.readouterr().out
    assert same(Run(stopped), trained("--training.checkpoint_every", "0", out="whole"))
    before = content(stopped)
    assert command("train", "--out", "run", "--resume") == 0
    assert "run is finished already; nothing is left to do." in capsys.readouterr().out
    assert content(stopped) == before


def test_a_run_without_a_checkpoint_yet_begins_at_the_beginning(here, capsys):
    whole = trained(out="whole")
    Path("run").mkdir()
    shutil.copy("whole/recipe.yaml", "run")
    assert command("train", "--out", "run", "--resume") == 0
    assert "resumed" not in capsys.readouterr().out
    assert same(Run(Path("run")), whole)
    assert command(*TRAIN, "--out", "new", "--resume", "--quiet") == 0  # not even a folder
    assert same(Run(Path("new")), whole)


def test_another_recipe_is_not_resumed(stopped, capsys):
    Path("../data/slow.yaml").write_text("training: {lr: 0.5}\n")
    said = refusal(capsys, "train", "--out", "run", "--resume", "--recipe", "../data/slow.yaml")
    assert "run holds a run of another recipe (there and here): training.lr: 0.001 and 0.5." in said
    Path("../data/looks.yaml").write_text("evaluation: {linear: {}}\n")  # how it is looked at in the end may be another
    assert command("train", "--out", "run", "--resume", "--recipe", "../data/looks.yaml", "--quiet") == 0
    assert set(Run(stopped).results.probes) == {"linear"}


def test_no_checkpoint_is_called_whole_where_there_is_none(here, capsys):
    assert command(*TRAIN, "--training.steps", "40", "--lr", "1e38", "--training.warmup", "0", "--out", "run", "--quiet") == 1
    assert not Path("run/checkpoint.pt").exists()
    assert "last checkpoint is complete" not in capsys.readouterr().err
