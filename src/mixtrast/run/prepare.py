"""From a request and its data to all that a run needs, built and tried on one batch, with nothing written yet."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast import datasets, encoders, methods, mixers, registry, rng, spec, views
from mixtrast.encoders import Encoder
from mixtrast.evaluation import task_of
from mixtrast.methods import Batch, Method
from mixtrast.recipe import DataSummary, Part, Recipe, RecipeError, Request, Training, check, decide, steps_of, with_defaults
from mixtrast.run.inputs import Inputs, read
from mixtrast.training import Examples, Plan, choose

MEASUREMENTS = 10  # of the monitor during training, besides the one before it
TRIED = 64  # examples of the batch that is tried


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedRun(Inputs):
    """A run that can begin: every option and its reason in the recipe, initial weights in the method."""

    recipe: Recipe
    method: Method
    training_rows: Tensor
    plan: Plan

    def make_views(self, rows: Tensor, many: int, role: str) -> tuple[Tensor, ...]:
        """Views of these rows, the same whenever they are made for that role."""
        generators = [rng.derived(self.seed, 0, f"{role} {number}") for number in range(many)]
        return tuple(self.scale(self.dataset.x[rows], self.plan.views, generator) for generator in generators)

    def sample(self, rows: Tensor, most: int) -> Tensor:
        """At most that many of these rows, at random but always the same: a file may be sorted by class."""
        return rows[torch.randperm(len(rows), generator=rng.derived(self.seed, 0, "some"))[:most]]

    @property
    def examples(self) -> Examples:
        """The examples that train the method, with their labels."""
        x, rows = self.dataset.x, self.training_rows
        ours = x[rows] if isinstance(x, Tensor) else datasets.Files([x.paths[row] for row in rows.tolist()], x.form)
        return Examples(ours, self.training_labels[rows], self.scale)

    @property
    def labels_used(self) -> int:
        """How many labels training uses."""
        return int((self.visible[self.training_rows] >= 0).sum()) if self.method.uses_labels else 0

    def with_method(self, name: str, encoder: Encoder) -> PreparedRun:
        """The same run with another method at its defaults, on this (untrained) encoder."""
        kind = registry.find(methods, name)
        rows = _training_rows(self, kind)
        batch = min(self.recipe.training.batch or 2, len(rows))
        training = replace(self.recipe.training, epochs=None, steps=self.plan.steps, batch=batch)
        recipe = replace(self.recipe, method=Part(name, with_defaults(kind, {})), mixer=None, training=training)
        method = build_method(recipe, self.dataset.spec, self.classes, encoder)
        plan = replace(self.plan, training=training, monitor_at=())
        return replace(self, recipe=recipe, method=method, training_rows=rows, plan=plan)


def prepare(
    request: Request | Mapping[str, Any], source: Any = None, test: Any = None, *, read_inputs: Callable[..., Inputs] = read
) -> PreparedRun:
    """Check, read, split, decide, build, and try one batch.

    Args:
        source, test: the data, where they are not a path in the recipe.
        read_inputs: instead of `read`, where the same data were read before.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence about what was requested.
    """
    request = request if isinstance(request, Request) else check(request)
    inputs = read_inputs(request.data, request.seed or 0, Training.of(request.training).bins, source, test)
    dataset, train = inputs.dataset, inputs.split.train
    labelled = int((inputs.visible[train] >= 0).sum())
    task = task_of(dataset)
    summary = DataSummary(dataset.spec, len(train), labelled, inputs.classes, dataset.views, dataset.encoder, task)
    recipe = decide(request, summary)
    method = build_method(recipe, dataset.spec, inputs.classes)
    machine = choose(recipe.training, method.encoder, dataset.spec.shape)
    placed: dict[str, Any] = {name: getattr(machine, name) for name in ("device", "precision", "channels_last")}
    reasons = {**recipe.reasons, **{f"training.{key}": reason for key, reason in machine.reasons.items()}}
    recipe = replace(recipe, data=inputs.section, training=replace(recipe.training, **placed), reasons=reasons)
    rows = _training_rows(inputs, type(method))
    steps = steps_of(recipe.training, len(rows))
    monitor_at = sorted({round(steps * k / MEASUREMENTS) for k in range(MEASUREMENTS + 1)})
    changes = [view.instance or views.get(view.name, **view.options) for view in recipe.views.values()]
    plan = Plan(inputs.seed, steps, recipe.training, machine, changes, monitor_at)
    prepared = PreparedRun(**vars(inputs), recipe=recipe, method=method, training_rows=rows, plan=plan)
    _try(prepared)
    return prepared


def _training_rows(inputs: Inputs, method: type[Method]) -> Tensor:
    """The rows that train such a method: all of train, or those with a label."""
    train = inputs.split.train
    return train[inputs.visible[train] >= 0] if method.labelled_only else train


def build_method(recipe: Recipe, shape: spec.Spec, classes: int, module: nn.Module | None = None) -> Method:
    """The method with its initial weights: those of the seed, and of a module (instead of the recipe's encoder) as it was."""
    module = recipe.encoder.instance if module is None else module
    with rng.seeded(rng.derived_seed(recipe.seed, 0, "weights")):
        try:
            wrapped = None if module is None else encoders.wrap(module, shape)
            encoder = wrapped or encoders.get(recipe.encoder.name, shape, **recipe.encoder.options)
        except (ValueError, TypeError) as error:
            raise RecipeError([f"encoder: {error}"]) from error
        options: dict[str, Any] = dict(recipe.method.options)
        if recipe.mixer is not None:
            options["mixer"] = recipe.mixer.instance or mixers.get(recipe.mixer.name, **recipe.mixer.options)
        try:
            return methods.get(recipe.method.name, encoder, classes=classes, **options)
        except (ValueError, TypeError) as error:
            raise RecipeError([f"method: {error}"]) from error


def _try(prepared: PreparedRun) -> None:
    """Pass one batch through views and a copy of the method: parts that do not fit are an error before anything is written."""
    method = copy.deepcopy(prepared.method)
    if not any(weight.requires_grad for weight in method.parameters()):
        raise RecipeError(["there is nothing to train: the encoder has no weights, and neither has the method. Use an mlp."])
    batch = prepared.plan.training.batch or 2
    # A few show all there is, except whether parts of a batch divide it.
    rows = prepared.training_rows[: batch if method.splits_batch else min(TRIED, batch)]
    generator = torch.Generator().manual_seed(0)
    try:
        with rng.seeded(0), torch.no_grad():
            x = [prepared.scale(prepared.dataset.x[rows], prepared.plan.views, generator) for _ in range(method.views_needed)]
            method(Batch(tuple(x), prepared.training_labels[rows], torch.arange(len(rows))), generator)
    except (ValueError, TypeError, RuntimeError) as error:
        raise RecipeError([str(error)]) from error
