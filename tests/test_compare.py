"""Comparisons: cells are what their flags say, nothing starts before all are right, what is done is not done again, and the
statistics are those of the books."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import yaml

import mixtrast as mt
from mixtrast import cli, recipe, registry, report, run, studies
from mixtrast.cli.cells import cells_of, whole_cells
from mixtrast.cli.flags import dotted
from mixtrast.cli.parser import parser
from mixtrast.report import heat, standings
from mixtrast.report.paired import paired, quantile, standing
from mixtrast.report.standings import busy, chosen_by_validation
from mixtrast.studies import Comparison, Stopped, capacity, cells, given, plan, processes, progress, table
from mixtrast.studies.processes import Ended, Task
from mixtrast.studies.progress import Going

QUICK = ["--training.steps", "3", "--encoder", "mlp", "--encoder.widths", "8", "--evaluation", "knn"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 4)).astype(np.float32) + 3 * y[:, None]
    pd.DataFrame(x, columns=list("abcd")).assign(kind=np.array(["oak", "elm"])[y]).to_csv("trees.csv", index=False)
    return tmp_path


def command(*words: Any) -> int:
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)


COMPARE = ["compare", "trees.csv", "--label", "kind", *QUICK]


def resolved(*words: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Cells and problems of a command line."""
    plain, options = dotted(whole_cells(["compare", "trees.csv", *words]))
    nothing = dict.fromkeys(("train", "compare", "evaluate", "embed", "export", "report", "list"), print)
    return cells_of(parser(nothing).parse_args(plain), options)


# --- cells, names, products -----------------------------------------------------------------------------------------------


def test_cells_are_flags_over_the_common_ones():
    found, problems = resolved(
        "--epochs", "5", "--method", "imix", "--method.temperature", "0.1",
        "--views", "mask+noise", "--views.noise.scale", "0.2",
        "--cell", "--method simclr", "--cell", "--mixer.alpha 0.5 --views.mask.p=0.3",
        "--cell", "--training.steps 3",
    )  # fmt: skip
    assert problems == []
    assert list(found) == ["simclr", "mixer.alpha=0.5 views.mask.p=0.3", "training.steps=3"]
    simclr, alpha, steps = found.values()
    assert simclr["method"] == {"name": "simclr"}  # another method takes none of the other's options
    assert alpha["method"] == {"name": "imix", "temperature": "0.1"}
    assert alpha["mixer"] == {"alpha": "0.5"}
    assert alpha["views"] == {"mask": {"p": "0.3"}, "noise": {"scale": "0.2"}}
    assert simclr["views"] == {"mask": {}, "noise": {"scale": "0.2"}}
    assert (simclr["training"], steps["training"]) == ({"epochs": "5"}, {"steps": "3"})


def test_a_cell_is_read_as_train_reads_it(here, monkeypatch):
    seen = []
    monkeypatch.setattr(
        run, "ready", lambda settings, *_, **__: seen.append(settings) or (_ for _ in ()).throw(ValueError("x"))
    )
    words = (
        "--method supervised --mixer mixup --mixer.alpha 0.5 --views none --epochs 3 --labels 5 --drop a b --encoder.widths 8,8"
    )
    assert command("train", "trees.csv", *shlex.split(words)) == 2
    ours, problems = resolved("--cell", words)
    assert problems == []
    assert next(iter(ours.values())) == {key: part for key, part in seen[0].items() if part != {}} | {"views": {}}


def test_vary_multiplies_all_cells():
    found, problems = resolved(
        "--cell", "--method imix", "--cell", "--method mixsupcon",
        "--vary", "mixer.alpha=0.2,1", "--vary", "encoder.widths=[8,8],[16]",
    )  # fmt: skip
    assert problems == []
    assert len(found) == 8
    assert list(found)[:2] == ["imix mixer.alpha=0.2 encoder.widths=[8,8]", "imix mixer.alpha=0.2 encoder.widths=[16]"]
    assert {(cell["mixer"]["alpha"], cell["encoder"]["widths"]) for cell in found.values()} == {
        (alpha, widths) for alpha in ("0.2", "1") for widths in ("[8,8]", "[16]")
    }
    assert list(resolved("--vary", "method=simclr,imix")[0]) == ["simclr", "imix"]


def test_names_are_unique_and_good_for_folders():
    made = cells.named([("", {"method": "a"}), ("", {"method": "a"}), ("", {}), ("mine", {"lr": "1"}), ("mine", {"lr": "2"})])
    assert list(made) == ["a", "a (2)", "default", "mine lr=1", "mine lr=2"]
    names = ["x" * 300, "x" * 300 + "y", "../../etc", "..", "ä/ö", "A", "a", "con\n--x"]
    folders = cells.folders(names)
    assert len({folder.lower() for folder in folders.values()}) == len(names)
    assert all(re.fullmatch(r"[\w=+,][\w.=+,-]*", folder, re.ASCII) and len(folder) < 120 for folder in folders.values())


