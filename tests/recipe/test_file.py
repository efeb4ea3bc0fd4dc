"""Recipes in files: read again they say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mixtrast import encoders, evaluation, methods, mixers, registry, views
from mixtrast.recipe import Part, Request, check, decide, differences, load, with_defaults, write
from mixtrast.records import recipe_file, yaml_file
from support.recipes import LABELLED, checked, decided

GIVEN = [
    {},
    {"method": {"name": "imix", "depth": [0, 1], "temperature": "1e-1"}, "mixer": "mixup+cutmix"},
    {"method": "simclr", "views": "none", "evaluation": "none", "seed": 3},
    {"method": "supervised", "mixer": {"name": "mixup", "alpha": [1, 2]}, "training": {"steps": 12, "optimizer": "sgd"}},
    {"encoder": "imixmlp", "training": {"schedule": "step", "milestones": [0.5], "lr": 1e-5, "weight_decay": 0}},
    {"data": {"source": "tables/größe.csv", "label": "y", "drop": ["a", "b"]}, "views": {"noise": {"scale": 1e-7}}},
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_a_decided_recipe_read_from_its_file_decides_the_same(given, tmp_path):
    recipe = replace(decide(check(given), LABELLED), versions={"torch": "2"})
    path = tmp_path / "recipe.yaml"
    write(recipe, path)
    loaded = load(path)
    assert loaded == recipe  # in type too: tuples are tuples again
    assert differences(loaded, recipe) == []
    again = decide(loaded.request(), LABELLED)
    assert replace(again, reasons=recipe.reasons, versions=recipe.versions) == recipe
    assert again.reasons == {}
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.yaml"]  # nothing half written is left


@pytest.mark.parametrize(
    ("room", "name"),
    [
        *[(room, name) for room in (methods, mixers, views, evaluation) for name in registry.names(room)],
        *[(encoders, name) for name in [*registry.names(encoders), *registry.sizes(encoders)]],
    ],
    ids=lambda part: part if isinstance(part, str) else part.__name__.rpartition(".")[2],
)
def test_the_defaults_of_every_part_survive_a_file(room, name, tmp_path):
    kind, preset = registry.resolve(room, name)
    options = with_defaults(kind, preset)
    section = {methods: "method", mixers: "mixer", encoders: "encoder", views: "views", evaluation: "evaluation"}[room]
    part = Part(name, options)
    whole = {views: {name: part}, evaluation: {name: options}}.get(room, part)
    write(replace(Request(), **{section: whole}), tmp_path / "recipe.yaml")
    assert repr(getattr(check(recipe_file.read(tmp_path / "recipe.yaml")), section)) == repr(whole)


def test_differences_say_what_was_and_what_is():
    one = decided(method="imix", training={"lr": 0.1})
    other = decided(method={"name": "imix", "temperature": 0.5}, training={"lr": 0.2}, seed=4)
    assert sorted(differences(one, other)) == [
        "method.temperature: 0.2 and 0.5",
        "seed: 0 and 4",
        "training.lr: 0.1 and 0.2",
    ]
    assert differences(one, replace(one, reasons={"method": "chance"})) == []  # a reason is no difference
    assert differences(checked(views={"mask": {"p": 0.1}}), checked(views={})) != []
    assert differences(checked(views={"mask": {}}), checked(views={"noise": {}})) != []
    assert (
        differences(checked(method={"name": "imix", "depth": (0, 1)}), checked(method={"name": "imix", "depth": [0, 1]})) == []
    )
    assert differences(one, replace(one, evaluation={"knn": {}})) == []  # nor is the evaluation


def test_a_recipe_is_written_over_another(tmp_path):
    path = tmp_path / "recipe.yaml"
    for seed in (1, 2):
        write(Request(seed=seed), path)
        assert recipe_file.read(path)["seed"] == seed


@pytest.mark.parametrize("text", ["", "- imix\n", "imix\n", "3\n"], ids=repr)
def test_a_file_that_is_no_mapping_is_refused(text, tmp_path):
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must be a mapping of data, method"):
        recipe_file.read(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("a: 1\nb: {c: 1}\na: 2\n", "'a' twice, in lines 1 and 3"), ("b: {c: 1, c: 2}\n", "'c' twice, in lines 1 and 1")],
)
def test_a_name_that_is_there_twice_is_refused(tmp_path, text, lines):
    """YAML would take the last: of two cells of a grid with one name the first would be lost without a word."""
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ValueError, match=lines):
        recipe_file.read(tmp_path / "grid.yaml")


def test_what_yaml_merges_may_be_overridden(tmp_path):
    (tmp_path / "a.yaml").write_text("x: {deep: &b {<<: {lr: 1}, lr: 2}}\ny: {<<: *b}\n1: a\n'1': b\n")
    assert yaml_file.read(tmp_path / "a.yaml", "the grid", "names") == {
        "x": {"deep": {"lr": 2}},
        "y": {"lr": 2},
        1: "a",
        "1": "b",
    }


@pytest.mark.parametrize("content", [b"method: {name: imix", b"method: [\n", b"\tseed: 1\n", b"label: \xff\xfe\n"], ids=repr)
def test_a_file_that_is_no_yaml_is_refused(content, tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.yaml is not YAML"):
        recipe_file.read(tmp_path / "recipe.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml cannot be read: No such file"):
        recipe_file.read(tmp_path / "nothing.yaml")
    with pytest.raises(FileNotFoundError, match="cannot be read"):
        recipe_file.read(tmp_path)
