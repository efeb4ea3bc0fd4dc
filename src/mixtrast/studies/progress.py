"""The display of a comparison that runs: what is done, steps of the others, time left. Plain lines without a terminal."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from mixtrast.text import duration

if TYPE_CHECKING:
    from rich.live import Live

START = 0.02  # of the bar of a run that has taken no step yet


@dataclass(frozen=True)
class RunState:
    """A run that has not ended: the step it has reached, of how many, and its seconds so far."""

    configuration: str
    seed: int
    step: int
    steps: int
    seconds: float

    @property
    def expected(self) -> float | None:
        """Its duration by its steps; None while there are none."""
        return self.seconds * self.steps / self.step if self.step else None


def time_left(
    waiting: Sequence[str], running: Sequence[RunState], durations: Mapping[str, Sequence[float]], workers: int
) -> float | None:
    """Seconds that are left, or None while nothing is known.

    A waiting run takes the mean of the finished ones of its configuration, else of all; a running one the rest of that, or of
    what its steps predict. The sum is divided by the workers, and is at least what the longest of the running ones needs.

    Args:
        waiting: the configuration of each run that has not begun.
        durations: configuration -> seconds of its finished runs.
    """
    predicted = [each.expected for each in running if each.expected is not None]
    known = [seconds for each in durations.values() for seconds in each] or predicted
    if not known:
        return None if waiting or running else 0.0
    mean = statistics.fmean(known)
    means = {name: statistics.fmean(seconds) for name, seconds in durations.items() if seconds}
    totals = [means.get(each.configuration, mean if each.expected is None else each.expected) for each in running]
    rest = [max(0.0, total - each.seconds) for total, each in zip(totals, running, strict=True)]
    total = sum(rest) + sum(means.get(name, mean) for name in waiting)
    return max([total / max(1, workers), *rest])


class Progress:
    """One display of all runs: live on a terminal, a line for each finished run elsewhere, nothing where `quiet`."""

    def __init__(self, total: int, *, quiet: bool, say: Callable[[str], None]) -> None:
        self.total, self.say, self.began = total, say, time.monotonic()
        self.live: Live | None = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(stderr=True), transient=True, refresh_per_second=4)

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def line(self, done: int, what: str, left: float | None) -> None:
        """Print a line that stays: a run has ended."""
        text = f"{done}/{self.total}  {what}" + (f"; about {duration(left)} left" if left else "")
        if self.live:
            self.live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self.say(text)

    def update(self, done: int, running: Sequence[RunState], left: float | None) -> None:
        """Redraw the live part."""
        if not self.live:
            return
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table, bars = (Table(box=None, pad_edge=False, show_header=False) for _ in range(2))
        share = [each.step / each.steps if each.step else START for each in running]
        head = f"{done} of {self.total} runs done, {duration(time.monotonic() - self.began)} so far, "
        head += f"{duration(left)} left" if left is not None else "time left is not known yet"
        for each, part in zip(running, share, strict=True):
            state = f"step {each.step:,} of {each.steps:,}" if each.step < each.steps else "evaluating"
            bar = ProgressBar(total=1.0, completed=part, width=24)
            table.add_row(each.configuration, f"seed {each.seed}", bar, state, duration(each.seconds))
        bars.add_row(ProgressBar(total=self.total, completed=done + sum(share), width=60))
        self.live.update(Group(head, bars, table))