def test_a_grid_in_yaml(here):
    Path("grid.yaml").write_text(
        "common: {epochs: 3, mixer.alpha: 0.5}\nplain: {method: imix, drop: [a, b], encoder.widths: [8, 8]}\n"
        "warm: '--method imix --method.temperature 0.8'\n"
    )
    found, problems = resolved("--grid", "grid.yaml", "--vary", "lr=0.1,0.2")
    assert problems == []
    assert list(found) == ["plain lr=0.1", "plain lr=0.2", "warm lr=0.1", "warm lr=0.2"]
    plain, warm = found["plain lr=0.2"], found["warm lr=0.1"]
    assert plain["training"] == {"epochs": "3", "lr": "0.2"}
    assert plain["data"]["drop"] == ["a", "b"]
    assert plain["encoder"] == {"widths": "[8,8]"}
    assert plain["mixer"] == warm["mixer"] == {"alpha": "0.5"}
    assert warm["method"] == {"name": "imix", "temperature": "0.8"}


def test_python_options_are_sections():
    problems: list[str] = []
    options = {"method": "imix", "mixer.alpha": 0.5, "epochs": 3, "training": {"clip": 1.0}, "labels": 5, "views.mask.p": 0.1}
    assert given.sections(options, problems, "a") == {
        "method": "imix", "mixer": {"alpha": 0.5}, "training": {"epochs": 3, "clip": 1.0}, "data": {"labels": 5},
        "views": {"mask": {"p": 0.1}},
    }  # fmt: skip
    assert problems == []
    given.sections({"metod": "imix", "seed": 1, "encoder": np.ones}, problems, "a")
    assert [
        re.search(r"Did you mean 'method'|seeds=\(0, 1, 2\)|takes no objects", problem) is not None for problem in problems
    ] == [True] * 3


# --- what is wrong is told at once, and nothing is written ----------------------------------------------------------------


def refusal(capsys, *words: Any) -> str:
    capsys.readouterr()
    before = sorted(Path().rglob("*"))
    assert command(*words) == 2
    assert sorted(Path().rglob("*")) == before
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    return said


def test_all_problems_of_all_cells_at_once(here, capsys):
    wrong = ["--methd simclr", "--method simcrl", "--method simclr --mixer mixup", "--method imix --method.temperature hot"]
    wrong += ["--method imix --seed 3", "--label a", "--method 'imix"]
    said = refusal(
        capsys, *COMPARE, *[word for cell in wrong for word in ("--cell", cell)], "--against", "simclr", "--jobs", "0"
    )
    assert "problems:" in said
    for problem in (
        "no closing quotation",
        "methd=simclr: there is no option --methd. Did you mean --method?",
        "simcrl: method: there is no 'simcrl' in methods. Did you mean 'simclr'?",
        "simclr mixer=",
        "`temperature` must be",
        "--seed is for all cells at once",
        "`label` must be the same for all cells",
        "`against` must be a cell, got 'simclr'",
        "`jobs` must be",
    ):
        assert problem in said or problem == "simclr mixer=", (problem, said)
    assert "method simclr does not mix, but a mixer was given" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cell", "--method simclr", "--cell", "--method=simclr"], "cells 'simclr' and 'simclr (2)' are the same"),
        ([], "there are no cells to compare"),
        (["--vary", "method"], "--vary takes a flag and its values"),
        (["--vary", "method=imix,imix"], "names a value twice"),
        (["--cell", "--method simclr", "--seed", "1", "1"], "names a seed twice"),
        (["--cell", "--method simclr", "--resume"], "none was named"),
        (["--cell", "simclr"], "A cell is flags of train"),
        (["--grid", "no.yaml"], "cannot be read"),
        (["--cell", "--quiet x"], "--quiet is for all cells at once"),
        (["--cels", "a"], "Did you mean --cell?"),
    ],
)
def test_what_is_no_grid_is_told(words, told, here, capsys):
    assert told in refusal(capsys, *COMPARE, *words)


def test_without_labels_there_is_nothing_to_compare(here, capsys):
    said = refusal(capsys, "compare", "trees.csv", "--drop", "kind", *QUICK, "--vary", "method=imix,simclr")
    assert said.count("has no label with two classes or more") == 1


def test_a_folder_that_is_there_is_not_touched(here, capsys):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    assert "nothing is overwritten" in refusal(capsys, *COMPARE, "--cell", "--method imix", "--out", "out")
    assert "is not a comparison" in refusal(capsys, *COMPARE, "--cell", "--method imix", "--out", "out", "--resume")


def test_data_are_read_once(here, monkeypatch):
    reads = []
    read = run.read
    monkeypatch.setattr(run, "read", lambda *a, **k: reads.append(1) or read(*a, **k))
    settings = {"data": {"label": "kind"}, "encoder": {"name": "mlp", "widths": [8]}}
    found = {name: {**settings, "method": name} for name in ("simclr", "imix", "supervised", "npair")}
    checked = plan.check(found, "trees.csv", None, 0)
    assert len(reads) == 1
    assert [cell.method for cell in checked.cells] == ["simclr", "imix", "supervised", "npair"]
    assert all(set(cell.settings["evaluation"]) == {"linear", "knn"} for cell in checked.cells)
    assert all(cell.settings["training"] == {"beside": "none"} for cell in checked.cells)
    assert "none is trained beside" in checked.notes[0]


