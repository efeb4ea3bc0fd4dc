"""The one list of options: flags of `train` and `compare`, keywords of `mt.train` and `mt.compare`."""

from __future__ import annotations

import argparse
import inspect
import typing

import pytest

import mixtrast as mt
from mixtrast import datasets, registry
from mixtrast.cli._main import make_parser
from mixtrast.options import BY_NAME, DATA, RUN, SELECTION, SETTINGS, TRAIN, TRAINING
from mixtrast.recipe import DataSection, Recipe, Training, check, sections
from mixtrast.studies import Grid

HIDDEN = {"--probe-cache"}  # for the runs of a comparison only
MORE = {"training", "options"}  # mappings of options that have no keyword of their own


def flags(command: str) -> set[str]:
    """All flags of a command."""
    (commands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    actions = commands.choices[command]._actions
    return {flag for action in actions for flag in action.option_strings if flag.startswith("--")} - {"--help"}


def test_every_option_has_one_name_and_says_what_it_is():
    assert len(BY_NAME) == len(TRAIN)
    assert all(option.help and option.name.isidentifier() for option in TRAIN)


def test_the_flags_of_train_are_the_list():
    assert flags("train") - HIDDEN == {option.flag for option in TRAIN}


def test_the_flags_of_compare_are_the_settings_and_its_own():
    own = {"--configuration", "--vary", "--grid", "--against", "--workers", "--seed", "--out", "--resume", "--quiet"}
    assert flags("compare") == {option.flag for option in SETTINGS} | own


def test_the_keywords_of_train_are_the_list():
    parameters = inspect.signature(mt.train).parameters
    assert next(iter(parameters)) == "data"
    assert set(parameters) - {"data"} - MORE == {option.name for option in TRAIN}
    hints = typing.get_type_hints(mt.train)
    for name, parameter in parameters.items():
        assert name in hints, f"{name} must have a type"
        assert name == "data" or parameter.kind is parameter.KEYWORD_ONLY
    documented = inspect.getdoc(mt.train).partition("Args:")[2]
    assert all(name in documented for name in parameters)


@pytest.mark.parametrize("name", [option.name for option in SETTINGS if option.name != "test"])
def test_compare_takes_every_setting(name):
    value = {"labels": 5, "examples": 20, "skip_bad": True, "drop": ["a"], "views": "mask", "method": "imix"}.get(name, "2")
    value = {"task": "classes", "header": "no", "mixer": "mixup", "encoder": "mlp", "evaluation": "knn"}.get(name, value)
    for found in (Grid.of({"a": {name: value}}, {}), Grid.of({"a": {}}, {name: value})):
        assert found.problems == ()
        assert found.configurations["a"] == check(sections({name: value})) != check({})


def test_options_of_data_and_training_are_those_of_readers_and_of_the_training():
    known = {name for each in datasets.names() for name in registry.options(datasets.find(each))}
    fields = {"test", "labels", "examples"} & set(typing.get_type_hints(DataSection))
    assert {option.name for option in DATA} <= known | fields
    assert {option.name for option in TRAINING} <= set(registry.options(Training))
    assert {option.name for option in SELECTION} <= set(typing.get_type_hints(Recipe))
    assert not {option.name for option in RUN if not option.section} & set(typing.get_type_hints(Recipe))
