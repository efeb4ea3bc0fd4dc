"""Processes of a comparison: what is finished is not started again, and what was killed continues."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mixtrast import process
from mixtrast.records import ComparisonRecord, ConfigurationRecord, last_step
from mixtrast.studies import Stopped, folder, processes
from mixtrast.studies.processes import EndedRun, Task
from support.comparisons import COMPARE, QUICK


def started(words: list[str], until: Any) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    began = time.monotonic()
    while time.monotonic() - began < 100 and child.poll() is None and not until():
        time.sleep(0.02)
    return child


LONG = [
    *COMPARE[:4],
    "--training.steps",
    "100000",
    *QUICK[2:],
    "--training.log_every",
    "10",
    "--training.checkpoint_every",
    "0.2",
]


def begun() -> bool:
    return len(list(Path("c").glob("runs/*/seed-0/checkpoint.pt"))) == 2


def reached(configuration: str) -> int:
    return last_step(Path(f"c/runs/{configuration}/seed-0/metrics.jsonl"))


def running() -> list[str]:
    """Processes of runs in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.readlink(path.parent / "cwd") == os.getcwd() and b"train" in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="children end with a killed parent on Linux")
def test_a_comparison_that_is_killed_continues_where_it_was(here, capsys):
    words = [*LONG, "--vary", "method=imix,simclr", "--seed", "0", "1", "--out", "c", "--workers", "2", "--quiet"]
    child = started(words, begun)
    child.kill()
    child.communicate(timeout=60)
    began = time.monotonic()
    while running() and time.monotonic() - began < 60:
        time.sleep(0.05)
    assert running() == []  # they saved and ended with their parent
    assert not Path("c/runs/imix/seed-1").exists()  # seeds are outermost
    steps = {path.parent.parent.name: reached(path.parent.parent.name) for path in Path("c").glob("runs/*/*/checkpoint.pt")}
    assert min(steps.values()) > 0
    child = started([*words, "--resume"], lambda: all(reached(name) > step for name, step in steps.items()))
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=100)
    assert child.returncode == 130, said
    assert "stopped with 0 of 4 runs done; those that were running have been saved." in said
    assert f"Continue with: mixtrast {shlex.join([*words, '--resume'])}" in said
    assert running() == []
    assert all(reached(name) > step for name, step in steps.items())


def planned(*names: str, seeds: tuple[int, ...] = (0,)) -> list[Task]:
    each = {name: ConfigurationRecord(name) for name in names}
    return folder.tasks(Path("c"), ComparisonRecord(seeds=seeds, configurations=each))


def test_what_is_finished_is_not_started(here):
    """The plan alone: of four runs two are done, one is begun, and one is new."""
    tasks = planned("a", "b", seeds=(0, 1))
    assert [(task.configuration, task.seed) for task in tasks] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    for task in tasks[:2]:
        task.folder.mkdir(parents=True)
        for name in ("results.json", "report.html"):
            (task.folder / name).write_text("{}")
    tasks[2].folder.mkdir()
    assert [task.finished for task in tasks] == [True, True, False, False]
    assert ["--resume" in task.command() for task in tasks] == [True, True, True, False]
    assert ["--no-maps" in task.command() for task in tasks] == [False, False, True, True]  # one map of each configuration
    assert {task.command()[task.command().index("--probe-cache") + 1] for task in tasks} == {"c/probe-cache"}


def test_a_run_that_another_process_holds_waits(here):
    tasks = planned("a", "b")
    tasks[0].folder.mkdir(parents=True)
    (tasks[0].folder / "recipe.yaml").write_text("{}")
    with process.exclusive(tasks[0].folder):
        assert processes._next(tasks) is tasks[1]
        assert processes._next(tasks[:1]) is None
    assert processes._next(tasks) is tasks[0]


def test_the_last_lines_of_a_run(tmp_path):
    task = Task("a", 0, tmp_path / "seed-0", tmp_path / "a.yaml", tmp_path / "probe-cache")
    assert EndedRun(task, 3, 1.0, None).last_lines == ["It ended with exit code 3 and printed nothing."]
    assert "try fewer --workers" in EndedRun(task, -9, 1.0, None).last_lines[-1]
    task.log.write_text("".join(f"line {at}\n\n" for at in range(100)))
    assert EndedRun(task, 1, 1.0, None).last_lines[-1] == "line 99"
    assert len(EndedRun(task, 1, 1.0, None).last_lines) == processes.LAST


def test_two_at_one_folder(here):
    Path("c").mkdir()
    with (
        process.exclusive(Path("c")),
        pytest.raises(BlockingIOError, match="another process is at work"),
        process.exclusive(Path("c")),
    ):
        pass
    assert Stopped(signal.SIGTERM, 1, 2).code == 143