def test_more_seeds_and_cells_are_welcome_and_fewer_are_not():
    cell = {"folder": "a", "settings": {"method": {"name": "imix"}, "training": {"lr": 0.1}}}
    before = {"data": {"fingerprint": "f"}, "seeds": [0, 1], "cells": {"a": cell}}
    plan.continues(Path("c"), before, {**before, "seeds": [0, 1, 2], "cells": {"a": cell, "b": {**cell, "folder": "b"}}})
    other = {**cell, "settings": {**cell["settings"], "training": {"lr": 0.2}}}
    beside = {**cell, "settings": {**cell["settings"], "training": {"lr": 0.1, "beside": "none"}}}  # a supervised cell joined
    plan.continues(Path("c"), before, {**before, "cells": {"a": beside, "b": {**cell, "folder": "b"}}})
    for now, told in (
        ({**before, "seeds": [1]}, "it has seed 0, and here they are 1"),
        ({**before, "data": {"fingerprint": "g"}}, "the content of the data has changed"),
        ({**before, "cells": {}}, "it has a cell 'a'"),
        ({**before, "cells": {"a": other}}, r"cell 'a' has other settings \(there and here\): training.lr: 0.1 and 0.2"),
    ):
        with pytest.raises(ValueError, match=told):
            plan.continues(Path("c"), before, now)


def test_help_comes_without_torch(capsys):
    assert command("compare", "--help") == 0
    assert "--vary KEY=V1,V2" in capsys.readouterr().out
    words = [
        sys.executable,
        "-c",
        "import sys; from mixtrast import cli; cli.main(['compare', '--cels', 'x']); print('torch' in sys.modules)",
    ]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "False\n"


# --- statistics -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_the_interval_is_that_of_a_paired_t_test(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(1.0, 1.0, n), rng.normal(0.0, 2.0, n)
    ours = paired(dict(enumerate(a)), dict(enumerate(b)))
    theirs = scipy.stats.ttest_rel(a, b)
    interval = theirs.confidence_interval(0.95)
    assert ours is not None
    np.testing.assert_allclose([ours.low, ours.high], [interval.low, interval.high], rtol=1e-9)
    assert ours.mean == pytest.approx((a - b).mean())
    assert ours.holds_zero == (theirs.pvalue > 0.05)
    narrow = paired(dict(enumerate(a)), dict(enumerate(b)), level=0.5)
    np.testing.assert_allclose([narrow.low, narrow.high], list(theirs.confidence_interval(0.5)), rtol=1e-9)


def test_the_interval_by_hand():
    """Differences 1, 2, 3: mean 2, s.d. 1, t(2) = 4.303, half the width 4.303 / √3."""
    found = paired({0: 2.0, 1: 4.0, 2: 6.0, 7: 1.0}, {2: 3.0, 1: 2.0, 0: 1.0, 8: 5.0})
    assert (found.mean, found.n) == (2.0, 3)
    assert found.high - found.mean == pytest.approx(4.302652729911275 / np.sqrt(3))
    assert quantile(10**6, 0.95) == pytest.approx(1.959966, abs=1e-5)


def test_without_spread_or_pairs():
    assert paired({0: 1.0}, {1: 1.0}) is None
    assert paired({0: 1.0}, {0: 0.5}).holds_zero is None
    same = paired({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0})
    assert (same.low, same.high, same.holds_zero) == (0.0, 0.0, True)
    best = {0: 0.9, 1: 0.91, 2: 0.92}
    assert standing(best, best) == "best"
    assert standing({0: 0.5, 1: 0.51, 2: 0.52}, best) == "worse"
    assert standing({0: 0.92, 1: 0.89, 2: 0.9}, best) == "not worse"
    assert standing({0: 0.1}, {0: 0.9}) == "unknown"


# --- how many at a time, how long -----------------------------------------------------------------------------------------


def test_how_many_at_a_time():
    eight = capacity.Machine(8, 100 * 10**9)
    found = capacity.choose(None, 100, 10**8, eight)
    assert (found.jobs, found.threads) == (8, 1)
    found = capacity.choose(None, 100, 10**9, capacity.Machine(8, 11 * 10**9))  # 5 GB each
    assert (found.jobs, found.threads) == (2, 4)
    assert "memory has room for 2" in found.why
    assert capacity.choose(None, 100, 10**10, capacity.Machine(8, 10**9)).jobs == 1
    assert (capacity.choose(None, 3, 0, eight).jobs, capacity.choose(None, 3, 0, eight).threads) == (3, 2)
    assert capacity.choose(5, 100, 10**12, eight).jobs == 5
    found = capacity.choose(None, 100, 0, capacity.Machine(16, None, ("0", "3")))
    assert (found.jobs, found.threads) == (2, 8)
    assert [capacity.environment(found, place)["CUDA_VISIBLE_DEVICES"] for place in (0, 1)] == ["0", "3"]
    assert capacity.environment(found, 0)["OMP_NUM_THREADS"] == "8"
    assert capacity.machine(False).cores >= 1


