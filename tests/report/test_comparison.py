"""The page and the table of a comparison."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

from mixtrast import cli, report
from mixtrast.records import Results
from mixtrast.report import ranking_headline, ranking_rows, read_ranking
from mixtrast.report.dot_plots import score_plot
from mixtrast.report.heatmap import crossed, heatmap
from mixtrast.report.ranking_text import chosen_by_validation
from mixtrast.studies import table
from support.comparisons import made, settings

REFERENCES = ["encoders before training", "raw input", "majority-class baseline"]
SCORES = {"low": [0.70, 0.71, 0.72], "high": [0.90, 0.91, 0.92], "near": [0.91, 0.90, 0.90]}


def test_configurations_stand_in_order_with_their_differences(tmp_path):
    found = read_ranking(made(tmp_path / "c", SCORES, against="low"))
    assert [(each.name, each.standing) for each in found.configurations] == [
        ("high", "best"),
        ("near", "not worse"),
        ("low", "worse"),
    ]
    low = found.configurations[2]
    assert low.to_best.mean == pytest.approx(-0.2)
    assert found.configurations[0].to_reference.mean == pytest.approx(0.2)
    assert (
        "high reaches 91.0 ± 1.0 % on trees (linear probe, accuracy, 3 seeds), the highest of 3 configurations."
        in ranking_headline(found)
    )
    assert "Not clearly worse: near. Clearly worse: low (−20.0" in ranking_headline(found)
    assert ranking_rows(found)[0][5] == "points to low [95 %]"
    assert [row[1] for row in ranking_rows(found)[1:]] == [*("high", "near", "low"), *REFERENCES]
    assert chosen_by_validation(found) == "The validation scores choose the same configuration, high."


def test_what_configurations_do_not_share_is_that_of_the_best(tmp_path):
    folder = made(tmp_path / "c", SCORES)
    for seed in range(3):  # of "low", which is f0
        path = folder / "runs" / "f0" / f"seed-{seed}" / "results.json"
        path.write_text(path.read_text().replace('"raw": {"accuracy": 0.7}', '"raw": {"accuracy": 0.3}'))
    found = read_ranking(folder)
    assert found.row("raw").mean == pytest.approx(0.7)
    assert "raw input of the best configuration 70.0 %" in ranking_headline(found)
    assert [row[1] for row in ranking_rows(found)[-2:]] == ["raw input of the best configuration", REFERENCES[-1]]
    assert "raw input of the best configuration" in report.write_comparison(folder).read_text(encoding="utf-8")


def test_validation_may_choose_another(tmp_path):
    found = read_ranking(made(tmp_path / "c", SCORES, {**SCORES, "near": [0.99] * 3}))
    assert "The validation scores choose near, with 90.3 ± 0.6 % on the test set" in chosen_by_validation(found)


def test_where_nothing_is_better_than_raw_it_is_said(tmp_path):
    found = read_ranking(made(tmp_path / "c", {"a": [0.65, 0.70, 0.76], "b": [0.5, 0.5, 0.5]}))
    assert "Even the best is not clearly better than its encoder before training or raw input." in ranking_headline(found)


def test_the_page_is_one_file_and_honest(tmp_path):
    folder = made(tmp_path / "c", {**SCORES, "<b>&": [0.8, 0.81]}, command="mixtrast compare trees.csv")
    text = report.write_comparison(folder).read_text(encoding="utf-8")
    for said in (
        "≈", "no correction is made for their number", "used its test set once", "optimistic", "does not begin at 0",
        "&lt;b&gt;&amp;, seed 2", "<svg", "raw input", "runs/f1/seed-0/report.html", "mixtrast compare trees.csv",
        "paired t-test over 3 seeds",
    ):  # fmt: skip
        assert said in text, said
    assert "<b>&" not in text
    assert not re.search(r'(src|href)="(?!#|data:|runs/)', text)
    one = made(tmp_path / "one", {"a": [0.9], "b": [0.8]})
    assert "Each configuration ran once; repeat with --seed 0 1 2." in report.write_comparison(one).read_text(encoding="utf-8")


def test_two_settings_that_vary_together_are_a_map(tmp_path):
    """Whatever differs besides goes down, numbers by size; a configuration that stands alone is named under the map."""
    own = {
        f"{mixer} {alpha}": {"method": {"name": "mixsupcon"}, "mixer": {"name": mixer, "alpha": alpha}}
        for mixer in ("mixup", "cutmix")
        for alpha in (8.0, 0.2, 1.0)
    }
    own["supcon"] = {"method": {"name": "supcon"}}
    scores = {name: [0.1 * at + 0.01, 0.1 * at + 0.03] for at, name in enumerate(own)}
    folder = made(tmp_path / "c", scores, cells=settings(scores, **own))
    found = read_ranking(folder)
    across = crossed(found.configurations)
    assert (across.key, across.rows, across.columns) == ("mixer.alpha", ("cutmix", "mixup"), ("0.2", "1", "8"))
    assert {place: each.name for place, each in across.places.items()} == {
        (row, at): f"{mixer} {alpha}"
        for row, mixer in enumerate(across.rows)
        for at, alpha in enumerate((0.2, 1.0, 8.0))
    }  # fmt: skip
    picture = heatmap(found, found.column)
    said = [text.get_text() for text in picture.figure.axes[0].texts]
    assert said[:3] == ["42.0\n± 1.4", "52.0\n± 1.4", "32.0\n± 1.4"]  # cutmix at .2, 1 and 8
    assert "Not on the map: supcon 62.0 ± 1.4 %." in picture.caption
    assert "Two settings varied together" in report.write_comparison(folder).read_text(encoding="utf-8")


def test_a_place_of_a_map_may_be_empty_and_settings_need_not_vary_together(tmp_path):
    own = {f"{t} {b}": {"method": {"t": t, "b": b}} for t, b in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3))}
    scores = {name: [0.5] for name in own} | {"1 1": []}
    found = read_ranking(made(tmp_path / "c", scores, cells=settings(scores, **own), seeds=[0]))
    across = crossed(found.configurations)
    assert (across.key, len(across.places)) == ("method.b", 5)
    texts = [text.get_text() for text in heatmap(found, found.column).figure.axes[0].texts]
    assert texts == ["–", "50.0", "–", "50.0", "50.0", "50.0"]
    assert crossed(read_ranking(made(tmp_path / "d", SCORES)).configurations) is None
    assert "No two settings vary together" in heatmap(read_ranking(tmp_path / "d"), found.column)
    assert "Two settings varied" not in report.write_comparison(tmp_path / "d").read_text(encoding="utf-8")


@pytest.mark.parametrize(("first", "second", "side"), [(0.68, 0.65, ""), (0.65, 0.649, "right"), (0.8, 0.799, "left")])
def test_raw_input_is_on_the_axis_or_said_to_be_outside(tmp_path, first, second, side):
    """Raw input scores 70 %."""
    picture = score_plot(read_ranking(made(tmp_path / "c", {"a": [first, first], "b": [second, second]})))
    low, high = picture.figure.axes[0].get_xlim()
    assert (low <= 70 <= high) == (not side)
    assert (f"raw input (70.0 %) is to the {side} of the axis" in picture.caption) == bool(side)


def test_a_page_of_nothing(tmp_path):
    folder = made(tmp_path / "c", {"a": [], "b": []}, seeds=[0])
    assert "No run has scores yet" in report.write_comparison(folder).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is not a comparison"):
        read_ranking(tmp_path)


def test_the_table_is_tidy(tmp_path):
    results = {
        "data": {"task": "classes"}, "cost": {"seconds": 2.0, "examples_per_second": 5.0, "peak_memory_bytes": None},
        "probes": {"knn": {"trained": {"accuracy": 0.5, "chosen": {"k": 3}, "at_edge": True}, "raw": {"accuracy": 0.25}}},
        "labels": {"points": [{"per_class": 10, "rows": {"trained": [0.5, 0.75, None]}}]},
    }  # fmt: skip
    lines = table.tidy([("a", 0, Results.from_dict(results))])
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


@pytest.mark.slow
def test_trees_stand_in_the_table_of_a_comparison(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", x=rng.normal(size=(80, 4)), y=np.arange(80) % 2)
    words = [
        "--configuration",
        "--method npair",
        "--seed",
        "0",
        "--workers",
        "1",
        "--training.steps",
        "1",
        "--evaluation",
        "linear+boosting",
    ]
    assert cli.main(["compare", str(tmp_path / "t.npz"), *words, "--out", str(tmp_path / "c")]) == 0
    found = read_ranking(tmp_path / "c")
    (baseline,) = found.baselines
    name, value = baseline.record.phrase, found.row("raw", baseline)
    told = json.loads((tmp_path / "c/runs/npair/seed-0/results.json").read_text())["probes"]["boosting"]["raw"]["accuracy"]
    assert (name, value.mean) == ("boosted trees on raw input", told)
    assert f"{100 * told:.1f}" in next(row for row in ranking_rows(found) if "boosted trees" in row[1])[3]
    assert "boosted trees on raw input" in (tmp_path / "c/report.html").read_text(encoding="utf-8")
    assert "boosted trees on raw input" in capsys.readouterr().out
