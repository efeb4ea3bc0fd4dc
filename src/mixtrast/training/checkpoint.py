"""The files of a training: metrics, checkpoints that are valid or absent, and the ways a training stops."""

import io
import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mixtrast import atomic
from mixtrast.records import MetricsLine, append_metrics, read_metrics, write_metrics
from mixtrast.records.folder import CHECKPOINT, CHECKPOINT_BEFORE, METRICS


class TrainingError(RuntimeError):
    """A training that failed; the message says what, where, and what to try."""


class CheckpointError(ValueError):
    """No checkpoint of a run can be used; the message says why."""


class Interrupted(Exception):  # noqa: N818 - not an error: the run was saved, as requested
    """SIGINT or SIGTERM came; the step was finished and a checkpoint written."""

    def __init__(self, signal_number: int, step: int, steps: int) -> None:
        self.code = 128 + signal_number
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {name} after step {step:,} of {steps:,}; the checkpoint is saved.")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a training, and sentences about damaged checkpoints that were passed over."""

    state: dict[str, Any]
    notes: tuple[str, ...]


class CheckpointStore:
    """Metrics and the two newest checkpoints of one training, in a folder that exists.

    To be resumed, a checkpoint must agree with the text `recipe`; `migrate` rewrites the text of an earlier version.
    """

    def __init__(self, folder: Path, recipe: str, *, migrate: Callable[[str], str] = str) -> None:
        self.folder, self.recipe, self.migrate = folder, recipe, migrate

    @property
    def has_checkpoint(self) -> bool:
        return (self.folder / CHECKPOINT).exists()

    def append(self, line: MetricsLine) -> None:
        """Add a line of metrics."""
        append_metrics(self.folder / METRICS, line)

    def save(self, state: dict[str, Any]) -> None:
        """Write the newest checkpoint and keep the one before; a crash at any moment leaves a valid one."""
        content = io.BytesIO()  # torch's writer turns a full disk into errors of its own; a plain write says what it is
        torch.save({"recipe": self.recipe, **state}, content)
        next_, newest = self.folder / (CHECKPOINT + ".next"), self.folder / CHECKPOINT
        atomic.write(next_, content.getbuffer(), sync=True)
        if newest.exists():
            os.replace(newest, self.folder / CHECKPOINT_BEFORE)
        os.replace(next_, newest)

    def load(self) -> Checkpoint | None:
        """The newest good checkpoint, or None where there is none at all; metrics after its step are dropped.

        Raises: CheckpointError where there are checkpoints and none is good, or one is of another recipe.
        """
        problems = []
        for path in (self.folder / CHECKPOINT, self.folder / CHECKPOINT_BEFORE):
            if not path.exists():
                continue
            try:
                state = self._read(path)
            except ValueError as error:
                problems.append(str(error))
                continue
            self._drop_metrics_after(int(state["step"]))
            notes = [f"{problem} Continuing from the one before, step {state['step']:,}." for problem in problems]
            return Checkpoint(state, tuple(notes))
        if problems:
            raise CheckpointError(" ".join(problems) + " No good checkpoint is left: start again in another --out.")
        self._drop_metrics_after(-1)
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
            raise ValueError(f"{path} is not a checkpoint of mixtrast.")
        if state["recipe"] != self.recipe and self.migrate(str(state["recipe"])) != self.recipe:
            raise ValueError(f"{path} is of another recipe.")
        if "beside" in state:  # what the first edition called it
            state["online"] = state.pop("beside")
        return state

    def _drop_metrics_after(self, step: int) -> None:
        path = self.folder / METRICS
        if path.exists():
            write_metrics(path, (line for line in read_metrics(path) if line.step <= step))