def test_how_long_it_will_take():
    took = {"a": [10.0, 20.0], "b": [5.0]}
    assert progress.left([], [], {}, 2) == 0
    assert progress.left(["a"], [], {}, 2) is None
    assert progress.left(["a", "b", "b"], [], took, 1) == 25.0
    assert progress.left(["c", "c"], [], {"a": [10.0]}, 2) == 10.0
    assert progress.left([], [Going("a", 0, 5, 10, 4.0)], took, 2) == 11.0  # 15 in all, 4 are over
    assert progress.left([], [Going("c", 0, 5, 10, 4.0)], took, 2) == 4.0  # by its steps
    assert progress.left(["c"], [Going("c", 0, 5, 10, 4.0)], {}, 1) == 12.0


def test_the_last_step_is_read_from_the_end(tmp_path):
    assert progress.step_of(tmp_path) == 0
    lines = "".join(json.dumps({"step": step, "loss": 0.1}) + "\n" for step in range(1000))
    (tmp_path / "metrics.jsonl").write_text(lines + '{"step": 10')
    assert progress.step_of(tmp_path) == 999


def test_cores_are_busy_by_cpu_seconds():
    sessions = [{"seconds": 10, "cpu_seconds": 10, "jobs": 2, "threads": 1, "cores": 2}] * 2
    assert dict(busy(sessions))["cores busy with runs"] == "50 % of the time"
    assert busy([]) == []


# --- the page and the table -----------------------------------------------------------------------------------------------


