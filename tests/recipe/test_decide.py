"""What is decided, why, and what does not go together."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace

import pytest

import mixtrast as mt
from mixtrast import encoders, evaluation, methods, mixers, registry, views
from mixtrast.recipe import DataSummary, Options, Part, Recipe, Request, Training, decide, steps_of, with_defaults
from mixtrast.spec import Table
from support.recipes import FEW_LABELS, LABELLED, NO_LABELS, SUMMARIES, decided, one_problem, problems


def parts_of(recipe: Recipe) -> list[tuple[str, Options, set[str]]]:
    """Each part by its section, its options, and those that it should have."""
    found = [
        (section, part.options, package, part.name)
        for section, package, part in (
            ("method", methods, recipe.method),
            ("mixer", mixers, recipe.mixer),
            ("encoder", encoders, recipe.encoder),
        )
        if part is not None
    ]
    found += [(name, view.options, views, name) for name, view in recipe.views.items()]
    found += [(name, options, evaluation, name) for name, options in recipe.evaluation.items()]
    return [
        (section, options, set(registry.options(registry.find(package, name)))) for section, options, package, name in found
    ]


@pytest.mark.parametrize("data", SUMMARIES.values(), ids=SUMMARIES)
@pytest.mark.parametrize("method", [None, *methods.names()])
def test_a_decided_recipe_says_every_option_of_every_part(method, data):
    if method is not None and registry.find(methods, method).uses_labels and not data.labelled:
        return
    recipe = decided(data, method=method)
    for called, options, wanted in parts_of(recipe):
        assert set(options) == wanted, called
    training = {name for name, p in registry.options(Training).items() if p.default is None} - {"channels_last"}
    assert {name for name in training if getattr(recipe.training, name) is None} == {"steps"}  # epochs were decided


@pytest.mark.parametrize("data", SUMMARIES.values(), ids=SUMMARIES)
def test_every_decision_has_its_reason_and_what_was_given_has_none(data):
    recipe = decided(data)
    automatic = {"method", "mixer", "encoder", "views", "evaluation"}
    automatic |= {f"training.{name}" for name in ("batch", "epochs", "lr", "log_every")}
    assert set(recipe.reasons) == automatic
    assert all(reason and not reason.endswith(".") for reason in recipe.reasons.values())
    assert decide(recipe.request(), data).reasons == {}
    for section in ("mixer", "encoder", "views"):
        asked = replace(Request(), **{section: getattr(recipe, section)})
        assert set(decide(asked, data).reasons) == automatic - {section}
    for name in ("batch", "lr", "log_every"):
        some = {name: getattr(recipe.training, name)}
        assert set(decided(data, training=some).reasons) == automatic - {f"training.{name}"}
    assert set(decided(data, training={"steps": 7}).reasons) == automatic - {"training.epochs"}


@pytest.mark.parametrize(
    ("labelled", "classes", "method"),
    [(1_000, 3, "mixsupcon"), (501, 2, "mixsupcon"), (500, 2, "imix"), (1_000, 1, "imix"), (0, 0, "imix")],
)
def test_the_method_is_chosen_by_what_is_labelled(labelled, classes, method):
    data = DataSummary(Table(9), 1_000, labelled, classes, {})
    assert decided(data).method.name == method


@pytest.mark.parametrize(("data", "name"), [(LABELLED, "mlp"), (NO_LABELS, "resnet8"), (FEW_LABELS, "resnet1d")])
def test_the_encoder_is_chosen_by_what_an_example_is(data, name):
    encoder = decided(data).encoder
    assert encoder.name == name
    assert encoders.get(name, data.spec, **encoder.options).dim > 0


def test_a_size_becomes_its_options_and_given_ones_go_over_them():
    encoder = decided(encoder={"name": "imixmlp", "embed": 32}).encoder
    assert encoder.name == "imixmlp"
    assert encoder.options["embed"] == 32
    assert encoder.options["widths"] == (2048, 2048, 4096, 4096, 8192)


def options_of(recipe: Recipe) -> dict[str, Options]:
    return {name: view.options for name, view in recipe.views.items()}


def test_views_have_the_options_of_such_data_and_given_ones_go_over_them():
    assert options_of(decided()) == {"mask": {"p": 0.1, "fill": 0.0}, "noise": {"scale": 0.3}}
    assert options_of(decided(views="noise")) == {"noise": {"scale": 0.3}}
    assert options_of(decided(views={"mask": {"fill": 1}})) == {"mask": {"p": 0.1, "fill": 1.0}}
    assert options_of(decided(views="cutout")) == {"cutout": with_defaults(views.Cutout, {})}


@pytest.mark.parametrize("rows", [2, 3, 100, 256, 257, 600, 1_000, 70_001])
@pytest.mark.parametrize("method", ["imix", "supervised"])
def test_an_automatic_batch_leaves_out_as_little_as_it_can(rows, method):
    data = DataSummary(Table(9), rows if method == "imix" else 2 * rows, rows, 2, {})
    training = decided(data, method=method).training
    batch = training.batch
    assert 2 <= batch <= min(256, rows)
    assert rows % batch < math.ceil(rows / 256) or batch == 2  # less than one example a batch
    steps = steps_of(training, rows)
    assert steps == training.epochs * (rows // batch)
    assert abs(steps - 1_500) <= rows // batch / 2 or training.epochs == 1
    assert training.log_every == max(1, round(steps / 100))


def test_the_learning_rate_follows_the_optimizer_and_the_batch():
    assert decided().training.lr == 1e-3
    rates = [decided(training={"optimizer": "sgd", "batch": batch}).training.lr for batch in (128, 256, 512)]
    assert rates == pytest.approx([rates[0], 2 * rates[0], 4 * rates[0]])


@pytest.mark.parametrize("training", [{"epochs": 3}, {"steps": 50}, {"epochs": 2, "batch": 999}])
def test_steps_are_epochs_in_whole_batches_or_as_said(training):
    found = decided(training=training).training
    expected = training.get("steps") or training["epochs"] * (1_000 // found.batch)
    assert steps_of(found, 1_000) == expected


@pytest.mark.parametrize("data", SUMMARIES.values(), ids=SUMMARIES)
def test_what_is_decided_is_built(data):
    """The names and options, as they are, make the parts."""
    recipe = copy.deepcopy(decided(data))
    encoder = encoders.get(recipe.encoder.name, data.spec, **recipe.encoder.options)
    mixer = mixers.get(recipe.mixer.name, **recipe.mixer.options)
    method = methods.get(recipe.method.name, encoder, classes=3, mixer=mixer, **recipe.method.options)
    assert method.projector is not None
    for name, view in recipe.views.items():
        views.get(name, **view.options)
    for name, options in recipe.evaluation.items():
        evaluation.get(name, **options)
    assert isinstance(recipe.training, Training)


PAIRS = [f"{one}+{other}" for one, other in itertools.permutations(mixers.names(), 2)]


@pytest.mark.parametrize("name", [*mixers.names(), *PAIRS])
def test_a_decided_mixer_is_built_whatever_it_is_joined_of(name):
    mixer = decided(method="imix", mixer=name).mixer
    assert mixer.name == name
    made = mixers.get(name, **mixer.options)
    for one in getattr(made, "mixers", (made,)):
        assert one.dominant


def test_the_mixer_of_imix_is_dominant_and_stays_so_when_another_is_chosen():
    assert decided(method="imix").mixer == Part("mixup", with_defaults(mt.mixers.Mixup, {"dominant": True}))
    for given in ("cutmix", {"name": "cutmix", "alpha": 0.5}, "mixup+cutmix", {"alpha": 0.5}):
        assert decided(method="imix", mixer=given).mixer.options["dominant"] is True
    assert decided(method="imix", mixer={"name": "cutmix", "dominant": False}).mixer.options["dominant"] is False
    assert decided(method="mixsupcon", mixer="cutmix").mixer.options["dominant"] is False


def test_supervised_training_mixes_only_when_asked():
    assert decided(method="supervised").mixer is None
    assert "mixer" not in decided(method="supervised").reasons
    assert decided(method="supervised", mixer="cutmix").mixer == Part("cutmix", with_defaults(mt.mixers.CutMix, {}))
    assert "only where a mixer is named" in one_problem(method="supervised", mixer={"alpha": 0.5})


@pytest.mark.parametrize("method", ["npair", "simclr", "supcon"])
def test_a_mixer_for_a_method_that_does_not_mix_is_refused(method):
    problem = one_problem(method=method, mixer="mixup")
    assert f"method {method} does not mix" in problem
    assert all(name in problem for name in ("imix", "mixsupcon", "supervised"))
    assert decided(method=method).mixer is None


OF_CLASSES = ["supcon", "mixsupcon", "supervised"]


@pytest.mark.parametrize("method", OF_CLASSES)
@pytest.mark.parametrize(
    ("labelled", "classes", "says"), [(0, 0, "no training example has a label"), (1_000, 1, "only one")], ids=["none", "one"]
)
def test_labels_that_are_missing_are_told_with_a_way_out(method, labelled, classes, says):
    problem = one_problem(DataSummary(Table(9), 1_000, labelled, classes, {}), method=method)
    assert f"method {method} tells classes apart" in problem
    assert says in problem
    assert "--label" in problem
    assert all(name in problem for name in methods.names() if name not in OF_CLASSES)


@pytest.mark.parametrize(("method", "rows"), [("imix", 1_000), ("supcon", 1_000), ("supervised", 100)])
def test_a_batch_larger_than_the_rows_that_train_is_refused(method, rows):
    data = DataSummary(Table(9), 1_000, 100, 3, {})
    assert decided(data, method=method, training={"batch": rows}).training.batch == rows
    assert f"`batch` must be at most the {rows:,} " in one_problem(data, method=method, training={"batch": rows + 1})


@pytest.mark.parametrize("rows", [0, 1])
def test_one_example_is_not_enough(rows):
    assert "example" in one_problem(DataSummary(Table(9), rows, 0, 0, {}), method="imix")


def test_problems_with_the_data_are_told_at_once_too():
    data = DataSummary(Table(9), 10, 0, 0, {})
    assert len(problems(data, method="supcon", mixer="mixup", training={"batch": 11})) == 3
