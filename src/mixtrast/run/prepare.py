"""From what the user gave to all that a run needs, built and tried, with nothing written yet."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixtrast import domains, draws, encoders, evaluate, methods, mixers, registry, spec, views
from mixtrast.domains import Data, Split
from mixtrast.encoders import Encoder
from mixtrast.export import Kept
from mixtrast.methods import Batch, Method
from mixtrast.recipe import BESIDE, Facts, RecipeError, Training, check, decide, full, steps_of
from mixtrast.training import Examples, Plan, choose
from mixtrast.views import Scale

LOOKS = 10  # times that a run is looked at on its way


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """Data that were read, split and scaled, and who may see which label.

    Args:
        section: the data section of the recipe, with a fingerprint of what was read.
        scale: from examples as read to what an encoder sees, by training rows.
        label: what probes see: (N,) int64 or float32; None where there is nothing to tell. Of training rows only granted ones.
        target: (N,) int64, the class (or bin of a number) of every row, -1 where unknown.
        seen: (N,) int64, what training sees of it: -1 outside the training rows, and where it was not granted.
        classes: how many training tells apart.
        notes: sentences for the user.
    """

    section: dict[str, Any]
    seed: int
    data: Data
    split: Split
    scale: Scale
    label: Tensor | None
    target: Tensor
    seen: Tensor
    classes: int
    notes: tuple[str, ...]

    @property
    def seen_labels(self) -> Tensor:
        """(N,) bool, the rows whose label probes see."""
        assert self.label is not None
        return self.label >= 0 if self.data.classes else ~self.label.isnan()

    @property
    def shown(self) -> Tensor:
        """What training sees of every row: (N,) `seen`, or (N,K) where examples have several labels."""
        several = self.data.several
        return self.seen if several is None else torch.where(self.seen[:, None] >= 0, several, -1)

    @property
    def granted(self) -> int | None:
        """Labels of each class that the whole run may see, or None for all."""
        granted: int | None = self.section.get("labels")
        return granted


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


def read(section: Mapping[str, Any], seed: int, bins: int, source: Any = None, test: Any = None) -> Material:
    """The data of a recipe, or others: read, split by the seed, scaled by training rows, labels granted.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence.
    """
    section = dict(section)
    if source is not None and section.get("source", _said(source)) != _said(source):
        section = {key: value for key, value in section.items() if key not in ("test", "fingerprint")}  # those of other data
    source = section.get("source") if source is None else source
    test = section.get("test") if test is None else test
    if source is None:
        raise ValueError("no data were given. Name a file or a built-in set: mixtrast train digits.")
    if isinstance(source, str) and source.startswith("<") and source.endswith(" in memory>"):
        raise ValueError(f"the data of this run were {source[1:-1]}, and are not kept. Give them again: data=...")
    labels = section.get("labels")
    if labels is not None and (not isinstance(labels, int) or isinstance(labels, bool) or labels < 1):
        got = repr(labels) if isinstance(labels, int | float | str) else type(labels).__name__
        raise ValueError(
            f"`labels` must be how many labels of each class may be seen, 1 or more, got {got}. The labels are `label`."
        )
    examples = section.get("examples")
    if examples is not None and (not isinstance(examples, int) or isinstance(examples, bool) or examples < 2):
        raise ValueError(f"`examples` must be how many training examples to use, 2 or more, got {examples!r}.")
    options = _given({key: value for key, value in section.items() if key not in BESIDE})
    data = domains.open(source, test=test, **options)
    split = _some(domains.split(data, seed=seed), data, examples, seed)
    label, target, seen, classes, notes = _labels(data, split, labels, bins, seed)
    print_ = _fingerprint(data)
    if section.get("fingerprint") not in (None, print_):
        raise ValueError(
            f"{data.name} is not what it was when this run began: its content has changed. Start in another --out."
        )
    told = {
        "source": _said(source),
        **({"test": _said(test)} if test is not None else {}),
        "domain": data.domain,
        **options,
        **({"labels": labels} if labels is not None else {}),
        **({"examples": examples} if examples is not None else {}),
        "fingerprint": print_,
    }
    return Material(
        section=told,
        seed=seed,
        data=data,
        split=split,
        scale=Scale(*domains.scaling(data, split.train)),
        label=label,
        target=target,
        seen=seen,
        classes=classes,
        notes=(*data.notes, *notes),
    )


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


def elsewhere(kept: Kept, seed: int, bins: int, source: Any, test: Any, options: Mapping[str, Any]) -> Material:
    """Other data, read as those of a run were and scaled as its encoder knows it, with labels and a split of their own.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence.
    """
    facts = {key: fact for key, fact in kept.facts.items() if key != "several"} | {"task": "none", "classes": []}
    data = domains.open(source, test=test, like=facts, **_given(options))
    split = domains.split(data, seed=seed)
    label, target, seen, classes, notes = _labels(data, split, None, bins, seed)
    return Material(
        section={"source": _said(source), "fingerprint": _fingerprint(data)},
        seed=seed,
        data=data,
        split=split,
        scale=kept.scale,
        label=label,
        target=target,
        seen=seen,
        classes=classes,
        notes=(*data.notes, *notes),
    )


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, ())}


def _some(split: Split, data: Data, examples: int | None, seed: int) -> Split:
    """The split with so many training examples, classes in proportion, and validation cut by the same share; all of test.

    With the same seed, the examples of a smaller number are among those of a larger one.
    """
    if examples is None:
        return split
    if examples > len(split.train):
        raise ValueError(f"`examples` asks for {examples:,} training examples, and there are {len(split.train):,}.")
    val = max(1, round(len(split.val) * examples / len(split.train)))
    train, val_rows = (_first(rows, many, data, seed) for rows, many in ((split.train, examples), (split.val, val)))
    says = f"{split.says}; of these {examples:,} train and {val:,} validation examples are used"
    return replace(split, train=train, val=val_rows, says=says)


def _first(rows: Tensor, many: int, data: Data, seed: int) -> Tensor:
    """So many of these rows: shuffled within each class, then by the place in it as a share of it."""
    rows = rows[torch.randperm(len(rows), generator=draws.derived(seed, 0, "examples"))]
    kinds = data.label[rows].long() if data.label is not None and data.task == "classes" else torch.zeros(len(rows)).long()
    by_class = kinds.argsort(stable=True)
    counts = torch.bincount(kinds - kinds.min())
    place = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[(kinds - kinds.min())[by_class]]
    share = (place + 0.5) / counts[(kinds - kinds.min())[by_class]]
    chosen: Tensor = rows[by_class[share.argsort(stable=True)[:many]]]
    return chosen.sort().values


Labelled = tuple[Tensor | None, Tensor, Tensor, int, tuple[str, ...]]


def _labels(data: Data, split: Split, granted: int | None, bins: int, seed: int) -> Labelled:
    """Labels for the probes, targets, what training sees of them, how many classes it tells apart, and what to say of it."""
    nothing = torch.full((len(data.x),), -1)
    if data.label is None or data.task == "none":
        if granted is not None:
            raise ValueError(f"`labels` grants {granted} labels of each class, but there is no label. Name it: --label.")
        return (
            None,
            nothing,
            nothing,
            0,
            ("There is no label: nothing can be probed, and the loss is all there is to look at.",),
        )
    if data.several is not None and granted is not None:
        raise ValueError("`labels` grants labels class by class, but an example has several here. Leave it out.")
    if data.task == "number" and granted is not None:
        raise ValueError("`labels` grants labels class by class, but this label is a number. Leave it out, or --task classes.")
    target, notes = _bins(data, split, bins) if data.task == "number" else (data.label.long(), ())
    ours = split.train[target[split.train] >= 0]
    kinds = len(target[ours].unique() if data.several is None else data.several[ours].unique(dim=0))
    if kinds < 2:
        only = "All labels of the training examples are the same: there is nothing to tell apart, and nothing is probed."
        return None, target, _in_training(target, split), kinds, (only,)
    label = data.label
    if granted is not None:
        label = domains.grant(label, split.train, granted, seed).clone()
        label[split.val] = -1  # validation labels were not granted either
        target = label
        notes = (f"Only {granted} labels of each class are seen, by training and by the probes; the rest count as unknown.",)
    return label, target, _in_training(target, split), len(data.classes) or kinds, notes


def _in_training(target: Tensor, split: Split) -> Tensor:
    """The targets of the training rows, -1 elsewhere."""
    seen = torch.full_like(target, -1)
    seen[split.train] = target[split.train]
    return seen


def _bins(data: Data, split: Split, bins: int) -> tuple[Tensor, tuple[str, ...]]:
    """Quantile bins of a number, by the training rows; those that ties leave empty are not counted."""
    assert data.label is not None
    known = ~data.label.isnan()
    ours = data.label[split.train][known[split.train]].double()
    edges = torch.quantile(ours, torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]).unique()
    used = torch.bucketize(ours, edges).unique()
    binned = torch.searchsorted(used, torch.bucketize(data.label.double(), edges)).clamp(max=len(used) - 1)
    note = f"The label is a number: probes predict it (R², MAE); methods that use labels see its {len(used)} quantile bins."
    return binned.masked_fill(~known, -1), (note,)


def _build(recipe: Mapping[str, Any], shape: spec.Spec, classes: int, encoder_part: Any) -> Method:
    """The method with its initial weights: those of the seed, and of a module of one's own as it was given."""
    with draws.GLOBAL, torch.random.fork_rng(devices=[]):
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
        with draws.GLOBAL, torch.random.fork_rng(devices=[]), torch.no_grad():
            seen = [prepared.scale(prepared.data.x[rows], prepared.plan.views, generator) for _ in range(method.needs)]
            method(Batch(tuple(seen), prepared.shown[rows], torch.arange(len(rows))), generator)
    except (ValueError, TypeError, RuntimeError) as error:
        raise RecipeError([str(error)]) from error


def _fingerprint(data: Data) -> str:
    """Of all that decides who is in which split: another one is another data set."""
    digest = hashlib.blake2b(repr(tuple(data.x.shape)).encode(), digest_size=8)
    if isinstance(data.x, domains.Files):
        digest.update(data.x.identity())
    several = () if data.several is None else (data.several,)
    for part in (data.x, data.label, *several, data.groups, data.given_val, data.given_test):
        if isinstance(part, Tensor):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        digest.update(b"|")
    return digest.hexdigest()


def _said(source: Any) -> str:
    """A path or a name as it is; anything in memory by what it is."""
    return str(source) if isinstance(source, str | Path) else f"<{type(source).__name__} in memory>"


def _said_part(part: Any) -> Any:
    if part is None or isinstance(part, Mapping):
        return part
    text = repr(part) if not isinstance(part, nn.Module) else type(part).__name__
    return {"name": "own", "made": text}
