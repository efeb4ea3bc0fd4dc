"""From a request to a comparison that can run: the check, the plan, the capacity. Nothing is written."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mixtrast import datasets, process, recipe, registry
from mixtrast.recipe import RecipeError
from mixtrast.records import ComparisonRecord
from mixtrast.records.comparison import SourceRecord
from mixtrast.studies import folder as files
from mixtrast.studies import memory
from mixtrast.studies.capacity import choose, this_machine
from mixtrast.studies.check import CheckedGrid, check
from mixtrast.studies.request import SEEDS, ComparisonRequest, unknown_reference


@dataclass(frozen=True, eq=False)
class PreparedComparison:
    """A comparison that was checked.

    Args:
        record: the plan; data in memory have no path in it yet.
        data, test: as they were requested.
    """

    folder: Path
    grid: CheckedGrid
    record: ComparisonRecord
    data: Any
    test: Any


def prepare(request: ComparisonRequest) -> PreparedComparison:
    """Check the request, its folder and all configurations.

    Raises: RecipeError with everything that is wrong; FileExistsError or ValueError for the folder.
    """
    before = None if request.out is None else files.planned(request.out, resume=request.resume)
    request = request if before is None else _resumed(request, before)
    checked, seeds = _checked(request, before), tuple(request.seeds or SEEDS)
    grid = _for_files(checked, request.data) if memory.in_memory(request.data) else checked
    source = SourceRecord(grid.data.name, _path(request.data), _path(request.test), grid.data.fingerprint)
    record = files.plan(grid, seeds, source, against=request.against, command=request.command)
    if before is not None and request.out is not None:
        record = files.continued(request.out, before, record)
    folder = request.out or process.free_folder(f"compare-{grid.data.name}")
    waiting = sum(not task.finished for task in files.tasks(folder, record))
    capacity = choose(request.workers, waiting, grid.data.size, this_machine(grid.gpu))
    if before is not None and before.capacity.workers == capacity.workers:
        capacity = replace(capacity, reason=before.capacity.reason)
    return PreparedComparison(folder, grid, replace(record, capacity=capacity), request.data, request.test)


def _path(data: Any) -> str | None:
    """A path or a name; None for data in memory, which `execute` stores."""
    return None if data is None or memory.in_memory(data) else str(data)


def _resumed(request: ComparisonRequest, before: ComparisonRecord) -> ComparisonRequest:
    """The request with what it leaves out as it was planned."""
    as_planned = not request.grid.configurations and not request.grid.problems
    data, test = request.data, request.test
    if data is None and before.data.source is not None:
        data, test = before.data.source, before.data.test if test is None else test
    workers = (before.capacity.workers or None) if request.workers is None else request.workers  # other threads: other digits
    return replace(
        request,
        data=data,
        test=test,
        seeds=request.seeds or before.seeds,
        workers=workers,
        against=request.against or before.against,
        command=before.command if as_planned else request.command,
    )


def _checked(request: ComparisonRequest, before: ComparisonRecord | None) -> CheckedGrid:
    """Raises: RecipeError with all mistakes of the request and its configurations."""
    problems, found = list(request.problems()), request.grid.configurations
    if not found and not problems and before is not None:
        found = {name: recipe.check(each.settings) for name, each in before.configurations.items()}
    if not found and not request.grid.problems:
        problems.append(
            "there are no configurations to compare. Name them: --configuration '--method simclr' --configuration "
            "'--method npair', --vary, or --grid."
        )
    problems += unknown_reference(request.against, list(found))
    grid, wrong = check(found, request.data, request.test, (request.seeds or SEEDS)[0]) if found else (None, [])
    if problems or wrong or grid is None:
        raise RecipeError([*problems, *wrong])
    return grid


def _for_files(grid: CheckedGrid, data: Any) -> CheckedGrid:
    """The grid with the options that a reader needs for the files in which the data are stored."""
    options: dict[str, Any] = {}
    if memory.is_table(data):
        options["task"] = grid.data.task
        if "header" in registry.options(datasets.find(grid.data.reader)):
            options["header"] = "yes"  # the names of columns may be numbers
        if (label := memory.file_form(data).label) is not None:
            options["label"] = label
    changed = [
        replace(
            each,
            request=replace(each.request, data=replace(each.request.data, options={**each.request.data.options, **options})),
        )
        for each in grid.configurations
    ]
    return replace(grid, configurations=tuple(changed))
