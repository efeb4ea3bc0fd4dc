"""Short forms of a recipe."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mixtrast import mixers, views
from mixtrast.recipe import Request, check, decide
from support.recipes import LABELLED, checked, decided


@pytest.mark.parametrize("section", ["method", "encoder", "mixer"])
@pytest.mark.parametrize("with_mixer", ["mixup", "mixup+cutmix", " mixup + cutmix "])
def test_a_bare_name_is_a_part_without_options(section, with_mixer):
    name = {"method": "imix", "encoder": "mlp", "mixer": with_mixer}[section]
    assert checked(**{section: name}) == checked(**{section: {"name": name}})
    assert decided(**{"method": "imix", section: name}) == decided(**{"method": "imix", section: {"name": name}})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("none", {}),
        ({}, {}),
        ("mask", {"mask": {}}),
        ("noise+mask", {"noise": {}, "mask": {}}),
        (" noise + mask ", {"noise": {}, "mask": {}}),
        ({"noise": None, "mask": {"p": "0.2"}}, {"noise": {}, "mask": {"p": 0.2}}),
    ],
    ids=str,
)
def test_views_by_name_in_their_order(given, expected):
    found = checked(views=given).views
    assert found is not None
    assert {name: view.options for name, view in found.items()} == expected
    assert list(found) == list(expected)
    assert list(decided(views=given).views) == list(expected)


def test_evaluations_by_name():
    assert checked(evaluation="knn+linear").evaluation == {"knn": {}, "linear": {}}
    assert decided(evaluation="none").evaluation == {}
    assert list(decided().evaluation) == ["boosting", "knn", "labels", "linear"]  # of a table
    assert list(decided(evaluation="default+finetune").evaluation)[-1] == "finetune"


def test_objects_of_the_users_own_pass_through():
    module, mixer, view = nn.Linear(9, 4), mixers.get("mixup"), views.get("mask")
    recipe = decided(method="imix", encoder=module, mixer=mixer, views={"own": view})
    assert recipe.encoder.instance is module
    assert recipe.mixer is not None
    assert recipe.mixer.instance is mixer
    assert recipe.views["own"].instance is view
    assert {part.name for part in (recipe.encoder, recipe.mixer, recipe.views["own"])} == {"own"}


def test_a_check_changes_nothing_and_draws_nothing():
    given = {"data": {"label": "y"}, "method": {"name": "imix", "temperature": "0.1"}, "encoder": "imixmlp", "views": "mask"}
    before, state = copy.deepcopy(given), torch.get_rng_state()
    first = check(given)
    decide(first, LABELLED)
    assert given == before
    assert torch.get_rng_state().equal(state)
    assert check(given) == first


def test_nothing_given_is_a_recipe():
    assert checked() == Request()
    assert decided().seed == 0
    assert checked(method=None, views=None, seed=None) == checked()
