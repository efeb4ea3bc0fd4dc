"""Run folders as records: what a run wrote, read with patience.

Anything may be absent: a number that is not there (or not finite) is missing, a section of the wrong shape counts as absent,
and what a page would show of it becomes a sentence. Only a folder that is no run at all is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HOLDS = (
    "A run folder holds recipe.yaml, metrics.jsonl and results.json, and figures/map.npz and figures/strip.npz; "
    "recipe.yaml must be there, the others may be missing."
)
NO_SETTINGS = ("seed", "versions", "out", "why")  # keys of a recipe in which runs of one group may differ
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Data:
    """The facts of the data; `task` is "classes", "number" or "none"."""

    name: str = "the data"
    spec: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of "examples", "train", "val", "test", where known
    task: str = "none"
    classes: tuple[str, ...] = ()
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)  # split -> examples of each class
    unlabelled: int | None = None
    labels_granted: int | None = None  # labels per class that the whole run was allowed to see; None: all
    labels_seen: int | None = None  # by training
    split: str = ""
    notes: tuple[str, ...] = ()

    @property
    def unbalanced(self) -> bool:
        """Whether the largest class of the test set is more than 1.5 times the smallest."""
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


@dataclass(frozen=True)
class Metrics:
    """metrics.jsonl as columns; NaN where a line does not say."""

    step: np.ndarray
    loss: np.ndarray
    chance: np.ndarray
    floor: np.ndarray
    looks: tuple[tuple[float, dict[str, float]], ...]  # step, what was seen then


@dataclass(frozen=True)
class Map:
    trained: np.ndarray  # (n, 2)
    raw: np.ndarray | None  # (n, 2)
    label: np.ndarray | None  # (n,)


@dataclass(frozen=True)
class Strip:
    x: np.ndarray | None  # (k, *shape), as are the views of it
    view1: np.ndarray | None
    view2: np.ndarray | None
    mixed: np.ndarray | None  # (m, *shape), as are its ingredients
    first: np.ndarray | None
    second: np.ndarray | None
    weight: np.ndarray | None  # (m,) share of the first


@dataclass(frozen=True)
class Run:
    """One run folder. A part that is a string is absent, and the string says why."""

    folder: Path
    recipe: dict[str, Any]
    results: Results | str
    metrics: Metrics | str
    map: Map | str
    strip: Strip | str

    @property
    def seed(self) -> int | None:
        stated = self.results.seed if isinstance(self.results, Results) else None
        return stated if stated is not None else _count(self.recipe.get("seed"))

    @property
    def settings(self) -> dict[str, Any]:
        """What makes the run what it is: the recipe without the seed, the versions, the reasons and the place."""
        return {key: value for key, value in self.recipe.items() if key not in NO_SETTINGS}


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, one of each seed, in order."""

    name: str
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Results, ...]:
        return tuple(run.results for run in self.runs if isinstance(run.results, Results))


