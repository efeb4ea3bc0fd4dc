"""The folder of a comparison.

compare.yaml                    the plan: configurations, seeds, versions
configurations/NAME.yaml        the recipe of each configuration, for `mixtrast train --recipe`
runs/NAME/seed-S/               a run as any other; NAME/seed-S.log holds what a failed one printed
probe-cache/                    probes of raw inputs and untrained encoders, which configurations share
compare.csv                     every number, tidy
report.html                     one page
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, cast

from mixtrast import recipe
from mixtrast.records import ComparisonRecord, ConfigurationRecord, Json, read_comparison, write_comparison
from mixtrast.records.comparison import PLAN, RUNS, SourceRecord
from mixtrast.studies.check import CheckedGrid
from mixtrast.studies.configurations import folders
from mixtrast.studies.processes import Task
from mixtrast.version import versions

CONFIGURATIONS, PROBE_CACHE = "configurations", "probe-cache"
EARLIER = (CONFIGURATIONS, "cells", "data", "test")  # may be there before the plan is


def planned(folder: Path, *, resume: bool) -> ComparisonRecord | None:
    """The plan of the comparison in a folder that is resumed; None where there is none yet.

    Raises: FileExistsError where it is not resumed; ValueError where the folder holds something else.
    """
    if not folder.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{folder} exists already, and nothing is overwritten. Choose another --out, or continue it: --resume."
        )
    if (folder / PLAN).is_file():
        return read_comparison(folder)
    if any(path.name.partition(".")[0] not in EARLIER for path in folder.iterdir()):
        raise ValueError(f"{folder} is not a comparison: it has no {PLAN}. Choose another --out.")
    return None


def plan(
    grid: CheckedGrid, seeds: tuple[int, ...], source: SourceRecord, *, against: str | None, command: str
) -> ComparisonRecord:
    """The plan of configurations that were checked."""
    names, each = folders([each.name for each in grid.configurations]), dict[str, ConfigurationRecord]()
    for one in grid.configurations:
        settings: dict[str, Any] = {k: v for k, v in one.request.to_dict().items() if k not in ("version", "seed")}
        each[one.name] = ConfigurationRecord(names[one.name], one.method, one.steps, settings)
    return ComparisonRecord(source, seeds, each, against, command, versions=versions())


def continued(folder: Path, before: ComparisonRecord, now: ComparisonRecord) -> ComparisonRecord:
    """The plan `now`, with the settings of `before` for configurations that are in both, as their runs have them.

    Raises: ValueError where `before` is another comparison; more seeds and more configurations are welcome.
    """
    different = []
    if before.data.fingerprint != now.data.fingerprint:
        different.append("the content of the data has changed")
    if lost := [str(seed) for seed in before.seeds if seed not in now.seeds]:
        different.append(f"it has seed {', '.join(lost)}, and here they are {', '.join(map(str, now.seeds))}")
    for name, each in before.configurations.items():
        if name not in now.configurations:
            different.append(f"it has a configuration {name!r}")
            continue
        other = now.configurations[name]
        unlike = recipe.differences(_trained_by(each.settings), _trained_by(other.settings))
        if unlike or each.folder != other.folder:
            where = "; ".join(unlike[:3]) or "its folder"
            different.append(f"configuration {name!r} has other settings (there and here): {where}")
    if different:
        raise ValueError(
            f"{folder} holds another comparison: {'; '.join(different[:5])}. Repeat its options, or choose another --out."
        )
    same = {name: replace(now.configurations[name], settings=each.settings) for name, each in before.configurations.items()}
    return replace(now, configurations={**now.configurations, **same})


def _trained_by(settings: Mapping[str, Any]) -> recipe.Request:
    """What decides the weights: not the supervised baseline, which is left out where a configuration is supervised."""
    request = recipe.check(settings)
    return replace(request, training={key: value for key, value in request.training.items() if key != "baseline"})


def write(folder: Path, record: ComparisonRecord) -> None:
    """Write the plan, and a recipe of every configuration for `mixtrast train --recipe`."""
    (folder / CONFIGURATIONS).mkdir(exist_ok=True)
    where = {key: value for key, value in (("source", record.data.source), ("test", record.data.test)) if value is not None}
    for each in record.configurations.values():
        section = {**where, **cast("Mapping[str, Json]", each.settings["data"])}
        recipe.write(recipe.check({**each.settings, "data": section}), folder / CONFIGURATIONS / f"{each.folder}.yaml")
    write_comparison(folder, record)


def tasks(folder: Path, record: ComparisonRecord) -> list[Task]:
    """The runs of a plan, seeds outermost: stopped early, all configurations have as many seeds as can be.

    Maps are drawn for the first seed.
    """
    found, cache, first = list[Task](), folder / PROBE_CACHE, record.seeds[:1]
    for seed, (name, each) in product(record.seeds, record.configurations.items()):
        place, file = folder / RUNS / each.folder / f"seed-{seed}", folder / CONFIGURATIONS / f"{each.folder}.yaml"
        found.append(Task(name, seed, place, file, cache, maps=(seed,) == first))
    return found
