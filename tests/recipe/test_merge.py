"""One recipe over another, and a recipe taken to other data."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mixtrast.recipe import DataSection, Part, RecipeError, Request, decide, layered, merge
from support.recipes import SUMMARIES, checked, decided


def request(sections: dict[str, Any]) -> Request:
    """Of sections with names that need not exist."""

    def part(written: Any) -> Part | None:
        options = {"name": written} if isinstance(written, str) else dict(written or {})
        return None if written is None else Part(options.pop("name", ""), options)

    views = sections.get("views")
    views = {} if views == "none" else views
    return Request(
        data=DataSection(options=sections.get("data", {})),
        **{name: part(sections.get(name)) for name in ("method", "mixer", "encoder")},
        views=None if views is None else {name: Part(name, options) for name, options in views.items()},
        training=sections.get("training", {}),
        evaluation=sections.get("evaluation"),
        seed=sections.get("seed"),
    )


@pytest.mark.parametrize(
    ("base", "given", "merged"),
    [
        ({}, {"method": "imix", "mixer": None}, {"method": {"name": "imix"}}),
        ({"method": "imix"}, {"method": None}, {"method": {"name": "imix"}}),
        ({"method": {"name": "a", "x": 1}}, {"method": {"name": "b"}}, {"method": {"name": "b"}}),
        ({"method": {"name": "a", "x": 1}}, {"method": "b"}, {"method": {"name": "b"}}),
        ({"method": {"name": "a", "x": 1}}, {"method": "a"}, {"method": {"name": "a", "x": 1}}),
        ({"method": {"name": "a", "x": 1}}, {"method": {"name": "a", "y": 2}}, {"method": {"name": "a", "x": 1, "y": 2}}),
        ({"method": {"name": "a", "x": 1}}, {"method": {"x": 2}}, {"method": {"name": "a", "x": 2}}),
        ({"method": "a"}, {"method": {"temperature": "0.1"}}, {"method": {"name": "a", "temperature": "0.1"}}),
        ({"encoder": "a"}, {"encoder": {"width": 8}}, {"encoder": {"name": "a", "width": 8}}),
        ({"mixer": {"name": "a", "alpha": 1}}, {"mixer": {"name": "b"}}, {"mixer": {"name": "b"}}),
        ({"method": "a", "mixer": "m"}, {"method": "b"}, {"method": {"name": "b"}}),
        ({"method": "a", "mixer": "m"}, {"method": "b", "mixer": "n"}, {"method": {"name": "b"}, "mixer": {"name": "n"}}),
        ({"method": "a", "mixer": "m"}, {"method": {"x": 1}}, {"method": {"name": "a", "x": 1}, "mixer": {"name": "m"}}),
        ({"method": "a", "mixer": "m"}, {"method": "a"}, {"method": {"name": "a"}, "mixer": {"name": "m"}}),
        ({"training": {"lr": 1}}, {"training": {"epochs": 2}}, {"training": {"lr": 1, "epochs": 2}}),
        ({"training": {"epochs": 2}}, {"training": {"steps": 5}}, {"training": {"steps": 5}}),
        (
            {"training": {"epochs": 2}},
            {"training": {"steps": None, "lr": 1}},
            {"training": {"epochs": 2, "steps": None, "lr": 1}},
        ),
        ({"training": {}}, {"training": {"epochs": 2, "steps": 5}}, {"training": {"epochs": 2, "steps": 5}}),
        ({"data": {"label": "y"}}, {"data": {}}, {"data": {"label": "y"}}),
        ({"data": {"label": "y", "drop": ["a"]}}, {"data": {"label": "z"}}, {"data": {"label": "z", "drop": ["a"]}}),
        ({"seed": 1}, {"seed": 0}, {"seed": 0}),
        ({"views": {"mask": {}}}, {"views": "none"}, {"views": "none"}),
        ({"views": {"mask": {"p": 0.1}}}, {"views": {}}, {"views": {}}),
        ({"views": {"mask": {"p": 0.1}}}, {"views": {"noise": {}}}, {"views": {"noise": {}}}),
        ({"evaluation": {"knn": {"k": 1}}}, {"evaluation": {"linear": {}}}, {"evaluation": {"linear": {}}}),
    ],
    ids=str,
)
def test_what_is_given_goes_over_what_there_is(base, given, merged):
    one, other = request(base), request(given)
    before = copy.deepcopy((one, other))
    assert merge(one, other) == request(merged)
    assert (one, other) == before


@pytest.mark.parametrize(
    ("base", "merged"),
    [
        ({"mixer": "cutmix"}, {"method": {"name": "imix"}, "mixer": {"name": "cutmix"}}),
        ({"method": {"temperature": 0.1}}, {"method": {"name": "imix", "temperature": 0.1}}),
    ],
    ids=str,
)
def test_a_method_that_was_left_open_keeps_what_was_said_of_it(base, merged):
    assert merge(request(base), request({"method": "imix"})) == request(merged)


def test_to_merge_with_nothing_or_twice_changes_nothing():
    one = decided(method="imix", training={"steps": 3}).request()
    assert merge(one, Request()) == merge(Request(), one) == merge(one, one) == one


@pytest.mark.parametrize("data", SUMMARIES.values(), ids=SUMMARIES)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"method": "imix"},
        {"training": {"steps": 5, "batch": 8}},
        {"encoder": "mlp", "views": {"noise": {"scale": 0.2}}, "seed": 3},
    ],
    ids=str,
)
def test_what_was_decided_is_decided_anew_elsewhere(data, given):
    """A run's recipe, taken to other data, is what was asked for there in the first place."""
    recipe = decided(data, **given)
    asked = layered({**recipe.to_dict(), "versions": {"torch": "1"}})
    for other in SUMMARIES.values():
        assert decide(asked, other) == decided(other, **given)
    assert decide(asked, data) == recipe


def test_a_recipe_for_other_data_has_neither_reasons_nor_a_fingerprint():
    found = {
        "data": {"label": "y", "fingerprint": "ab", "reader": "tabular"},
        "method": {"name": "imix", "dim": 8},
        "mixer": {"name": "mixup"},
        "training": {"lr": 0.1, "batch": 7},
        "seed": 2,
        "reasons": {"mixer": "its paper", "training.batch": "equal batches"},
        "versions": {},
    }
    before = copy.deepcopy(found)
    asked = checked(data={"label": "y"}, method={"name": "imix", "dim": 8}, training={"lr": 0.1}, seed=2)
    assert layered(found) == asked
    assert found == before
    assert layered(layered(found).to_dict()) == asked


def test_options_without_a_name_take_the_types_of_the_part_below():
    found = layered({"method": "imix", "mixer": "cutmix"}, {"method": {"temperature": "0.3"}, "mixer": {"alpha": "2"}})
    assert found.method == Part("imix", {"temperature": 0.3})
    assert found.mixer == Part("cutmix", {"alpha": 2.0})


def test_mistakes_of_all_layers_are_told_at_once():
    with pytest.raises(RecipeError) as error:
        layered({"method": "imix", "training": {"lr": -1}, "nonsense": 1}, {"method": {"temprature": 1}, "encoder": "resnt8"})
    for phrase in ("`lr`", "'nonsense'", "'resnet8'"):
        assert any(phrase in problem for problem in error.value.problems), phrase
    with pytest.raises(RecipeError, match="'temperature'"):
        layered({"method": "imix"}, {"method": {"temprature": 1}})
