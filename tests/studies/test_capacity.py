"""How many runs at a time, and how long they will take."""

from __future__ import annotations

import json

from mixtrast.records import SessionRecord, last_step
from mixtrast.report.sessions import machine_use
from mixtrast.studies import capacity, progress
from mixtrast.studies.progress import RunState


def test_how_many_at_a_time():
    eight = capacity.Machine(8, 100 * 10**9)
    found = capacity.choose(None, 100, 10**8, eight)
    assert (found.workers, found.threads) == (8, 1)
    found = capacity.choose(None, 100, 10**9, capacity.Machine(8, 11 * 10**9))  # 5 GB each
    assert (found.workers, found.threads) == (2, 4)
    assert "memory has room for 2" in found.reason
    assert capacity.choose(None, 100, 10**10, capacity.Machine(8, 10**9)).workers == 1
    assert (capacity.choose(None, 3, 0, eight).workers, capacity.choose(None, 3, 0, eight).threads) == (3, 2)
    assert capacity.choose(5, 100, 10**12, eight).workers == 5
    found = capacity.choose(None, 100, 0, capacity.Machine(16, None, ("0", "3")))
    assert (found.workers, found.threads) == (2, 8)
    assert [capacity.environment(found, place)["CUDA_VISIBLE_DEVICES"] for place in (0, 1)] == ["0", "3"]
    assert capacity.environment(found, 0)["OMP_NUM_THREADS"] == "8"
    assert capacity.this_machine(False).cores >= 1


def test_how_long_it_will_take():
    took = {"a": [10.0, 20.0], "b": [5.0]}
    assert progress.time_left([], [], {}, 2) == 0
    assert progress.time_left(["a"], [], {}, 2) is None
    assert progress.time_left(["a", "b", "b"], [], took, 1) == 25.0
    assert progress.time_left(["c", "c"], [], {"a": [10.0]}, 2) == 10.0
    assert progress.time_left([], [RunState("a", 0, 5, 10, 4.0)], took, 2) == 11.0  # 15 in all, 4 are over
    assert progress.time_left([], [RunState("c", 0, 5, 10, 4.0)], took, 2) == 4.0  # by its steps
    assert progress.time_left(["c"], [RunState("c", 0, 5, 10, 4.0)], {}, 1) == 12.0


def test_the_last_step_is_read_from_the_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert last_step(path) == 0
    lines = "".join(json.dumps({"step": step, "loss": 0.1}) + "\n" for step in range(1000))
    path.write_text(lines + '{"step": 10')
    assert last_step(path) == 999


def test_cores_are_busy_by_cpu_seconds():
    sessions = [SessionRecord(seconds=10, cpu_seconds=10, workers=2, threads=1, cores=2)] * 2
    assert dict(machine_use(sessions))["cores busy with runs"] == "50 % of the time"
    assert machine_use([]) == []
