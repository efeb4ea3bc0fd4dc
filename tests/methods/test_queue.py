"""The queue of keys."""

from __future__ import annotations

import pytest
import torch

from mixtrast.methods._momentum import Queue, queue_default
from support.methods import N, batch, method, value
from support.momentum import K, keys, queue

# --- the queue -----------------------------------------------------------------------------------------------------------


def test_the_queue_overwrites_the_oldest():
    line, added = Queue(5, 2), []
    start = line.keys.clone()
    assert (start.norm(dim=1) - 1).abs().max() < 1e-6
    for step, rows in enumerate((2, 2, 2, 7, 5, 1)):
        new = torch.full((rows, 2), float(step)) + torch.arange(rows)[:, None] / 10
        line.add(new)
        added += new.tolist()
    newest = sorted(added[-5:])
    assert sorted(line.keys.tolist()) == newest


def test_the_queue_takes_the_keys_of_a_step_after_it():
    made = method("moco", queue=K, symmetric=True)
    before = queue(made)
    value(made, batch())
    assert queue(made) == before
    wanted = keys(made, batch().views[1]) + keys(made, batch().views[0])
    made.after_step(0.5)
    held = queue(made)
    for row in wanted[-K:]:
        assert any(row == pytest.approx(other, rel=1e-9) for other in held)
    made.after_step(0.6)
    assert queue(made) == held  # nothing new


def test_a_look_in_evaluation_mode_adds_no_key():
    made = method("moco", queue=K).eval()
    value(made, batch())
    before = queue(made)
    made.after_step(0.1)
    assert queue(made) == before


def test_the_default_length_of_the_queue():
    assert queue_default({}, 50_000)["queue"] == (4096, "i-Mix's for CIFAR")
    assert queue_default({"queue": None}, 150)["queue"].value == 37
    assert queue_default({}, 3)["queue"].value == 1
    assert queue_default({"queue": 5}, 150) == {}


# --- a run ---------------------------------------------------------------------------------------------------------------


def test_keys_that_no_step_takes_do_not_heap_up():
    made = method("moco", queue=K)
    for _ in range(20):
        value(made, batch())
    assert sum(map(len, made.keys.pending)) < K + 2 * N
