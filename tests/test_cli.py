"""The command: what is wrong is one clear message and nothing written, what was stopped goes on, and help comes at once."""

from __future__ import annotations

import errno
import functools
import io
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import mixtrast as mt
from mixtrast import cli, domains, evaluate, registry, report, whole
from mixtrast.cli import show
from mixtrast.cli.flags import dotted
from mixtrast.cli.parser import LISTS
from mixtrast.run import Run, assess, learning
from mixtrast.training import Record, record

COLUMNS = ["a", "b", "c", "d"]
WRITE = report.write
QUICK = "evaluation: {knn: {}}\nencoder: {name: mlp, widths: [16]}\ntraining: {steps: 6, precision: 32-true}\n"


@pytest.fixture(autouse=True)
def _light(monkeypatch, request):
    """Pages and maps take longer than the tiny runs here; they have tests of their own. Not for those that ask for `page`."""
    if "page" not in request.fixturenames:
        monkeypatch.setattr(report, "write", lambda folders, out, **_: out.write_text("a page", encoding="utf-8") and out)
        monkeypatch.setattr(evaluate, "tsne", lambda z, seed: (np.arange(len(z)), np.zeros((len(z), 2))))


@pytest.fixture
def page() -> None:
    """The report is really made."""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, with tables and a recipe of quick settings in another."""
    (tmp_path / "data").mkdir()
    (tmp_path / "work").mkdir()
    table().to_csv(tmp_path / "data" / "trees.csv", index=False)
    (tmp_path / "data" / "quick.yaml").write_text(QUICK)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def table(rows: int = 80, seed: int = 0) -> pd.DataFrame:
    x = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    y = np.arange(rows) % 2
    x[:, 0] += 3 * y
    return pd.DataFrame(x, columns=COLUMNS).assign(kind=np.array(["oak", "elm"])[y])


def command(*words: Any) -> int:
    """The exit code."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


TRAIN = ("train", "../data/trees.csv", "--label", "kind", "--recipe", "../data/quick.yaml")


