"""What a run keeps on disk: metrics a line at a time, checkpoints whole or not at all, and how a run was stopped."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
from pathlib import Path
from typing import Any

import torch

from mixtrast import whole

METRICS, NEWEST, BEFORE = "metrics.jsonl", "checkpoint.pt", "checkpoint.before.pt"


class TrainingError(RuntimeError):
    """A run that failed; the message says what, where, and what to try."""


class CheckpointError(ValueError):
    """No checkpoint of a run can be used; the message says why."""


class Interrupted(Exception):  # noqa: N818 - not an error: the run was saved, as was asked
    """SIGINT or SIGTERM came; the step was finished and a checkpoint written."""

    def __init__(self, signal_number: int, step: int, steps: int) -> None:
        self.code = 128 + signal_number
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {name} after step {step:,} of {steps:,}; the checkpoint is saved.")


class Record:
    """The files of one training in `folder`.

    Args:
        folder: must exist.
        recipe: text that a checkpoint must agree with to be resumed.
    """

    def __init__(self, folder: Path, recipe: str) -> None:
        self.folder, self.recipe = folder, recipe
        self.says: list[str] = []  # what was found when resuming

    def line(self, values: dict[str, Any]) -> None:
        """One more line of metrics."""
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def save(self, state: dict[str, Any]) -> None:
        """The newest checkpoint becomes the one before, and this the newest; a crash at any moment leaves a whole one."""
        content = io.BytesIO()  # torch's writer turns a full disk into errors of its own; a plain write says what it is
        torch.save({"recipe": self.recipe, **state}, content)
        next_, newest = self.folder / (NEWEST + ".next"), self.folder / NEWEST
        whole.write(next_, content.getbuffer(), sync=True)
        if newest.exists():
            os.replace(newest, self.folder / BEFORE)
        os.replace(next_, newest)

    def load(self) -> dict[str, Any] | None:
        """The newest good checkpoint, or None where there is none at all yet; metrics after it are dropped.

        Raises: CheckpointError where there are checkpoints and none is good, or one is of another recipe.
        """
        there = [path for path in (self.folder / NEWEST, self.folder / BEFORE) if path.exists()]
        problems = []
        for path in there:
            try:
                state = self._read(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            if problems:
                self.says.append(f"{problems[0]} Going on from the one before, step {state['step']:,}.")
            self._rewind(int(state["step"]))
            return state
        if problems:
            raise CheckpointError(" ".join(problems) + " No good checkpoint is left: start anew in another --out.")
        self._rewind(-1)
        return None

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if "weights_only" in str(error) or "Unsupported" in str(error):
                raise ValueError(f"{path} is refused: it holds more than tensors and numbers, and would run code.") from error
            raise ValueError(f"{path} is damaged.") from error
        except Exception as error:  # torch's reader raises many kinds on noise
            raise ValueError(f"{path} is damaged or cut short.") from error
        if not isinstance(state, dict) or not {"recipe", "step", "method", "optimizer"} <= set(state):
            raise ValueError(f"{path} is no checkpoint of mixtrast.")
        if state["recipe"] != self.recipe:
            raise ValueError(f"{path} is of another recipe.")
        return state

    def _rewind(self, step: int) -> None:
        """Keeps the lines of steps up to this one."""
        path = self.folder / METRICS
        if not path.exists():
            return
        kept = [line for line in read_metrics(self.folder) if line["step"] <= step]
        whole.write(path, "".join(json.dumps(line) + "\n" for line in kept).encode())


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; one that a kill cut short ends them."""
    path, lines = folder / METRICS, []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            break
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            break
        lines.append(line)
    return lines
