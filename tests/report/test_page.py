"""Pages of reports: every kind of example, one file, written whole or not at all."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from mixtrast.report import write
from support.pages import SHAPES, Synthetic, report, three


def test_a_whole_page_of_three_seeds(tmp_path):
    page = report(tmp_path, *three(lines=120, drawn="map strip"))
    assert page.text.count("<svg") == 8
    assert len(page.text.encode()) < 400_000
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page.text)
    assert headings == [
        *("Diagnosis", "Scores", "Label efficiency", "Training", "Maps of the test features"),
        *("Views and mixtures", "Cost", "Data", "Next steps", "Recipe"),
    ]
    assert ">chance level<" in page.text
    assert "features of the trained encoder" in page.prose
    assert "t-SNE of 240 test examples of seed 0." in page.prose


@pytest.mark.parametrize("kind", SHAPES)
def test_every_kind_of_example_is_drawn(tmp_path, kind):
    run = Synthetic(kind=kind, lines=600, drawn="strip")
    run.results["labels"]["points"] = []
    page = report(tmp_path, run)
    assert page.text.count("λ = ") > 4
    assert "Each point is the mean of about 2 logged steps" in page.prose


def test_wide_tables_and_large_images_stay_small(tmp_path):
    run, large = Synthetic(kind="table"), Synthetic(kind="colour")
    run.figures["strip"] = {name: np.random.default_rng(0).normal(size=(6, 500)) for name in ("x", "view1", "mixed", "first")}
    large.figures["strip"] = {name: np.random.default_rng(0).normal(size=(4, 3, 224, 200)) for name in ("x", "view1", "view2")}
    assert "the first 40 of 500" in report(tmp_path / "wide", run).prose
    assert "4 examples and the two views of each" in "".join(report(tmp_path / "large", large).alts)


def test_many_classes_are_coloured_not_named(tmp_path):
    names = [f"kind of thing {number}" for number in range(40)]
    run = Synthetic(classes=names, drawn="map")
    page = report(tmp_path, run)
    assert "40 classes are too many to name" in page.prose
    assert page.prose.count("kind of thing 39") == 1, "in the table of counts only"


def test_the_recipe_has_its_reasons(tmp_path):
    page = report(tmp_path, *three())
    assert "training.batch 256 a quarter of the 1,078 training examples" in page.prose
    assert "encoder.width 512 the data has 64 numbers an example" in page.prose
    assert "method.name imix no label is known in training" in page.prose
    assert "views.noise.scale 0.1 the usual ones" in page.prose
    assert "data.limit not set" in page.prose
    assert "seed 0 (of the first seed; each has its own)" in page.prose
    assert "seed 0, 1, 2" in page.prose
    assert "mixtrast embed runs/digits data.npz -o z.npz" in page.prose
    assert page.prose.count("Synthetic: these numbers were drawn, not measured.") == 1


def test_names_are_words_not_markup(tmp_path):
    run = Synthetic(classes=["<b>x</b>", "$\\frac{1}{0}$", '" onload="alert(1)', "日本 & so on"], drawn="map")
    run.results["data"]["name"] = "<script>alert(1)</script>"
    run.results["diagnosis"] = [{"verdict": "<i>", "says": "</section><script>"}]
    run.results["next"] = ['mixtrast <folder> && echo "\'"']
    page = report(tmp_path, run)
    assert "<b>x</b>" not in page.text
    assert "&lt;b&gt;x&lt;/b&gt;" in page.text
    assert "<b>x</b>" in page.prose
    assert "onload" not in re.sub(r">[^<]*<", "><", page.text)
    assert not {"b", "i", "script"} & set(page.tags)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path / "nowhere", "is not a folder. A run folder has recipe.yaml"),
        (
            lambda path: path,
            "is not a run: it has no recipe.yaml. A run folder has .* The folders run in it are runs: give those.",
        ),
        (lambda path: (path / "run" / "recipe.yaml").write_text("a: [") and path / "run", "recipe.yaml is not YAML"),
        (
            lambda path: (path / "run" / "recipe.yaml").write_text("- a") and path / "run",
            "must be a mapping of data, method, .*, got list",
        ),
        (lambda path: (path / "run" / "results.json").write_text("{") and path / "run", "is not readable as JSON"),
        (lambda path: (path / "run" / "results.json").write_text("3") and path / "run", "must be an object, got int"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_in_a_sentence(tmp_path, make, sentence):
    Synthetic().save(tmp_path / "run")
    with pytest.raises(ValueError, match=sentence):
        write([make(tmp_path)], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(ValueError, match="at least one run folder"):
        write([], tmp_path / "report.html")


def test_the_page_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = Synthetic().save(tmp_path / "run")
    out = tmp_path / "deep" / "report.html"
    assert write([folder], out) == out
    before = out.read_text(encoding="utf-8")

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write([folder], out)
    assert out.read_text(encoding="utf-8") == before
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_the_same_records_make_the_same_page(tmp_path):
    folder = Synthetic(drawn="map strip").save(tmp_path / "run")
    first, second = (write([folder], tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_pictures_are_saved_when_asked(tmp_path):
    report(tmp_path, Synthetic(lines=40, drawn="map strip"), png=True)
    names = {path.stem for path in (tmp_path / "run0" / "figures").glob("*.png")}
    assert names == {"loss", "labels", "knn", "rank", "map-trained", "map-raw", "views", "mixtures"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "run0" / "figures").glob("*.png"))


def test_settings_of_matplotlib_are_left_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    report(tmp_path, Synthetic())
    assert dict(matplotlib.rcParams) == before
