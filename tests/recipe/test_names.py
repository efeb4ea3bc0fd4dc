"""Names in a recipe: what is wrong is answered with the nearest, all problems at once."""

from __future__ import annotations

import pytest
import torch

from mixtrast.recipe import RecipeError
from mixtrast.run import prepare
from support.recipes import checked, decided, one_problem, problems


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ({"methd": "imix"}, "method"),
        ({"method": "imx"}, "imix"),
        ({"method": {"name": "mixsupcom"}}, "mixsupcon"),
        ({"method": {"name": "imix", "temprature": 0.1}}, "temperature"),
        ({"encoder": "resnt8"}, "resnet8"),
        ({"encoder": {"name": "imixmpl"}}, "imixmlp"),
        ({"encoder": {"name": "mlp", "width": [3]}}, "widths"),
        ({"method": "imix", "mixer": "mixip"}, "mixup"),
        ({"method": "imix", "mixer": "mixup+cutmx"}, "cutmix"),
        ({"method": "imix", "mixer": {"name": "mixup", "alfa": 1}}, "alpha"),
        ({"views": "mask+nois"}, "noise"),
        ({"views": {"mask": {"fil": 0}}}, "fill"),
        ({"evaluation": "linaer"}, "linear"),
        ({"evaluation": {"linear": {"protocl": "lbfgs"}}}, "protocol"),
        ({"training": {"epoch": 3}}, "epochs"),
        ({"training": {"weight_deacy": 0.1}}, "weight_decay"),
    ],
    ids=str,
)
def test_a_wrong_name_is_answered_with_the_nearest(given, nearest):
    assert f"Did you mean '{nearest}'?" in one_problem(**given)


@pytest.mark.parametrize("given", [{"weather": 1}, {"method": "zzz"}, {"training": {"zzz": 1}}], ids=str)
def test_what_is_near_nothing_lists_what_there_is(given):
    problem = one_problem(**given)
    assert "Did you mean" not in problem
    assert "imix" in problem or "method" in problem or "epochs" in problem


def test_all_mistakes_are_told_at_once():
    found = problems(
        methd="imix",
        data=3,
        method={"name": "imix", "temprature": 0.1, "dim": "many"},
        mixer={"name": "mixup", "alpha": -1},
        encoder="resnet9",
        views={"mask": {"p": 2}, "smear": None},
        training={"lr": -1, "epoch": 3},
        evaluation="linaer",
        seed=-1,
    )
    for phrase in ("methd", "data", "temprature", "dim", "alpha", "resnet9", "`p`", "smear", "lr", "epoch", "linaer", "seed"):
        assert any(phrase in problem for problem in found), phrase
    assert len(found) == 12


def test_one_mistake_is_a_sentence_and_three_are_a_list():
    with pytest.raises(RecipeError) as error:
        checked(methd="imix")
    assert str(error.value) == error.value.problems[0]
    with pytest.raises(RecipeError) as error:
        checked(methd="imix", encoder="resnet9", seed=-1)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("3 problems")
    assert lines[1:] == [f"- {problem}" for problem in error.value.problems]
    assert isinstance(error.value, ValueError)


def test_options_without_a_name_are_options_of_the_part_that_is_chosen():
    """Its types and its refusals too."""
    recipe = decided(method={"temperature": "0.3"}, mixer={"alpha": "0.5"}, encoder={"widths": "[8, 4]"})
    assert recipe.method.options["temperature"] == 0.3
    assert recipe.mixer is not None
    assert recipe.mixer.options["alpha"] == 0.5
    assert recipe.encoder.options["widths"] == (8, 4)
    assert {"method", "mixer", "encoder"} <= set(decided(method={"temperature": 0.3}).reasons)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": {"temprature": 0.3}}, "'temperature'"),
        ({"mixer": {"alfa": 0.3}}, "'alpha'"),
        ({"mixer": {"alpha": "much"}}, "`alpha` must be"),
        ({"encoder": {"width": 8}}, "'widths'"),
    ],
    ids=str,
)
def test_wrong_options_without_a_name_are_refused_like_others(given, says):
    assert says in one_problem(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [({"method": {"temperature": -1}}, "must be > 0"), ({"encoder": {"widths": [0]}}, "`widths` of MLP")],
    ids=str,
)
def test_so_are_values_without_a_name_that_need_the_encoder(given, says):
    with pytest.raises(RecipeError, match=says):
        prepare(checked(**given), torch.randn(40, 3))


@pytest.mark.parametrize("section", ["data", "training"])
@pytest.mark.parametrize("wrong", [3, "fast", ["a"]], ids=str)
def test_a_section_is_a_mapping(section, wrong):
    assert f"{section} of a recipe must be a mapping" in one_problem(**{section: wrong})


@pytest.mark.parametrize("wrong", [3, 0.5, ["imix"], True], ids=str)
@pytest.mark.parametrize("section", ["method", "mixer", "encoder", "views", "evaluation"])
def test_a_part_is_a_name_or_a_mapping(section, wrong):
    assert section in one_problem(**{"method": "imix", section: wrong})


@pytest.mark.parametrize(("section", "name"), [("views", "mask"), ("evaluation", "linear")])
@pytest.mark.parametrize("wrong", [3, "much", [0.1]], ids=str)
def test_options_are_a_mapping(section, name, wrong):
    assert name in one_problem(**{section: {name: wrong}})


@pytest.mark.parametrize("wrong", [-1, 0.5, "0", True, [1]], ids=repr)
def test_a_seed_is_a_whole_number(wrong):
    assert "`seed` must be an integer, 0 or more" in one_problem(seed=wrong)
