"""Studies: grids of runs, and what they say together. What `mt.compare` and the command call.

A comparison is a folder:

    compare.yaml            the grid as it was resolved: cells, seeds, versions
    cells/CELL.yaml         the recipe of each cell, for `mixtrast train --recipe`
    runs/CELL/seed-S/       a run as any other; CELL/seed-S.log has what a failed one said
    kept/                   probes of raw inputs and untrained encoders, which cells share
    compare.csv             every number, tidy
    report.html             one page
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixtrast import recipe, registry, report, run
from mixtrast.recipe import RecipeError
from mixtrast.run import Run
from mixtrast.studies import capacity as machine
from mixtrast.studies import given, plan, processes, table
from mixtrast.studies.capacity import Capacity
from mixtrast.studies.plan import Checked
from mixtrast.studies.processes import Task, Watch
from mixtrast.studies.progress import Progress
from mixtrast.studies.watched import Watched

try:
    import fcntl
except ImportError:  # not on Windows: there no folder is locked
    fcntl = None  # type: ignore[assignment]

SEEDS = (0, 1, 2)
PAGE, CSV = "report.html", "compare.csv"
Say = Callable[[str], None]


class Stopped(Exception):  # noqa: N818 - not an error: the runs were saved, as was asked
    """SIGINT or SIGTERM came; the runs were told, and have saved what they had."""

    def __init__(self, number: int, done: int, total: int) -> None:
        self.code = 128 + number
        super().__init__(f"stopped with {done} of {total} runs done; those that were going on have been saved.")


@dataclass(frozen=True)
class Comparison:
    """A comparison, which is a folder.

    Args:
        folder: with compare.yaml, compare.csv, report.html and the runs.
        failed: the runs that failed, "cell, seed 0" -> the last lines that it said.
    """

    folder: Path
    failed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def page(self) -> Path:
        return self.folder / PAGE

    @property
    def record(self) -> dict[str, Any]:
        """compare.yaml."""
        return recipe.read(self.folder / plan.PLAN)

    @property
    def runs(self) -> dict[tuple[str, int], Run]:
        """The finished runs by cell and seed."""
        tasks = _tasks(self.folder, self.record)
        return {(task.cell, task.seed): Run(task.folder) for task in tasks if task.finished}

    @property
    def table(self) -> list[dict[str, Any]]:
        """Every number: a mapping a cell, seed, evaluation, row and metric. `pandas.DataFrame(comparison.table)` is one."""
        return table.tidy((cell, seed, found.results) for (cell, seed), found in self.runs.items())

    @property
    def headline(self) -> str:
        """Which cell scores highest, and which are not worse, in words."""
        return report.standings(self.folder).headline


def compare(
    data: Any = None,
    *,
    cells: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int] | None = SEEDS,
    test: Any = None,
    label: Any = None,
    groups: Any = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    against: str | None = None,
    quiet: bool = False,
    **common: Any,
) -> Comparison:
    """Trains every cell with every seed, several at a time, and compares them seed by seed.

    Args:
        data, test, label, groups: as of `mt.train`. Data from memory are kept in the folder, for the runs to read.
        cells: name -> options of `mt.train` that are this cell's own: {"warm": {"method": "imix", "method.temperature": 0.5}}.
        seeds: of each cell; at least three tell something.
        jobs: runs at a time; from cores and memory if not given.
        out: a new folder; a free name under runs/ if not given.
        resume: go on with the comparison in `out`; finished runs are not run again, more cells and seeds are welcome.
        against: a cell that all others are compared with too, besides the best.
        common: options of `mt.train` for all cells.

    Returns: the comparison; what failed is in its `failed`.

    Raises: ValueError, TypeError, FileNotFoundError or FileExistsError with all problems of all cells, and nothing written;
        Stopped after SIGINT or SIGTERM.
    """
    problems: list[str] = []
    data, label, groups = run.joined(data, label, groups)
    shared = given.sections({**common, **_there(label=label, groups=groups)}, problems, "all cells")
    layered = {name: recipe.merge(shared, given.sections(options, problems, name)) for name, options in cells.items()}
    begun = ready(
        layered, data, test, seeds=seeds, jobs=jobs, out=out, resume=resume, against=against, problems=problems
    )  # fmt: skip
    return begun.go(quiet=quiet, say=(lambda text: None) if quiet else print)


@dataclass(frozen=True, eq=False)
class Ready:
    """A comparison that was checked; nothing is written before `go`."""

    folder: Path
    checked: Checked
    record: dict[str, Any]
    capacity: Capacity
    sources: tuple[Any, Any]

    def go(self, *, quiet: bool = False, say: Say = print) -> Comparison:
        """Runs what is not finished, and writes the table and the page.

        Raises: Stopped, OSError; FileExistsError where another was faster; BlockingIOError where another is at work.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder):
            self._keep()
            tasks = _tasks(self.folder, self.record)
            waiting = [task for task in tasks if not task.finished]
            if not waiting:
                say(f"{self.folder} is finished already; nothing is left to run.")
            failed, asked = self._run(waiting, len(tasks), quiet, say)
            done = Comparison(self.folder, failed)
            found = done.runs
            if found:
                table.write(done.table, self.folder / CSV)
                report.write_comparison(self.folder)
        if asked:
            raise Stopped(asked[0], len(found), len(tasks))
        return done

    def _keep(self) -> None:
        """compare.yaml, the recipes of the cells, and data that were given from memory."""
        names, written = [], list[Path]()
        for data, stem in zip(self.sources, ("data", "test"), strict=True):
            if not given.in_memory(data):
                names.append(None if data is None else str(data))
                continue
            ending, write, _ = given.as_file(data)
            path = self.folder / (stem + ending)
            names.append(str(path))
            if not path.exists():
                partial = path.with_name(f"{stem}.partial{ending}")
                write(partial)
                os.replace(partial, path)
                written.append(path)
        if written:
            self._check_kept(written, names)
        if names[0] is not None:
            self.record["data"]["source"], self.record["data"]["test"] = names
            plan.write(self.folder, self.record, names[0], names[1])

    def _check_kept(self, written: list[Path], names: list[str | None]) -> None:
        """Whether the files that the runs will read hold what was checked. Raises: ValueError, and the files are gone."""
        named = {key: name for key, name in zip(("source", "test"), names, strict=True) if name is not None}
        section = next(iter(self.record["cells"].values()))["settings"]["data"] | named
        if run.read(section, self.record["seeds"][0], 2).section["fingerprint"] != self.checked.fingerprint:
            for path in written:
                path.unlink()
            raise ValueError(
                "the data in memory are not the same once they are written to a file and read again, as every run does. Save "
                "them as a file, look at what `mixtrast train` says of it, and give its path."
            )

    def _run(self, waiting: list[Task], total: int, quiet: bool, say: Say) -> tuple[dict[str, list[str]], list[int]]:
        """What failed, and the signals that came."""
        steps = {cell.name: cell.steps for cell in self.checked.cells}
        watched = Watched(self.folder, self.capacity, steps, total - len(waiting), total)
        with Progress(total, quiet=quiet, say=say) as shown:
            watch = Watch(ended=lambda *what: watched.ended(shown, *what), look=lambda *what: watched.look(shown, *what))
            try:
                processes.run_all(waiting, self.capacity, watch)
            finally:
                watched.note()
        return watched.failed, watch.asked


