"""The folder of a run: who may write into it, and whether what it holds is the same run."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixtrast import recipe
from mixtrast.recipe import Recipe
from mixtrast.records import recipe_file
from mixtrast.records.folder import PAGE, RECIPE, RESULTS
from mixtrast.training import CheckpointStore
from mixtrast.version import versions

NOT_DECISIVE = {"training": ("checkpoint_every", "log_every", "baseline"), "data": ("source", "test")}  # for the weights
MOST = 5  # differences that an error lists


def create(folder: Path, ours: Recipe, *, resume: bool) -> None:
    """Make the folder and write the recipe into it; one that exists must hold the same run, and `resume` be set."""
    if folder.exists() and not resume:
        raise FileExistsError(
            f"{folder} exists already, and nothing is overwritten. Choose another --out, or continue the run: --resume."
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a run folder. Choose another --out.")
    if folder.exists() and any(path.suffix != ".partial" for path in folder.iterdir()):
        _check_same(folder, ours)
        return
    folder.mkdir(parents=True, exist_ok=resume)  # of two processes that come at once, one fails
    try:
        recipe.write(replace(ours, versions=versions()), folder / RECIPE)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _check_same(folder: Path, ours: Recipe) -> None:
    if not (folder / RECIPE).is_file():
        raise ValueError(f"{folder} is not a run: it holds no {RECIPE}. Choose another --out, or the folder of a run.")
    different = recipe.differences(recipe.load(folder / RECIPE), ours)
    if different:
        first = "; ".join(different[:MOST]) + (f"; and {len(different) - MOST} more" if len(different) > MOST else "")
        raise ValueError(
            f"{folder} holds a run of another recipe (there and here): {first}. Resume it without options, or choose "
            "another --out."
        )


def is_finished(folder: Path) -> bool:
    """Whether a run folder holds results and a report."""
    return (folder / RESULTS).is_file() and (folder / PAGE).is_file()


def checkpoints(folder: Path, ours: Recipe) -> CheckpointStore:
    """The checkpoints in a folder that agree with all of the recipe that decides the weights."""
    return CheckpointStore(folder, _decisive(ours.to_dict()), migrate=_migrated)


def _decisive(sections: Mapping[str, Any]) -> str:
    found = {key: part for key, part in sections.items() if key not in ("version", "evaluation", "reasons", "versions")}
    for section, left_out in NOT_DECISIVE.items():
        found[section] = {key: value for key, value in found[section].items() if key not in left_out}
    return json.dumps(found, sort_keys=True, default=repr)


def _migrated(text: str) -> str:
    """The recipe of a checkpoint of the first edition in today's keys."""
    return _decisive(recipe_file.migrated(json.loads(text)))
