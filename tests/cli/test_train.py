"""The command `train`: seeds, flags over the recipe, and what is printed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtrast import datasets, report
from mixtrast.run import Run
from support.commands import QUICK, TRAIN, WRITE, command, same, stopping, table, trained
from support.runs import content

pytestmark = pytest.mark.usefixtures("light")


def test_several_seeds_make_several_runs_and_one_report(here, capsys, monkeypatch):
    light = report.write

    def write(folders: list[Path], out: Path, **options: Any) -> Path:
        return (WRITE if len(folders) > 1 else light)(folders, out, **options)

    monkeypatch.setattr(report, "write", write)
    assert command(*TRAIN, "--method", "imix", "--seed", "3", "5") == 0
    folder = Path("runs/trees-imix")
    assert {path.name for path in folder.iterdir()} == {"seed-3", "seed-5", "report.html"}
    assert [Run(folder / f"seed-{seed}").results.seed for seed in (3, 5)] == [3, 5]
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
    given = shlex.split(said[said.index("Continue with: ") :].removeprefix("Continue with: "))
    folder = Path("runs/trees-mixsupcon")
    assert given == ["mixtrast", *TRAIN, "--seed", "0", "1", "2", "--out", str(folder), "--resume"]
    assert not (folder / "seed-2").exists()
    before = content(folder / "seed-0")
    assert command(*given[1:]) == 0
    assert content(folder / "seed-0") == before
    assert {path.name for path in folder.iterdir()} == {"seed-0", "seed-1", "seed-2", "report.html"}
    for seed in (1, 2):
        assert same(Run(folder / f"seed-{seed}"), trained("--seed", seed, out=f"alone-{seed}"))


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
    assert (found.data.source, found.data.labels) == ("../data/more.csv", 5)
    options = {key: found.data.options[key] for key in ("label", "groups", "drop", "task")}
    assert options == {"label": "kind", "groups": "who", "drop": ("d",), "task": "classes"}
    assert found.method.name == "imix"
    assert (found.method.options["temperature"], found.method.options["projector"]) == (0.1, "mlp")
    assert (found.mixer.name, found.mixer.options["alpha"]) == ("cutmix", 0.2)
    assert (found.encoder.name, found.encoder.options["widths"]) == ("mlp", (16, 8))
    views = {name: view.options for name, view in found.views.items()}
    assert views == {"mask": {"p": 0.3, "fill": 0.0}, "noise": {"scale": 0.1}}
    training = {key: getattr(found.training, key) for key in ("epochs", "batch", "lr", "clip", "weight_decay")}
    assert training == {"epochs": 2, "batch": 16, "lr": 0.01, "clip": 1.0, "weight_decay": 0.5}
    assert set(found.evaluation) == {"linear", "knn", "labels", "boosting"}
    assert (found.evaluation["knn"]["temperature"], found.evaluation["labels"]["draws"], found.seed) == (0.2, 2, 4)


def test_no_views_and_a_test_set(here):
    table(30, seed=1).to_csv("../data/test.csv", index=False)
    done = trained("--views", "none", "--test", "../data/test.csv")
    assert done.recipe.views == {}
    assert done.results.data.test == 30


def test_flags_go_over_the_recipe(here):
    Path("../data/mine.yaml").write_text(QUICK + "method: {name: imix, temperature: 0.3}\nseed: 3\ndata: {label: kind}\n")
    words = ("train", "../data/trees.csv", "--recipe", "../data/mine.yaml", "--quiet")
    assert command(*words, "--out", "one", "--seed", "4", "--method.dim", "8") == 0
    found = Run(Path("one")).recipe
    assert (found.seed, found.method.options["temperature"], found.method.options["dim"]) == (4, 0.3, 8)
    assert command(*words, "--out", "two", "--method", "simclr") == 0
    assert (Run(Path("two")).recipe.method.options["temperature"], Run(Path("two")).recipe.seed) == (0.5, 3)
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
    for part in ("method", "mixer", "encoder", "views", "batch", "lr", "precision", "seed", "reason"):
        assert part in out
    for row in ("trained encoder", "raw input", "majority-class baseline"):
        assert row in out
    assert done.headline in out
    for verdict in done.results.diagnosis:
        assert f"{verdict.verdict}: {verdict.says}" in out
    assert str(done.page) in out
    for line in done.results.next:
        assert line in out


@pytest.mark.parametrize("method", ["imix", "simclr", "supcon", "supervised"])
def test_what_comes_next_can_be_typed(method, here):
    following = trained("--method", method).results.next
    assert len(following) == 3
    for line in following:
        start, *words = shlex.split(line)
        assert start == "mixtrast"
        assert command(*words) == 0, line


def test_quiet_prints_nothing(here, capfd):
    trained()
    assert command(*TRAIN, "--seed", "1", "2", "--out", "more", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


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
    found = trained(*words).recipe
    assert list((found.encoder.options if section == "encoder" else found.evaluation["knn"])[option]) == value


def test_steps_go_over_the_epochs_of_a_recipe(here):
    Path("../data/epochs.yaml").write_text(QUICK.replace("steps: 6", "epochs: 3") + "method: imix\n")
    words = ("--recipe", "../data/epochs.yaml", "--training.steps", "5", "--method.temperature", "0.3")
    assert command(*TRAIN[:4], *words, "--out", "run", "--quiet") == 0
    done = Run(Path("run"))
    assert (done.recipe.training.epochs, done.recipe.training.steps) == (None, 5)
    assert done.results.cost.steps == 5
    assert (done.recipe.method.name, done.recipe.method.options["temperature"]) == ("imix", 0.3)
    assert command(*TRAIN, "--epochs", "2", "--out", "other", "--quiet") == 0  # and the other way
    assert Run(Path("other")).recipe.training.steps is None


def test_the_recipe_of_a_run_is_good_for_other_data(here):
    done = trained("--method", "imix", "--lr", "0.01")
    table(120, seed=1).to_csv("../data/more.csv", index=False)
    assert command("train", "../data/more.csv", "--recipe", "run/recipe.yaml", "--out", "other", "--quiet") == 0
    other = Run(Path("other"))
    assert replace(other.recipe.data, fingerprint="") == replace(done.recipe.data, fingerprint="", source="../data/more.csv")
    assert [run.recipe.training.batch for run in (done, other)] == [48, 72]
    assert [run.recipe.training.lr for run in (done, other)] == [0.01, 0.01]
    assert other.recipe.method == done.recipe.method


def test_evaluations_are_chosen(here):
    Path("../data/plain.yaml").write_text(QUICK.partition("\n")[2])
    assert command(*TRAIN[:4], "--recipe", "../data/plain.yaml", "--evaluation", "knn", "--out", "run", "--quiet") == 0
    assert set(Run(Path("run")).results.probes) == {"knn"}


def test_several_seeds_open_the_data_once(here, monkeypatch):
    """Also where no folder is named, so that the first run must be prepared to find one."""
    opened, sources = datasets.open, []
    monkeypatch.setattr(datasets, "open", lambda source, **options: sources.append(source) or opened(source, **options))
    assert command(*TRAIN, "--seed", "0", "1", "2", "--quiet") == 0
    assert sources == ["../data/trees.csv"]
