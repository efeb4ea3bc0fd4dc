"""The types of a recipe: what was asked for (`Request`, every field optional) and what a run is made of (`Recipe`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from mixtrast.recipe.training import Training
from mixtrast.registry import Options as Options
from mixtrast.registry import Value as Value

OWN = "own"  # the name of a part that the caller built: a file cannot hold it
DEFAULT = "default"  # of evaluations: all that apply to the data
VERSION = 2


@dataclass(frozen=True)
class Part:
    """A method, mixer, encoder or view: its name and options, or an object that the caller built.

    Args:
        name: empty in a `Request` that has options only: they go to the default part.
        instance: the caller's own mixer, module or view; `name` is then "own".
    """

    name: str = ""
    options: Options = field(default_factory=dict)
    instance: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, instance: Any) -> Part:
        """The part of an object that the caller built; a file keeps only what it is called."""
        made = type(instance).__name__ if isinstance(instance, nn.Module) else repr(instance)
        return cls(OWN, {"made": made}, instance)

    def to_dict(self) -> dict[str, Value]:
        return ({"name": self.name} if self.name else {}) | dict(self.options)


@dataclass(frozen=True)
class DataSection:
    """Which data a run reads, and how.

    Args:
        source: a path or the name of a dataset; "<DataFrame in memory>" where it was neither.
        test: likewise, where a test set was given.
        reader: the name of the reader or dataset that read it; empty before.
        labels: labels of each class that the run may use; None for all.
        examples: training examples to use; None for all.
        fingerprint: a digest of what was read; empty before.
        options: of the reader.
    """

    source: str | None = None
    test: str | None = None
    reader: str = ""
    labels: int | None = None
    examples: int | None = None
    fingerprint: str = ""
    options: Options = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least, what in (
            ("labels", 1, "how many labels of each class may be used"),
            ("examples", 2, "how many training examples to use"),
        ):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                got = repr(value) if isinstance(value, int | float | str) else type(value).__name__
                other = " The labels themselves are `label`." if name == "labels" else ""
                raise ValueError(f"`{name}` must be {what}, {least} or more, got {got}.{other}")

    def to_dict(self) -> dict[str, Value]:
        """Without what is not set; the options of the reader stand among the others."""
        first: dict[str, Value] = {"source": self.source, "test": self.test, "reader": self.reader or None}
        last: dict[str, Value] = {"labels": self.labels, "examples": self.examples, "fingerprint": self.fingerprint or None}
        return {key: value for key, value in {**first, **self.options, **last}.items() if value is not None}


@dataclass(frozen=True)
class Request:
    """What a user asked for; everything else is decided from the data.

    Args:
        training: options of `Training` that were given.
        views: by name, in their order; an empty mapping is no views.
        evaluation: options by name; "default" among the names stands for all that apply to such data.
    """

    data: DataSection = field(default_factory=DataSection)
    method: Part | None = None
    mixer: Part | None = None
    encoder: Part | None = None
    views: Mapping[str, Part] | None = None
    training: Options = field(default_factory=dict)
    evaluation: Mapping[str, Options] | None = None
    seed: int | None = None

    def without(self, decided: Collection[str]) -> Request:
        """What was asked for of a run, whose recipe says what was `decided` for its data: that is decided again for others."""
        parts = {name: getattr(self, name) for name in ("method", "mixer", "encoder", "views", "evaluation")}
        found = {name: None if name in decided else _asked(name, part, decided) for name, part in parts.items()}
        training = {key: value for key, value in self.training.items() if f"training.{key}" not in decided}
        return replace(self, data=replace(self.data, reader="", fingerprint=""), training=training, **found)

    def to_dict(self) -> dict[str, Value]:
        """The sections of its YAML file, those that were given."""
        parts = {"method": self.method, "mixer": self.mixer, "encoder": self.encoder}
        found: dict[str, Value] = {"version": VERSION, "data": self.data.to_dict()}
        found |= {section: part.to_dict() for section, part in parts.items() if part is not None}
        if self.views is not None:
            found["views"] = _written(self.views)
        found["training"] = dict(self.training)
        if self.evaluation is not None:
            found["evaluation"] = dict(self.evaluation)
        return found if self.seed is None else {**found, "seed": self.seed}


@dataclass(frozen=True)
class Recipe:
    """Every setting of a run, all options of all parts in it.

    Args:
        views: by name, in their order.
        evaluation: options by name.
        reasons: why what was left open was decided so: "training.batch" -> a sentence.
        versions: of mixtrast, torch and python, in a recipe that was read from a run folder.
    """

    data: DataSection
    method: Part
    mixer: Part | None
    encoder: Part
    views: Mapping[str, Part]
    training: Training
    evaluation: Mapping[str, Options]
    seed: int
    reasons: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Value]:
        """The sections of its YAML file."""
        return {
            "version": VERSION,
            "data": self.data.to_dict(),
            "method": self.method.to_dict(),
            "mixer": None if self.mixer is None else self.mixer.to_dict(),
            "encoder": self.encoder.to_dict(),
            "views": _written(self.views),
            "training": dict(vars(self.training)),
            "evaluation": dict(self.evaluation),
            "seed": self.seed,
            **({"reasons": dict(self.reasons)} if self.reasons else {}),
            **({"versions": dict(self.versions)} if self.versions else {}),
        }

    def request(self) -> Request:
        """Everything in it, as if it had been asked for."""
        parts = {name: getattr(self, name) for name in ("data", "method", "mixer", "encoder", "views", "evaluation", "seed")}
        return Request(training=dict(vars(self.training)), **parts)


def _asked(section: str, part: Any, decided: Collection[str]) -> Any:
    if not isinstance(part, Part):
        return part
    return replace(part, options={key: value for key, value in part.options.items() if f"{section}.{key}" not in decided})


def _written(views: Mapping[str, Part]) -> dict[str, Value]:
    return {name: view.to_dict() if view.name == OWN else view.options for name, view in views.items()}
