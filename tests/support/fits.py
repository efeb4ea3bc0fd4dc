"""Small trainings."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import encoders, methods, registry, spec
from mixtrast.methods import Batch, Loss, Method
from mixtrast.recipe import Training
from mixtrast.records.folder import METRICS
from mixtrast.training import CheckpointStore, Examples, Machine, Plan, fit

CPU, HALF = Machine("cpu", "32-true", False, {}), Machine("cpu", "bf16-mixed", False, {})
ROWS, FEATURES, BATCH, STEPS = 27, 5, 8, 8
TIMING = ("seconds", "examples_per_second")


def built(name: str, seed: int = 0, **encoder: Any) -> Method:
    """A small method with weights by the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if registry.find(methods, name).needs_tokens:
            made = encoders.get("transformer", spec.Table(FEATURES), dim=8, layers=1, heads=2, **{"dropout": 0.0, **encoder})
        else:
            made = encoders.get("mlp", spec.Table(FEATURES), **{"widths": (8, 6), **encoder})
        return methods.get(name, made, classes=3)


def examples(rows: int = ROWS) -> Examples:
    rng = torch.Generator().manual_seed(5)
    return Examples(torch.randn(rows, FEATURES, generator=rng), torch.arange(rows) % 3)


def plan(
    machine: Machine = CPU, *, seed: int = 0, steps: int = STEPS, views: Any = None, monitor_at: Any = (), **training: Any
) -> Plan:
    chosen = [mt.views.Mask(p=0.2), mt.views.Noise(scale=0.1)] if views is None else views
    options = {"lr": 0.01, "batch": BATCH, "checkpoint_every": 0.0, **training}
    return Plan(seed, steps, Training(**options), machine, chosen, monitor_at)


def store(folder: Path, text: str = "recipe") -> CheckpointStore:
    folder.mkdir(exist_ok=True, parents=True)
    return CheckpointStore(folder, text)


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lines(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what the clock says."""
    read = [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMING} for line in read]


class Stopper:
    """A look that sends a signal after each of some steps, and sees the same either way."""

    def __init__(self, *at: int, number: int = signal.SIGTERM) -> None:
        self.at, self.number = at, number

    def __call__(self, method: Method, step: int) -> dict[str, Any]:
        assert not method.training
        if step in self.at:
            os.kill(os.getpid(), self.number)
        return {"norm": float(sum(weight.norm() for weight in method.parameters()))}


class Own(Method):
    """A method of one's own that writes down what it is given."""

    views_needed = 1

    def __init__(self, encoder: nn.Module, dim: int = FEATURES, shape: spec.Spec | None = None) -> None:
        super().__init__(encoders.wrap(encoder, shape or spec.Table(dim)))
        self.seen: list[Batch] = []
        self.norms: list[float] = []
        self.shares: list[float] = []

    def value(self, batch: Batch) -> Tensor:
        return self.encoder(batch.views[0]).square().mean()

    def forward(self, batch: Batch, generator: torch.Generator) -> Loss:
        self.seen.append(batch)
        value = self.value(batch)
        return Loss(value, {"square": value.detach()}, lambda: torch.tensor(1.0), lambda: torch.tensor(0.0))

    def after_step(self, progress: float) -> None:
        self.shares.append(progress)
        self.norms.append(float(torch.stack([p.grad.norm() for p in self.parameters() if p.grad is not None]).norm()))


def unbroken(folder: Path, name: str, made: Plan, **encoder: Any) -> dict[str, Tensor]:
    method = built(name, **encoder)
    fit(method, examples(), made, store(folder), monitor=Stopper())
    return weights(method)


def long_plan() -> Plan:
    return plan(steps=600, monitor_at=range(0, 601, 60), checkpoint_every=0.05, log_every=1)


def state(step: int) -> dict[str, Any]:
    return {"step": step, "method": {"w": torch.full((50,), float(step))}, "optimizer": {}, "seconds": 1.0, "loss": 0.5}
