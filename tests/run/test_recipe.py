"""Recipes of runs: given settings go over a file, and a recipe is good for other data."""

from __future__ import annotations

import pytest

import mixtrast as mt
from mixtrast import recipe, run
from mixtrast.records import yaml_file
from support.runs import blobs, csv, frame, pictures, same, small, state

pytestmark = pytest.mark.usefixtures("light")


def test_a_recipe_file_is_gone_over_by_what_is_given(tmp_path):
    path = tmp_path / "mine.yaml"
    text = "method: {name: imix, temperature: 0.3}\nmixer: {name: cutmix, alpha: 0.5}\nseed: 4\ntraining: {lr: 0.02}\n"
    path.write_text(text)
    found = small(blobs(), tmp_path / "run", recipe=path, seed=5).recipe
    assert (found.method.name, found.method.options["temperature"]) == ("imix", 0.3)
    assert (found.mixer.name, found.mixer.options["alpha"]) == ("cutmix", 0.5)
    assert (found.training.lr, found.training.steps, found.seed) == (0.02, 6, 5)


def test_pipelines_are_their_views(tmp_path):
    recipe_ = run.prepare({"views": "supcon", "encoder": {"name": "resnet8", "width": 4}}, pictures()).recipe
    assert list(recipe_.views) == ["crop", "flip", "color", "gray"]
    assert tuple(recipe_.views["crop"].options["scale"]) == (0.2, 1.0)
    both = run.prepare({"views": {"supcon": {}, "crop": {"scale": (0.5, 1.0)}, "noise": {}}}, pictures()).recipe.views
    assert (tuple(both["crop"].options["scale"]), list(both)[-1]) == ((0.5, 1.0), "noise")


def test_the_recipe_of_a_run_is_good_for_other_data(tmp_path):
    done = small(csv(tmp_path), tmp_path / "run", label="kind")
    other = small(frame(rows=120, seed=1), tmp_path / "other", label="kind", recipe=done.folder / "recipe.yaml")
    assert other.results.cost.steps == 6
    assert (done.recipe.training.batch, other.recipe.training.batch) == (48, 72)  # decided anew
    assert done.recipe.data.fingerprint != other.recipe.data.fingerprint


def test_the_recipe_of_a_run_is_good_for_itself(tmp_path):
    path = csv(tmp_path)
    done = small(path, tmp_path / "run", label="kind", training={"lr": 0.01})
    again = mt.train(recipe=done.folder / "recipe.yaml", out=tmp_path / "again", quiet=True)
    assert recipe.differences(done.recipe, again.recipe) == []
    assert same(state(done), state(again))


def test_settings_are_what_is_given_over_a_file_over_what_is_there(tmp_path):
    (tmp_path / "run").mkdir()
    stored = {"version": 2, "method": {"name": "imix", "dim": 8}, "encoder": {"name": "mlp"}}
    stored |= {"training": {"lr": 0.1, "epochs": 3}, "seed": 1, "reasons": {"method": "so"}}
    yaml_file.write(stored, tmp_path / "run" / "recipe.yaml")
    recipe.write(recipe.Request(training={"steps": 5}, seed=2), tmp_path / "mine.yaml")
    where = {"out": tmp_path / "run", "recipe": tmp_path / "mine.yaml"}
    asked = {"method": {"temperature": 0.3}, "seed": None}
    assert run.settings(asked, resume=False, **where) == recipe.Request(
        method=recipe.Part("", {"temperature": 0.3}), training={"steps": 5}, seed=2
    )
    found = run.settings(asked, resume=True, **where)
    # All there is counts as given, decided or not.
    assert found.method == recipe.Part("imix", {"dim": 8, "temperature": 0.3})
    assert (found.training["lr"], found.training["steps"], found.seed) == (0.1, 5, 2)
    assert "epochs" not in found.training
    assert run.settings({}, resume=True, out=tmp_path / "new", recipe=None) == recipe.Request()
    found = run.settings({}, resume=True, out=tmp_path / "run", recipe=None)
    assert (found.method, found.training["epochs"], found.seed) == (recipe.Part("imix", {"dim": 8}), 3, 1)
