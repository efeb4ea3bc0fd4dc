"""The recipes of the literature: each is read, says where it comes from, and begins to train."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from mixtrast.cli import main
from mixtrast.recipe import DataSection, Part, check, load, named
from mixtrast.records import recipe_file
from mixtrast.run import prepare

NAMES = named.names()


def data(name: str, encoder: Part) -> tuple[np.ndarray, np.ndarray]:
    """A few examples of the kind that the recipe is for."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    if encoder.name == "imixmlp":
        columns = sum(encoder.options.get("groups") or (12,))
        return rng.standard_normal((40, columns)).astype(np.float32), y
    if encoder.name == "logmel":
        return rng.standard_normal((40, 1, 16_000)).astype(np.float32), y
    side = 64 if "tinyimagenet" in name or encoder.options.get("stem") == "imagenet" else 32
    return rng.integers(0, 256, (40, 3, side, side), dtype=np.uint8), y


def test_there_are_recipes():
    assert {"imix/cifar10-npair", "supcontrast/cifar10-supcon", "moco/cifar10-demo", "mixup/cifar10-preact"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_where_it_comes_from_and_what_to_expect(name):
    what, *rest = named.header(name)
    assert what.endswith(".")
    assert [line.partition(":")[0] for line in rest] == ["Source", "Expected", "Cost", "Differs"]
    assert re.search(r"arXiv:|github|/|commit", rest[0])
    assert all(len(line) > 20 for line in rest)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_begins_to_train(name):
    """All of it is understood, its parts go together, and one batch passes; with the settings that it names and no others."""
    written = recipe_file.read(named.find(name))
    assert written["version"] == 2
    asked = check(written)
    training = {**asked.training, "epochs": 1, "batch": 16}
    request = replace(asked, data=DataSection(), training=training)  # of images in a folder
    prepared = prepare(request, data(name, asked.encoder))
    for section in ("method", "mixer", "encoder"):
        part = getattr(asked, section)
        for option, value in part.options.items() if part is not None else ():
            assert getattr(prepared.recipe, section).options[option] == value, (section, option)
    machine = {"training.log_every", "training.precision", "training.channels_last", "training.device"}
    decided = {key for key in prepared.recipe.reasons if key.startswith("training.")} - machine
    assert not decided, "what a recipe leaves open would change with the data"


@pytest.mark.slow
def test_the_command_lists_and_takes_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "recipes"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in NAMES)
    assert main(["list", "recipes", "moco/cifar10-demo"]) == 0
    assert "mixtrast train --recipe moco/cifar10-demo DATA" in capsys.readouterr().out
    assert main(["train", "digits", "--recipe", "moco/cifar10-dem"]) == 2
    assert "Did you mean 'moco/cifar10-demo'? See: mixtrast list recipes" in capsys.readouterr().err
    words = ["train", "digits", "--recipe", "moco/cifar10-demo", "--encoder.width", "4", "--epochs", "1", "--batch", "128"]
    assert main([*words, "--views", "shift", "--evaluation", "knn", "--out", "run", "--quiet"]) == 0
    found = load(tmp_path / "run" / "recipe.yaml")
    assert (found.method.options["splits"], found.method.options["temperature"]) == (8, 0.1)
    assert found.encoder.options["width"] == 4