def made(folder: Path, scores: dict[str, list[float]], validation: dict[str, list[float]] | None = None, **more: Any) -> Path:
    """A comparison as it is on disk, without its runs."""
    seeds = range(max(map(len, scores.values())))
    record = {
        "data": {"name": "trees"},
        "seeds": list(seeds),
        "cells": {name: {"folder": f"f{at}", "settings": {"method": {"name": name}}} for at, name in enumerate(scores)},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.yaml").write_text(yaml.safe_dump(record))
    for at, (name, values) in enumerate(scores.items()):
        for seed, value in enumerate(values):
            place = folder / "runs" / f"f{at}" / f"seed-{seed}"
            place.mkdir(parents=True)
            val = (validation or scores)[name][seed]
            rows = {
                "trained": {"accuracy": value, "val_accuracy": val},
                "untrained": {"accuracy": 0.6},
                "raw": {"accuracy": 0.7},
            }
            results = {
                "data": {"name": "trees", "task": "classes", "train": 48, "val": 12, "test": 20, "counts": {"test": [10, 10]}},
                "method": name, "seed": seed, "probes": {"linear": {**rows, "majority": {"accuracy": 0.5}}, "knn": rows},
                "diagnosis": [{"verdict": "learning", "says": "so"}],
                "cost": {"seconds": 1.0 + at, "examples_per_second": 100.0, "peak_memory_bytes": 10**9, "device": "cpu"},
            }  # fmt: skip
            (place / "results.json").write_text(json.dumps(results))
    return folder


SCORES = {"low": [0.70, 0.71, 0.72], "high": [0.90, 0.91, 0.92], "near": [0.91, 0.90, 0.90]}


def test_cells_stand_in_order_with_their_differences(tmp_path):
    found = standings(made(tmp_path / "c", SCORES, against="low"))
    assert [(cell.name, cell.standing) for cell in found.cells] == [("high", "best"), ("near", "not worse"), ("low", "worse")]
    low = found.cells[2]
    assert low.to_best.mean == pytest.approx(-0.2)
    assert found.cells[0].to_reference.mean == pytest.approx(0.2)
    assert "high reaches 91.0 ± 1.0 % on trees (linear probe, accuracy, 3 seeds), the most of 3 cells." in found.headline
    assert "Not shown to be worse: near. Worse, seed by seed: low (−20.0" in found.headline
    assert found.table[0][5] == "to low [95 %]"
    assert [row[1] for row in found.table[1:]] == ["high", "near", "low", "untrained encoder", "raw input", "no features"]
    assert chosen_by_validation(found) == "Validation scores alone choose the same cell, high."


def test_what_cells_do_not_share_is_that_of_the_best(tmp_path):
    folder = made(tmp_path / "c", SCORES)
    for seed in range(3):  # of "low", which is f0
        path = folder / "runs" / "f0" / f"seed-{seed}" / "results.json"
        path.write_text(path.read_text().replace('"raw": {"accuracy": 0.7}', '"raw": {"accuracy": 0.3}'))
    found = standings(folder)
    assert found.row("raw").mean == pytest.approx(0.7)
    assert "raw input of the best cell 70.0 %" in found.headline
    assert [row[1] for row in found.table[-2:]] == ["raw input of the best cell", "no features"]
    assert "raw input of the best cell" in report.write_comparison(folder).read_text(encoding="utf-8")


def test_validation_may_choose_another(tmp_path):
    found = standings(made(tmp_path / "c", SCORES, {**SCORES, "near": [0.99] * 3}))
    assert "would have chosen near, with 90.3 ± 0.6 % on test" in chosen_by_validation(found)


def test_where_nothing_is_better_than_raw_it_is_said(tmp_path):
    found = standings(made(tmp_path / "c", {"a": [0.65, 0.70, 0.76], "b": [0.5, 0.5, 0.5]}))
    assert "Even the best is not shown to be better than its encoder untrained or raw input." in found.headline


def test_the_page_is_one_file_and_honest(tmp_path):
    folder = made(tmp_path / "c", {**SCORES, "<b>&": [0.8, 0.81]}, command="mixtrast compare trees.csv")
    text = report.write_comparison(folder).read_text(encoding="utf-8")
    for said in (
        "≈", "No correction is made for the number of cells", "touched its test set once", "optimistic", "does not begin at 0",
        "&lt;b&gt;&amp;, seed 2", "<svg", "raw input", "runs/f1/seed-0/report.html", "mixtrast compare trees.csv",
        "2 degrees of freedom",
    ):  # fmt: skip
        assert said in text, said
    assert "<b>&" not in text
    assert not re.search(r'(src|href)="(?!#|data:|runs/)', text)
    one = made(tmp_path / "one", {"a": [0.9], "b": [0.8]})
    assert "With one seed there is no interval" in report.write_comparison(one).read_text(encoding="utf-8")


def grid(scores: dict[str, list[float]], **own: dict[str, Any]) -> dict[str, Any]:
    """Cells of `made` with settings of their own."""
    return {name: {"folder": f"f{at}", "settings": own[name]} for at, name in enumerate(scores)}


def test_cells_that_cross_two_choices_are_a_map(tmp_path):
    """Whatever differs besides goes down, numbers by size; a cell that stands alone is told beside the map."""
    own = {
        f"{mixer} {alpha}": {"method": {"name": "mixsupcon"}, "mixer": {"name": mixer, "alpha": alpha}}
        for mixer in ("mixup", "cutmix")
        for alpha in (8.0, 0.2, 1.0)
    }
    own["supcon"] = {"method": {"name": "supcon"}}
    scores = {name: [0.1 * at + 0.01, 0.1 * at + 0.03] for at, name in enumerate(own)}
    folder = made(tmp_path / "c", scores, cells=grid(scores, **own))
    found = standings(folder)
    across = heat.crossed(found.cells)
    assert (across.key, across.rows, across.columns) == ("mixer.alpha", ("cutmix", "mixup"), ("0.2", "1", "8"))
    assert {place: cell.name for place, cell in across.cells.items()} == {
        (row, at): f"{mixer} {alpha}"
        for row, mixer in enumerate(across.rows)
        for at, alpha in enumerate((0.2, 1.0, 8.0))
    }  # fmt: skip
    picture = heat.heat(found, found.column)
    said = [text.get_text() for text in picture.figure.axes[0].texts]
    assert said[:3] == ["42.0\n± 1.4", "52.0\n± 1.4", "32.0\n± 1.4"]  # cutmix at .2, 1 and 8
    assert "Beside the map: supcon 62.0 ± 1.4 %." in picture.caption
    assert "One choice against the other" in report.write_comparison(folder).read_text(encoding="utf-8")


def test_a_place_of_a_map_may_be_empty_and_cells_need_not_cross(tmp_path):
    own = {f"{t} {b}": {"method": {"t": t, "b": b}} for t, b in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3))}
    scores = {name: [0.5] for name in own} | {"1 1": []}
    found = standings(made(tmp_path / "c", scores, cells=grid(scores, **own), seeds=[0]))
    across = heat.crossed(found.cells)
    assert (across.key, len(across.cells)) == ("method.b", 5)
    texts = [text.get_text() for text in heat.heat(found, found.column).figure.axes[0].texts]
    assert texts == ["–", "50.0", "–", "50.0", "50.0", "50.0"]
    assert heat.crossed(standings(made(tmp_path / "d", SCORES)).cells) is None
    assert "cross no two choices" in heat.heat(standings(tmp_path / "d"), found.column)
    assert "One choice against" not in report.write_comparison(tmp_path / "d").read_text(encoding="utf-8")


def test_a_page_of_nothing(tmp_path):
    folder = made(tmp_path / "c", {"a": [], "b": []}, seeds=[0])
    assert "No run has scores yet" in report.write_comparison(folder).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is not a comparison"):
        standings(tmp_path)


