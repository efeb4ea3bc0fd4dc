"""Types in a recipe: words become the types of the signature, others are refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mixtrast.recipe import Part, RecipeError, Request, check
from mixtrast.run import prepare
from support.recipes import checked, one_problem

TYPED = [
    ("method", "imix", "temperature", "0.1", 0.1),
    ("method", "imix", "temperature", "1e-1", 0.1),
    ("method", "imix", "temperature", 1, 1.0),
    ("method", "imix", "depth", "2", 2),
    ("method", "imix", "depth", "[0,1]", (0, 1)),
    ("method", "imix", "depth", [0, 1], (0, 1)),
    ("method", "imix", "projector", "none", "none"),
    ("method", "mixsupcon", "mixtures", "N", "N"),
    ("mixer", "mixup", "alpha", "0.5", 0.5),
    ("mixer", "mixup", "alpha", "[1, 2]", (1.0, 2.0)),
    ("mixer", "mixup", "dominant", "true", True),
    ("mixer", "mixup", "dominant", False, False),
    ("mixer", "mixup", "weight", "null", None),
    ("mixer", "mixup+cutmix", "alpha", "0.5", 0.5),
    ("encoder", "mlp", "widths", "[64,32]", (64, 32)),
    ("encoder", "mlp", "norm", "false", False),
    ("encoder", "resnet", "blocks", [2, 2], (2, 2)),
    ("encoder", "resnet8", "width", "16", 16),
]


@pytest.mark.parametrize(("section", "name", "option", "given", "expected"), TYPED)
def test_words_of_a_command_line_become_the_types_of_the_signature(section, name, option, given, expected):
    found = getattr(checked(**{section: {"name": name, option: given}}), section)
    assert found == Part(name, {option: expected})
    assert type(found.options[option]) is type(expected)


@pytest.mark.parametrize("name", ["#y", "null", "a #1", "yes", "3", "{x}", "a: b"])
def test_a_column_may_have_any_name(name):
    """YAML would take some for nothing, or for something else."""
    found = checked(data={"label": name, "drop": [name], "text": name}).data.options
    assert found == {"label": name, "drop": (name,), "text": name}
    assert checked(data={"text": "[a,b]"}).data.options["text"] == ("a", "b")


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [
        ("epochs", "10", 10),
        ("lr", "1e-3", 0.001),
        ("lr", "null", None),
        ("milestones", "[0.5]", (0.5,)),
        ("channels_last", "true", True),
        ("schedule", "step", "step"),
    ],
)
def test_training_has_its_types_too(option, given, expected):
    found = checked(training={option: given}).training
    assert found == {option: expected}
    assert type(found[option]) is type(expected)


@pytest.mark.parametrize(
    ("section", "name", "option", "given"),
    [
        ("method", "imix", "temperature", "warm"),
        ("method", "imix", "temperature", True),
        ("method", "imix", "dim", "3.5"),
        ("method", "imix", "dim", True),
        ("method", "imix", "projector", "mpl"),
        ("method", "imix", "depth", "deep"),
        ("mixer", "mixup", "dominant", "perhaps"),
        ("mixer", "mixup", "per", "bach"),
        ("mixer", "mixup", "alpha", "[1,2,3]"),
        ("encoder", "mlp", "widths", "wide"),
        ("encoder", "mlp", "embed", 2.5),
        ("encoder", "resnet", "blocks", "three"),
    ],
)
def test_another_type_is_refused_with_what_is_wanted(section, name, option, given):
    found = one_problem(**{"method": "imix", section: {"name": name, option: given}})
    assert f"{section} {name}: `{option}` must be" in found
    assert repr(given) in found
    assert "Its default is" in found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": "imix", "mixer": {"name": "cutmix", "alpha": -1}}, "`alpha` of CutMix"),
        ({"views": {"mask": {"p": 2}}}, "`p` of Mask"),
        ({"training": {"epochs": 2, "steps": 3}}, "`epochs` or `steps`, not both"),
        *[({"training": {option: 0}}, f"`{option}`") for option in ("epochs", "steps", "lr", "log_every", "bins", "gamma")],
        *[({"training": {option: -0.1}}, f"`{option}`") for option in ("weight_decay", "clip", "checkpoint_every")],
        *[({"training": {option: 1.0}}, f"`{option}`") for option in ("momentum", "warmup")],
        ({"training": {"batch": 1}}, "`batch` of training must be an integer, 2 or more"),
        ({"training": {"milestones": [0.5, 1.5]}}, r"`milestones[1]`"),
        ({"training": {"lr": math.inf}}, "`lr`"),
        ({"training": {"gamma": math.nan}}, "`gamma`"),
    ],
    ids=str,
)
def test_values_that_a_part_refuses_are_refused_before_there_are_data(given, says):
    with pytest.raises(RecipeError) as error:
        check(given)
    assert len(error.value.problems) == 1
    assert says in error.value.problems[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": {"name": "imix", "temperature": 0}}, "`temperature` of IMix must be > 0"),
        ({"encoder": {"name": "resnet8", "width": 0}}, "`width` of ResNet"),
        ({"encoder": {"name": "mlp", "widths": [0]}}, "`widths` of MLP"),
    ],
    ids=str,
)
def test_values_that_need_the_data_are_refused_when_they_are_built(given, says):
    x = torch.randn(40, 1, 8, 8) if "resnet8" in str(given) else torch.randn(40, 3)
    with pytest.raises(RecipeError) as error:
        prepare(check(given), x)
    assert says in str(error.value)


@pytest.mark.parametrize("depth", [-1, 9, (0, 9)])
def test_a_depth_is_left_to_the_encoder_that_knows_it(depth):
    assert checked(method={"name": "imix", "depth": depth}).method == Part("imix", {"depth": depth})
    with pytest.raises(RecipeError, match=r"`depth` of IMix must be 0 \(the input\) to 2 \(the features\)"):
        prepare(checked(method={"name": "imix", "depth": depth}, encoder={"name": "mlp", "widths": (4, 4)}), torch.randn(40, 3))


@pytest.mark.parametrize(
    ("section", "name", "option", "given", "same"),
    [
        ("encoder", "resnet", "blocks", 3, (3,)),
        ("encoder", "resnet", "blocks", "3", "[3]"),
        ("encoder", "mlp", "widths", "16", (16,)),
        ("evaluation", "knn", "neighbours", 5, (5,)),
        ("evaluation", "knn", "neighbours", "5", [5]),
        ("training", None, "milestones", "0.5", (0.5,)),
    ],
)
def test_one_value_is_enough_where_several_may_stand(section, name, option, given, same):
    def of(value: Any) -> Request:
        part = {option: value}
        return checked(**{section: {name: part} if section == "evaluation" else {**part, **({"name": name} if name else {})}})

    assert of(given) == of(same)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"linear": {"epochs": 0}}, "`epochs` of Linear"),
        ({"labels": {"draws": 0}}, "`draws` of Labels"),
        ({"knn": {"temperature": -1.0}}, "`temperature` of"),
    ],
    ids=str,
)
def test_values_of_evaluations_are_refused_too(given, says):
    with pytest.raises(RecipeError) as error:
        checked(evaluation=given)
    (problem,) = error.value.problems
    assert "must be" in problem
    assert says in problem
