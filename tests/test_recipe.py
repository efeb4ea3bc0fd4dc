"""Recipes: what is refused, in which types it comes out, what is decided and why, and that a file says the same again."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from torch import nn

import mixtrast as mt
from mixtrast import encoders, evaluate, methods, mixers, registry, views
from mixtrast.recipe import (
    Facts,
    RecipeError,
    Training,
    check,
    decide,
    differences,
    full,
    merge,
    portable,
    read,
    steps_of,
    write,
)
from mixtrast.run import prepare
from mixtrast.spec import Image, Series, Table

VIEWS = {"mask": {"p": 0.1}, "noise": {"scale": 0.3}}
FACTS = Facts(Table(9), rows=1_000, labelled=1_000, classes=3, views=VIEWS)
NO_LABELS = Facts(Image(1, 8, 8), rows=1_000, labelled=0, classes=0, views=VIEWS)
FEW_LABELS = Facts(Series(2, 30), rows=1_000, labelled=100, classes=3, views={})
KNOWN = {"labels": FACTS, "no labels": NO_LABELS, "few labels": FEW_LABELS}


def checked(**given: Any) -> dict[str, Any]:
    return check(given, evaluate)


def decided(facts: Facts = FACTS, **given: Any) -> dict[str, Any]:
    return decide(checked(**given), facts, evaluate)[0]


def reasons(facts: Facts = FACTS, **given: Any) -> dict[str, str]:
    return decide(checked(**given), facts, evaluate)[1]


def problems(facts: Facts = FACTS, **given: Any) -> list[str]:
    with pytest.raises(RecipeError) as error:
        decided(facts, **given)
    assert all(problem in str(error.value) for problem in error.value.problems)
    return error.value.problems


def one_problem(facts: Facts = FACTS, **given: Any) -> str:
    (problem,) = problems(facts, **given)
    return problem


# --- names ---------------------------------------------------------------------------------------------------------------


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
    assert recipe["method"]["temperature"] == 0.3
    assert recipe["mixer"]["alpha"] == 0.5
    assert recipe["encoder"]["widths"] == (8, 4)
    assert {"method", "mixer", "encoder"} <= set(reasons(method={"temperature": 0.3}))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": {"temprature": 0.3}}, "'temperature'"),
        ({"method": {"temperature": -1}}, "must be > 0"),
        ({"mixer": {"alfa": 0.3}}, "'alpha'"),
        ({"mixer": {"alpha": "much"}}, "`alpha` must be"),
        ({"encoder": {"width": 8}}, "'widths'"),
        ({"encoder": {"widths": [0]}}, "`widths` of MLP"),
    ],
    ids=str,
)
def test_wrong_options_without_a_name_are_refused_like_others(given, says):
    assert says in one_problem(**given)


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
    assert "`seed` must be a whole number, 0 or more" in one_problem(seed=wrong)


# --- types ---------------------------------------------------------------------------------------------------------------

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
    found = checked(**{section: {"name": name, option: given}})[section]
    assert found == {"name": name, option: expected}
    assert type(found[option]) is type(expected)


@pytest.mark.parametrize("name", ["#y", "null", "a #1", "yes", "3", "{x}", "a: b"])
def test_a_column_may_have_any_name(name):
    """YAML would take some for nothing, or for something else."""
    found = checked(data={"label": name, "drop": [name], "text": name})["data"]
    assert found == {"label": name, "drop": (name,), "text": name}
    assert checked(data={"text": "[a,b]"})["data"]["text"] == ("a", "b")


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
    found = checked(training={option: given})["training"]
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
        ({"method": {"name": "imix", "temperature": 0}}, "`temperature` of IMix must be > 0"),
        ({"method": "imix", "mixer": {"name": "cutmix", "alpha": -1}}, "`alpha` of CutMix"),
        ({"encoder": {"name": "resnet8", "width": 0}}, "`width` of ResNet"),
        ({"views": {"mask": {"p": 2}}}, "`p` of Mask"),
        ({"training": {"epochs": 2, "steps": 3}}, "`epochs` or `steps`, not both"),
        *[({"training": {option: 0}}, f"`{option}`") for option in ("epochs", "steps", "lr", "log_every", "bins", "gamma")],
        *[({"training": {option: -0.1}}, f"`{option}`") for option in ("weight_decay", "clip", "checkpoint_every")],
        *[({"training": {option: 1.0}}, f"`{option}`") for option in ("momentum", "warmup")],
        ({"training": {"batch": 1}}, "`batch` of training must be a whole number, 2 or more"),
        ({"training": {"milestones": [0.5, 1.5]}}, r"`milestones[1]`"),
        ({"training": {"lr": math.inf}}, "`lr`"),
        ({"training": {"gamma": math.nan}}, "`gamma`"),
    ],
    ids=str,
)
def test_values_that_a_part_refuses_are_refused_before_there_are_data(given, says):
    with pytest.raises(RecipeError) as error:
        check(given, evaluate)
    assert len(error.value.problems) == 1
    assert says in error.value.problems[0]


@pytest.mark.parametrize("depth", [-1, 9, (0, 9)])
def test_a_depth_is_left_to_the_encoder_that_knows_it(depth):
    assert checked(method={"name": "imix", "depth": depth})["method"]["depth"] == depth
    with pytest.raises(RecipeError, match=r"`depth` of IMix must be 0 \(the input\) to 2 \(the features\)"):
        prepare({"method": {"name": "imix", "depth": depth}, "encoder": {"name": "mlp", "widths": (4, 4)}}, torch.randn(40, 3))


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
    def of(value: Any) -> dict[str, Any]:
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


# --- shorthands ----------------------------------------------------------------------------------------------------------


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
    found = checked(views=given)["views"]
    assert found == expected
    assert list(found) == list(expected)
    assert list(decided(views=given)["views"]) == list(expected)


def test_evaluations_by_name():
    assert checked(evaluation="knn+linear")["evaluation"] == {"knn": {}, "linear": {}}
    assert decided(evaluation="none")["evaluation"] == {}
    assert list(decided()["evaluation"]) == ["boosting", "knn", "labels", "linear"]  # of a table
    assert list(decided(evaluation="usual+finetune")["evaluation"])[-1] == "finetune"


def test_objects_of_the_users_own_pass_through():
    module, mixer, view = nn.Linear(9, 4), mixers.get("mixup"), views.get("mask")
    recipe = decided(method="imix", encoder=module, mixer=mixer, views={"own": view})
    assert recipe["encoder"] is module
    assert recipe["mixer"] is mixer
    assert recipe["views"]["own"] is view


def test_a_check_changes_nothing_and_draws_nothing():
    given = {"data": {"label": "y"}, "method": {"name": "imix", "temperature": "0.1"}, "encoder": "imixmlp", "views": "mask"}
    before, state = copy.deepcopy(given), torch.get_rng_state()
    first = check(given, evaluate)
    decide(first, FACTS, evaluate)
    assert given == before
    assert torch.get_rng_state().equal(state)
    assert check(given, evaluate) == first


def test_nothing_given_is_a_recipe():
    assert checked() == {"data": {}, "training": {}, "seed": 0}
    assert checked(method=None, views=None, seed=None) == checked()


# --- what is decided -----------------------------------------------------------------------------------------------------


def parts_of(recipe: dict[str, Any]) -> list[tuple[str, dict[str, Any], set[str]]]:
    """Each part by what it is called, its options, and those that it should have."""
    found = [
        (section, {key: value for key, value in recipe[section].items() if key != "name"}, room, recipe[section]["name"])
        for section, room in (("method", methods), ("mixer", mixers), ("encoder", encoders))
        if recipe[section] is not None
    ]
    found += [
        (name, options, room, name)
        for section, room in (("views", views), ("evaluation", evaluate))
        for name, options in recipe[section].items()
    ]
    return [
        (called, options, set(registry.options(registry.find(room, name))) - {"mixer"}) for called, options, room, name in found
    ]


@pytest.mark.parametrize("facts", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("method", [None, *methods.names()])
def test_a_decided_recipe_says_every_option_of_every_part(method, facts):
    if method is not None and registry.find(methods, method).uses_labels and not facts.labelled:
        return
    recipe = decided(facts, method=method)
    for called, options, wanted in parts_of(recipe):
        assert set(options) == wanted, called
    training = {name for name, p in registry.options(Training).items() if p.default is None} - {"channels_last"}
    assert set(recipe["training"]) == set(registry.options(Training))
    assert {name for name in training if recipe["training"][name] is None} == {"steps"}  # epochs were decided


@pytest.mark.parametrize("facts", KNOWN.values(), ids=KNOWN)
def test_every_decision_has_its_reason_and_what_was_given_has_none(facts):
    why = reasons(facts)
    automatic = {"method", "mixer", "encoder", "views", "evaluation"}
    automatic |= {f"training.{name}" for name in ("batch", "epochs", "lr", "log_every")}
    assert set(why) == automatic
    assert all(reason and not reason.endswith(".") for reason in why.values())
    recipe = decided(facts)
    given = {section: recipe[section] for section in ("method", "mixer", "encoder", "views", "training", "evaluation")}
    assert reasons(facts, **given) == {}
    for section in ("mixer", "encoder", "views"):
        assert set(reasons(facts, **{section: recipe[section]})) == automatic - {section}
    for name in ("batch", "lr", "log_every"):
        some = {"training": {name: recipe["training"][name]}}
        assert set(reasons(facts, **some)) == automatic - {f"training.{name}"}
    assert set(reasons(facts, training={"steps": 7})) == automatic - {"training.epochs"}


@pytest.mark.parametrize(
    ("labelled", "classes", "method"),
    [(1_000, 3, "mixsupcon"), (501, 2, "mixsupcon"), (500, 2, "imix"), (1_000, 1, "imix"), (0, 0, "imix")],
)
def test_the_method_is_chosen_by_what_is_labelled(labelled, classes, method):
    facts = Facts(Table(9), 1_000, labelled, classes, {})
    assert decided(facts)["method"]["name"] == method


@pytest.mark.parametrize(("facts", "name"), [(FACTS, "mlp"), (NO_LABELS, "resnet8"), (FEW_LABELS, "resnet1d")])
def test_the_encoder_is_chosen_by_what_an_example_is(facts, name):
    recipe = decided(facts)["encoder"]
    assert recipe["name"] == name
    assert encoders.get(**recipe, spec=facts.spec).dim > 0


def test_a_size_becomes_its_options_and_given_ones_go_over_them():
    recipe = decided(encoder={"name": "imixmlp", "embed": 32})["encoder"]
    assert recipe["name"] == "imixmlp"
    assert recipe["embed"] == 32
    assert recipe["widths"] == (2048, 2048, 4096, 4096, 8192)


def test_views_have_the_options_of_their_domain_and_given_ones_go_over_them():
    assert decided()["views"] == {"mask": {"p": 0.1, "fill": 0.0}, "noise": {"scale": 0.3}}
    assert decided(views="noise")["views"] == {"noise": {"scale": 0.3}}
    assert decided(views={"mask": {"fill": 1}})["views"] == {"mask": {"p": 0.1, "fill": 1.0}}
    assert decided(views="cutout")["views"] == {"cutout": full(views.Cutout, {})}


@pytest.mark.parametrize("rows", [2, 3, 100, 256, 257, 600, 1_000, 70_001])
@pytest.mark.parametrize("method", ["imix", "supervised"])
def test_an_automatic_batch_leaves_out_as_little_as_it_can(rows, method):
    facts = Facts(Table(9), rows if method == "imix" else 2 * rows, rows, 2, {})
    training = decided(facts, method=method)["training"]
    batch = training["batch"]
    assert 2 <= batch <= min(256, rows)
    assert rows % batch < math.ceil(rows / 256) or batch == 2  # less than one example a batch
    steps = steps_of(training, rows)
    assert steps == training["epochs"] * (rows // batch)
    assert abs(steps - 1_500) <= rows // batch / 2 or training["epochs"] == 1
    assert training["log_every"] == max(1, round(steps / 100))


def test_the_learning_rate_follows_the_optimizer_and_the_batch():
    assert decided()["training"]["lr"] == 1e-3
    rates = [decided(training={"optimizer": "sgd", "batch": batch})["training"]["lr"] for batch in (128, 256, 512)]
    assert rates == pytest.approx([rates[0], 2 * rates[0], 4 * rates[0]])


@pytest.mark.parametrize("training", [{"epochs": 3}, {"steps": 50}, {"epochs": 2, "batch": 999}])
def test_steps_are_epochs_in_whole_batches_or_as_said(training):
    found = decided(training=training)["training"]
    expected = training.get("steps") or training["epochs"] * (1_000 // found["batch"])
    assert steps_of(found, 1_000) == expected


@pytest.mark.parametrize("facts", KNOWN.values(), ids=KNOWN)
def test_what_is_decided_is_built(facts):
    """The names and options, as they are, make the parts."""
    recipe = copy.deepcopy(decided(facts))
    encoder = encoders.get(**recipe["encoder"], spec=facts.spec)
    method = methods.get(**recipe["method"], encoder=encoder, classes=3, mixer=mixers.get(**recipe["mixer"]))
    assert method.projector is not None
    for name, options in recipe["views"].items():
        views.get(name, **options)
    for name, options in recipe["evaluation"].items():
        evaluate.get(name, **options)
    Training(**recipe["training"])


# --- mixers --------------------------------------------------------------------------------------------------------------

PAIRS = [f"{one}+{other}" for one, other in itertools.permutations(mixers.names(), 2)]


@pytest.mark.parametrize("name", [*mixers.names(), *PAIRS])
def test_a_decided_mixer_is_built_whatever_it_is_joined_of(name):
    recipe = decided(method="imix", mixer=name)["mixer"]
    assert recipe["name"] == name
    made = mixers.get(**recipe)
    for one in getattr(made, "mixers", (made,)):
        assert one.dominant


def test_the_mixer_of_imix_is_dominant_and_stays_so_when_another_is_chosen():
    assert decided(method="imix")["mixer"] == {"name": "mixup", **full(mt.mixers.Mixup, {"dominant": True})}
    for given in ("cutmix", {"name": "cutmix", "alpha": 0.5}, "mixup+cutmix", {"alpha": 0.5}):
        assert decided(method="imix", mixer=given)["mixer"]["dominant"] is True
    assert decided(method="imix", mixer={"name": "cutmix", "dominant": False})["mixer"]["dominant"] is False
    assert decided(method="mixsupcon", mixer="cutmix")["mixer"]["dominant"] is False


def test_supervised_training_mixes_only_when_asked():
    assert decided(method="supervised")["mixer"] is None
    assert "mixer" not in reasons(method="supervised")
    assert decided(method="supervised", mixer="cutmix")["mixer"] == {"name": "cutmix", **full(mt.mixers.CutMix, {})}
    assert "only where a mixer is named" in one_problem(method="supervised", mixer={"alpha": 0.5})


@pytest.mark.parametrize("method", ["npair", "simclr", "supcon"])
def test_a_mixer_for_a_method_that_does_not_mix_is_refused(method):
    problem = one_problem(method=method, mixer="mixup")
    assert f"method {method} does not mix" in problem
    assert all(name in problem for name in ("imix", "mixsupcon", "supervised"))
    assert decided(method=method)["mixer"] is None


# --- what does not go together -------------------------------------------------------------------------------------------

LABELLED = ["supcon", "mixsupcon", "supervised"]


@pytest.mark.parametrize("method", LABELLED)
@pytest.mark.parametrize(
    ("labelled", "classes", "says"), [(0, 0, "no training example has a label"), (1_000, 1, "only one")], ids=["none", "one"]
)
def test_labels_that_are_missing_are_told_with_a_way_out(method, labelled, classes, says):
    problem = one_problem(Facts(Table(9), 1_000, labelled, classes, {}), method=method)
    assert f"method {method} tells classes apart" in problem
    assert says in problem
    assert "--label" in problem
    assert all(name in problem for name in methods.names() if name not in LABELLED)


@pytest.mark.parametrize(("method", "rows"), [("imix", 1_000), ("supcon", 1_000), ("supervised", 100)])
def test_a_batch_larger_than_the_rows_that_train_is_refused(method, rows):
    facts = Facts(Table(9), 1_000, 100, 3, {})
    assert decided(facts, method=method, training={"batch": rows})["training"]["batch"] == rows
    assert f"`batch` must be at most the {rows:,} " in one_problem(facts, method=method, training={"batch": rows + 1})


@pytest.mark.parametrize("rows", [0, 1])
def test_one_example_is_not_enough(rows):
    assert "example" in one_problem(Facts(Table(9), rows, 0, 0, {}), method="imix")


def test_problems_with_the_data_are_told_at_once_too():
    facts = Facts(Table(9), 10, 0, 0, {})
    assert len(problems(facts, method="supcon", mixer="mixup", training={"batch": 11})) == 3


# --- files ---------------------------------------------------------------------------------------------------------------

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
    recipe, why = decide(check(given, evaluate), FACTS, evaluate)
    path = tmp_path / "recipe.yaml"
    write({**recipe, "why": why, "versions": {"torch": "2"}}, path)
    loaded = read(path)
    assert differences(loaded, recipe) == []
    again, reasons = decide(check(loaded, evaluate), FACTS, evaluate)
    assert differences(again, recipe) == []
    assert again == recipe  # in type too: tuples are tuples again
    assert reasons == {}
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.yaml"]  # nothing half written is left


@pytest.mark.parametrize(
    ("room", "name"),
    [
        *[(room, name) for room in (methods, mixers, views, evaluate) for name in registry.names(room)],
        *[(encoders, name) for name in [*registry.names(encoders), *registry.sizes(encoders)]],
    ],
    ids=lambda part: part if isinstance(part, str) else part.__name__.rpartition(".")[2],
)
def test_the_defaults_of_every_part_survive_a_file(room, name, tmp_path):
    kind, preset = registry.resolve(room, name)
    part, options = {"name": name, **full(kind, preset)}, full(kind, preset)
    section = {methods: "method", mixers: "mixer", encoders: "encoder", views: "views", evaluate: "evaluation"}[room]
    whole = {section: {name: options} if section in ("views", "evaluation") else part}
    write(whole, tmp_path / "recipe.yaml")
    assert check(read(tmp_path / "recipe.yaml"), evaluate)[section] == whole[section]


def test_differences_say_what_was_and_what_is():
    one = decided(method="imix", training={"lr": 0.1})
    other = decided(method={"name": "imix", "temperature": 0.5}, training={"lr": 0.2}, seed=4)
    assert sorted(differences(one, other)) == [
        "method.temperature: 0.2 and 0.5",
        "seed: 0 and 4",
        "training.lr: 0.1 and 0.2",
    ]
    assert differences(one, one | {"why": {"method": "chance"}}) == []  # a reason is no difference
    assert differences({"views": {"mask": {"p": 0.1}}}, {"views": {}}) != []
    assert differences({"views": {"mask": {}}}, {"views": {"noise": {}}}) != []
    assert differences({"method": {"depth": (0, 1)}}, {"method": {"depth": [0, 1]}}) == []
    assert differences(one, one | {"evaluation": {"knn": {}}}) == []  # nor is how it is looked at in the end


# --- one over another ----------------------------------------------------------------------------------------------------


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
        ({"training": {"lr": 1}}, {"training": {"epochs": 2}}, {"training": {"lr": 1, "epochs": 2, "steps": None}}),
        ({"training": {"epochs": 2}}, {"training": {"steps": 5}}, {"training": {"epochs": None, "steps": 5}}),
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
    before = copy.deepcopy((base, given))
    assert merge(base, given) == merged
    assert (base, given) == before


@pytest.mark.parametrize(
    ("base", "merged"),
    [
        ({"mixer": "cutmix"}, {"method": {"name": "imix"}, "mixer": {"name": "cutmix"}}),
        ({"method": {"temperature": 0.1}}, {"method": {"name": "imix", "temperature": 0.1}}),
    ],
    ids=str,
)
def test_a_method_that_was_left_open_keeps_what_was_said_of_it(base, merged):
    assert merge(base, {"method": "imix"}) == merged


def test_to_merge_with_nothing_or_twice_changes_nothing():
    one = decided(method="imix", training={"steps": 3})
    assert merge(one, {}) == merge({}, one) == merge(one, one) == one


@pytest.mark.parametrize("facts", KNOWN.values(), ids=KNOWN)
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
def test_what_was_decided_is_decided_anew_elsewhere(facts, given):
    """A run's recipe, taken to other data, is what was asked for there in the first place."""
    recipe, why = decide(checked(**given), facts, evaluate)
    kept = portable({**recipe, "why": why, "versions": {"torch": "1"}})
    for other in KNOWN.values():
        assert decided(other, **kept) == decided(other, **given)
    assert decided(facts, **kept) == recipe