def test_the_table_is_tidy(tmp_path):
    results = {
        "data": {"task": "classes"}, "cost": {"seconds": 2.0, "examples_per_second": 5.0, "peak_memory_bytes": None},
        "probes": {"knn": {"trained": {"accuracy": 0.5, "chosen": {"k": 3}, "at_edge": True}, "raw": {"accuracy": 0.25}}},
        "labels": {"points": [{"per_class": 10, "rows": {"trained": [0.5, 0.75, None]}}]},
    }  # fmt: skip
    lines = table.tidy([("a", 0, results)])
    assert [tuple(line.values())[:6] for line in lines] == [
        ("a", 0, "knn", "trained", "accuracy", 0.5),
        ("a", 0, "knn", "raw", "accuracy", 0.25),
        ("a", 0, "10 labels per class", "trained", "accuracy", 0.625),
    ]
    table.write(lines, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        assert next(iter(csv.DictReader(file))) | {"value": "0.5"} == {
            key: str(value or "") if value != 0 else "0" for key, value in lines[0].items()
        }


# --- really run -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_grid_runs_fails_in_part_goes_on_and_grows(here, capsys, monkeypatch):
    """Two cells, of which one blows up; then the same again, then one more seed."""
    grid = ["--cell", "--method imix", "--cell", "--method simclr --lr 1e38 --training.warmup 0"]
    assert command(*COMPARE, *grid, "--seed", "0", "--out", "c", "--jobs", "2") == 1
    out, said = capsys.readouterr()
    assert "2 at a time, " in out
    assert "1/2  imix, seed 0: knn accuracy" in out
    assert "mixtrast: failed: simclr lr=1e38 training.warmup=0, seed 0: training stopped at step" in said
    assert "Try a lower learning rate" in Path("c/runs/simclr-lr=1e38-training.warmup=0/seed-0.log").read_text()
    assert not Path("c/runs/imix/seed-0.log").exists()
    assert {path.name for path in Path("c").iterdir()} == {
        "compare.yaml", "compare.csv", "report.html", "sessions.jsonl", "cells", "runs", "kept",
    }  # fmt: skip
    done = Path("c/runs/imix/seed-0/results.json").stat().st_mtime_ns
    assert json.loads(Path("c/sessions.jsonl").read_text().splitlines()[-1])["cpu_seconds"] > 0
    assert "holds another comparison" in refusal(capsys, *COMPARE, "--cell", "--method imix --lr 0.1", "--out", "c", "--resume")
    assert command(*COMPARE, *grid[:2], "--method", "imix", "--seed", "0", "--out", "c", "--resume") == 2  # a cell is gone
    settings = yaml.safe_load(Path("c/compare.yaml").read_text())
    capsys.readouterr()
    assert command("compare", "--out", "c", "--resume", "--quiet") == 1  # as it was planned, without a word of it again
    assert Path("c/runs/imix/seed-0/results.json").stat().st_mtime_ns == done
    again = yaml.safe_load(Path("c/compare.yaml").read_text())
    assert again == settings
    recipe_ = recipe.read(Path("c/runs/imix/seed-0/recipe.yaml"))
    assert (recipe_["method"]["name"], recipe_["training"]["steps"]) == ("imix", 3)


def test_two_runs_may_keep_the_same_at_once_and_what_is_damaged_is_made_again(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from mixtrast.evaluate import Features
    from mixtrast.run.kept import FOLDER, kept

    monkeypatch.setenv(FOLDER, str(tmp_path / "kept"))
    rng = np.random.default_rng(0)
    parts = {"train": np.arange(6) % 2, "test": np.arange(4) % 2}
    some = [Features.of(**{name: (rng.normal(size=(len(y), 2)), y) for name, y in parts.items()}, classes=2) for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: kept("knn", {}, 0, some[at // 4], lambda: {"at": at // 4}), range(160)))
    assert found == [{"at": at // 4} for at in range(160)]
    names = list((tmp_path / "kept").iterdir())
    assert len(names) == 40
    names[0].write_text("{")
    assert {kept("knn", {}, 0, one, lambda: {"again": 1}).get("again") for one in some} == {None, 1}
    monkeypatch.setenv(FOLDER, "/proc/nowhere")
    assert kept("knn", {}, 0, some[0], lambda: {"at": 7}) == {"at": 7}  # cannot be kept: no reason to fail


def test_a_switch_is_for_all_cells_and_zero_is_a_value():
    _, problems = resolved("--cell", "--method simclr --skip-bad")
    assert problems == ["--cell '--method simclr --skip-bad': --skip-bad is for all cells at once. Give it beside --cell."]
    found, problems = resolved("--skip-bad", "--cell", "--method simclr --labels 0")
    assert problems == []
    (cell,) = found.values()
    assert (cell["data"]["skip_bad"], cell["data"]["labels"]) == (True, 0)


def test_probes_that_runs_share_are_made_once(here, monkeypatch):
    """Of the raw input and the untrained encoder, by what they are probed on; of the trained one never."""
    from mixtrast.run.kept import FOLDER

    settings = {"label": "kind", "encoder": {"name": "mlp", "widths": (8,)}, "training": {"steps": 3}, "quiet": True}
    settings |= {"evaluation": "knn+linear"}
    alone = {name: mt.train("trees.csv", method=name, out=f"alone/{name}", **settings) for name in ("simclr", "npair")}
    monkeypatch.setenv(FOLDER, str(here / "kept"))
    made: list[str] = []
    for name in ("knn", "linear"):
        kind = registry.find(mt.evaluate, name)
        call = kind.__call__
        monkeypatch.setattr(
            kind, "__call__", lambda self, *a, call=call, name=name, **k: made.append(name) or call(self, *a, **k)
        )
    for name, wanted in alone.items():
        run = mt.train("trees.csv", method=name, out=f"shared/{name}", **settings)
        for probe in ("knn", "linear"):
            for row in ("trained", "untrained", "raw", "majority"):
                assert run.results["probes"][probe][row] == wanted.results["probes"][probe][row]
    assert len(list((here / "kept").iterdir())) == 4
    before = len(made)
    mt.train("trees.csv", method="imix", out="shared/imix", **settings)
    again = [name for name in made[before:] if name == "linear"]
    assert again == ["linear"]  # of the trained encoder alone
    mt.train("trees.csv", method="imix", out="shared/other", seed=1, **settings)
    assert len(list((here / "kept").iterdir())) == 8  # another split


@pytest.mark.slow
def test_from_python_with_data_in_memory(here):
    frame = pd.read_csv("trees.csv")
    x, y = frame[list("abcd")].to_numpy(np.float32), frame["kind"].to_numpy(str)
    common = {"encoder": {"name": "mlp", "widths": (8,)}, "training": {"steps": 3}, "evaluation": "knn"}
    found = mt.compare(x, label=y, cells={"simclr": {"method": "simclr"}}, seeds=(3, 5), out="c", quiet=True, jobs=2, **common)
    assert isinstance(found, Comparison)
    assert found.failed == {}
    assert found.page.is_file()
    assert list(found.runs) == [("simclr", 3), ("simclr", 5)]
    assert {line["row"] for line in found.table} == {"trained", "untrained", "raw", "majority"}
    with np.load("c/data.npz") as kept:
        assert np.array_equal(kept["x"], x)
        assert np.array_equal(kept["y"], y)
    with open("c/compare.csv") as file:
        assert len(list(csv.DictReader(file))) == len(found.table)


def started(words: list[str], until: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    began = time.monotonic()
    while time.monotonic() - began < 100 and process.poll() is None and not until():
        time.sleep(0.02)
    return process


LONG = [
    *COMPARE[:4],
    "--training.steps",
    "100000",
    *QUICK[2:],
    "--training.log_every",
    "10",
    "--training.checkpoint_every",
    "0.2",
]


def going() -> bool:
    return len(list(Path("c").glob("runs/*/seed-0/checkpoint.pt"))) == 2


def running() -> list[str]:
    """Processes of runs in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.readlink(path.parent / "cwd") == os.getcwd() and b"train" in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="children end with a killed parent on Linux")
def test_a_comparison_that_is_killed_goes_on_where_it_was(here, capsys):
    words = [*LONG, "--vary", "method=imix,simclr", "--seed", "0", "1", "--out", "c", "--jobs", "2", "--quiet"]
    process = started(words, going)
    process.kill()
    process.communicate(timeout=60)
    began = time.monotonic()
    while running() and time.monotonic() - began < 60:
        time.sleep(0.05)
    assert running() == []  # they saved and ended with their parent
    assert not Path("c/runs/imix/seed-1").exists()  # seeds are outermost
    steps = {path.parent.parent.name: progress.step_of(path.parent) for path in Path("c").glob("runs/*/*/checkpoint.pt")}
    assert min(steps.values()) > 0
    process = started(
        [*words, "--resume"], lambda: all(progress.step_of(Path(f"c/runs/{n}/seed-0")) > s for n, s in steps.items())
    )
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert "stopped with 0 of 4 runs done; those that were going on have been saved." in said
    assert f"Go on with: mixtrast {shlex.join([*words, '--resume'])}" in said
    assert running() == []
    assert all(progress.step_of(Path(f"c/runs/{name}/seed-0")) > step for name, step in steps.items())


def test_what_is_finished_is_not_started(here, monkeypatch):
    """The plan alone: of four runs two are done, one is begun, and one is new."""
    record = {"seeds": [0, 1], "cells": {"a": {"folder": "a"}, "b": {"folder": "b"}}}
    tasks = studies._tasks(Path("c"), record)
    assert [(task.cell, task.seed) for task in tasks] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    for task in tasks[:2]:
        task.folder.mkdir(parents=True)
        for name in ("results.json", "report.html"):
            (task.folder / name).write_text("{}")
    tasks[2].folder.mkdir()
    assert [task.finished for task in tasks] == [True, True, False, False]
    assert ["--resume" in task.words() for task in tasks] == [True, True, True, False]
    assert ["--no-maps" in task.words() for task in tasks] == [False, False, True, True]  # one map of each cell


def test_a_run_that_another_process_holds_waits(here):
    tasks = studies._tasks(Path("c"), {"seeds": [0], "cells": {"a": {"folder": "a"}, "b": {"folder": "b"}}})
    tasks[0].folder.mkdir(parents=True)
    (tasks[0].folder / "recipe.yaml").write_text("{}")
    with run.work.alone(tasks[0].folder):
        assert processes._next(tasks) is tasks[1]
        assert processes._next(tasks[:1]) is None
    assert processes._next(tasks) is tasks[0]


def test_what_a_run_said_last(tmp_path):
    task = Task("a", 0, tmp_path / "seed-0", tmp_path / "a.yaml")
    assert Ended(task, 3, 1.0, None).said == ["It ended with exit code 3 and said nothing."]
    assert "Try fewer --jobs" in Ended(task, -9, 1.0, None).said[-1]
    task.log.write_text("".join(f"line {at}\n\n" for at in range(100)))
    assert Ended(task, 1, 1.0, None).said[-1] == "line 99"
    assert len(Ended(task, 1, 1.0, None).said) == processes.LAST


def test_two_at_one_folder(here):
    Path("c").mkdir()
    with (
        studies._alone(Path("c")),
        pytest.raises(BlockingIOError, match="another process is at work"),
        studies._alone(Path("c")),
    ):
        pass
    assert Stopped(signal.SIGTERM, 1, 2).code == 143


@pytest.mark.parametrize("kind", ["frame", "frame and labels", "pair", "dictionary", "tensor"])
def test_data_from_memory_are_kept_as_they_are(kind, here):
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
    ending, write, told = given.as_file(data)
    path = here / f"data{ending}"
    write(path)
    section = {"frame": {"label": "kind"}, "dictionary": {"label": "species"}}.get(kind, {})
    ours, theirs = run.read(section, 0, 10, data), run.read({**section, **told}, 0, 10, str(path))
    assert ours.section["fingerprint"] == theirs.section["fingerprint"]
    assert given.in_memory(data)
    assert not given.in_memory("digits")


def test_a_frame_is_read_by_the_runs_as_it_was_checked(here):
    """Columns called by numbers, and classes that look like numbers; and it can be gone on with."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)))
    frame[3] = np.array(["1.5", "2.5", "3.0"])[np.arange(60) % 3]
    cell = {"data": {"label": "3"}, "method": {"name": "npair"}, "training": {"steps": 1}}
    for data, out in ((frame, "c"), ((frame.drop(columns=[3]), frame[3]), "d")):
        cells = {"npair": cell if out == "c" else {**cell, "data": {}}}
        begun = studies.ready(cells, data, None, seeds=(0,), out=out)
        begun.folder.mkdir()
        begun._keep()
        kept = recipe.read(Path(out) / "cells" / "npair.yaml")["data"]
        read = run.read(kept, 0, 10)
        assert (read.data.classes, len(read.data.x)) == (("1.5", "2.5", "3"), 60)
        more = {**cells, "simclr": {**cells["npair"], "method": {"name": "simclr"}}}
        assert set(studies.ready(more, data, None, seeds=(0,), out=out, resume=True).record["cells"]) == {"npair", "simclr"}


def test_a_frame_with_several_labels_is_kept_as_such(here):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    frame["tags"] = np.array(["r;x", "r", "b;x", "b"])[np.arange(80) % 4]
    cell = {"data": {"label": "tags"}, "method": {"name": "npair"}, "training": {"steps": 1}, "evaluation": {"linear": {}}}
    begun = studies.ready({"npair": cell}, frame, None, seeds=(0,), out="c")
    begun.folder.mkdir()
    begun._keep()
    read = run.read(recipe.read(Path("c/cells/npair.yaml"))["data"], 0, 10)
    assert read.data.several is not None
    assert read.data.classes == ("b", "r", "x")


def test_data_that_a_file_cannot_keep_are_refused(here, monkeypatch):
    frame = pd.read_csv("trees.csv")
    other = frame.assign(a=frame["a"] + 1)
    monkeypatch.setattr(given, "as_file", lambda data: (".csv", lambda path: other.to_csv(path, index=False), {}))
    with pytest.raises(ValueError, match="are not the same once they are written to a file and read again"):
        mt.compare(frame, label="kind", cells={"npair": {"method": "npair"}}, training={"steps": 1}, out="c", quiet=True)
    assert not (here / "c/data.csv").exists()


def test_cells_are_judged_on_the_same_examples(here, capsys):
    rows = "".join(f"{at},{at % 7},{'ab'[at // 40 % 2]}\n" for at in range(2000))
    Path("w.csv").write_text("t,v,y\n" + rows)
    words = ["compare", "w.csv", "--label", "y", "--method", "npair", "--training.steps", "1"]
    said = refusal(capsys, *words, "--vary", "window=10,20")
    assert "cells 'window=10' and 'window=20' have other test examples" in said
    assert "--test is for all cells at once. Give it beside --cell" in refusal(capsys, *words, "--vary", "test=a.csv,b.csv")


@pytest.mark.slow
def test_trees_stand_in_the_table_of_a_comparison(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", x=rng.normal(size=(80, 4)), y=np.arange(80) % 2)
    words = [
        "--cell",
        "--method npair",
        "--seed",
        "0",
        "--jobs",
        "1",
        "--training.steps",
        "1",
        "--evaluation",
        "linear+boosting",
    ]
    assert cli.main(["compare", str(tmp_path / "t.npz"), *words, "--out", str(tmp_path / "c")]) == 0
    found = standings(tmp_path / "c")
    ((name, value),) = found.baselines()
    told = json.loads((tmp_path / "c/runs/npair/seed-0/results.json").read_text())["probes"]["boosting"]["raw"]["accuracy"]
    assert (name, value.mean) == ("boosted trees of raw input", told)
    assert f"{100 * told:.1f}" in next(row for row in found.table if "boosted trees" in row[1])[3]
    assert "boosted trees of raw input" in (tmp_path / "c/report.html").read_text(encoding="utf-8")
    assert "boosted trees of raw input" in capsys.readouterr().out
