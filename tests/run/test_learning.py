"""The monitor of a training, and trainings that blow up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import run
from mixtrast.run import Run, execute, monitor
from mixtrast.training import TrainingError
from mixtrast.views import View
from support.runs import SMALL, blobs, small

pytestmark = pytest.mark.usefixtures("light")


def test_a_training_that_blows_up_keeps_its_folder(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"Try a lower learning rate"):
        small(blobs(), out, method="imix", views={"breaks": Breaks()}, training={"checkpoint_every": 0.0})
    assert [line.step for line in Run(out).metrics] == [0, 1, 2, 3]
    assert (out / "checkpoint.pt").is_file()
    assert not (out / "results.json").exists()


class Breaks(View):
    """Not finite from the fourth step on: before it are two views of the batch that is tried first, and of three steps."""

    def __init__(self) -> None:
        self.steps = 0

    def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
        self.steps += len(x) == 48
        return x / (self.steps < 9)

    def __repr__(self) -> str:
        return "Breaks()"


def test_the_monitor_uses_validation_and_no_test_example():
    ready = run.prepare({"encoder": SMALL["encoder"], "training": {"steps": 6}}, blobs())
    measure = monitor.Monitor(ready)
    assert {name: sorted(rows.tolist()) for name, rows in measure.parts.items()} == {
        "train": ready.split.train.tolist(), "test": ready.split.val.tolist(),
    }  # fmt: skip
    seen = measure(ready.method, 0)
    assert set(seen) == {"alignment", "uniformity", "rank", "knn"}
    ready.dataset.x[ready.split.test] = math.nan
    assert measure(ready.method, 0) == seen


OWN: list[Any] = [
    lambda: {},
    lambda: {"mixer": mt.mixers.CutMix()},
    lambda: {"encoder": nn.Linear(10, 8)},
    lambda: {"method": {"name": "moco", "queue": 16}, "encoder": nn.Linear(10, 8)},  # its target network is a copy
]


@pytest.mark.parametrize("own", OWN, ids=["named", "mixer", "encoder", "moco"])
def test_a_resumed_run_has_the_method_it_began_with(own, tmp_path):
    """Also where a module of the caller comes with other weights."""
    x = np.random.default_rng(0).normal(size=(60, 10)).astype(np.float32)
    first, resumed = (run.prepare({"method": "imix", "seed": 3, **own()}, x) for _ in range(2))
    began = {key: value.clone() for key, value in first.method.state_dict().items()}
    one, other = (execute._initial_method(each, tmp_path) for each in (first, resumed))
    assert (tmp_path / "untrained.safetensors").is_file()
    for again in (one, other, resumed.method):
        assert all(torch.equal(value, again.state_dict()[key]) for key, value in began.items())


def test_a_table_that_is_sorted_by_class_is_monitored():
    x, y = blobs()
    order = np.argsort(y, kind="stable")
    ready = run.prepare({"encoder": SMALL["encoder"], "training": {"steps": 6}}, (x[order], y[order]))
    made = [monitor.Monitor(ready, most=(20, 10)) for _ in range(2)]  # as 2,000 and 500 of a larger table
    assert "knn" in made[0](ready.method, 0)
    one, other = (each.parts for each in made)
    for name, rows, many in (("train", ready.split.train, 20), ("test", ready.split.val, 10)):
        assert torch.equal(one[name], other[name])
        assert len(one[name].unique()) == many
        assert set(one[name].tolist()) <= set(rows.tolist())


def test_the_monitor_of_a_training_that_blew_up_is_a_training_error(tmp_path):
    with pytest.raises(TrainingError, match="Try a lower learning rate"):
        small(blobs(), tmp_path / "run", method="imix", training={"lr": 1e38, "warmup": 0.0})


def test_a_last_step_that_blows_up_is_a_training_error(tmp_path, monkeypatch):
    monkeypatch.setattr(monitor.Monitor, "__call__", lambda self, method, step: {})
    with pytest.raises(TrainingError, match="Try a lower learning rate"):
        small(blobs(), tmp_path / "run", method="imix", training={"lr": 1e38, "warmup": 0.0, "steps": 1})
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    assert not (tmp_path / "run" / "encoder.safetensors").exists()
