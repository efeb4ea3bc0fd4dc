"""Run folders as records: what a run wrote, read with patience.

Anything may be absent: a number that is not there (or not finite) is missing, a section of the wrong shape counts as absent,
and what a page would show of it becomes a sentence. Only a folder that is no run at all is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mixtrast.report.results import Data, Results, parse
from mixtrast.report.values import number, numbers, or_nan, section, stated, text, whole

HOLDS = (
    "A run folder holds recipe.yaml, metrics.jsonl and results.json, and figures/map.npz and figures/strip.npz; "
    "recipe.yaml must be there, the others may be missing."
)
NO_SETTINGS = ("seed", "versions", "out", "why")  # keys of a recipe in which runs of one group may differ


@dataclass(frozen=True)
class Metrics:
    """metrics.jsonl as columns; NaN where a line does not say."""

    step: np.ndarray
    loss: np.ndarray
    chance: np.ndarray
    floor: np.ndarray
    looks: tuple[tuple[float, dict[str, float]], ...]  # step, what was seen then
    lost: int  # lines whose loss is no finite number


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
        written = self.results.seed if isinstance(self.results, Results) else None
        return written if written is not None else whole(self.recipe.get("seed"))

    @property
    def data(self) -> Data:
        """The facts of the data; its name alone, from the recipe, while there are no results."""
        if isinstance(self.results, Results):
            return self.results.data
        data = self.recipe.get("data")
        source = data.get("source") if isinstance(data, Mapping) else None
        return Data(name=stated(data) or (Path(text(source)).stem if source else Data.name))

    @property
    def settings(self) -> dict[str, Any]:
        """What makes the run what it is: the recipe without the seed, the versions, the reasons and the place."""
        return {key: value for key, value in self.recipe.items() if key not in NO_SETTINGS}

    @property
    def asked(self) -> dict[str, Any]:
        """Of the settings, without what was decided of the training from the data: another seed may have other sizes."""
        why, training = self.recipe.get("why"), self.settings.get("training")
        if not isinstance(training, dict) or not isinstance(why, dict):
            return self.settings
        return {**self.settings, "training": {key: value for key, value in training.items() if f"training.{key}" not in why}}


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
    looks = [(step, numbers(section(line, "look"))) for step, line in zip(steps, lines, strict=True)]
    columns = {key: np.array([or_nan(line.get(key)) for line in lines]) for key in ("loss", "chance", "floor")}
    return Metrics(
        step=np.array(steps),
        **columns,
        looks=tuple((step, look) for step, look in looks if look),
        lost=sum("loss" in line and number(line["loss"]) is None for line in lines),
    )


def _arrays(path: Path) -> dict[str, np.ndarray] | str:
    if not path.is_file():
        return f"This run has no figures/{path.name}."
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:  # a broken file is closed as well
            arrays = {name: np.asarray(held[name]) for name in held.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
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


def _examples(array: np.ndarray | None, shape: tuple[int, ...] | None) -> np.ndarray | None:
    """Examples of one to three dimensions, of that shape if it is known."""
    if array is None or array.ndim not in (2, 3, 4) or (shape is not None and array.shape[1:] != shape):
        return None
    values = array.astype(float)
    return np.where(np.isfinite(values), values, 0.0)