def test_a_portable_recipe_has_neither_reasons_nor_a_fingerprint():
    found = {
        "data": {"label": "y", "fingerprint": "ab"},
        "method": {"name": "imix", "dim": 8},
        "mixer": {"name": "mixup"},
        "training": {"lr": 0.1, "batch": 7},
        "seed": 2,
        "why": {"mixer": "its paper", "training.batch": "like batches"},
        "versions": {},
    }
    before = copy.deepcopy(found)
    assert portable(found) == {
        "data": {"label": "y"}, "method": {"name": "imix", "dim": 8}, "training": {"lr": 0.1}, "seed": 2,
    }  # fmt: skip
    assert found == before
    assert portable(portable(found)) == portable(found)


def test_a_recipe_is_written_over_whole(tmp_path):
    path = tmp_path / "recipe.yaml"
    for seed in (1, 2):
        write({"seed": seed}, path)
        assert read(path) == {"seed": seed}


@pytest.mark.parametrize("text", ["", "- imix\n", "imix\n", "3\n"], ids=repr)
def test_a_file_that_is_no_mapping_is_refused(text, tmp_path):
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must be a mapping of data, method"):
        read(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("a: 1\nb: {c: 1}\na: 2\n", "'a' twice, in lines 1 and 3"), ("b: {c: 1, c: 2}\n", "'c' twice, in lines 1 and 1")],
)
def test_a_name_that_is_there_twice_is_refused(tmp_path, text, lines):
    """YAML would take the last: of two cells of a grid with one name the first would be lost without a word."""
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ValueError, match=lines):
        read(tmp_path / "grid.yaml")