def trained(*more: Any, out: str = "run") -> Run:
    assert command(*TRAIN, "--out", out, "--quiet", *more) == 0
    return Run(Path(out))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusal(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """What is said: exit code 2, on stderr alone, no traceback, and nothing written anywhere near."""
    capsys.readouterr()
    before = sorted(Path("..").rglob("*")), content(Path(".."))
    assert command(*words) == 2
    assert (sorted(Path("..").rglob("*")), content(Path(".."))) == before
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    assert said.count("error:") == 1, said
    assert said.rstrip().count("\n") == 0 or "problems:\n- " in said or said.startswith("usage: "), said
    return said


def same(one: Run, other: Run) -> bool:
    ours, theirs = (done.encoder().encoder.state_dict() for done in (one, other))
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


# --- wrong names and values -----------------------------------------------------------------------------------------------

WRONG = {
    "a command": ("trian", None, "'trian' (choose from 'train'"),
    "no data": ("train", None, "no data were given. Name a file or a built-in set: mixtrast train digits."),
    "a built-in set": ("train digit", None, "Did you mean 'digits'?"),
    "a file": ("train ../data/tree.csv", None, "Did you mean 'trees.csv'?"),
    "a folder of data": ("train ../data", None, "is a folder"),
    "an address": ("train https://a.b/c.csv", None, "nothing is downloaded"),
    "a flag": ("--lable kind", "train", "there is no option --lable. Did you mean --label?"),
    "another flag": ("--epoch 3", "train", "there is no option --epoch. Did you mean --epochs?"),
    "a dotted flag": ("--metod.temperature 1", "train", "there is no option --metod.temperature. Did you mean --method."),
    "a flag without a value": ("--method.temperature", "train", "--method.temperature needs a value"),
    "a second data set": ("more.csv", "train", "'more.csv' is not understood here"),
    "a flag of embed": ("embed run x.csv -o z.npz --quiet", None, "--quiet is not understood"),
    "a method": ("--method imx", "train", "there is no 'imx' in methods. Did you mean 'imix'?"),
    "a mixer": ("--method imix --mixer cutmx", "train", "Did you mean 'cutmix'?"),
    "one mixer of two": ("--method imix --mixer mixup+cutmx", "train", "Did you mean 'cutmix'?"),
    "an encoder": ("--encoder mpl", "train", "Did you mean 'mlp'?"),
    "a view": ("--views mask+nois", "train", "Did you mean 'noise'?"),
    "an option": ("--method imix --method.temprature 1", "train", "Did you mean 'temperature'?"),
    "an option of a mixer": ("--mixer mixup --mixer.alfa 1", "train", "Did you mean 'alpha'?"),
    "an option of training": ("--training.epoch 1", "train", "Did you mean 'epochs'?"),
    "an option of an evaluation": ("--evaluation.linear.protocl sgd", "train", "Did you mean 'protocol'?"),
    "an option of a view alone": ("--views.mask.p 0.3", "train", "name the views too, as in --views mask+noise"),
    "an option of the data": ("--data.hedaer no", "train", "data has no option 'hedaer'. Did you mean 'header'?"),
    "a label": ("train ../data/trees.csv --label knd", None, "'kind'"),
    "a group": ("--groups who", "train", "who"),
    "a column to drop": ("--drop a who", "train", "who"),
    "a task": ("--task colours", "train", "invalid choice: 'colours'"),
    "a number as task": ("--task number", "train", "must hold numbers for the task 'number', got 'oak'"),
    "temperature 0": ("--method imix --method.temperature 0", "train", "`temperature` of IMix must be > 0"),
    "temperature below 0": ("--method imix --method.temperature -0.1", "train", "`temperature` of IMix must be > 0"),
    "temperature nan": ("--method imix --method.temperature nan", "train", "`temperature` must be float, got 'nan'"),
    "temperature in words": ("--method imix --method.temperature warm", "train", "`temperature` must be float, got 'warm'"),
    "alpha below 0": ("--mixer mixup --mixer.alpha -1", "train", "`alpha` of Mixup must be"),
    "epochs 0": ("--epochs 0", "train", "`epochs` of training must be a whole number, 1 or more, got 0"),
    "epochs below 0": ("--epochs -3", "train", "`epochs` of training must be a whole number, 1 or more, got -3"),
    "epochs 1.5": ("--epochs 1.5", "train", "`epochs` must be int | None, got '1.5'"),
    "batch 1": ("--batch 1", "train", "`batch` of training must be a whole number, 2 or more, got 1"),
    "batch of more than all": ("--batch 49", "train", "`batch` must be at most the 48 training examples, got 49"),
    "lr 0": ("--lr 0", "train", "`lr` of training must be > 0"),
    "lr in words": ("--lr fast", "train", "`lr` must be float | None, got 'fast'"),
    "widths 0": ("--encoder mlp --encoder.widths 8,0", "train", "`widths` of MLP must be one or more whole numbers above 0"),
    "widths below 0": ("--encoder mlp --encoder.widths 8,-8", "train", "`widths` of MLP must be"),
    "width 0": ("train digits --encoder resnet8 --encoder.width 0", None, "`width` of ResNet must be 1 or more"),
    "width below 0": ("train digits --encoder resnet8 --encoder.width -4", None, "`width` of ResNet must be 1 or more"),
    "p above 1": ("--views mask --views.mask.p 2", "train", "`p` of Mask must be a probability"),
    "a seed below 0": ("--seed -1", "train", "`seed` must be a whole number, 0 or more, got -1"),
    "a seed in words": ("--seed one", "train", "invalid int value: 'one'"),
    "a seed twice": ("--seed 1 1", "train", "--seed names a seed twice"),
    "labels 0": ("--labels 0", "train", "`labels` must be how many labels of each class may be seen, 1 or more, got 0"),
    "labels of more than a class has": ("--labels 25", "train", "must be at most what every class has"),
    "labels without a label": ("train ../data/plain.csv --labels 5", None, "there is no label"),
    "a device": ("--training.device mps", "train", "`device` must be 'auto', 'cpu' or 'cuda', got 'mps'"),
    "a depth": ("--method imix --method.depth 2", "train", "`depth` of IMix must be 0 (the input) to 1"),
    "a mixer for simclr": ("--method simclr --mixer mixup", "train", "method simclr does not mix, but a mixer was given"),
    "a mixer that does not fit": ("--method imix --mixer resizemix", "train", "the columns of a table have no order"),
    "a patch that does not fit": ("--method imix --mixer patchmix --mixer.patch 0", "train", "`patch` of PatchMix must be"),
    "a view that does not fit": ("--views shift", "train", "a table has no neighbours"),
    "an encoder that does not fit": ("--encoder resnet8", "train", "ResNet takes images (C, H, W), got Table"),
    "resume without a folder": ("--resume", "train", "--resume goes on with a run folder. Name it: --out DIR."),
    "a recipe": ("train ../data/trees.csv --recipe none.yaml", None, "there is no recipe 'none.yaml', neither a file"),
    "a recipe that is a table": ("train ../data/trees.csv --recipe ../data/trees.csv", None, "the recipe ../data/trees.csv"),
    "embed without a run": ("embed ../data ../data/trees.csv -o z.npz", None, "is not a run: it holds no recipe.yaml"),
    "embed without -o": ("embed ../data ../data/trees.csv", None, "the following arguments are required: -o/--out"),
    "evaluate without a run": ("evaluate ../data", None, "is not a run: it holds no recipe.yaml"),
    "evaluate with a method": ("evaluate ../data --method.dim 3", None, "takes options of evaluations only"),
    "report of two": ("report ../data ../data", None, "a page of several runs belongs to none of them. Name it: -o page.html"),
    "report over a file": ("report ../data -o ../data/quick.yaml", None, "nothing is overwritten"),
    "list of nothing": ("list colours", None, "invalid choice: 'colours'"),
    "list of one that is not": ("list methods imx", None, "Did you mean 'imix'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_clear_message_and_nothing_is_written(name, here, capsys):
    words, start, expected = WRONG[name]
    table()[COLUMNS].to_csv("../data/plain.csv", index=False)
    given = [*(TRAIN if start else ()), *words.split()]
    assert expected in refusal(capsys, *given)


@pytest.mark.parametrize("name", [name for name in WRONG if WRONG[name][1]][::6])
def test_nor_is_a_folder_that_was_named(name, here, capsys):
    words, _, expected = WRONG[name]
    assert expected in refusal(capsys, *TRAIN, *words.split(), "--out", "new")


def changed(row: int, value: Any) -> pd.DataFrame:
    """The table with another entry in column b."""
    found = table().astype({"b": object})
    found.loc[row, "b"] = value
    return found


DATA: dict[str, tuple[Any, str]] = {
    "empty": (b"", "is empty. A table has a row for each example."),
    "blank": (b"\n\n", "is empty"),
    "a header alone": (b"a,b,kind\n", "has a header and no rows"),
    "one row": (b"a,b,kind\n1,2,oak\n", "too few to split"),
    "text among numbers": (changed(7, "tall"), "tall"),
    "infinity": (changed(5, "inf"), "line 7"),
    "rows of other lengths": (b"a,b,kind\n1,2,oak\n1,2,3,elm\n", "the same number of fields in every row"),
    "no label at all": (table().assign(kind=""), "has no value at all, it is missing in all 80 rows"),
    "no text": (b"\xff\xfe\x00\x01" * 40, "must be text in UTF-8"),
    "a column twice": (b"a,a,kind\n1,2,oak\n", "more than one column 'a'"),
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_learned_from_are_refused(name, here, capsys):
    what, expected = DATA[name]
    path = Path("../data/bad.csv")
    path.write_bytes(what) if isinstance(what, bytes) else what.to_csv(path, index=False)
    words = ("train", path, "--label", "kind", "--method", "supcon", "--recipe", "../data/quick.yaml")
    said = refusal(capsys, *words)
    assert expected in said
    assert "bad" in said or "label 'kind'" in said or "too few" in said


def test_one_class_is_no_task_for_methods_that_tell_classes_apart(here, capsys):
    table().assign(kind="oak").to_csv("../data/one.csv", index=False)
    for method in ("supcon", "mixsupcon", "supervised"):
        said = refusal(capsys, "train", "../data/one.csv", "--label", "kind", "--method", method, "--out", "new")
        assert f"method {method} tells classes apart, but there is only one" in said


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": np.ones((20, 3)), "y": np.zeros(21)}, "must have one entry for each of the 20 rows of x, got 21"),
        ({"x": np.full((20, 3), np.nan)}, "must be finite"),
        ({"x": np.full((20, 3), np.inf)}, "must be finite"),
        ({"x": np.ones((20,))}, "must have 2 to 4 dimensions"),
        ({"x": np.ones((0, 3))}, "must have examples with numbers in them"),
        ({"x": np.array([["a"] * 3] * 20)}, "must hold numbers"),
        ({"x": np.array([[None] * 3] * 20, dtype=object)}, "it could run code"),
        ({"p": np.ones((20, 3)), "q": np.ones((20, 3))}, "must have its examples under"),
    ],
    ids=["labels", "nan", "inf", "flat", "none", "text", "objects", "names"],
)
def test_arrays_that_cannot_be_learned_from_are_refused(arrays, expected, here, capsys):
    np.savez("../data/bad.npz", **arrays)
    assert expected in refusal(capsys, "train", "../data/bad.npz", "--out", "new")


def test_all_mistakes_of_a_recipe_are_told_at_once(here, capsys):
    Path("../data/bad.yaml").write_text("method: {name: imx}\nencoder: {name: mlp, width: 3}\ntraining: {lr: -1}\n")
    said = refusal(capsys, "train", "../data/trees.csv", "--label", "kind", "--recipe", "../data/bad.yaml", "--out", "new")
    assert said.startswith("mixtrast: error: 3 problems:\n- ")
    for part in ("Did you mean 'imix'?", "Did you mean 'widths'?", "`lr` of training must be > 0, got -1"):
        assert part in said


def test_nothing_is_overwritten(here, capsys):
    Path("folder").mkdir()
    Path("file").write_text("mine")
    for name in ("folder", "file"):
        assert "exists already, and nothing is overwritten" in refusal(capsys, *TRAIN, "--out", name)
    trained()
    assert "go on with it: --resume" in refusal(capsys, *TRAIN, "--out", "run")


# --- resuming what cannot be resumed --------------------------------------------------------------------------------------


def stopping(monkeypatch: pytest.MonkeyPatch, at: int, number: int = signal.SIGTERM, runs: int = 1) -> None:
    """A signal after this step of a run; of the `runs`-th one that comes there."""
    look, seen = learning.Looker.__call__, []

    def looked(self: learning.Looker, method: Any, step: int) -> dict[str, Any]:
        if step == at:
            seen.append(step)
            if len(seen) == runs:
                os.kill(os.getpid(), number)
        return look(self, method, step)

    monkeypatch.setattr(learning.Looker, "__call__", looked)


@pytest.fixture
def stopped(here, monkeypatch, capsys) -> Path:
    """A run that was stopped after step 3 of 6."""
    with monkeypatch.context() as patched:
        stopping(patched, 3)
        assert command(*TRAIN, "--out", "run", "--training.checkpoint_every", "0") == 143
    capsys.readouterr()
    return Path("run")


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
    assert said.endswith("No good checkpoint is left: start anew in another --out.\n")
    return said


def test_checkpoints_that_are_both_cut_short(stopped, capsys):
    for name in (record.NEWEST, record.BEFORE):
        path = stopped / name
        path.write_bytes(path.read_bytes()[:-100])
    said = refused_checkpoint(capsys)
    assert f"run/{record.NEWEST} is damaged or cut short." in said
    assert f"run/{record.BEFORE} is damaged or cut short." in said


def test_a_newest_checkpoint_that_is_cut_short_gives_way_and_it_is_said(stopped, capsys):
    path = stopped / record.NEWEST
    path.write_bytes(path.read_bytes()[:-100])
    assert command("train", "--out", "run", "--resume") == 0
    out = capsys.readouterr().out
    assert "run/checkpoint.pt is damaged or cut short. Going on from the one before, step 2." in out
    assert "resumed after step 2 of 6" in out
    assert same(Run(stopped), trained("--training.checkpoint_every", "0", out="whole"))


def test_a_checkpoint_of_another_run(stopped, capsys):
    other = trained("--seed", "7", out="other")
    for name in (record.NEWEST, record.BEFORE):
        shutil.copy(other.folder / record.NEWEST, stopped / name)
    assert "run/checkpoint.pt is of another recipe." in refused_checkpoint(capsys)


class Harm:
    """What a pickle can do: code that runs when it is read."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("harm",))


@pytest.mark.parametrize("way", ["torch", "pickle"])
def test_a_checkpoint_that_would_run_code(stopped, capsys, way):
    whole = io.BytesIO()
    pickle.dump({"step": Harm()}, whole, protocol=2) if way == "pickle" else torch.save({"step": Harm()}, whole)
    for name in (record.NEWEST, record.BEFORE):
        (stopped / name).write_bytes(whole.getvalue())
    said = refused_checkpoint(capsys)
    assert "is refused: it holds more than tensors and numbers, and would run code." in said
    assert not Path("harm").exists()


# --- runs that fail, and runs that are stopped ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_loss_that_is_not_finite_is_exit_code_1(optimizer, here, capsys):
    at = {"sgd": 2, "adamw": 1}[optimizer]  # AdamW's first step leaves the range of numbers, and such weights are not kept
    words = (
        "--training.optimizer",
        optimizer,
        "--training.weight_decay",
        "0.5",
        "--training.steps",
        "40",
        "--lr",
        "1e38",
        "--training.warmup",
        "0",
        "--training.checkpoint_every",
        "0",
    )
    assert command(*TRAIN, *words, "--out", "run", "--quiet") == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert f"mixtrast: failed: training stopped at step {at} of 40: " in said
    assert "Try a lower learning rate (it is 1e+38), --training.clip 1, or a higher temperature." in said
    rest = {"sgd": "its last checkpoint is whole", "adamw": "no checkpoint was written yet"}[optimizer]
    assert f"The run is in run; {rest}." in said
    assert "Traceback" not in said
    assert Path("run/checkpoint.pt").exists() == (at == 2)
    assert at == 1 or torch.load("run/checkpoint.pt", weights_only=True)["step"] == 1


def test_a_full_disk_is_exit_code_1_and_the_last_checkpoint_is_whole(here, capsys, monkeypatch):
    fsync, saves = os.fsync, []

    def full(number: int) -> None:
        saves.append(number)
        if len(saves) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert command(*TRAIN, "--out", "run", "--quiet", "--training.checkpoint_every", "0") == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert "mixtrast: failed: [Errno 28] No space left on device" in said
    assert "its last checkpoint is whole" in said
    assert not list(Path("run").rglob("*.partial"))
    assert torch.load("run/checkpoint.pt", weights_only=True)["step"] == 3
    assert command("train", "--out", "run", "--resume", "--quiet") == 0
    assert same(Run(Path("run")), trained("--training.checkpoint_every", "0", out="whole"))


@pytest.mark.parametrize(("number", "code", "out"), [(signal.SIGINT, 130, None), (signal.SIGTERM, 143, "my run")])
def test_a_signal_saves_and_says_how_to_go_on(number, code, out, here, capsys):
    """The command itself, in a process of its own, and a real signal."""
    words = [
        *TRAIN,
        "--method",
        "imix",
        "--training.steps",
        "250",
        "--training.log_every",
        "1",
        *(["--out", out] if out else []),
    ]
    folder = Path(out or "runs/trees-imix")
    process = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        began, metrics = time.monotonic(), folder / "metrics.jsonl"
        while time.monotonic() - began < 60 and process.poll() is None:
            if metrics.exists() and metrics.read_bytes().count(b"\n") > 5:
                break
            time.sleep(0.005)
        process.send_signal(number)
        shown, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code, said
    stop = re.search(rf"mixtrast: stopped by {number.name} after step (\d+) of 250; the checkpoint is saved\.\n", said)
    assert stop, said
    assert "Traceback" not in said + shown
    (line,) = (line for line in said.splitlines() if line.startswith("Go on with: "))
    given = shlex.split(line.removeprefix("Go on with: "))
    assert given == ["mixtrast", *words, *([] if out else ["--out", str(folder)]), "--resume"]
    assert not (folder / "results.json").exists()
    assert command(*given[1:]) == 0
    assert f"resumed after step {stop[1]} of 250" in capsys.readouterr().out
    done = Run(folder)
    assert [line["step"] for line in done.metrics] == list(range(251))
    assert done.results["cost"]["steps"] == 250


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


@pytest.mark.parametrize("where", ["evaluating", "beside"])
def test_interrupted_after_training_is_130_and_can_be_gone_on_with(where, here, capsys, monkeypatch):
    def interrupts(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
    with monkeypatch.context() as patched:
        patched.setattr(*{"evaluating": (assess, "probe"), "beside": (mt.methods.Supervised, "after_step")}[where], interrupts)
        assert command(*TRAIN) == 130
    signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    told = {"evaluating": "mixtrast: interrupted; what was saved is whole.", "beside": "stopped by SIGINT after step 1 of 6"}
    assert told[where] in said
    given = shlex.split(said[said.index("Go on with: ") :].removeprefix("Go on with: "))
    assert given == ["mixtrast", *TRAIN, "--out", "runs/trees-mixsupcon", "--resume"]
    assert command(*given[1:]) == 0


# --- several seeds --------------------------------------------------------------------------------------------------------


def test_several_seeds_make_several_runs_and_one_report(here, capsys, monkeypatch):
    light = report.write

    def write(folders: list[Path], out: Path, **options: Any) -> Path:
        return (WRITE if len(folders) > 1 else light)(folders, out, **options)

    monkeypatch.setattr(report, "write", write)
    assert command(*TRAIN, "--method", "imix", "--seed", "3", "5") == 0
    folder = Path("runs/trees-imix")
    assert {path.name for path in folder.iterdir()} == {"seed-3", "seed-5", "report.html"}
    assert [Run(folder / f"seed-{seed}").results["seed"] for seed in (3, 5)] == [3, 5]
    out = capsys.readouterr().out
    assert "All 2 seeds" in out
    assert str(folder / "report.html") in out
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "seed-3" in text
    assert "seed-5" in text


def test_several_seeds_that_were_stopped_go_on(here, capsys, monkeypatch):
    with monkeypatch.context() as patched:
        stopping(patched, 3, runs=2)
        assert command(*TRAIN, "--seed", "0", "1", "2") == 143
    said = capsys.readouterr().err
    given = shlex.split(said[said.index("Go on with: ") :].removeprefix("Go on with: "))
    folder = Path("runs/trees-mixsupcon")
    assert given == ["mixtrast", *TRAIN, "--seed", "0", "1", "2", "--out", str(folder), "--resume"]
    assert not (folder / "seed-2").exists()
    before = content(folder / "seed-0")
    assert command(*given[1:]) == 0
    assert content(folder / "seed-0") == before
    assert {path.name for path in folder.iterdir()} == {"seed-0", "seed-1", "seed-2", "report.html"}
    for seed in (1, 2):
        assert same(Run(folder / f"seed-{seed}"), trained("--seed", seed, out=f"alone-{seed}"))


# --- what the flags do ----------------------------------------------------------------------------------------------------


def test_flags_are_settings(here):
    table().assign(who=np.arange(80) // 4).to_csv("../data/more.csv", index=False)
    words = (
        "train ../data/more.csv --label kind --groups who --drop d --task classes --labels 5 --method imix --mixer cutmix "
        "--encoder mlp --views mask+noise --epochs 2 --batch 16 --lr 0.01 --seed 4 --out run --quiet "
        "--method.temperature 0.1 --mixer.alpha 0.2 --encoder.widths 16,8 --views.mask.p 0.3 --training.clip 1 "
        "--training.weight-decay 0.5 --evaluation.knn.temperature 0.2 --evaluation.labels.draws=2 --method.projector=mlp"
    )
    assert command(*words.split()) == 0
    found = Run(Path("run")).recipe
    assert {key: found["data"][key] for key in ("source", "label", "groups", "drop", "task", "labels")} == {
        "source": "../data/more.csv", "label": "kind", "groups": "who", "drop": ["d"], "task": "classes", "labels": 5,
    }  # fmt: skip
    assert (found["method"]["name"], found["method"]["temperature"], found["method"]["projector"]) == ("imix", 0.1, "mlp")
    assert (found["mixer"]["name"], found["mixer"]["alpha"]) == ("cutmix", 0.2)
    assert (found["encoder"]["name"], found["encoder"]["widths"]) == ("mlp", [16, 8])
    assert found["views"] == {"mask": {"p": 0.3, "fill": 0.0}, "noise": {"scale": 0.1}}
    training = {key: found["training"][key] for key in ("epochs", "batch", "lr", "clip", "weight_decay")}
    assert training == {"epochs": 2, "batch": 16, "lr": 0.01, "clip": 1.0, "weight_decay": 0.5}
    assert set(found["evaluation"]) == {"linear", "knn", "labels", "boosting"}
    assert (found["evaluation"]["knn"]["temperature"], found["evaluation"]["labels"]["draws"], found["seed"]) == (0.2, 2, 4)


def test_no_views_and_a_test_set(here):
    table(30, seed=1).to_csv("../data/test.csv", index=False)
    done = trained("--views", "none", "--test", "../data/test.csv")
    assert done.recipe["views"] == {}
    assert done.results["data"]["test"] == 30


def test_flags_go_over_the_recipe(here):
    Path("../data/mine.yaml").write_text(QUICK + "method: {name: imix, temperature: 0.3}\nseed: 3\ndata: {label: kind}\n")
    words = ("train", "../data/trees.csv", "--recipe", "../data/mine.yaml", "--quiet")
    assert command(*words, "--out", "one", "--seed", "4", "--method.dim", "8") == 0
    found = Run(Path("one")).recipe
    assert (found["seed"], found["method"]["temperature"], found["method"]["dim"]) == (4, 0.3, 8)
    assert command(*words, "--out", "two", "--method", "simclr") == 0
    assert (Run(Path("two")).recipe["method"]["temperature"], Run(Path("two")).recipe["seed"]) == (0.5, 3)
    assert command("train", "--recipe", "two/recipe.yaml", "--out", "three", "--quiet") == 0  # a run's own, data and all
    assert same(Run(Path("two")), Run(Path("three")))


@pytest.mark.usefixtures("page")
def test_what_is_printed(here, capsys):
    """The settings with their reasons, the table, the verdicts, where the page is, and what to do next."""
    assert command(*TRAIN, "--out", "run") == 0
    out, said = capsys.readouterr()
    assert said == ""
    done = Run(Path("run"))
    assert "48 train, 12 validation, 20 test" in out
    for part in ("method", "mixer", "encoder", "views", "batch", "lr", "precision", "seed", "because"):
        assert part in out
    for row in ("these features", "raw input", "always the most frequent class"):
        assert row in out
    assert done.headline in out
    for verdict in done.results["diagnosis"]:
        assert f"{verdict['verdict']}: {verdict['says']}" in out
    assert str(done.page) in out
    for line in done.results["next"]:
        assert line in out


@pytest.mark.parametrize("method", ["imix", "simclr", "supcon", "supervised"])
def test_what_comes_next_can_be_typed(method, here):
    following = trained("--method", method).results["next"]
    assert len(following) == 3
    for line in following:
        start, *words = shlex.split(line)
        assert start == "mixtrast"
        assert command(*words) == 0, line


def test_quiet_prints_nothing(here, capfd):
    trained()
    assert command(*TRAIN, "--seed", "1", "2", "--out", "more", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


# --- evaluate, embed, report, list ----------------------------------------------------------------------------------------


def test_another_protocol_changes_the_results(here, capsys):
    done = trained()
    assert set(done.results["probes"]) == {"knn"}
    assert command("evaluate", "run", "--evaluation.linear.protocol", "sgd", "--evaluation.linear.epochs", "3") == 0
    assert "linear probe" in capsys.readouterr().out
    assert set(done.results["probes"]) == {"knn", "linear"}
    assert "lr" in done.results["probes"]["linear"]["trained"]["chosen"]
    assert command("evaluate", "run", "--evaluation", "linear") == 0
    assert "C" in done.results["probes"]["linear"]["trained"]["chosen"]
    assert command("evaluate", "run", "--evaluation", "knn", "--evaluation.knn.neighbours", "1,3") == 0
    assert done.results["probes"]["knn"]["trained"]["chosen"]["neighbours"] in (1, 3)
    capsys.readouterr()
    before = content(done.folder)
    assert "Did you mean 'linear'?" in refusal(capsys, "evaluate", "run", "--evaluation", "linaer")
    assert "Did you mean 'protocol'?" in refusal(capsys, "evaluate", "run", "--evaluation.linear.protocl", "sgd")
    assert content(done.folder) == before


@pytest.mark.parametrize("words", [("evaluate", "run"), ("embed", "run", "../data/trees.csv", "-o", "z.npz")], ids=str)
def test_a_run_that_is_not_finished_says_so(words, stopped, capsys):
    assert re.search("Train first, or --resume|Go on with --resume", refusal(capsys, *words))


def test_features_are_written_once(here, capsys):
    done = trained()
    more = table(25, seed=3)
    more[["kind", *COLUMNS[::-1]]].to_csv("../data/more.csv", index=False)
    z, read = done.embed("../data/more.csv")
    assert command("embed", "run", "../data/more.csv", "-o", "z.npz") == 0
    assert capsys.readouterr().out == "25 x 16 features in z.npz\n"
    with np.load("z.npz") as stored:
        assert np.array_equal(stored["z"], z)
        assert np.array_equal(stored["y"], read.label)
    assert command("embed", "run", "../data/more.csv", "--out", "z.csv") == 0
    stored = pd.read_csv("z.csv")
    assert stored["label"].tolist() == more["kind"].tolist()
    np.testing.assert_allclose(stored.drop(columns="label"), z, rtol=1e-5)
    capsys.readouterr()
    for name in ("z.npz", "z.csv"):
        assert "nothing is overwritten" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", name)
    assert "written as .npz, .csv, .parquet" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", "z.txt")
    assert "there is no folder" in refusal(capsys, "embed", "run", "../data/more.csv", "-o", "no/z.npz")
    table()[["a", "b"]].to_csv("../data/narrow.csv", index=False)
    assert "lacks c, d." in refusal(capsys, "embed", "run", "../data/narrow.csv", "-o", "new.npz")


def test_a_report_is_made_anew_or_of_several(here, capsys, monkeypatch):
    one, _ = trained(out="one"), trained("--method", "imix", out="two")
    one.page.unlink()
    monkeypatch.setattr(report, "write", WRITE)
    assert command("report", "one") == 0
    assert capsys.readouterr().out == "one/report.html\n"
    assert one.page.is_file()
    assert "Name it: -o page.html" in refusal(capsys, "report", "one", "two")
    assert command("report", "one", "two", "-o", "both.html") == 0
    text = Path("both.html").read_text(encoding="utf-8")
    assert "imix" in text
    assert "mixsupcon" in text
    assert "nothing is overwritten" in refusal(capsys, "report", "one", "two", "-o", "both.html")
    assert command("report", "one", "--png") == 0
    assert list(Path("one/figures").glob("*.png"))


@pytest.mark.parametrize("what", [what for what in LISTS if what not in ("training", "recipes")])
def test_a_list_has_every_name(what, capsys):
    assert command("list", what) == 0
    out = capsys.readouterr().out
    room = domains if what in ("domains", "datasets") else show.ROOMS[what]
    of_data = what in ("domains", "datasets")
    names = domains.names() if of_data else [*registry.names(room), *registry.sizes(room)]
    find = domains.find if of_data else functools.partial(registry.find, room)
    if of_data:
        names = [name for name in names if find(name).built_in == (what == "datasets")]
    assert names
    for name in names:
        assert re.search(rf"^{name}\b", out, re.MULTILINE), name
        assert command("list", what, name) == 0
        told = capsys.readouterr().out
        for option in registry.options(find(name)):
            assert option == "mixer" or f".{option}  " in told


def test_a_bare_list_names_every_room(capsys):
    assert command("list") == 0
    out = capsys.readouterr().out
    for what in LISTS:
        assert re.search(rf"^{what} ", out, re.MULTILINE), what
    assert {"imix", "cutmix", "resnet18", "covtype", "moco/cifar10-demo"} <= set(re.split(r"[,\s]+", out))


def test_options_of_a_method_are_listed_with_their_meaning(capsys):
    assert command("list", "methods", "imix") == 0
    out = capsys.readouterr().out
    assert "Reference: Lee et al., i-Mix" in out
    assert "--method.temperature  float  (default 0.2)" in out
    assert command("list", "encoders", "resnet20") == 0
    assert "resnet20 is ResNet with blocks=(3, 3, 3) width=16" in capsys.readouterr().out


ROOMS_OF_OPTIONS = [
    ("methods", "imix"),
    ("mixers", "cutmix"),
    ("encoders", "mlp"),
    ("views", "mask"),
    ("evaluations", "knn"),
    ("domains", "tabular"),
    ("training", None),
]


@pytest.mark.parametrize(("what", "name"), ROOMS_OF_OPTIONS)
def test_flags_that_are_listed_are_understood(what, name, capsys):
    assert command("list", what, *([name] if name else [])) == 0
    listed = re.findall(r"^  (--[\w.]+)", capsys.readouterr().out, re.MULTILINE)
    assert listed
    for flag in listed:
        left, options = dotted([flag, "1", "digits"])
        (room,) = options
        keys = flag.removeprefix("--").split(".")
        assert left == ["digits"]
        assert len(keys) == (3 if what in ("views", "evaluations") else 2)
        assert room == {"methods": "method", "mixers": "mixer", "encoders": "encoder", "domains": "data"}.get(what, keys[0])


# --- the command itself ---------------------------------------------------------------------------------------------------


def process(*words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, *options, "-m", "mixtrast", *words]
    return subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)


def test_help_comes_at_once():
    times = []
    for _ in range(5):
        began = time.perf_counter()
        done = process("--help")
        times.append(time.perf_counter() - began)
        assert done.returncode == 0
        assert "mixtrast train digits" in done.stdout
    assert min(times) < 0.4


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("--version",), ("train", "--lable", "y")], ids=str)
def test_help_and_wrong_flags_import_nothing_heavy(words):
    done = process(*words, options=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "mixtrast.cli" in imported
    assert not {"torch", "numpy", "pandas", "sklearn", "rich", "yaml", "jsonargparse", "matplotlib"} & imported
    assert done.returncode == (2 if "--lable" in words else 0)


def test_the_library_imports_no_part_of_the_command():
    heavy = ["lightning", "lightning_fabric", "sklearn", "matplotlib", "pandas", "rich", "yaml", "jsonargparse", "jinja2"]
    code = (
        "import sys, mixtrast as mt\n"
        "first = 'torch' in sys.modules\n"
        "mt.contrast, mt.Labels, mt.mixers.CutMix, mt.methods.IMix, mt.encoders.MLP, mt.views.Mask\n"
        f"print(first, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False []"


def test_without_words_there_is_help(capsys):
    assert command() == 2
    assert "mixtrast train digits" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert command("--version") == 0
    assert capsys.readouterr().out == f"mixtrast {mt.__version__}\n"


@pytest.mark.parametrize("name", ["train", "evaluate", "embed", "report", "list"])
def test_every_command_has_help(name, capsys):
    assert command(name, "--help") == 0
    assert f"usage: mixtrast {name}" in capsys.readouterr().out


def test_an_interrupt_is_no_traceback(capsys, monkeypatch):
    def interrupts(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "listing", interrupts)
    assert command("list", "methods") == 130
    assert capsys.readouterr().err == "\nmixtrast: interrupted.\n"


# --- once wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [TRAIN[:1], ("train", "--out", "run", "--resume")], ids=["before", "resume"])
def test_options_of_a_part_may_come_before_the_data(words, here):
    if "--resume" in words:
        trained("--method.temperature", "0.3")
        assert command(*words, "--method.temperature", "0.3", "--quiet") == 0
    else:
        assert command("train", "--method.temperature", "0.3", *TRAIN[1:], "--out", "run", "--quiet") == 0


@pytest.mark.parametrize(
    ("words", "section", "option", "value"),
    [
        (("--encoder", "mlp", "--encoder.widths", "16"), "encoder", "widths", [16]),
        (("--evaluation.knn.neighbours", "5"), "evaluation", "neighbours", [5]),
    ],
    ids=str,
)
def test_one_value_is_enough_where_there_may_be_several(words, section, option, value, here):
    found = trained(*words).recipe[section]
    assert list((found if section == "encoder" else found["knn"])[option]) == value


def test_steps_go_over_the_epochs_of_a_recipe(here):
    Path("../data/epochs.yaml").write_text(QUICK.replace("steps: 6", "epochs: 3") + "method: imix\n")
    words = ("--recipe", "../data/epochs.yaml", "--training.steps", "5", "--method.temperature", "0.3")
    assert command(*TRAIN[:4], *words, "--out", "run", "--quiet") == 0
    done = Run(Path("run"))
    assert (done.recipe["training"]["epochs"], done.recipe["training"]["steps"]) == (None, 5)
    assert done.results["cost"]["steps"] == 5
    assert (done.recipe["method"]["name"], done.recipe["method"]["temperature"]) == ("imix", 0.3)
    assert command(*TRAIN, "--epochs", "2", "--out", "other", "--quiet") == 0  # and the other way
    assert Run(Path("other")).recipe["training"]["steps"] is None


def test_the_recipe_of_a_run_is_good_for_other_data(here):
    done = trained("--method", "imix", "--lr", "0.01")
    table(120, seed=1).to_csv("../data/more.csv", index=False)
    assert command("train", "../data/more.csv", "--recipe", "run/recipe.yaml", "--out", "other", "--quiet") == 0
    other = Run(Path("other"))
    assert other.recipe["data"] | {"fingerprint": ""} == done.recipe["data"] | {"fingerprint": "", "source": "../data/more.csv"}
    assert [run.recipe["training"]["batch"] for run in (done, other)] == [48, 72]
    assert [run.recipe["training"]["lr"] for run in (done, other)] == [0.01, 0.01]
    assert other.recipe["method"] == done.recipe["method"]


def test_another_recipe_is_not_resumed(stopped, capsys):
    Path("../data/slow.yaml").write_text("training: {lr: 0.5}\n")
    said = refusal(capsys, "train", "--out", "run", "--resume", "--recipe", "../data/slow.yaml")
    assert "run holds a run of another recipe (there and here): training.lr: 0.001 and 0.5." in said
    Path("../data/looks.yaml").write_text("evaluation: {linear: {}}\n")  # how it is looked at in the end may be another
    assert command("train", "--out", "run", "--resume", "--recipe", "../data/looks.yaml", "--quiet") == 0
    assert set(Run(stopped).results["probes"]) == {"linear"}


def test_evaluations_are_chosen(here):
    Path("../data/plain.yaml").write_text(QUICK.partition("\n")[2])
    assert command(*TRAIN[:4], "--recipe", "../data/plain.yaml", "--evaluation", "knn", "--out", "run", "--quiet") == 0
    assert set(Run(Path("run")).results["probes"]) == {"knn"}


def test_the_folders_of_all_seeds_are_looked_at_first(here, capsys):
    Path("all/seed-1").mkdir(parents=True)
    assert "nothing is overwritten" in refusal(capsys, *TRAIN, "--seed", "0", "1", "--out", "all", "--quiet")


@pytest.mark.parametrize("resume", [[], ["--resume"]], ids=["anew", "resume"])
def test_several_seeds_do_not_go_over_a_run(resume, here, capsys):
    trained()
    said = refusal(capsys, *TRAIN, "--seed", "0", "1", "--out", "run", "--quiet", *resume)
    assert "run exists already, and nothing is overwritten" in said


def test_several_seeds_are_resumed_by_their_names(here, capsys):
    assert command(*TRAIN, "--seed", "3", "5", "--out", "all", "--quiet") == 0
    said = refusal(capsys, *TRAIN, "--out", "all", "--resume")
    assert "all holds the runs of several seeds. Resume them all with: --seed 3 5" in said
    assert command(*TRAIN, "--out", "all", "--resume", "--seed", "3", "5", "--quiet") == 0


def test_no_checkpoint_is_called_whole_where_there_is_none(here, capsys):
    assert command(*TRAIN, "--training.steps", "40", "--lr", "1e38", "--training.warmup", "0", "--out", "run", "--quiet") == 1
    assert not Path("run/checkpoint.pt").exists()
    assert "last checkpoint is whole" not in capsys.readouterr().err


def test_a_name_with_two_dashes_is_no_flag(here, capsys, monkeypatch):
    shutil.copy("../data/trees.csv", "../data/trees--out.csv")
    stopping(monkeypatch, 3)
    assert command("train", "../data/trees--out.csv", *TRAIN[2:]) == 143
    assert "--out runs/trees--out-mixsupcon --resume" in capsys.readouterr().err


def test_a_disk_that_is_full_from_the_start(here, capsys, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole, "write", full)
    assert command(*TRAIN, "--out", "run", "--quiet") == 1
    assert "mixtrast: failed: " in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "error", [ValueError("no"), TypeError("no"), KeyError("no"), OSError("no"), ImportError("no"), RuntimeError("no")], ids=repr
)
def test_what_fails_when_the_folder_is_made_is_no_wrong_input(error, here, capsys, monkeypatch):
    def fails(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(assess, "probe", fails)
        assert command(*TRAIN, "--out", "run", "--quiet") == 1
    said = capsys.readouterr().err
    assert re.match(r"mixtrast: failed: .*no", said)
    assert "The run is in run; its last checkpoint is whole." in said
    assert "Traceback" not in said
    assert command("train", "--out", "run", "--resume", "--quiet") == 0


def test_a_second_signal_is_no_evaluation(here, capsys, monkeypatch):
    def interrupts(self: Record, state: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Record, "save", interrupts)
    stopping(monkeypatch, 3)
    assert command(*TRAIN, "--out", "run", "--quiet") == 130
    assert "mixtrast: interrupted; what was saved is whole." in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["--evaluation.linear.epochs 0", "--evaluation.labels.draws 0", "--evaluation.knn.temperature -1"]
)
def test_values_of_evaluations_are_refused_before_training(words, here, capsys):
    assert "must be" in refusal(capsys, *TRAIN, "--method", "imix", "--quiet", *words.split())


@pytest.mark.parametrize("section", ["{label: 5}", "{label: [kind]}", "{label: kind, drop: 3}", "{label: kind, labels: many}"])
def test_a_wrong_data_section_is_told_in_words(section, here, capsys):
    Path("../data/bad.yaml").write_text(f"data: {section}\n")
    said = refusal(capsys, "train", "../data/trees.csv", "--recipe", "../data/bad.yaml")
    assert re.search("`(label|drop|labels)`", said)
