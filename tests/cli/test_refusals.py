"""Wrong input to the command: one clear message, exit code 2, and nothing is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.commands import TRAIN, command, refusal, stopping, table, trained
from support.runs import COLUMNS

pytestmark = pytest.mark.usefixtures("light")

WRONG = {
    "a command": ("trian", None, "'trian' (choose from 'compare'"),
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
    "a flag of embed": ("embed run x.csv -o z.npz --quiet", None, "--quiet is no option of this command"),
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
    "epochs 0": ("--epochs 0", "train", "`epochs` of training must be an integer, 1 or more, got 0"),
    "epochs below 0": ("--epochs -3", "train", "`epochs` of training must be an integer, 1 or more, got -3"),
    "epochs 1.5": ("--epochs 1.5", "train", "`epochs` must be int | None, got '1.5'"),
    "batch 1": ("--batch 1", "train", "`batch` of training must be an integer, 2 or more, got 1"),
    "batch of more than all": ("--batch 49", "train", "`batch` must be at most the 48 training examples, got 49"),
    "lr 0": ("--lr 0", "train", "`lr` of training must be > 0"),
    "lr in words": ("--lr fast", "train", "`lr` must be float | None, got 'fast'"),
    "widths 0": ("--encoder mlp --encoder.widths 8,0", "train", "`widths` of MLP must be one or more whole numbers above 0"),
    "widths below 0": ("--encoder mlp --encoder.widths 8,-8", "train", "`widths` of MLP must be"),
    "width 0": ("train digits --encoder resnet8 --encoder.width 0", None, "`width` of ResNet must be 1 or more"),
    "width below 0": ("train digits --encoder resnet8 --encoder.width -4", None, "`width` of ResNet must be 1 or more"),
    "p above 1": ("--views mask --views.mask.p 2", "train", "`p` of Mask must be a probability"),
    "a seed below 0": ("--seed -1", "train", "`seed` must be an integer, 0 or more, got -1"),
    "a seed in words": ("--seed one", "train", "invalid int value: 'one'"),
    "a seed twice": ("--seed 1 1", "train", "--seed names a seed twice"),
    "labels 0": ("--labels 0", "train", "`labels` must be how many labels of each class may be used, 1 or more, got 0"),
    "labels of more than a class has": ("--labels 25", "train", "must be at most what every class has"),
    "labels without a label": ("train ../data/plain.csv --labels 5", None, "there is no label"),
    "a device": ("--training.device mps", "train", "`device` must be 'auto', 'cpu' or 'cuda', got 'mps'"),
    "a depth": ("--method imix --method.depth 2", "train", "`depth` of IMix must be 0 (the input) to 1"),
    "a mixer for simclr": ("--method simclr --mixer mixup", "train", "method simclr does not mix, but a mixer was given"),
    "a mixer that does not fit": ("--method imix --mixer resizemix", "train", "the columns of a table have no order"),
    "a patch that does not fit": ("--method imix --mixer patchmix --mixer.patch 0", "train", "`patch` of PatchMix must be"),
    "a view that does not fit": ("--views shift", "train", "a table has no neighbours"),
    "an encoder that does not fit": ("--encoder resnet8", "train", "ResNet takes images (C, H, W), got Table"),
    "resume without a folder": ("--resume", "train", "--resume continues a run. Name its folder: --out DIR."),
    "a recipe": ("train ../data/trees.csv --recipe none.yaml", None, "there is no recipe 'none.yaml', neither a file"),
    "a recipe that is a table": ("train ../data/trees.csv --recipe ../data/trees.csv", None, "the recipe ../data/trees.csv"),
    "embed without a run": ("embed ../data ../data/trees.csv -o z.npz", None, "is not a run: it holds no recipe.yaml"),
    "embed without -o": ("embed ../data ../data/trees.csv", None, "the following arguments are required: -o/--out"),
    "evaluate without a run": ("evaluate ../data", None, "is not a run: it holds no recipe.yaml"),
    "evaluate with a method": ("evaluate ../data --method.dim 3", None, "takes options of evaluation and data only"),
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
    "empty": (b"", "is empty. Give a row for each example."),
    "blank": (b"\n\n", "is empty"),
    "a header alone": (b"a,b,kind\n", "has a header and no rows"),
    "one row": (b"a,b,kind\n1,2,oak\n", "a split needs 10 or more rows"),
    "text among numbers": (changed(7, "tall"), "tall"),
    "infinity": (changed(5, "inf"), "line 7"),
    "rows of other lengths": (b"a,b,kind\n1,2,oak\n1,2,3,elm\n", "the same number of fields in every row"),
    "no label at all": (table().assign(kind=""), "is missing in all 80 rows"),
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
    assert "bad" in said or "label 'kind'" in said or "a split needs" in said


def test_one_class_is_no_task_for_methods_that_tell_classes_apart(here, capsys):
    table().assign(kind="oak").to_csv("../data/one.csv", index=False)
    for method in ("supcon", "mixsupcon", "supervised"):
        said = refusal(capsys, "train", "../data/one.csv", "--label", "kind", "--method", method, "--out", "new")
        assert f"method {method} tells classes apart, but there is only one" in said


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": np.ones((20, 3)), "y": np.zeros(21)}, "must have as many entries as x, 20 rows, got 21"),
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


def test_a_key_that_is_not_known_is_an_error(here, capsys):
    """Also at the top of a file, where a run's recipe has more than a user's: nothing is dropped before the check."""
    Path("../data/bad.yaml").write_text("epochs: -1\nbatch_size: 0\nnonsense: 1\n")
    said = refusal(capsys, "train", "digits", "--recipe", "../data/bad.yaml", "--out", "new")
    assert said.startswith("mixtrast: error: 3 problems:\n- ")
    for key in ("epochs", "batch_size", "nonsense"):
        assert f"a recipe has no section {key!r}." in said
    assert "Did you mean 'epochs' of training?" in said


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("data: {labl: kind}", ["labl", "label"]),
        ("method: {name: imix, temprature: 1}", ["temprature", "temperature"]),
        ("mixer: {name: mixup, alfa: 1}", ["alfa", "alpha"]),
        ("encoder: {name: mlp, width: 1}", ["width", "widths"]),
        ("views: {mask: {fil: 1}, nois: {}}", ["fil", "fill", "nois", "noise"]),
        ("training: {epoch: 1}", ["epoch", "epochs"]),
        ("evaluation: {linear: {protocl: sgd}, kn: {}}", ["protocl", "protocol", "kn", "knn"]),
        ("reasons: {trainng.batch: because}", ["trainng.batch", "training"]),
    ],
)
def test_a_key_is_known_at_every_level(text, names, here, capsys):
    Path("../data/bad.yaml").write_text(f"version: 2\n{text}\n")
    said = refusal(capsys, "train", "../data/trees.csv", "--recipe", "../data/bad.yaml", "--label", "kind")
    assert all(repr(name) in said for name in names)


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
    assert "continue the run: --resume" in refusal(capsys, *TRAIN, "--out", "run")


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
    assert "all holds the runs of several seeds. Resume them together: --seed 3 5" in said
    assert command(*TRAIN, "--out", "all", "--resume", "--seed", "3", "5", "--quiet") == 0


def test_a_name_with_two_dashes_is_no_flag(here, capsys, monkeypatch):
    shutil.copy("../data/trees.csv", "../data/trees--out.csv")
    stopping(monkeypatch, 3)
    assert command("train", "../data/trees--out.csv", *TRAIN[2:]) == 143
    assert "--out runs/trees--out-mixsupcon --resume" in capsys.readouterr().err


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
