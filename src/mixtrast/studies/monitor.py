"""The state of a comparison that runs: finished and failed runs, how long they take, and what the session costs."""

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mixtrast import report
from mixtrast.records import SessionRecord, append_session, last_step, read_results
from mixtrast.records.comparison import CapacityRecord
from mixtrast.records.folder import METRICS
from mixtrast.studies.processes import EndedRun, RunningProcess, Task
from mixtrast.studies.progress import Progress, RunState, time_left
from mixtrast.text import duration

STOPPED = (130, 143, -signal.SIGTERM, -signal.SIGINT)  # exit codes of runs that were asked to stop
REDRAW = 0.5  # seconds


class GridMonitor:
    """Counts runs, shows their progress, and writes the cost of this session into the folder.

    Args:
        folder: of the comparison.
        steps: configuration -> training steps.
        done: finished runs at the start.
    """

    def __init__(self, folder: Path, capacity: CapacityRecord, steps: Mapping[str, int], done: int, progress: Progress) -> None:
        self.folder, self.capacity, self.steps, self.done, self.progress = folder, capacity, steps, done, progress
        self.failed: dict[str, list[str]] = {}
        self._durations: dict[str, list[float]] = {}
        self._cpu: float | None = 0.0
        self._began, self._session, self._drawn, self._ended = time.monotonic(), f"{time.time():.3f}", 0.0, 0

    def ended(self, ended: EndedRun, waiting: Sequence[Task], running: Sequence[RunningProcess]) -> None:
        """A run has ended: print a line, and record the cost so far."""
        task, took = ended.task, duration(ended.seconds)
        self._ended += 1
        self._cpu = None if ended.cpu is None or self._cpu is None else self._cpu + ended.cpu
        if task.finished:
            self.done += 1
            self._durations.setdefault(task.configuration, []).append(ended.seconds)
            outcome = f"{report.one_line(read_results(task.folder), ('trained',))}; {took}"
        else:
            self.failed[task.name] = ended.last_lines
            outcome = f"stopped after {took}" if ended.code in STOPPED else f"failed after {took}: {ended.last_lines[-1]}"
        self.write_session()
        self.progress.line(self.done, f"{task.name}: {outcome}", self._time_left(waiting, running))

    def update(self, waiting: Sequence[Task], running: Sequence[RunningProcess]) -> None:
        """Redraw the live display, now and then."""
        if self.progress.live and time.monotonic() - self._drawn > REDRAW:
            self._drawn = time.monotonic()
            self.progress.update(self.done, self._states(running), self._time_left(waiting, running))

    def write_session(self) -> None:
        """Add a line to the session's record; the last one counts, so that a kill loses little."""
        if not self._ended:
            return
        line = SessionRecord(
            session=self._session,
            seconds=round(time.monotonic() - self._began, 2),
            cpu_seconds=None if self._cpu is None else round(self._cpu, 2),
            runs=self._ended,
            workers=self.capacity.workers,
            threads=self.capacity.threads,
            cores=self.capacity.cores,
        )
        append_session(self.folder, line)

    def _states(self, running: Sequence[RunningProcess]) -> list[RunState]:
        now, pairs = time.monotonic(), [(each, each.task) for each in running]
        return [
            RunState(
                task.configuration,
                task.seed,
                last_step(task.folder / METRICS),
                self.steps[task.configuration],
                now - each.began,
            )
            for each, task in pairs
        ]

    def _time_left(self, waiting: Sequence[Task], running: Sequence[RunningProcess]) -> float | None:
        names = [task.configuration for task in waiting]
        return time_left(names, self._states(running), self._durations, self.capacity.workers)
