"""Runs as processes of their own, several at a time: started, polled, stopped and resumed."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from mixtrast.process import exclusive, stop_signals
from mixtrast.records.comparison import CapacityRecord
from mixtrast.run import is_finished
from mixtrast.studies.capacity import environment

POLL = 0.1  # seconds between looks at the processes
LAST = 12  # lines at the end of a failed run's log that a message shows


@dataclass(frozen=True)
class Task:
    """One run: a configuration and a seed.

    Args:
        folder: of the run.
        recipe: file of the configuration.
        probe_cache: folder of the probes that runs share.
        maps: whether t-SNE maps are drawn.
    """

    configuration: str
    seed: int
    folder: Path
    recipe: Path
    probe_cache: Path
    maps: bool = True

    @property
    def name(self) -> str:
        return f"{self.configuration}, seed {self.seed}"

    @property
    def log(self) -> Path:
        """Its standard error, next to its folder. An empty log is removed."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def finished(self) -> bool:
        return is_finished(self.folder)

    def command(self) -> list[str]:
        """The arguments of `mixtrast` for this run."""
        words = ["train", "--recipe", str(self.recipe), "--seed", str(self.seed), "--out", str(self.folder)]
        words += ["--probe-cache", str(self.probe_cache), "--quiet"]
        return [*words, *([] if self.maps else ["--no-maps"]), *(["--resume"] if self.folder.exists() else [])]


@dataclass(frozen=True)
class RunningProcess:
    """The process of a run; `place` is 0 to workers - 1, `began` by time.monotonic()."""

    task: Task
    place: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began: float


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended: its exit code, wall time, and CPU seconds of all its threads (None where not known)."""

    task: Task
    code: int
    seconds: float
    cpu: float | None

    @property
    def last_lines(self) -> list[str]:
        """The end of its log, and the signal that ended it."""
        text = self.task.log.read_text(encoding="utf-8", errors="replace") if self.task.log.exists() else ""
        lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST:]
        if self.code < 0:
            name = signal.Signals(-self.code).name
            lines.append(
                f"It was ended by {name}." + (" If memory was short, try fewer --workers." if name == "SIGKILL" else "")
            )
        return lines or [f"It ended with exit code {self.code} and printed nothing."]


class Monitor(Protocol):
    """What `run_all` calls: after each run that ended, and every POLL seconds."""

    def ended(self, ended: EndedRun, waiting: Sequence[Task], running: Sequence[RunningProcess]) -> None: ...

    def update(self, waiting: Sequence[Task], running: Sequence[RunningProcess]) -> None: ...


def run_all(tasks: Sequence[Task], capacity: CapacityRecord, monitor: Monitor) -> tuple[int, ...]:
    """Run all tasks in their order, `capacity.workers` at a time. Returns the signals that came, when none runs any more.

    SIGINT and SIGTERM are passed on to the runs, which save, and nothing new is started; a second one makes them stop at once.
    """
    waiting, running, passed_on = list(tasks), list[RunningProcess](), 0
    with stop_signals(second_interrupts=False) as signals:
        try:
            while running or (waiting and not signals):
                for number in signals[passed_on:]:
                    _send(running, number)
                    passed_on += 1
                while not signals and len(running) < capacity.workers and (task := _next(waiting)):
                    waiting.remove(task)
                    running.append(_start(task, min(set(range(capacity.workers)) - {each.place for each in running}), capacity))
                for each in list(running):
                    if ended := _ended(each):
                        running.remove(each)
                        monitor.ended(ended, waiting, running)
                monitor.update(waiting, running)
                time.sleep(POLL)
        finally:
            _send(running, signal.SIGTERM)  # after an error here: no run is left without its parent
            for each in running:
                each.process.wait()
                each.log.close()
        return tuple(signals)


def _next(waiting: Sequence[Task]) -> Task | None:
    """The first task whose folder no other process holds: a run of a comparison that was killed may still be saving."""
    for task in waiting:
        try:
            if task.folder.is_dir():
                with exclusive(task.folder):
                    pass
        except BlockingIOError:
            continue
        return task
    return None


def _start(task: Task, place: int, capacity: CapacityRecord) -> RunningProcess:
    task.folder.parent.mkdir(parents=True, exist_ok=True)
    log = task.log.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *task.command()],
        env={**os.environ, **environment(capacity, place)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C at a terminal comes to this process alone, and is passed on once
        preexec_fn=_stop_with_parent() if sys.platform == "linux" else None,
    )
    return RunningProcess(task, place, process, log, time.monotonic())


def _stop_with_parent() -> Callable[[], None]:
    """For the child: SIGTERM, at which it saves, when its parent ends, even by SIGKILL."""
    library, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        library.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it has ended already
            os._exit(143)

    return prepare


def _ended(running: RunningProcess) -> EndedRun | None:
    """The outcome of the process, or None while it runs."""
    cpu = None
    if hasattr(os, "wait4"):
        found, status, usage = os.wait4(running.process.pid, os.WNOHANG)
        if not found:
            return None
        running.process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for: Popen must not
        cpu = usage.ru_utime + usage.ru_stime
    elif running.process.poll() is None:
        return None
    running.log.close()
    task = running.task
    if task.log.exists() and not task.log.stat().st_size:
        task.log.unlink()
    return EndedRun(task, running.process.returncode, time.monotonic() - running.began, cpu)


def _send(running: Sequence[RunningProcess], number: int) -> None:
    for each in running:
        os.kill(each.process.pid, number)  # not waited for yet, so the number is still its own
