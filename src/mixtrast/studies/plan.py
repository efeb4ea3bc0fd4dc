"""A comparison before it runs: every cell checked on data that are read once, and the folder that keeps the plan."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixtrast import evaluate, recipe, registry, run
from mixtrast.domains import Data, Split
from mixtrast.recipe import RecipeError, Training
from mixtrast.studies.cells import folders
from mixtrast.version import __version__

PLAN, CELLS, RUNS = "compare.yaml", "cells", "runs"
EVALUATION: dict[str, Any] = {"linear": {}, "knn": {}}  # label efficiency takes hundreds of fits: only where it is asked for
SAME = ("label", "groups", "task", "header")  # of the data, what all cells share: scores on other labels are no pairs


@dataclass(frozen=True)
class Cell:
    """One column of the grid.

    Args:
        folder: under runs/, and the name of its recipe under cells/.
        settings: sections of a recipe, checked and in their types, without the seed.
        steps: of its training.
    """

    name: str
    folder: str
    settings: dict[str, Any]
    method: str
    steps: int


@dataclass(frozen=True)
class Checked:
    """All cells, ready to run, with nothing written yet.

    Args:
        name: of the data.
        says: how they are split, for the first seed.
        data_bytes: of the examples in memory.
        gpu: whether the runs go to CUDA.
        fingerprint: of the data.
        notes: sentences for the user.
    """

    cells: tuple[Cell, ...]
    name: str
    says: str
    data_bytes: int
    gpu: bool
    fingerprint: str
    notes: tuple[str, ...]
    task: str


def check(cells: Mapping[str, Mapping[str, Any]], source: Any, test: Any, seed: int, problems: Sequence[str] = ()) -> Checked:
    """Prepares a run of every cell, up to trying one batch; all problems of all cells are told at once.

    Args:
        cells: name -> sections of a recipe.
        source, test: the data.
        seed: that each cell is tried with.
        problems: found before, told with the others.

    Raises: RecipeError; ValueError, TypeError or FileNotFoundError for the data.
    """
    wrong, notes = list(problems), list[str]()
    plain = any(_supervised(settings) for settings in cells.values()) and "beside" in registry.options(Training)
    if plain:
        notes.append("Plain supervised training is a cell of its own, so none is trained beside the other cells again.")
    found = {}
    for name, given in cells.items():
        settings: dict[str, Any] = {"evaluation": EVALUATION, **given, "seed": seed}
        if plain:
            settings["training"] = {"beside": "none", **(settings.get("training") or {})}
        try:
            found[name] = recipe.check(settings, evaluate)
        except RecipeError as error:
            wrong += [f"{name}: {problem}" for problem in error.problems]
    wrong += _alike(found)
    prepared = _prepared(found, source, test, wrong)
    wrong += _twice(found)
    wrong += _judged_alike(prepared)
    if wrong:
        raise RecipeError(wrong)
    where = folders(list(prepared))
    made = []
    for name, ready in prepared.items():
        settings = {key: value for key, value in found[name].items() if key != "seed"}
        made.append(Cell(name, where[name], settings, ready.method, ready.steps))
    first = next(iter(prepared.values()))
    gpu = any(ready.gpu for ready in prepared.values())
    return Checked(tuple(made), first.name, first.says, first.data_bytes, gpu, first.fingerprint, tuple(notes), first.task)


@dataclass(frozen=True)
class _Tried:
    """What is kept of a run that was prepared: without its data and weights."""

    method: str
    steps: int
    name: str
    says: str
    data_bytes: int
    gpu: bool
    fingerprint: str
    task: str
    judged: str


def _prepared(cells: Mapping[str, dict[str, Any]], source: Any, test: Any, wrong: list[str]) -> dict[str, _Tried]:
    """A run of each cell, up to trying one batch; what is wrong of the data is told once."""
    found = {}
    reader = _reading_once()
    for name, settings in cells.items():
        try:
            ready = run.prepare(settings, source, test, reader=reader)
        except RecipeError as error:
            wrong += [f"{name}: {problem}" for problem in error.problems]
            continue
        except (ValueError, TypeError, OSError) as error:
            wrong += [str(error)] if str(error) not in wrong else []
            continue
        if ready.label is None and (lack := _lack(ready.data.name)) not in wrong:
            wrong.append(lack)
        found[name] = _Tried(
            method=ready.recipe["method"]["name"],
            steps=ready.plan.steps,
            name=ready.data.name,
            says=ready.split.says,
            data_bytes=int(getattr(ready.data.x, "nbytes", 0)),  # files that are read as they are needed take none
            gpu=ready.plan.machine.device == "cuda",
            fingerprint=ready.section["fingerprint"],
            task="several" if ready.data.several is not None else ready.data.task,
            judged=_judged(ready.data, ready.split),
        )
    return found


def _judged(data: Data, split: Split) -> str:
    """A digest of the labels of the test examples, in order."""
    label = data.several if data.several is not None else data.label
    seen = b"" if label is None else np.ascontiguousarray(label[split.test].numpy()).tobytes()
    return hashlib.blake2b(seen, digest_size=8).hexdigest()


def _judged_alike(cells: Mapping[str, _Tried]) -> Iterator[str]:
    """Cells that cut the data in ways that leave them other test examples."""
    first = next(iter(cells), "")
    other = next((name for name, ready in cells.items() if ready.judged != cells[first].judged), None)
    if other is not None:
        yield (
            f"cells {first!r} and {other!r} have other test examples, and scores are compared seed by seed on the same. Run "
            "them as comparisons of their own."
        )


def _lack(name: str) -> str:
    return f"{name} has no label with two classes or more, so there is nothing to compare cells by. Name it: --label."


def _supervised(settings: Mapping[str, Any]) -> bool:
    part = settings.get("method")
    return (part.get("name") if isinstance(part, Mapping) else part) == "supervised"


def _alike(cells: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Cells that differ in what all must share."""
    for key in SAME:
        if len({repr(settings["data"].get(key)) for settings in cells.values()}) > 1:
            yield f"`{key}` must be the same for all cells: their scores are compared seed by seed. Give it beside --cell."


