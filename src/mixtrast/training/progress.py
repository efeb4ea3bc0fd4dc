"""Progress on one line of a terminal; nothing where stderr is not a terminal, or where `quiet`."""

import sys
import time
from types import TracebackType
from typing import Any, Self


class _Line:
    """A line that renews itself while it is `live`."""

    def __init__(self, *, quiet: bool) -> None:
        self.live = not quiet and sys.stderr.isatty()

    def _begin(self, what: str, total: int, done: int, columns: list[Any], **fields: Any) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(TextColumn(what), BarColumn(), *columns, console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task(what, total=total, completed=done, **fields)

    def __enter__(self) -> Self:
        if self.live:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.bar.stop()


class Progress(_Line):
    """The progress of a training: loss, chance, rate and time left.

    with Progress("imix", steps, done) as progress:
        progress(step, loss=..., chance=..., rate=...)
    """

    def __init__(self, what: str, steps: int, done: int = 0, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self.last = 0.0
        if self.live:
            from rich.progress import TextColumn, TimeRemainingColumn

            numbers = "loss {task.fields[loss]}  chance {task.fields[chance]}  {task.fields[rate]} examples/s"
            columns = [TextColumn("{task.completed}/{task.total}"), TextColumn(numbers), TimeRemainingColumn()]
            self._begin(what, steps, done, columns, loss="-", chance="-", rate="-")

    @property
    def due(self) -> bool:
        """Whether the line should be renewed: ten times a second at most."""
        return self.live and time.perf_counter() - self.last > 0.1

    def __call__(self, step: int, *, loss: float, chance: float, rate: str) -> None:
        self.last = time.perf_counter()
        self.bar.update(self.task, completed=step, loss=f"{loss:,.3g}", chance=f"{chance:,.3g}", rate=rate)


class Activity(_Line):
    """The progress of work in `total` parts: the part at work, and the time since the beginning.

    with Activity("evaluating", 8) as begin:
        begin("linear, raw input")
    """

    def __init__(self, what: str, total: int, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet or not total)
        self.done = 0
        if self.live:
            from rich.progress import TextColumn, TimeElapsedColumn

            columns = [TextColumn("{task.completed}/{task.total}  {task.fields[now]}"), TimeElapsedColumn()]
            self._begin(what, total, 0, columns, now="")

    def __call__(self, part: str) -> None:
        """`part` begins; the one before is done."""
        if self.live:
            self.bar.update(self.task, completed=self.done, now=part)
        self.done += 1
