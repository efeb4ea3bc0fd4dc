"""Comparisons: `mt.compare`, what runs one that was prepared, and what is on disk of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixtrast import process, report, run
from mixtrast.records import ComparisonRecord, read_comparison, read_results
from mixtrast.records.folder import PAGE
from mixtrast.run import Run
from mixtrast.studies import folder as files
from mixtrast.studies import memory, table
from mixtrast.studies.configurations import Grid
from mixtrast.studies.monitor import GridMonitor
from mixtrast.studies.preparation import PreparedComparison, prepare
from mixtrast.studies.processes import Task, run_all
from mixtrast.studies.progress import Progress
from mixtrast.studies.request import SEEDS, ComparisonRequest

Say = Callable[[str], None]


class Stopped(Exception):  # noqa: N818 - not an error: the runs have saved, as was asked
    """SIGINT or SIGTERM came, and was passed on to the runs, which have saved."""

    def __init__(self, number: int, done: int, total: int) -> None:
        self.code = 128 + number
        super().__init__(f"stopped with {done} of {total} runs done; those that were running have been saved.")


@dataclass(frozen=True)
class Comparison:
    """A comparison, which is a folder.

    Args:
        folder: with compare.yaml, compare.csv, report.html and the runs.
        failed: the runs that failed, "configuration, seed 0" -> the last lines that each printed.
    """

    folder: Path
    failed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def page(self) -> Path:
        """The report, one self-contained HTML page."""
        return self.folder / PAGE

    @property
    def record(self) -> ComparisonRecord:
        """compare.yaml."""
        return read_comparison(self.folder)

    @property
    def runs(self) -> dict[tuple[str, int], Run]:
        """The finished runs by configuration and seed."""
        tasks = files.tasks(self.folder, self.record)
        return {(task.configuration, task.seed): Run(task.folder) for task in tasks if task.finished}

    @property
    def table(self) -> list[table.Line]:
        """Every number: a mapping for each configuration, seed, evaluation, row and metric. `pandas.DataFrame` takes it."""
        return table.tidy((name, seed, read_results(each.folder)) for (name, seed), each in self.runs.items())

    @property
    def headline(self) -> str:
        """The configuration with the highest score, and those that are not clearly worse, in words."""
        return report.ranking_headline(report.read_ranking(self.folder))


def compare(
    data: Any = None,
    *,
    configurations: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int] | None = SEEDS,
    workers: int | None = None,
    against: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    test: Any = None,
    label: Any = None,
    groups: Any = None,
    **common: Any,
) -> Comparison:
    """Train every configuration with every seed, several at a time, and compare them seed by seed.

    Args:
        data, test, label, groups: as of `mt.train`. Data in memory are stored in the folder, for the runs to read.
        configurations: name -> options of `mt.train` of its own: {"warm": {"method": "imix", "method.temperature": 0.5}}.
        seeds: of each configuration; with fewer than three, differences are seldom clear.
        workers: runs at a time; from cores and memory if None.
        against: a configuration that all others are compared with, besides the best.
        out: a new folder; a free name under runs/ if None.
        resume: continue the comparison in `out`; finished runs are not repeated, more configurations and seeds are welcome.
        quiet: no progress, nothing printed.
        common: options of `mt.train` for all configurations.

    Returns: the comparison; runs that failed are in its `failed`.

    Raises: ValueError, TypeError, FileNotFoundError or FileExistsError with all problems of all configurations, and nothing
        written; studies.Stopped after SIGINT or SIGTERM.
    """
    data, label, groups = run.join_arrays(data, label, groups)
    request = ComparisonRequest(
        grid=Grid.of(configurations, {**common, "label": label, "groups": groups}),
        data=data,
        test=test,
        seeds=seeds,
        workers=workers,
        out=None if out is None else Path(out).expanduser(),
        resume=resume,
        against=against,
    )
    return execute(prepare(request), quiet=quiet, say=(lambda text: None) if quiet else print)


def execute(prepared: PreparedComparison, *, quiet: bool = False, say: Say = print) -> Comparison:
    """Run what is not finished, and write the table and the page.

    Args:
        say: called with each sentence for the user.

    Raises: Stopped, OSError; BlockingIOError where another process is at work on the folder.
    """
    folder = prepared.folder
    folder.mkdir(parents=True, exist_ok=True)
    with process.exclusive(folder):
        record = memory.store(folder, prepared.record, prepared.data, prepared.test)
        files.write(folder, record)
        tasks = files.tasks(folder, record)
        waiting = [task for task in tasks if not task.finished]
        if not waiting:
            say(f"{folder} is finished already; nothing is left to run.")
        failed, signals = _run(prepared, waiting, Progress(len(tasks), quiet=quiet, say=say))
        found = Comparison(folder, failed)
        if runs := found.runs:
            table.write(found.table, folder / table.CSV)
            report.write_comparison(folder)
    if signals:
        raise Stopped(signals[0], len(runs), len(tasks))
    return found


def _run(
    prepared: PreparedComparison, waiting: Sequence[Task], progress: Progress
) -> tuple[dict[str, list[str]], tuple[int, ...]]:
    """The last lines of runs that failed, and the signals that came."""
    steps = {each.name: each.steps for each in prepared.grid.configurations}
    monitor = GridMonitor(prepared.folder, prepared.record.capacity, steps, progress.total - len(waiting), progress)
    with progress:
        try:
            signals = run_all(waiting, prepared.record.capacity, monitor)
        finally:
            monitor.write_session()
    return monitor.failed, signals
