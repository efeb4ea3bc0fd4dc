"""From what the user gave to all that a run needs, built and tried, with nothing written yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast import domains, draws, encoders, evaluate, methods, mixers, registry, spec, views
from mixtrast.domains import Data, Split
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.recipe import Facts, RecipeError, Training, check, decide, full, steps_of
from mixtrast.training import Examples, Plan, choose

LOOKS = 10  # times that a run is looked at on its way


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run that can begin.

    Args:
        recipe: resolved, every option in it; `why` has the reasons of what was decided.
        x: (N, *shape) all examples, scaled by training rows.
        mean, std: of that scaling.
        label: what probes see: (N,) int64 or float32; None where there is none. Only granted ones in training rows.
        seen: (N,) int64, what training sees: classes, or bins of a number; -1 elsewhere.
        classes: how many training tells apart.
        method: with its initial weights.
        rows: the rows that train it.
    """

    recipe: dict[str, Any]
    why: dict[str, str]
    data: Data
    split: Split
    x: Tensor
    mean: Tensor
    std: Tensor
    label: Tensor | None
    seen: Tensor
    classes: int
    method: Method
    rows: Tensor
    plan: Plan
    notes: tuple[str, ...]

    @property
    def examples(self) -> Examples:
        return Examples(self.x[self.rows], self.seen[self.rows])

    @property
    def granted(self) -> int | None:
        """Labels of each class that the whole run may see, or None for all."""
        granted: int | None = self.recipe["data"].get("labels")
        return granted

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


def prepare(given: Mapping[str, Any], source: Any = None, test: Any = None) -> Prepared:
    """Checks, reads, splits, decides, builds, and tries one batch.

    Args:
        given: sections of a recipe, parts by name or the user's own objects.
        source, test: the data, where they are not a path in the recipe.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence about what was given.
    """
    checked = check(given, evaluate)
    section = dict(checked["data"])
    source = section.pop("source", None) if source is None else source
    test = section.pop("test", None) if test is None else test
    section = {key: value for key, value in section.items() if key not in ("source", "test", "domain")}
    labels, fingerprint = section.pop("labels", None), section.pop("fingerprint", None)
    if source is None:
        raise ValueError("no data were given. Name a file or a built-in set: mixtrast train digits.")
    data = domains.open(source, test=test, **{key: value for key, value in section.items() if value not in (None, ())})
    seed = checked["seed"]
    split = domains.split(data, seed=seed)
    label, seen, classes, notes = _labels(data, split, labels, checked["training"].get("bins", 10), seed)
    facts = Facts(data.spec, len(split.train), int((seen[split.train] >= 0).sum()), classes, data.views)
    recipe, why = decide(checked, facts, evaluate)
    print_ = _fingerprint(data)
    if fingerprint not in (None, print_):
        raise ValueError(
            f"{data.name} is not what it was when this run began: its content has changed. Start in another --out."
        )
    recipe["data"] = {
        "source": _said(source),
        **({"test": _said(test)} if test is not None else {}),
        "domain": data.domain,
        **section,
        **({"labels": labels} if labels is not None else {}),
        "fingerprint": print_,
    }
    mean, std = domains.scaling(data, split.train)
    x = (data.x - mean) / std
    method = _build(recipe, data.spec, classes, recipe["encoder"])
    machine = choose(Training(**recipe["training"]), method.encoder)
    recipe["training"].update(device=machine.device, precision=machine.precision, channels_last=machine.channels_last)
    why.update({f"training.{key}": reason for key, reason in machine.why.items()})
    rows = split.train[seen[split.train] >= 0] if method.labelled_only else split.train
    steps = steps_of(recipe["training"], len(rows))
    looks = sorted({round(steps * k / LOOKS) for k in range(LOOKS + 1)})
    chosen = [views.get(name, **part) if isinstance(part, Mapping) else part for name, part in recipe["views"].items()]
    plan = Plan(seed, steps, Training(**recipe["training"]), machine, chosen, looks)
    recipe = {**recipe, "encoder": _said_part(recipe["encoder"]), "mixer": _said_part(recipe["mixer"])}
    prepared = Prepared(recipe, why, data, split, x, mean, std, label, seen, classes, method, rows, plan, (*data.notes, *notes))
    _try(prepared)
    return prepared


def _labels(
    data: Data, split: Split, granted: int | None, bins: int, seed: int
) -> tuple[Tensor | None, Tensor, int, tuple[str, ...]]:
    """Labels for the probes, labels for training, how many classes training tells apart, and what to say of it."""
    nothing = torch.full((len(data.x),), -1)
    if data.label is None or data.task == "none":
        if granted is not None:
            raise ValueError(f"`labels` grants {granted} labels of each class, but there is no label. Name it: --label.")
        return None, nothing, 0, ("There is no label: nothing can be probed, and the loss is all there is to look at.",)
    hidden = torch.ones(len(data.x), dtype=torch.bool)
    hidden[split.train] = False
    if data.task == "number":
        if granted is not None:
            raise ValueError(
                "`labels` grants labels class by class, but this label is a number. Leave it out, or --task classes."
            )
        known = split.train[~data.label[split.train].isnan()]
        edges = torch.quantile(data.label[known].double(), torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]).unique()
        binned = torch.bucketize(data.label.double(), edges).masked_fill(data.label.isnan() | hidden, -1)
        count = len(edges) + 1
        note = f"The label is a number: probes predict it (R², MAE); methods that use labels see its {count} quantile bins."
        return data.label, binned, count, (note,)
    label = data.label if granted is None else domains.grant(data.label, split.train, granted, seed)
    notes: tuple[str, ...] = ()
    if granted is not None:
        label = label.clone()
        label[split.val] = -1  # validation labels were not granted either
        notes = (f"Only {granted} labels of each class are seen, by training and by the probes; the rest count as unknown.",)
    classes = len(torch.unique(label[split.train][label[split.train] >= 0]))
    return label, label.masked_fill(hidden, -1), len(data.classes) if classes > 1 else classes, notes


def _build(recipe: Mapping[str, Any], shape: spec.Spec, classes: int, encoder_part: Any) -> Method:
    """The method with its initial weights, which depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draws.derived_seed(recipe["seed"], 0, "weights"))
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


@torch.no_grad()
def _try(prepared: Prepared) -> None:
    """One small batch through views and method, so that what does not go together is told before anything is written."""
    rows = prepared.rows[: min(8, len(prepared.rows))]
    generator = torch.Generator().manual_seed(0)
    seen = [prepared.x[rows]] * prepared.method.needs
    try:
        for view in prepared.plan.views:
            seen = [view(x, generator) for x in seen]
        prepared.method.eval()
        prepared.method(Batch(tuple(seen), prepared.seen[rows], torch.arange(len(rows))), generator)
    except (ValueError, TypeError) as error:
        raise RecipeError([str(error)]) from error
    finally:
        prepared.method.train()


def _fingerprint(data: Data) -> str:
    digest = hashlib.blake2b(data.x.numpy().tobytes(), digest_size=8)
    if data.label is not None:
        digest.update(data.label.numpy().tobytes())
    return digest.hexdigest()


def _said(source: Any) -> str:
    """A path or a name as it is; anything in memory by what it is."""
    return str(source) if isinstance(source, str | Path) else f"<{type(source).__name__} in memory>"


def _said_part(part: Any) -> Any:
    if part is None or isinstance(part, Mapping):
        return part
    text = repr(part) if not isinstance(part, Encoder | nn.Module) else type(part).__name__
    return {"name": "own", "made": text}
