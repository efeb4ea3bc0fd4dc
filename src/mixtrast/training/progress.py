"""What a person sees while a run goes on: loss beside chance, rate, time left. Nothing where no one looks."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self


class _Line:
    """One line of a terminal that renews itself, while it is `live`."""

    live: bool
    bar: Any

    def __enter__(self) -> Self:
        if self.live:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.bar.stop()


class Progress(_Line):
    """One line that renews itself on a terminal; silent elsewhere, and where `quiet`.

    with Progress("imix", steps, done) as shown:
        shown(step, loss=..., chance=..., rate=...)
    """

    def __init__(self, what: str, steps: int, done: int = 0, *, quiet: bool = False) -> None:
        self.live = not quiet and sys.stderr.isatty()
        self.last = 0.0
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            numbers = "loss {task.fields[loss]}  chance {task.fields[chance]}  {task.fields[rate]} examples/s"
            columns = [TextColumn(what), BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn(numbers)]
            self.bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task(what, total=steps, completed=done, loss="-", chance="-", rate="-")

    @property
    def due(self) -> bool:
        """Whether it is worth while to look at the numbers: ten times a second at most."""
        return self.live and time.perf_counter() - self.last > 0.1

    def __call__(self, step: int, **numbers: Any) -> None:
        self.last = time.perf_counter()
        shown: dict[str, Any] = {name: value if isinstance(value, str) else f"{value:,.3g}" for name, value in numbers.items()}
        self.bar.update(self.task, completed=step, **shown)


class Doing(_Line):
    """What is being done now, how many of how many, and since when, on one line of a terminal; silent elsewhere.

    with Doing("evaluating", 8) as tell:
        tell("linear, raw input")
    """

    def __init__(self, what: str, total: int, *, quiet: bool = False) -> None:
        self.live = not quiet and total > 0 and sys.stderr.isatty()
        self.told = 0
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = [TextColumn(what), BarColumn(), TextColumn("{task.completed}/{task.total}  {task.fields[now]}")]
            self.bar = Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task(what, total=total, now="")

    def __call__(self, now: str) -> None:
        """`now` begins; what was told before is done."""
        if self.live:
            self.bar.update(self.task, completed=self.told, now=now)
        self.told += 1
