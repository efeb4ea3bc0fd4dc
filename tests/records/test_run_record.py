"""A run folder as one record: parts that are missing say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixtrast.records import Map, Missing, Results, Strip, read_run, write_figure
from mixtrast.records.folder import MAP, STRIP

FIRST = Path(__file__).parent / "version1" / "run"


def test_a_run_of_the_first_edition_is_read():
    run = read_run(FIRST)
    assert isinstance(run.results, Results)
    assert run.seed == 0
    assert run.data.name == "trees"
    assert run.recipe.settings["method"]["name"] == "npair"
    assert "why" not in run.recipe.settings
    assert run.recipe.reasons["views"] == "the usual ones for such data"
    assert run.recipe.versions["mixtrast"] == "0.1.0"
    assert len(run.metrics) == 4
    assert run.map == Missing("This run has no figures/map.npz.")
    assert "lr" in run.recipe.settings["training"]
    assert "lr" not in run.recipe.requested["training"], "it was chosen for the data"


def test_figures_are_read_as_they_were_written(tmp_path):
    (tmp_path / "recipe.yaml").write_text("method: {name: imix}\nseed: 4\ndata: {source: a/trees.csv}\n")
    rng = np.random.default_rng(0)
    places, label, x = rng.normal(size=(6, 2)), np.arange(6.0), rng.normal(size=(3, 1, 4, 4))
    write_figure(tmp_path / MAP, Map(places, places, label, np.arange(6)))
    write_figure(tmp_path / STRIP, Strip(x=x, view1=x, weight=np.array([0.2, 0.8])))
    run = read_run(tmp_path)
    np.testing.assert_array_equal(run.map.trained, places)
    np.testing.assert_array_equal(run.map.label, label)
    np.testing.assert_array_equal(run.strip.view1, x)
    assert run.strip.mixed is None
    assert (run.seed, run.data.name) == (4, "trees")
    assert run.results == Missing("This run has no results.json: it is not finished, or it was stopped.")
    assert run.metrics == Missing("This run has no metrics.jsonl.")


def test_parts_of_other_shapes_are_left_out(tmp_path):
    (tmp_path / "recipe.yaml").write_text("method: {name: imix}\n")
    x = np.ones((3, 4))
    write_figure(tmp_path / MAP, Map(np.ones((3, 3))))
    write_figure(tmp_path / STRIP, Strip(x=x, mixed=np.ones((2, 5)), first=np.full((2, 4), np.nan), weight=np.ones((2, 2))))
    run = read_run(tmp_path)
    assert run.map == Missing("Its figures/map.npz has no two-dimensional map of the features.")
    assert run.strip.mixed is None
    assert run.strip.weight is None
    assert (run.strip.first == 0).all()


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"it has no recipe\.yaml"):
        read_run(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        read_run(tmp_path / "nowhere")
