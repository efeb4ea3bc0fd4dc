"""Runs as processes of their own, several at a time: started, watched, stopped, and gone on with."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mixtrast.run import work
from mixtrast.run.kept import FOLDER
from mixtrast.studies.capacity import Capacity, environment

POLL = 0.1  # seconds between looks at the processes
LAST = 12  # lines of what a failed run said that are kept at hand


@dataclass(frozen=True)
class Task:
    """One run of the grid: a cell and a seed, its folder, the recipe of the cell, and whether maps are drawn."""

    cell: str
    seed: int
    folder: Path
    recipe: Path
    maps: bool = True

    @property
    def log(self) -> Path:
        """What it said on stderr; beside its folder, which is train's alone. Empty logs are not kept."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def finished(self) -> bool:
        return work.is_finished(self.folder)

    def words(self) -> list[str]:
        """The command."""
        again = ["--resume"] if self.folder.exists() else []
        plain = ["--quiet", *([] if self.maps else ["--no-maps"])]
        return ["train", "--recipe", str(self.recipe), "--seed", str(self.seed), "--out", str(self.folder), *plain, *again]


@dataclass
class Going:
    """A process at work."""

    task: Task
    place: int  # 0 to jobs - 1
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began: float


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its exit code, seconds by the clock, CPU seconds of all its threads (None where not known)."""

    task: Task
    code: int
    seconds: float
    cpu: float | None

    @property
    def said(self) -> list[str]:
        """The last lines of its log, or what its exit code says."""
        text = self.task.log.read_text(encoding="utf-8", errors="replace") if self.task.log.exists() else ""
        lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST:]
        if self.code < 0:
            name = signal.Signals(-self.code).name
            lines.append(f"It was ended by {name}." + (" Was memory short? Try fewer --jobs." if name == "SIGKILL" else ""))
        return lines or [f"It ended with exit code {self.code} and said nothing."]


@dataclass
class Watch:
    """What goes on, for whoever looks: called after every change and every POLL seconds."""

    ended: Callable[[Ended, list[Task], list[Going]], None]
    look: Callable[[list[Task], list[Going]], None]
    asked: list[int] = field(default_factory=list)  # signals that came


def run_all(tasks: list[Task], capacity: Capacity, watch: Watch) -> None:
    """Runs all tasks in their order, `capacity.jobs` at a time; returns when none runs any more.

    SIGINT and SIGTERM go on to the runs, which save, and nothing new is started; a second one makes them stop at once.
    """
    waiting, going, told = list(tasks), list[Going](), 0
    with _signals(watch.asked):
        try:
            while going or (waiting and not watch.asked):
                for number in watch.asked[told:]:
                    _send(going, number)
                told = len(watch.asked)
                while not watch.asked and len(going) < capacity.jobs and (task := _next(waiting)):
                    waiting.remove(task)
                    place = min(set(range(capacity.jobs)) - {each.place for each in going})
                    going.append(_start(task, place, environment(capacity, place)))
                for each in list(going):
                    if ended := _ended(each):
                        going.remove(each)
                        watch.ended(ended, waiting, going)
                watch.look(waiting, going)
                time.sleep(POLL)
        finally:
            _send(going, signal.SIGTERM)  # only where something went wrong here: none is left alone
            for each in going:
                each.process.wait()
                each.log.close()


def _next(waiting: list[Task]) -> Task | None:
    """The first that no other process holds: one of a comparison that was killed may still be saving."""
    for task in waiting:
        try:
            if (task.folder / work.RECIPE).is_file():
                with work.alone(task.folder):
                    pass
        except BlockingIOError:
            continue
        return task
    return None


def _start(task: Task, place: int, variables: Mapping[str, str]) -> Going:
    task.folder.parent.mkdir(parents=True, exist_ok=True)
    log = task.log.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *task.words()],
        env={**os.environ, **variables, FOLDER: str(task.folder.parents[2] / "kept")},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C at a terminal comes to us alone, and is passed on once
        preexec_fn=_ends_with_us() if sys.platform == "linux" else None,
    )
    return Going(task, place, process, log, time.monotonic())


def _ends_with_us() -> Callable[[], None]:
    """For the child: SIGTERM, at which it saves, when its parent is gone, even by SIGKILL."""
    library, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        library.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # gone already
            os._exit(143)

    return prepare


def _ended(going: Going) -> Ended | None:
    """What has become of it, or None while it runs."""
    cpu = None
    if hasattr(os, "wait4"):
        found, status, usage = os.wait4(going.process.pid, os.WNOHANG)
        if not found:
            return None
        going.process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for: Popen must not
        cpu = usage.ru_utime + usage.ru_stime
    elif going.process.poll() is None:
        return None
    going.log.close()
    task = going.task
    if task.log.exists() and not task.log.stat().st_size:
        task.log.unlink()
    return Ended(task, going.process.returncode, time.monotonic() - going.began, cpu)


def _send(going: list[Going], number: int) -> None:
    for each in going:
        os.kill(each.process.pid, number)  # not waited for yet, so the number is still its own


@contextmanager
def _signals(asked: list[int]) -> Iterator[None]:
    """SIGINT and SIGTERM are noted, to be passed on."""
    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield
        return
    before = {n: signal.signal(n, lambda number, _: asked.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
