"""results.json: what a run measured, as far as it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixtrast.report.values import items, number, numbers, or_nan, section, text, whole

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Data:
    """The facts of the data; `task` is "classes", "number" or "none", or empty where it is not known."""

    name: str = "the data"
    spec: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of "examples", "train", "val", "test", where known
    task: str = ""
    classes: tuple[str, ...] = ()
    several: bool = False  # labels of an example
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)  # split -> examples of each class
    unlabelled: int | None = None
    labels_granted: int | None = None  # labels per class that the whole run was allowed to see; None: all
    labels_seen: int | None = None  # by training
    split: str = ""
    notes: tuple[str, ...] = ()

    @property
    def unbalanced(self) -> bool:
        """Whether the largest class of the test set is more than 1.5 times the smallest."""
        if self.several:
            return True
        test = self.counts.get("test", ())
        return len(test) > 1 and max(test) > 1.5 * min(test)


@dataclass(frozen=True)
class Score:
    """One row of a probe: accuracy, balanced_accuracy, r2, mae, val_... as far as they were written."""

    values: dict[str, float]
    chosen: dict[str, Any]
    at_edge: bool


@dataclass(frozen=True)
class Point:
    """Scores with few labels: row -> one score for each draw of labels."""

    per_class: float | None
    labels: float | None
    rows: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Verdict:
    verdict: str
    says: str


@dataclass(frozen=True)
class Results:
    """results.json."""

    data: Data = field(default_factory=Data)
    method: str = ""
    mixer: str = ""  # empty: nothing is mixed
    encoder: str = ""
    seed: int | None = None
    finished: str = ""
    probes: dict[str, dict[str, Score]] = field(default_factory=dict)  # "linear", "knn" -> row -> score
    points: tuple[Point, ...] = ()
    withheld: str = ""  # why there are no points
    learning: dict[str, float] = field(default_factory=dict)
    diagnosis: tuple[Verdict, ...] = ()
    cost: dict[str, float] = field(default_factory=dict)
    device: str = ""
    next: tuple[str, ...] = ()
    elsewhere: dict[str, Results] = field(default_factory=dict)  # what they are -> data and probes of other data
    trained_on: int = 0  # of other data: test examples that trained the encoder


def parse(written: Mapping[str, Any]) -> Results:
    """results.json as it was written -> Results."""
    method, mixer, encoder = (text(written.get(key)) for key in ("method", "mixer", "encoder"))
    labels, cost = section(written, "labels"), section(written, "cost")
    return Results(
        data=_data(section(written, "data")),
        method=method,
        mixer=mixer,
        encoder=encoder,
        seed=whole(written.get("seed")),
        finished=text(written.get("finished")),
        probes={
            probe: {row: _score(score) for row, score in rows.items() if isinstance(score, Mapping)}
            for probe, rows in section(written, "probes").items()
            if isinstance(rows, Mapping)
        },
        points=tuple(_point(point) for point in items(labels, "points") if isinstance(point, Mapping)),
        withheld=text(labels.get("withheld")),
        learning=numbers(section(written, "learning")),
        diagnosis=tuple(
            Verdict(text(item.get("verdict")), text(item.get("says")))
            for item in items(written, "diagnosis")
            if isinstance(item, Mapping)
        ),
        cost=numbers(cost),
        device=text(cost.get("device")),
        next=tuple(text(command) for command in items(written, "next") if text(command)),
        elsewhere={
            str(key): parse({**found, "seed": written.get("seed")})
            for key, found in section(written, "elsewhere").items()
            if isinstance(found, Mapping)
        },
        trained_on=whole(written.get("trained_on")) or 0,
    )


# --- parts ---------------------------------------------------------------------------------------------------------------


def _data(written: Mapping[str, Any]) -> Data:
    counts = {split: _counts(items(section(written, "counts"), split)) for split in SPLITS}
    sizes = {key: whole(written.get(key)) for key in ("examples", *SPLITS)}
    task = text(written.get("task"))
    return Data(
        name=text(written.get("name")) or Data.name,
        spec=dict(section(written, "spec")),
        sizes={key: size for key, size in sizes.items() if size is not None},
        task=task if task in ("classes", "number", "none") else "",
        classes=tuple(str(name) for name in items(written, "classes")),
        several=written.get("several") is True,
        counts={split: held for split, held in counts.items() if held},
        unlabelled=whole(written.get("unlabelled")),
        labels_granted=whole(written.get("labels_granted")),
        labels_seen=whole(written.get("labels_seen")),
        split=text(written.get("split")),
        notes=tuple(text(note) for note in items(written, "notes") if text(note)),
    )


def _score(written: Mapping[str, Any]) -> Score:
    return Score(numbers(written), dict(section(written, "chosen")), written.get("at_edge") is True)


def _point(written: Mapping[str, Any]) -> Point:
    rows = section(written, "rows")
    scores = {row: tuple(or_nan(value) for value in items(rows, row)) for row in rows}
    held = {row: values for row, values in scores.items() if any(math.isfinite(value) for value in values)}
    return Point(number(written.get("per_class")), number(written.get("labels")), held)


def _counts(values: Sequence[Any]) -> tuple[int, ...]:
    found = [whole(value) for value in values]
    return tuple(value for value in found if value is not None) if None not in found else ()