def _twice(cells: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Cells with the same settings."""
    first: dict[str, str] = {}
    for name, settings in cells.items():
        other = first.setdefault(repr(settings), name)
        if other != name:
            yield f"cells {other!r} and {name!r} are the same. Leave one out, or change one."


def _reading_once() -> Callable[..., run.Material]:
    """`run.read`, but what was read last is kept: a folder of images can take minutes, and cells are many."""
    kept: dict[str, run.Material] = {}

    def once(section: Mapping[str, Any], seed: int, bins: int, source: Any = None, test: Any = None) -> run.Material:
        key = repr((sorted(section.items()), seed, bins))
        if key not in kept:
            kept.clear()  # one at a time in memory
            kept[key] = run.read(section, seed, bins, source, test)
        return kept[key]

    return once


# --- the folder -----------------------------------------------------------------------------------------------------------


def record(checked: Checked, source: str, test: str | None, seeds: Sequence[int], **more: Any) -> dict[str, Any]:
    """What compare.yaml keeps."""
    versions = {"mixtrast": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    return {
        "data": {"name": checked.name, "source": source, "test": test, "fingerprint": checked.fingerprint},
        "seeds": list(seeds),
        "cells": {
            cell.name: {"folder": cell.folder, "method": cell.method, "steps": cell.steps, "settings": cell.settings}
            for cell in checked.cells
        },
        **more,
        "versions": versions,
    }


def stored(folder: Path) -> dict[str, Any] | None:
    """The compare.yaml that is there, or None. Raises ValueError where it is not readable."""
    path = folder / PLAN
    return recipe.read(path) if path.is_file() else None


def continues(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ValueError where the folder holds another comparison; more seeds and more cells are welcome."""
    different = []
    if before["data"]["fingerprint"] != now["data"]["fingerprint"]:
        different.append("the content of the data has changed")
    if lost := [str(seed) for seed in before["seeds"] if seed not in now["seeds"]]:
        different.append(f"it has seed {', '.join(lost)}, and here they are {', '.join(map(str, now['seeds']))}")
    for name, cell in before["cells"].items():
        if name not in now["cells"]:
            different.append(f"it has a cell {name!r}")
            continue
        other = now["cells"][name]
        apart = recipe.differences(*(_trained_by(each["settings"]) for each in (cell, other)))
        if apart or cell["folder"] != other["folder"]:
            different.append(f"cell {name!r} has other settings (there and here): {'; '.join(apart[:3]) or 'its folder'}")
    if different:
        raise ValueError(
            f"{folder} holds another comparison: {'; '.join(different[:5])}. Give the same cells, or choose another --out."
        )


def _trained_by(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the weights of a cell: not what is trained beside it, which a supervised cell spares the others."""
    training = {key: value for key, value in settings.get("training", {}).items() if key != "beside"}
    return {**settings, "training": training}


def write(folder: Path, plan: Mapping[str, Any], source: str, test: str | None) -> None:
    """compare.yaml, and a recipe of every cell that `mixtrast train --recipe` takes as it is."""
    (folder / CELLS).mkdir(exist_ok=True)
    for cell in plan["cells"].values():
        data = {"source": source, **({"test": test} if test is not None else {}), **cell["settings"]["data"]}
        recipe.write({**cell["settings"], "data": data}, folder / CELLS / f"{cell['folder']}.yaml")
    recipe.write(plan, folder / PLAN)