def read(folder: Path) -> Run:
    """The run in `folder`; ValueError with a sentence if it is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. {HOLDS}")
    if not (folder / "recipe.yaml").is_file():
        inside = sorted(path.parent.name for path in folder.glob("*/recipe.yaml"))
        hint = f" The folders {', '.join(inside)} in it are runs: give those." if inside else ""
        raise ValueError(f"{folder} is not a run: it has no recipe.yaml. {HOLDS}{hint}")
    return Run(
        folder=folder,
        recipe=_recipe(folder / "recipe.yaml"),
        results=_results(folder / "results.json"),
        metrics=_metrics(folder / "metrics.jsonl"),
        map=_map(folder / "figures" / "map.npz"),
        strip=_strip(folder / "figures" / "strip.npz"),
    )


def group(runs: Iterable[Run]) -> list[Group]:
    """Groups of runs that differ in nothing but the seed, in the order in which they were given.

    A folder counts once, and of several runs of one seed only the one that finished last: the same seed twice is no spread.
    """
    kinds: dict[str, list[Run]] = {}
    for run in {run.folder.resolve(): run for run in runs}.values():
        kinds.setdefault(json.dumps(run.settings, sort_keys=True, default=str), []).append(run)
    names = _names([found[0] for found in kinds.values()])
    groups = []
    for name, found in zip(names, kinds.values(), strict=True):
        kept, notes = _one_of_each_seed(found)
        groups.append(Group(name, kept, notes))
    return groups


def parse(written: Mapping[str, Any]) -> Results:
    """results.json as it was written -> Results."""
    method, mixer, encoder = (_text(written.get(key)) for key in ("method", "mixer", "encoder"))
    labels, cost = _section(written, "labels"), _section(written, "cost")
    return Results(
        data=_data(_section(written, "data")),
        method=method,
        mixer=mixer,
        encoder=encoder,
        seed=_count(written.get("seed")),
        finished=_text(written.get("finished")),
        probes={
            probe: {row: _score(score) for row, score in rows.items() if isinstance(score, Mapping)}
            for probe, rows in _section(written, "probes").items()
            if isinstance(rows, Mapping)
        },
        points=tuple(_point(point) for point in _list(labels, "points") if isinstance(point, Mapping)),
        withheld=_text(labels.get("withheld")),
        learning=_numbers(_section(written, "learning")),
        diagnosis=tuple(
            Verdict(_text(item.get("verdict")), _text(item.get("says")))
            for item in _list(written, "diagnosis")
            if isinstance(item, Mapping)
        ),
        cost=_numbers(cost),
        device=_text(cost.get("device")),
        next=tuple(_text(command) for command in _list(written, "next") if _text(command)),
    )


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


# --- files ---------------------------------------------------------------------------------------------------------------


def _recipe(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable as YAML ({' '.join(str(error).split())}). {HOLDS}") from error
    if not isinstance(recipe, Mapping):
        raise ValueError(f"{path} must be a mapping of settings, got {type(recipe).__name__}. {HOLDS}")
    return {str(key): value for key, value in recipe.items()}


def _results(path: Path) -> Results | str:
    if not path.is_file():
        return "This run has no results.json: it is not finished, or it was stopped."
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON ({error}). {HOLDS}") from error
    if not isinstance(written, Mapping):
        raise ValueError(f"{path} must be an object, got {type(written).__name__}. {HOLDS}")
    return parse(written)


def _metrics(path: Path) -> Metrics | str:
    if not path.is_file():
        return "This run has no metrics.jsonl."
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:  # a run that was stopped leaves half a line
            continue
    lines = [line for line in lines if isinstance(line, Mapping)]
    if not lines:
        return "Its metrics.jsonl holds no line that can be read."
    steps = [step if (step := number(line.get("step"))) is not None else float(at) for at, line in enumerate(lines)]
    looks = [(step, _numbers(_section(line, "look"))) for step, line in zip(steps, lines, strict=True)]
    columns = {key: np.array([_or_nan(line.get(key)) for line in lines]) for key in ("loss", "chance", "floor")}
    return Metrics(step=np.array(steps), **columns, looks=tuple((step, look) for step, look in looks if look))


def _arrays(path: Path) -> dict[str, np.ndarray] | str:
    if not path.is_file():
        return f"This run has no figures/{path.name}."
    try:
        with np.load(path, allow_pickle=False) as held:
            arrays = {name: np.asarray(held[name]) for name in held.files}
    except (OSError, ValueError, EOFError) as error:
        return f"Its figures/{path.name} cannot be read ({error})."
    return {name: array for name, array in arrays.items() if array.size and array.dtype.kind in "biuf"}


def _map(path: Path) -> Map | str:
    arrays = _arrays(path)
    if isinstance(arrays, str):
        return arrays
    trained, raw, label = (arrays.get(name) for name in ("trained", "raw", "label"))
    if trained is None or trained.ndim != 2 or trained.shape[1] != 2:
        return "Its figures/map.npz holds no two-dimensional map of the features."
    return Map(
        trained.astype(float),
        raw.astype(float) if raw is not None and raw.shape == trained.shape else None,
        label.astype(float) if label is not None and label.shape == trained.shape[:1] else None,
    )


def _strip(path: Path) -> Strip | str:
    arrays = _arrays(path)
    if isinstance(arrays, str):
        return arrays
    x, view1, view2 = (_examples(arrays.get(name), None) for name in ("x", "view1", "view2"))
    shape = next((array.shape[1:] for array in (x, view1, view2) if array is not None), None)
    mixed, first, second = (_examples(arrays.get(name), shape) for name in ("mixed", "first", "second"))
    weight = arrays.get("weight")
    whole = weight is not None and weight.ndim == 1
    return Strip(x, view1, view2, mixed, first, second, weight.astype(float) if weight is not None and whole else None)


# --- parts of results.json -----------------------------------------------------------------------------------------------


def _data(written: Mapping[str, Any]) -> Data:
    counts = {split: _counts(_list(_section(written, "counts"), split)) for split in SPLITS}
    sizes = {key: _count(written.get(key)) for key in ("examples", *SPLITS)}
    task = _text(written.get("task"))
    return Data(
        name=_text(written.get("name")) or Data.name,
        spec=dict(_section(written, "spec")),
        sizes={key: size for key, size in sizes.items() if size is not None},
        task=task if task in ("classes", "number") else "none",
        classes=tuple(str(name) for name in _list(written, "classes")),
        counts={split: held for split, held in counts.items() if held},
        unlabelled=_count(written.get("unlabelled")),
        labels_granted=_count(written.get("labels_granted")),
        labels_seen=_count(written.get("labels_seen")),
        split=_text(written.get("split")),
        notes=tuple(_text(note) for note in _list(written, "notes") if _text(note)),
    )


def _score(written: Mapping[str, Any]) -> Score:
    return Score(_numbers(written), dict(_section(written, "chosen")), written.get("at_edge") is True)


def _point(written: Mapping[str, Any]) -> Point:
    rows = _section(written, "rows")
    scores = {row: tuple(_or_nan(value) for value in _list(rows, row)) for row in rows}
    held = {row: values for row, values in scores.items() if any(math.isfinite(value) for value in values)}
    return Point(number(written.get("per_class")), number(written.get("labels")), held)


def _section(written: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = written.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(written: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = written.get(key)
    return value if isinstance(value, list | tuple) else ()


def _numbers(written: Mapping[str, Any]) -> dict[str, float]:
    found = {str(key): number(value) for key, value in written.items()}
    return {key: value for key, value in found.items() if value is not None}


def _or_nan(value: object) -> float:
    found = number(value)
    return math.nan if found is None else found


def _count(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _counts(values: Sequence[Any]) -> tuple[int, ...]:
    found = [_count(value) for value in values]
    return tuple(value for value in found if value is not None) if None not in found else ()


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _examples(array: np.ndarray | None, shape: tuple[int, ...] | None) -> np.ndarray | None:
    """Examples of one to three dimensions, of that shape if it is known."""
    if array is None or array.ndim not in (2, 3, 4) or (shape is not None and array.shape[1:] != shape):
        return None
    values = array.astype(float)
    return np.where(np.isfinite(values), values, 0.0)


# --- groups --------------------------------------------------------------------------------------------------------------


def _one_of_each_seed(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    kept: dict[object, Run] = {}
    left = 0
    for run in runs:
        key: object = run.seed if run.seed is not None else run.folder
        left += key in kept
        if key not in kept or _finished(run) >= _finished(kept[key]):
            kept[key] = run
    note = f"{left} more {'run has' if left == 1 else 'runs have'} a seed that is already here; of each seed the latest counts."
    ordered = sorted(kept.values(), key=lambda run: (run.seed is None, run.seed or 0))
    return tuple(ordered), ((note,) if left else ())


def _finished(run: Run) -> str:
    return run.results.finished if isinstance(run.results, Results) else ""


def _names(firsts: Sequence[Run]) -> list[str]:
    """A name for each group: the method and the mixer, and what else tells it from the others."""
    settings = [flat(run.settings) for run in firsts]
    keys = dict.fromkeys(key for each in settings for key in each)
    differ = [key for key in keys if len({str(each.get(key)) for each in settings}) > 1]
    names = []
    for run, each in zip(firsts, settings, strict=True):
        name = _base(run)
        told = [
            f"{key.rpartition('.')[2]} {each[key]}" for key in differ if key in each and str(each[key]) not in name.split(" + ")
        ]
        more = [f"and {len(told) - 3} more settings"] if len(told) > 4 else []
        names.append(", ".join([name, *(told[:3] if more else told), *more]))
    return [name if names.count(name) == 1 else f"{name} ({run.folder.name})" for name, run in zip(names, firsts, strict=True)]


def _base(run: Run) -> str:
    if isinstance(run.results, Results) and run.results.method:
        parts = [run.results.method, run.results.mixer]
    else:
        parts = [_stated(run.recipe.get(key)) for key in ("method", "mixer")]
    return " + ".join(part for part in parts if part) or run.folder.name


def _stated(value: object) -> str:
    return _text(value.get("name")) if isinstance(value, Mapping) else _text(value)
