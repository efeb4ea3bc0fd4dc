"""Small runs."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import methods, run
from mixtrast.records import Cost, Results
from mixtrast.run import Run, monitor

SMALL: dict[str, Any] = {"encoder": {"name": "mlp", "widths": (16,)}, "evaluation": "knn", "quiet": True}
COLUMNS = ["a", "b", "c", "d"]


def blobs(rows: int = 80, apart: float = 3.0, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clouds, one a class, in turn."""
    rng, y = np.random.default_rng(seed), np.arange(rows) % classes
    x = rng.normal(size=(rows, len(COLUMNS)))
    x[:, 0] += apart * y
    return x.astype(np.float32), y


def frame(**options: Any) -> pd.DataFrame:
    x, y = blobs(**options)
    return pd.DataFrame(x, columns=COLUMNS).assign(kind=np.array(["oak", "elm", "ash", "fir"])[y])


def small(data: Any, out: Path, **options: Any) -> Run:
    """A run of a few steps."""
    training = {"steps": 6, "precision": "32-true", **options.pop("training", {})}
    return mt.train(data, out=out, **{**SMALL, "training": training, **options})


def strict(path: Path) -> dict[str, Any]:
    """JSON as the standard has it: no NaN, no infinity."""

    def no(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=no)
    return found


def timeless(results: Results) -> Results:
    """Results without what the clock says and where they are."""
    cost = Cost(steps=results.cost.steps, parameters=results.cost.parameters, device=results.cost.device)
    return replace(results, finished="", next=(), cost=cost)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def state(done: Run, **which: Any) -> dict[str, Tensor]:
    return done.encoder(**which).encoder.state_dict()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def csv(folder: Path) -> Path:
    path = folder / "trees.csv"
    frame().to_csv(path, index=False)
    return path


def prepared(done: Run, data: Any) -> run.PreparedRun:
    return run.prepare(done.recipe.to_dict(), data)


def stopping(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """SIGTERM after this step, once."""
    look, sent = monitor.Monitor.__call__, []

    def looked(self: monitor.Monitor, method: methods.Method, step: int) -> dict[str, Any]:
        if step == at and not sent:
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)
        return look(self, method, step)

    monkeypatch.setattr(monitor.Monitor, "__call__", looked)


def pictures(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.arange(rows) % 2
    x = rng.integers(0, 156, (rows, 3, 8, 8))
    x[:, :, :4] += 90 * y[:, None, None, None]
    return x.astype(np.uint8), y