def ready(
    cells: Mapping[str, Mapping[str, Any]],
    source: Any,
    test: Any,
    *,
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    against: str | None = None,
    problems: Sequence[str] = (),
    command: str = "",
) -> Ready:
    """Checks all cells and the folder; nothing is written.

    Args:
        cells: name -> sections of a recipe; none, where a comparison is gone on with, are those that it has.
        seeds: likewise.
        problems: found before, to be told with the others.
        command: kept in compare.yaml.

    Raises: RecipeError with everything that is wrong; FileExistsError, ValueError.
    """
    folder = None if out is None else Path(out).expanduser()
    before = _before(folder, resume) if folder is not None else None
    kept: Mapping[str, Any] = {}
    if before is not None:
        command = before.get("command", "") if not (cells or problems) else command
        cells = cells or ({} if problems else {name: cell["settings"] for name, cell in before["cells"].items()})
        seeds, against = seeds or before["seeds"], against or before.get("against")
    seeds = SEEDS if seeds is None else seeds
    wrong = [*problems, *_wrong(cells, seeds, jobs, out, resume, against)]
    if source is None and before is not None and not str(before["data"]["source"]).startswith("<"):
        source, test = before["data"]["source"], before["data"]["test"] if test is None else test
    if not cells:
        raise RecipeError(wrong)
    checked = plan.check(cells, source, test, seeds[0] if seeds else 0, wrong)
    if given.in_memory(source):
        told = given.as_file(source)[2]
        for cell in checked.cells:
            cell.settings["data"].update({"task": checked.task} | told if given.is_table(source) else told)
    said = [None if each is None else str(each) for each in (source, test)] if not given.in_memory(source) else ["", None]
    record = plan.record(checked, str(said[0]), said[1], seeds, against=against, command=command)
    if folder is not None and before is not None:
        plan.continues(folder, before, record)
        for name, cell in before["cells"].items():
            record["cells"][name]["settings"] = cell["settings"]  # as begun runs have them
        kept = before.get("capacity") or {}
        jobs = kept.get("jobs") if jobs is None else jobs  # another number of threads: other last digits
    folder = folder or _free(checked.name)
    waiting = sum(not task.finished for task in _tasks(folder, record))
    here = machine.choose(jobs, waiting, checked.data_bytes, machine.machine(checked.gpu))
    why = kept.get("why", here.why) if kept.get("jobs") == here.jobs else here.why
    record["capacity"] = {"jobs": here.jobs, "threads": here.threads, "cores": here.cores, "why": why}
    return Ready(folder, checked, record, here, (source, test))


