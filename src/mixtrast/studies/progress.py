"""What a person sees of a grid: what is done, what runs and how far, how long it will take. Plain lines where no one looks."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

START = 0.02  # share of a run that has taken no step yet
TAIL = 8192  # bytes from the end of metrics.jsonl: a line is far shorter


@dataclass(frozen=True)
class Going:
    """A run that goes on: its cell and seed, the step it has reached, of how many, and its seconds so far."""

    cell: str
    seed: int
    step: int
    steps: int
    seconds: float


def left(waiting: Sequence[str], going: Sequence[Going], took: Mapping[str, Sequence[float]], jobs: int) -> float | None:
    """Seconds that are left, or None while nothing is known.

    A waiting run takes the mean of the finished ones of its cell, else of all; a running one the rest of that, or what its
    steps foretell. The sum is shared by `jobs` at a time, and is at least what the longest of the running ones needs.

    Args:
        waiting: the cell of each run that has not begun.
        took: cell -> seconds of its finished runs.
    """
    foretold = [each.seconds * each.steps / each.step for each in going if each.step]
    everything = [seconds for cell in took.values() for seconds in cell] or foretold
    if not everything:
        return None if waiting or going else 0.0
    mean = statistics.fmean(everything)
    expected = {cell: statistics.fmean(seconds) for cell, seconds in took.items() if seconds}
    rest = []
    for each in going:
        whole = expected.get(each.cell, each.seconds * each.steps / each.step if each.step else mean)
        rest.append(max(0.0, whole - each.seconds))
    total = sum(rest) + sum(expected.get(cell, mean) for cell in waiting)
    return max([total / max(1, jobs), *rest])


def step_of(folder: Path) -> int:
    """The last step in metrics.jsonl; 0 where there is none yet."""
    try:
        with (folder / "metrics.jsonl").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):  # cut short, or not a line of steps
            continue
    return 0


def clock(seconds: float | None) -> str:
    """As people say it.

    >>> clock(8.2), clock(75), clock(5400), clock(None)
    ('8 s', '1 min 15 s', '1 h 30 min', 'not known yet')
    """
    if seconds is None:
        return "not known yet"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")


class Progress:
    """One display over the whole grid: live on a terminal, a line for each finished run elsewhere, nothing where `quiet`."""

    def __init__(self, total: int, *, quiet: bool, say: Callable[[str], None]) -> None:
        self.total, self.say, self.began = total, say, time.monotonic()
        self.live = not quiet and sys.stderr.isatty()
        self.shown: Any = None
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self.shown = Live(console=Console(stderr=True), transient=True, refresh_per_second=4)

    def __enter__(self) -> Progress:
        if self.live:
            self.shown.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.shown.stop()

    def ended(self, done: int, what: str, rest: float | None) -> None:
        """A run has ended: a line that stays."""
        line = f"{done}/{self.total}  {what}" + (f"; about {clock(rest)} left" if rest else "")
        if self.live:
            self.shown.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self.say(line)

    def update(self, done: int, going: Sequence[Going], rest: float | None) -> None:
        """The live part."""
        if not self.live:
            return
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table, whole = (Table(box=None, pad_edge=False, show_header=False) for _ in range(2))
        share = [each.step / each.steps if each.step else START for each in going]
        head = f"{done} of {self.total} runs done, {clock(time.monotonic() - self.began)} so far, "
        head += f"{clock(rest)} left" if rest is not None else "time left is not known yet"
        for each, part in zip(going, share, strict=True):
            state = f"step {each.step:,} of {each.steps:,}" if each.step < each.steps else "evaluating"
            bar = ProgressBar(total=1.0, completed=part, width=24)
            table.add_row(each.cell, f"seed {each.seed}", bar, state, clock(each.seconds))
        whole.add_row(ProgressBar(total=self.total, completed=done + sum(share), width=60))
        self.shown.update(Group(head, whole, table))
