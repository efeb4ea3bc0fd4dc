"""Recipes of the first edition are read in today's keys; a file that says its version is not changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mixtrast.recipe import OWN, Part, RecipeError, check, layered, load, write
from mixtrast.records import recipe_file

FOLDER = Path(__file__).parent / "version1"
RUNS = {"classes": "supervised", "several": "none"}  # name -> its supervised baseline


@pytest.mark.parametrize("name", RUNS)
def test_the_recipe_of_a_run_is_read(name, tmp_path):
    recipe = load(FOLDER / f"{name}.yaml")
    assert (recipe.data.source, recipe.data.reader, recipe.data.options["label"]) == ("t.csv", "tabular", "tags")
    assert recipe.training.baseline == RUNS[name]
    assert recipe.encoder == Part("mlp", {"widths": (8,), "embed": 0, "groups": (), "maxout": 0, "norm": True, "dropout": 0.0})
    assert "48 training examples" in recipe.reasons["training.batch"]
    assert recipe.versions["mixtrast"] == "0.1.0"
    write(recipe, tmp_path / "recipe.yaml")
    assert load(tmp_path / "recipe.yaml") == recipe
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["version"] == 2


def test_what_was_asked_of_a_run_of_the_first_edition_is_asked_again():
    asked = layered(recipe_file.read(FOLDER / "classes.yaml"))
    assert asked.method is not None
    assert asked.method.name == "mixsupcon"
    assert (asked.mixer, asked.views, asked.data.reader, asked.data.fingerprint) == (None, None, "", "")
    assert asked.training["steps"] == 2
    assert "lr" not in asked.training


def test_objects_of_the_users_own_and_several_labels():
    recipe = load(FOLDER / "several.yaml")
    assert recipe.data.options["task"] == "multilabel"
    assert recipe.mixer is not None
    assert (recipe.mixer.name, recipe.views["twice"].name) == (OWN, OWN)
    assert recipe.mixer.options["made"].startswith("Mixup(alpha=0.3")
    assert recipe.views["twice"].options == {"made": "Noise(scale=0.1)"}


def test_a_recipe_that_was_written_by_hand():
    asked = check(recipe_file.read(FOLDER / "by_hand.yaml"))
    assert asked.data.options == {"label": "tags", "task": "multilabel"}
    assert asked.training == {"steps": 2, "baseline": "none"}
    assert list(asked.evaluation) == ["default", "finetune"]


def test_names_of_today_need_no_version_and_old_ones_are_errors_with_it(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("training: {baseline: none}\nevaluation: {default: {}}\n")
    assert check(recipe_file.read(path)).training == {"baseline": "none"}
    path.write_text("version: 2\ntraining: {beside: none}\nwhy: {}\n")
    with pytest.raises(RecipeError, match="no section 'why'") as error:
        check(recipe_file.read(path))
    assert any("training has no option 'beside'" in problem for problem in error.value.problems)
    path.write_text("version: 3\n")
    with pytest.raises(ValueError, match=r"has version 3, but must have 1 or 2. Install a newer mixtrast"):
        recipe_file.read(path)
