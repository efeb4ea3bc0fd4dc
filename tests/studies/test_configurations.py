"""Configurations of a comparison: flags, grids, products and names; what is wrong is refused before anything is written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mixtrast
from mixtrast import datasets, mixers, run
from mixtrast.recipe import Part, Request
from mixtrast.records import ComparisonRecord, ConfigurationRecord
from mixtrast.records.comparison import SourceRecord
from mixtrast.studies import Grid, configurations, folder
from mixtrast.studies.check import check
from support.comparisons import COMPARE, QUICK, command, grid, refusal


def requests(*words: str) -> dict[str, Request]:
    """The requests of the configurations of a command line without mistakes."""
    found = grid("compare", "trees.csv", *words)
    assert found.problems == ()
    return dict(found.configurations)


def test_configurations_are_flags_over_the_common_ones():
    found = requests(
        "--epochs", "5", "--method", "imix", "--method.temperature", "0.1",
        "--views", "mask+noise", "--views.noise.scale", "0.2",
        "--configuration", "--method simclr", "--configuration", "--mixer.alpha 0.5 --views.mask.p=0.3",
        "--configuration", "--training.steps 3",
    )  # fmt: skip
    assert list(found) == ["simclr", "mixer.alpha=0.5 views.mask.p=0.3", "training.steps=3"]
    simclr, alpha, steps = found.values()
    assert simclr.method == Part("simclr")  # another method takes none of the other's options
    assert alpha.method == Part("imix", {"temperature": 0.1})
    assert alpha.mixer.options == {"alpha": "0.5"}  # which mixer it is, the method decides
    assert alpha.views == {"mask": Part("mask", {"p": 0.3}), "noise": Part("noise", {"scale": 0.2})}
    assert simclr.views == {"mask": Part("mask"), "noise": Part("noise", {"scale": 0.2})}
    assert (simclr.training, steps.training) == ({"epochs": 5}, {"steps": 3})


def test_views_that_stay_keep_their_common_options():
    words = ("--views", "mask+noise", "--views.noise.scale", "0.2", "--views.mask.p", "0.4", "--configuration", "--views noise")
    assert next(iter(requests(*words).values())).views == {"noise": Part("noise", {"scale": 0.2})}
    (said,) = grid("compare", "trees.csv", "--configuration", "--views.mask.p 0.3").problems
    assert "--views.mask.p is an option of a view; name the views too" in said


def test_a_configuration_is_read_as_train_reads_it(here, monkeypatch):
    seen: list[Request] = []
    monkeypatch.setattr(run, "claim", lambda request, *_, **__: seen.append(request) or (_ for _ in ()).throw(ValueError("x")))
    words = (
        "--method supervised --mixer mixup --mixer.alpha 0.5 --views none --epochs 3 --labels 5 --drop a b --encoder.widths 8,8"
    )
    assert command("train", "trees.csv", *shlex.split(words)) == 2
    (ours,) = requests("--configuration", words).values()
    assert ours == seen[0]


def test_vary_multiplies_all_configurations():
    found = requests(
        "--configuration", "--method imix", "--configuration", "--method mixsupcon",
        "--vary", "mixer.alpha=0.2,1", "--vary", "encoder.widths=[8,8],[16]",
    )  # fmt: skip
    assert len(found) == 8
    assert list(found)[:2] == ["imix mixer.alpha=0.2 encoder.widths=[8,8]", "imix mixer.alpha=0.2 encoder.widths=[16]"]
    assert {(each.mixer.options["alpha"], each.encoder.options["widths"]) for each in found.values()} == {
        (alpha, widths) for alpha in ("0.2", "1") for widths in ("[8,8]", "[16]")
    }
    assert list(requests("--vary", "method=simclr,imix")) == ["simclr", "imix"]


def test_names_are_unique_and_good_for_folders():
    made = configurations.named(
        [("", {"method": "a"}), ("", {"method": "a"}), ("", {}), ("mine", {"lr": "1"}), ("mine", {"lr": "2"})]
    )
    assert list(made) == ["a", "a (2)", "default", "mine lr=1", "mine lr=2"]
    names = ["x" * 300, "x" * 300 + "y", "../../etc", "..", "ä/ö", "A", "a", "con\n--x"]
    folders = configurations.folders(names)
    assert len({folder.lower() for folder in folders.values()}) == len(names)
    assert all(re.fullmatch(r"[\w=+,][\w.=+,-]*", folder, re.ASCII) and len(folder) < 120 for folder in folders.values())


def test_a_grid_in_yaml(here):
    Path("grid.yaml").write_text(
        "common: {epochs: 3, mixer.alpha: 0.5}\nplain: {method: imix, drop: [a, b], encoder.widths: [8, 8]}\n"
        "warm: '--method imix --method.temperature 0.8'\n"
    )
    found = requests("--grid", "grid.yaml", "--vary", "lr=0.1,0.2")
    assert list(found) == ["plain lr=0.1", "plain lr=0.2", "warm lr=0.1", "warm lr=0.2"]
    plain, warm = found["plain lr=0.2"], found["warm lr=0.1"]
    assert plain.training == {"epochs": 3, "lr": 0.2}
    assert plain.data.options["drop"] == ("a", "b")
    assert plain.encoder.options == {"widths": "[8,8]"}
    assert plain.mixer == warm.mixer == Part("", {"alpha": "0.5"})
    assert warm.method == Part("imix", {"temperature": 0.8})


def test_python_options_are_sections():
    own = {"method": "imix", "mixer.alpha": 0.5, "epochs": 3, "training": {"clip": 1.0}, "labels": 5}
    own |= {"views": {"mask": {}}, "views.mask.p": 0.1, "encoder": {"name": "mlp", "widths": (8,)}, "options": {"drop": ["a"]}}
    found = Grid.of({"a": own}, {"evaluation": "knn", "label": None})
    assert found.problems == ()
    request = found.configurations["a"]
    assert (request.method, request.mixer) == (Part("imix"), Part("", {"alpha": 0.5}))
    assert (request.training, request.data.labels) == ({"epochs": 3, "clip": 1.0}, 5)
    assert request.data.options == {"drop": ("a",)}
    assert request.views == {"mask": Part("mask", {"p": 0.1})}
    assert request.encoder == Part("mlp", {"widths": (8,)})
    assert request.evaluation == {"knn": {}}
    own = {"a": {"metod": "imix"}, "b": {"seed": 1}, "c": {"encoder": np.ones}, "d": {"mixer": mixers.get("mixup")}}
    wrong = Grid.of({**own, "e": {"views": ["mask", mixtrast.views.get("noise")]}}, {"lrr": 1})
    assert [problem.partition(": ")[0] for problem in wrong.problems] == ["all configurations", *"abcde"]
    said = ("'lr'", "'method'", "the same for all", "must be a name", "Mixup is an object", "Noise is an object")
    for problem, wanted in zip(wrong.problems, said, strict=True):
        assert wanted in problem


def test_all_problems_of_all_configurations_at_once(here, capsys):
    wrong = ["--methd simclr", "--method simcrl", "--method simclr --mixer mixup", "--method imix --method.temperature hot"]
    wrong += ["--method imix --seed 3", "--label a", "--method 'imix"]
    words = [word for flags in wrong for word in ("--configuration", flags)]
    said = refusal(capsys, *COMPARE, *words, "--against", "simclr", "--workers", "0")
    for problem in (
        "problems:",
        "no closing quotation",
        "methd=simclr: there is no option 'methd'. Did you mean 'method'?",
        "simcrl: method: there is no 'simcrl' in methods. Did you mean 'simclr'?",
        "`temperature` must be",
        "seed=3: seed is the same for all configurations",
        "`label` must be the same for all configurations",
        "`against` must be a configuration, got 'simclr'",
        "`workers` must be",
        "method simclr does not mix, but a mixer was given",
    ):
        assert problem in said, (problem, said)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--configuration", "--method simclr"] * 2, "configurations 'simclr' and 'simclr (2)' are the same"),
        (["--vary", "method=simclr", "--configuration", "--lr 1", "--configuration", "--lr=1"], "are the same"),
        ([], "there are no configurations to compare"),
        (["--vary", "method"], "a flag and its values are needed"),
        (["--vary", "method=imix,imix"], "method has a value twice"),
        (["--configuration", "--method simclr", "--seed", "1", "1"], "names a seed twice"),
        (["--configuration", "--method simclr", "--resume"], "no folder was named"),
        (["--configuration", "simclr"], "A configuration is flags of train"),
        (["--configuration", "--method"], "--method needs a value"),
        (["--grid", "no.yaml"], "cannot be read"),
        (["--configuration", "--quiet x"], "quiet is the same for all configurations"),
        (["--configuratoin", "a"], "Did you mean --configuration?"),
    ],
)
def test_what_is_no_grid_is_told(words, told, here, capsys):
    assert told in refusal(capsys, *COMPARE, *words)


def test_without_labels_there_is_nothing_to_compare(here, capsys):
    said = refusal(capsys, "compare", "trees.csv", "--drop", "kind", *QUICK, "--vary", "method=imix,simclr")
    assert said.count("has no label with two classes or more") == 1


def test_a_folder_that_exists_is_not_touched(here, capsys):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    words = (*COMPARE, "--configuration", "--method imix", "--out", "out")
    assert "nothing is overwritten" in refusal(capsys, *words)
    assert "is not a comparison" in refusal(capsys, *words, "--resume")


def test_data_are_read_once(here, monkeypatch):
    reads = []
    opened = datasets.open
    monkeypatch.setattr(datasets, "open", lambda *a, **k: reads.append(1) or opened(*a, **k))
    own = {name: {"method": name} for name in ("simclr", "imix", "supervised", "npair")}
    requests = Grid.of(own, {"label": "kind", "encoder": {"name": "mlp", "widths": [8]}}).configurations
    checked, problems = check(requests, "trees.csv", None, 0)
    assert len(reads) == 1
    assert problems == []
    assert [each.method for each in checked.configurations] == ["simclr", "imix", "supervised", "npair"]
    for each in checked.configurations:
        assert set(each.request.evaluation) == {"linear", "knn"}
        assert each.request.training == {"baseline": "none"}
    assert "do not train that baseline" in checked.notes[0]


def test_more_seeds_and_configurations_are_welcome_and_fewer_are_not():
    def record(seeds: tuple[int, ...] = (0, 1), fingerprint: str = "f", **settings: dict[str, Any]) -> ComparisonRecord:
        each = {name: ConfigurationRecord(name, "imix", 3, {"training": training}) for name, training in settings.items()}
        return ComparisonRecord(SourceRecord(fingerprint=fingerprint), seeds, each)

    before, out = record(a={"lr": 0.1}), Path("c")
    assert folder.continued(out, before, record((0, 1, 2), a={"lr": 0.1}, b={})).seeds == (0, 1, 2)
    now = folder.continued(out, before, record(a={"lr": 0.1, "baseline": "none"}, b={}))  # a supervised configuration joined
    assert now.configurations["a"].settings == {"training": {"lr": 0.1}}  # as its runs have them
    for now, said in (
        (record((1,), a={"lr": 0.1}), "it has seed 0, and here they are 1"),
        (record(fingerprint="g", a={"lr": 0.1}), "the content of the data has changed"),
        (record(b={"lr": 0.1}), "it has a configuration 'a'"),
        (record(a={"lr": 0.2}), r"configuration 'a' has other settings \(there and here\): training.lr: 0.1 and 0.2"),
    ):
        with pytest.raises(ValueError, match=said):
            folder.continued(out, before, now)


def test_help_comes_without_torch(capsys):
    assert command("compare", "--help") == 0
    assert "--vary KEY=V1,V2" in capsys.readouterr().out
    words = [
        sys.executable,
        "-c",
        "import sys; from mixtrast import cli; cli.main(['compare', '--configs', 'x']); print('torch' in sys.modules)",
    ]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "False\n"


def test_a_switch_is_for_all_configurations_and_zero_is_a_value():
    text = "--method simclr --skip-bad"
    said = f"--configuration {text!r}: --skip-bad is the same for all configurations. Put it outside of them."
    assert grid("compare", "trees.csv", "--configuration", text).problems == (said,)
    (each,) = requests("--skip-bad", "--configuration", "--method simclr --labels 2").values()
    assert (each.data.options, each.data.labels) == ({"skip_bad": True}, 2)
    (said,) = grid("compare", "trees.csv", "--configuration", "--labels 0").problems
    assert "labels=0: `labels` must be" in said