def test_what_yaml_merges_may_be_overridden(tmp_path):
    (tmp_path / "a.yaml").write_text("x: {deep: &b {<<: {lr: 1}, lr: 2}}\ny: {<<: *b}\n1: a\n'1': b\n")
    assert read(tmp_path / "a.yaml") == {"x": {"deep": {"lr": 2}}, "y": {"lr": 2}, 1: "a", "1": "b"}


@pytest.mark.parametrize("content", [b"method: {name: imix", b"method: [\n", b"\tseed: 1\n", b"label: \xff\xfe\n"], ids=repr)
def test_a_file_that_is_no_yaml_is_refused(content, tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.yaml is not YAML"):
        read(tmp_path / "recipe.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml cannot be read: No such file"):
        read(tmp_path / "nothing.yaml")
    with pytest.raises(FileNotFoundError, match="cannot be read"):
        read(tmp_path)


def test_an_automatic_run_ends_in_minutes(monkeypatch):
    """Fewer steps where an encoder multiplies much and there is no GPU; as many as ever where it does not, or there is one."""
    from mixtrast.recipe import cost

    linear = 9 * 16 + 16 * 4
    assert cost.multiplications({"name": "mlp", "widths": (16, 4)}, Table(9)) == linear
    stem, body = 3 * 9 * 4 * 64, 2 * 4 * 9 * 4 * 64  # ten channels or so on 8 x 8 pixels: one group of one block
    assert cost.multiplications({"name": "resnet", "blocks": (1,), "width": 4}, Image(3, 8, 8)) == stem + body
    assert cost.multiplications({"name": "mlp", "widths": (0,)}, Table(9)) == 0
    facts = Facts(Image(3, 32, 32), 2_560, 2_560, 10, {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    small, large = (steps_of(decided(facts, encoder=name)["training"], 2_560) for name in ("resnet20", "resnet18"))
    assert 200 <= large < small <= 1_520  # of whole epochs
    assert [decided(facts, encoder=name)["training"]["batch"] for name in ("resnet20", "resnet18")] == [64, 64]
    assert decided(Facts(Image(1, 8, 8), 2_560, 2_560, 10, {}), encoder="resnet8")["training"]["batch"] == 256
    assert cost.most(0.0) == 256
    steps = [cost.affordable(price, cost.most(price)) for price in (1e6, 2e7, 5e7, 1e8)]
    assert steps[:3] == [1_500] * 3  # what can be paid for is many small steps
    assert cost.most(2e7) == 128
    assert cost.most(1e9) == 64
    assert cost.steps_for(1e9, 64)[0] == 200
    recipe, why = decide({**checked(encoder="resnet18")}, facts, evaluate)
    assert "an example costs as much as" in why["training.epochs"]
    assert recipe["training"]["epochs"] == 5
    assert "small ones, for more steps at the same cost" in why["training.batch"]
    assert steps_of(decided(Facts(Table(9), 2_560, 0, 0, {}))["training"], 2_560) == 1_500
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert steps_of(decided(facts, encoder="resnet18")["training"], 2_560) == 1_500
    assert decided(facts, encoder="resnet18")["training"]["batch"] == 256
    assert steps_of(decided(facts, encoder="resnet18", training={"device": "cpu"})["training"], 2_560) == 200
