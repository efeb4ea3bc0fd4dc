"""A grid while it runs: what is done, how long each cell takes, what it cost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixtrast.run import Run
from mixtrast.studies.capacity import Capacity
from mixtrast.studies.processes import Ended, Going, Task
from mixtrast.studies.progress import Going as Seen
from mixtrast.studies.progress import Progress, clock, left, step_of

SESSIONS = "sessions.jsonl"


class Watched:
    """What is known of a grid while it runs: what is done, how long each cell takes, what it cost."""

    def __init__(self, folder: Path, capacity: Capacity, steps: Mapping[str, int], done: int, total: int) -> None:
        self.folder, self.capacity, self.done, self.total = folder, capacity, done, total
        self.steps = steps
        self.failed: dict[str, list[str]] = {}
        self.took: dict[str, list[float]] = {}
        self.cpu: float | None = 0.0
        self.began, self.session, self.looked, self.ran = time.monotonic(), f"{time.time():.3f}", 0.0, 0

    def ended(self, shown: Progress, ended: Ended, waiting: list[Task], going: list[Going]) -> None:
        task = ended.task
        self.ran += 1
        self.cpu = None if ended.cpu is None or self.cpu is None else self.cpu + ended.cpu
        if task.finished:
            self.done += 1
            self.took.setdefault(task.cell, []).append(ended.seconds)
            said = f"{_short(Run(task.folder).results)}; {clock(ended.seconds)}"
        else:
            stopped = ended.code in (130, 143, -signal.SIGTERM, -signal.SIGINT)
            said = (
                f"stopped after {clock(ended.seconds)}" if stopped else f"failed after {clock(ended.seconds)}: {ended.said[-1]}"
            )
            self.failed[f"{task.cell}, seed {task.seed}"] = ended.said
        self.note()
        shown.ended(self.done, f"{task.cell}, seed {task.seed}: {said}", self.rest(waiting, going))

    def look(self, shown: Progress, waiting: list[Task], going: list[Going]) -> None:
        if shown.live and time.monotonic() - self.looked > 0.5:
            self.looked = time.monotonic()
            shown.update(self.done, self.seen(going), self.rest(waiting, going))

    def seen(self, going: list[Going]) -> list[Seen]:
        now = time.monotonic()
        return [
            Seen(each.task.cell, each.task.seed, step_of(each.task.folder), self.steps[each.task.cell], now - each.began)
            for each in going
        ]

    def rest(self, waiting: list[Task], going: list[Going]) -> float | None:
        return left([task.cell for task in waiting], self.seen(going), self.took, self.capacity.jobs)

    def note(self) -> None:
        """What this session has cost so far, a line after each run: a kill loses the last of it only."""
        if not self.ran:
            return
        line = {
            "session": self.session,
            "seconds": round(time.monotonic() - self.began, 2),
            "cpu_seconds": None if self.cpu is None else round(self.cpu, 2),
            "runs": self.ran,
            "jobs": self.capacity.jobs,
            "threads": self.capacity.threads,
            "cores": self.capacity.cores,
        }
        with (self.folder / SESSIONS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _short(results: Mapping[str, Any]) -> str:
    """The first score of a run, for a line."""
    probes: Mapping[str, Any] = results["probes"]
    probe = next((name for name, rows in probes.items() if "trained" in rows), "")
    score = probes.get(probe, {}).get("trained", {})
    if "labels" in score:  # several an example
        return f"{probe} balanced accuracy {100 * score['balanced_accuracy']:.1f} %"
    if "accuracy" in score:
        return f"{probe} accuracy {100 * score['accuracy']:.1f} %"
    return f"{probe} R² {score['r2']:.3f}" if "r2" in score else "finished"