def _wrong(
    cells: Mapping[str, Any], seeds: Sequence[int], jobs: int | None, out: Any, resume: bool, against: str | None
) -> Iterator[str]:
    """What is wrong of the grid itself."""
    if not cells:
        yield "there are no cells to compare. Name them: --cell '--method simclr' --cell '--method npair', --vary, or --grid."
    if not seeds:
        yield "`seeds` must name one seed or more, got none."
    if len(set(seeds)) < len(seeds):
        yield f"`seeds` names a seed twice, got {' '.join(map(str, seeds))}. The same seed twice is no spread."
    if jobs is not None and (not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1):
        yield f"`jobs` must be how many runs go on at a time, 1 or more, got {jobs!r}."
    if resume and out is None:
        yield "`resume` goes on with a comparison, but none was named. Add out=..., or --out DIR."
    if against is not None and against not in cells:
        names = ", ".join(map(repr, cells))
        yield f"`against` must be a cell, got {against!r}.{registry.near([against], cells)} There are: {names}."


def _before(folder: Path, resume: bool) -> dict[str, Any] | None:
    """The record of the comparison in the folder that is gone on with; None where there is none yet."""
    if not folder.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{folder} exists already, and nothing is overwritten. Choose another --out, or go on with it: --resume."
        )
    found = plan.stored(folder)
    begun = (plan.CELLS, "data", "test")  # what a comparison writes before its plan
    if found is None and any(path.name.partition(".")[0] not in begun for path in folder.iterdir()):
        raise ValueError(f"{folder} is not a comparison: it holds no {plan.PLAN}. Choose another --out.")
    return found


def _free(name: str) -> Path:
    """runs/compare-<data>, with a number where that is taken."""
    stem = f"compare-{name}".replace("/", "-").replace(" ", "-")
    names = (Path("runs") / (stem if number == 1 else f"{stem}-{number}") for number in range(1, 10_000))
    return next(folder for folder in names if not folder.exists())


def _tasks(folder: Path, record: Mapping[str, Any]) -> list[Task]:
    """Seeds outermost: what was stopped has as many seeds of every cell as can be. Maps are drawn for the first."""
    runs, recipes, first = folder / plan.RUNS, folder / plan.CELLS, record["seeds"][:1]
    return [
        Task(name, seed, runs / cell["folder"] / f"seed-{seed}", recipes / f"{cell['folder']}.yaml", maps=[seed] == first)
        for seed in record["seeds"]
        for name, cell in record["cells"].items()
    ]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder while it runs, however it ends."""
    if fcntl is None:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(f"another process is at work on {folder}. Wait for it, or stop it first.") from error
        yield
    finally:
        os.close(held)


def _there(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
