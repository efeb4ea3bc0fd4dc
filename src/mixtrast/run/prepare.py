"""From what the user gave to all that a run needs, built and tried, with nothing written yet."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast import domains, draws, encoders, evaluate, methods, mixers, registry, spec, views
from mixtrast.domains import Data
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.recipe import Facts, RecipeError, Training, check, decide, full, steps_of
from mixtrast.run.material import Material, read
from mixtrast.training import Examples, Plan, choose

LOOKS = 10  # times that a run is looked at on its way


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared(Material):
    """A run that can begin.

    Args:
        recipe: resolved, every option in it; `why` has the reasons of what was decided.
        method: with its initial weights.
        rows: the rows that train it.
    """

    recipe: dict[str, Any]
    why: dict[str, str]
    method: Method
    rows: Tensor
    plan: Plan

    def seen_as(self, rows: Tensor, many: int, role: str) -> tuple[Tensor, ...]:
        """Views of these rows, the same whenever they are asked for in that role."""
        generators = [draws.derived(self.seed, 0, f"{role} {number}") for number in range(many)]
        return tuple(self.scale(self.data.x[rows], self.plan.views, generator) for generator in generators)

    @property
    def examples(self) -> Examples:
        x = self.data.x
        ours = x[self.rows] if isinstance(x, Tensor) else domains.Files([x.paths[row] for row in self.rows.tolist()], x.form)
        return Examples(ours, self.shown[self.rows], self.scale)

    def sibling(self, name: str, encoder: Encoder) -> Prepared:
        """Another method at its defaults on this (untrained) encoder; views, data, steps and seed are the same."""
        kind = registry.find(methods, name)
        part = {"name": name, **full(kind, {})}
        rows = self.split.train[self.seen[self.split.train] >= 0] if kind.labelled_only else self.split.train
        training = {**self.recipe["training"], "epochs": None, "steps": self.plan.steps}
        training["batch"] = min(training["batch"], len(rows))
        recipe = {**self.recipe, "method": part, "mixer": None, "training": training}
        method = _build(recipe, self.data.spec, self.classes, encoder)
        plan = replace(self.plan, training=Training(**training), looks=())
        return replace(self, recipe=recipe, method=method, rows=rows, plan=plan)


def prepare(
    given: Mapping[str, Any], source: Any = None, test: Any = None, *, reader: Callable[..., Material] | None = None
) -> Prepared:
    """Checks, reads, splits, decides, builds, and tries one batch.

    Args:
        given: sections of a recipe, parts by name or the user's own objects.
        source, test: the data, where they are not a path in the recipe.
        reader: stands for `read`, where the same data were read before.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence about what was given.
    """
    checked = check(given, evaluate)
    material = (reader or read)(checked["data"], checked["seed"], checked["training"].get("bins", 10), source, test)
    data, split, seen = material.data, material.split, material.seen
    facts = Facts(data.spec, len(split.train), int((seen[split.train] >= 0).sum()), material.classes, data.views, data.encoder)
    recipe, why = decide(checked, facts, evaluate)
    recipe["data"] = material.section
    recipe["evaluation"] = suited(recipe["evaluation"], checked.get("evaluation") or {}, data)
    method = _build(recipe, data.spec, material.classes, recipe["encoder"])
    machine = choose(Training(**recipe["training"]), method.encoder, data.spec.shape)
    recipe["training"].update(device=machine.device, precision=machine.precision, channels_last=machine.channels_last)
    why.update({f"training.{key}": reason for key, reason in machine.why.items()})
    rows = split.train[seen[split.train] >= 0] if method.labelled_only else split.train
    steps = steps_of(recipe["training"], len(rows))
    looks = sorted({round(steps * k / LOOKS) for k in range(LOOKS + 1)})
    chosen = [views.get(name, **part) if isinstance(part, Mapping) else part for name, part in recipe["views"].items()]
    plan = Plan(material.seed, steps, Training(**recipe["training"]), machine, chosen, looks)
    recipe = {**recipe, "encoder": _said_part(recipe["encoder"]), "mixer": _said_part(recipe["mixer"])}
    prepared = Prepared(**vars(material), recipe=recipe, why=why, method=method, rows=rows, plan=plan)
    _try(prepared)
    return prepared


def suited(chosen: Mapping[str, Any], asked: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Of the evaluations those that can be made of such labels. Raises: ValueError where one of the others was asked for."""
    if data.several is None:
        return dict(chosen)
    single = [name for name in chosen if issubclass(registry.find(evaluate, name), evaluate.OfExamples)]
    if wrong := [name for name in single if name in asked]:
        raise ValueError(
            f"{', '.join(wrong)} tells one class an example apart, and here an example has several. Leave it out: linear, knn "
            "and boosting ask for each label on its own."
        )
    return {name: options for name, options in chosen.items() if name not in single}


def _build(recipe: Mapping[str, Any], shape: spec.Spec, classes: int, encoder_part: Any) -> Method:
    """The method with its initial weights: those of the seed, and of a module of one's own as it was given."""
    with draws.seeded(draws.derived_seed(recipe["seed"], 0, "weights")):
        if isinstance(encoder_part, nn.Module):
            encoder = encoders.wrap(encoder_part, shape)
        else:
            part = dict(encoder_part)
            encoder = encoders.get(part.pop("name"), shape, **part)
        part = dict(recipe["method"])
        name = part.pop("name")
        if recipe["mixer"] is not None:
            mixer = recipe["mixer"]
            part["mixer"] = mixers.get(**mixer) if isinstance(mixer, Mapping) else mixer
        try:
            return methods.get(name, encoder, classes=classes, **part)
        except (ValueError, TypeError) as error:
            raise RecipeError([f"method: {error}"]) from error


def _try(prepared: Prepared) -> None:
    """One batch through views and a copy of the method, so that what does not go together is told with nothing written."""
    method = copy.deepcopy(prepared.method)
    if not any(weight.requires_grad for weight in method.parameters()):
        raise RecipeError(["there is nothing to train: the encoder has no weights, and neither has the method. Use an mlp."])
    batch = prepared.plan.training.batch or 2
    # A few tell all there is, but whether parts of a batch divide it.
    rows = prepared.rows[: batch if method.in_parts else min(64, batch)]
    generator = torch.Generator().manual_seed(0)
    try:
        with draws.seeded(0), torch.no_grad():
            seen = [prepared.scale(prepared.data.x[rows], prepared.plan.views, generator) for _ in range(method.needs)]
            method(Batch(tuple(seen), prepared.shown[rows], torch.arange(len(rows))), generator)
    except (ValueError, TypeError, RuntimeError) as error:
        raise RecipeError([str(error)]) from error


def _said_part(part: Any) -> Any:
    if part is None or isinstance(part, Mapping):
        return part
    text = repr(part) if not isinstance(part, nn.Module) else type(part).__name__
    return {"name": "own", "made": text}
