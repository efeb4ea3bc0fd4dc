"""The loop: draw a batch, make its views, ask the method for its loss, step. Everything else is told to it.

Every draw comes from (seed, step, role), so a run that is killed at any step and resumed is the run that was not, bit for bit
(on a GPU as far as its kernels add in a fixed order: gradients of convolutions need not).
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from mixtrast import draws
from mixtrast.domains import Files
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Loss, Method
from mixtrast.recipe import Training
from mixtrast.spec import is_plain
from mixtrast.training.machine import Machine, environment
from mixtrast.training.optim import optimizer, rate
from mixtrast.training.progress import Progress
from mixtrast.training.record import NEWEST, Interrupted, Record, TrainingError
from mixtrast.views import Scale, View, intensity

Look = Callable[[Method, int], dict[str, Any]]


class Beside(Protocol):
    """What learns beside a method, from the same batches."""

    def after(self, method: Method, batch: Batch) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, eq=False)
class Examples:
    """The training examples.

    Args:
        x: (N, *shape) as read; files are read a batch at a time, one batch ahead.
        label: (N,) int64, -1 where missing.
        scale: of training rows; the views go with it. Left out, x is scaled already.
    """

    x: Tensor | Files
    label: Tensor
    scale: Scale = field(default_factory=lambda: Scale(torch.zeros(()), torch.ones(())))

    def to(self, machine: Machine) -> Examples:
        """On the device, once: a step then indexes there and copies nothing."""
        x = self.x.to(machine.device) if isinstance(self.x, Tensor) else self.x
        return Examples(x, self.label.to(machine.device), self.scale.to(machine.device))


@dataclass(frozen=True)
class Plan:
    """One training: all that decides its weights.

    Args:
        seed: of every draw.
        steps: optimizer steps in all.
        views: applied in this order, anew for each of the views that the method needs.
        looks: steps after which the run is looked at.
    """

    seed: int
    steps: int
    training: Training
    machine: Machine
    views: Sequence[View]
    looks: Sequence[int] = ()


@dataclass(frozen=True)
class Fitted:
    """What a training took: seconds in all sessions, the last loss, and what was said on the way."""

    seconds: float
    loss: float
    says: tuple[str, ...]


def fit(
    method: Method,
    examples: Examples,
    plan: Plan,
    record: Record | None,
    *,
    resume: bool = False,
    look: Look | None = None,
    beside: Beside | None = None,
    name: str = "training",
    quiet: bool = False,
) -> Fitted:
    """Trains `method` in place, from the newest good checkpoint where `resume` and there is one.

    Args:
        method: on the CPU as built; it is moved to the machine's device, and left in training mode.
        examples: what to learn from.
        record: the files of the run; None keeps nothing.
        look: called with the method in evaluation mode and the step; what it returns is kept in that step's line.
        beside: learns from every batch after the method's step; its state is kept with the checkpoints.

    Raises: Interrupted after SIGINT or SIGTERM, saved; TrainingError on a non-finite loss; ValueError where no checkpoint is
        good; OSError where the disk is full (the last checkpoint is whole).
    """
    with draws.seeded(draws.derived_seed(plan.seed, 0, "fit"), plan.machine.device), _signals() as asked:
        return _Run(method, examples, plan, record, look, asked, beside).go(resume, name, quiet)


class _Run:
    """The state of one `fit`: weights, the optimizer, the step, and the line of metrics that is not written yet."""

    def __init__(
        self,
        method: Method,
        examples: Examples,
        plan: Plan,
        record: Record | None,
        look: Look | None,
        asked: list[int],
        beside: Beside | None = None,
    ) -> None:
        from lightning_fabric import Fabric

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it announces, our settings say with a reason
        self.plan, self.record, self.look, self.beside, self.asked, self.raw = plan, record, look, beside, asked, method
        machine = plan.machine
        self.fabric = Fabric(accelerator=machine.device, devices=1, precision=machine.precision)  # type: ignore[arg-type]
        if machine.channels_last:
            method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if plan.training.compile:
            for part in method.modules():
                if isinstance(part, Encoder):  # its stages, so that mixing between them stays possible; never the loss
                    for stage in part.stages:
                        stage.compile()
        self.method, self.optimizer = self.fabric.setup(method, optimizer(method, plan.training))
        self.examples = examples.to(machine)
        self.batch = plan.training.batch or len(examples.x)
        self.per_epoch = len(examples.x) // self.batch
        self.step, self.last, self.before, self.began = 0, math.nan, 0.0, time.perf_counter()
        self.order: tuple[int, Tensor, Tensor] = (-1, torch.empty(0), torch.empty(0))
        self.ahead: tuple[int, Future[Tensor]] | None = None  # the batch that is being read from the disk
        self.reader = ThreadPoolExecutor(1)
        self.late: tuple[int, Loss, _Arriving] | None = None  # not looked at yet: on a GPU looking now would wait for it
        self.early = machine.device == "cpu"

    def go(self, resume: bool, name: str, quiet: bool) -> Fitted:
        says = self._resume() if resume else ()
        saved = time.perf_counter()
        self.method.train()
        if self.step == 0 and 0 in self.plan.looks:
            self._write({"step": 0, **self._looked(0)})
        with Progress(name, self.plan.steps, self.step, quiet=quiet) as shown:
            while self.step < self.plan.steps:
                loss = self._one_step()
                self._log(loss, shown)
                due = time.perf_counter() - saved > self.plan.training.checkpoint_every
                if due or self.asked or self.step == self.plan.steps:
                    self._settle()
                    self._save()
                    saved = time.perf_counter()
                if self.asked:
                    raise Interrupted(self.asked[0], self.step, self.plan.steps)
        return Fitted(self.before + time.perf_counter() - self.began, self.last, says)

    # --- a step ---

    def _one_step(self) -> Loss:
        step = self.step + 1
        # Dropout, and views that draw globally.
        draws.begin(draws.derived_seed(self.plan.seed, step, "dropout"), self.plan.machine.device)
        batch = self._batch(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.plan.training, step, self.plan.steps)
        self.raw.before_step((step - 1) / self.plan.steps)
        try:
            loss: Loss = self.method(batch, draws.derived(self.plan.seed, step, "method"))
        except ValueError as error:  # on a CPU the algebra refuses rows that are not finite
            raise self._failure(step, batch, str(error)) or error from error
        if self.early:
            self._check(step, loss, float(loss.value.detach()), batch)
        self.optimizer.zero_grad()
        self.fabric.backward(loss.value)
        if self.plan.training.clip:
            self.fabric.clip_gradients(self.method, self.optimizer, max_norm=self.plan.training.clip, error_if_nonfinite=False)
        self.optimizer.step()
        self.raw.after_step(step / self.plan.steps)
        if self.beside is not None:
            self.beside.after(self.raw, batch)
        self.step = step
        return loss

    def _batch(self, step: int) -> Batch:
        """The same batch for the same step, whenever it is asked for."""
        here, index = self._index(step)
        x = self.examples.x
        x = intensity(x[index] if isinstance(x, Tensor) else draws.to(self._read(x, step, here), index.device))
        views = []
        for number in range(self.raw.needs):
            seen = self.examples.scale(x, self.plan.views, draws.derived(self.plan.seed, step, f"view {number}"))
            views.append(seen.contiguous(memory_format=_order(seen, self.plan.machine)))
        return Batch(tuple(views), self.examples.label[index], index)

    def _index(self, step: int) -> tuple[Tensor, Tensor]:
        """Which examples, on the CPU and on the device: each epoch has an order of its own."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if self.order[0] != epoch:
            order = torch.randperm(len(self.examples.x), generator=draws.derived(self.plan.seed, epoch, "order"))
            self.order = (epoch, order, draws.to(order, self.examples.label.device))
        here = slice(place * self.batch, (place + 1) * self.batch)
        return self.order[1][here], self.order[2][here]

    def _read(self, files: Files, step: int, index: Tensor) -> Tensor:
        """The images of this step, and the reading of the next step's begins."""
        if self.ahead is None or self.ahead[0] != step:
            self.ahead = (step, self.reader.submit(files.__getitem__, index))
        found = self.ahead[1].result()
        self.ahead = None
        if step < self.plan.steps:
            self.ahead = (step + 1, self.reader.submit(files.__getitem__, self._index(step + 1)[0]))
        return found

    # --- what is kept and shown ---

    def _log(self, loss: Loss, shown: Progress) -> None:
        self._settle()  # the step before: a GPU is at work on this one meanwhile, and is not waited for
        self.late = (self.step, loss, _Arriving(loss.value))
        if self.early or self.step in self.plan.looks:
            self._settle()
        if shown.due:
            now = self.step * self.batch / (self.before + time.perf_counter() - self.began)
            shown(self.step, loss=float(loss.value.detach()), chance=float(loss.chance()), rate=f"{now:,.0f}")

    def _settle(self) -> None:
        """Looks at the loss that was waiting, and writes its line if it is to have one."""
        if self.late is None:
            return
        (step, loss, value), self.late = self.late, None
        if not self.early:
            self._check(step, loss, float(value))
        every = self.plan.training.log_every or 1
        if self.record is None or not (step % every == 0 or step == self.plan.steps or step in self.plan.looks):
            return
        seconds = self.before + time.perf_counter() - self.began
        self._write(
            {
                "step": step,
                "epoch": round(step / self.per_epoch, 4),
                "loss": self.last,
                "chance": float(loss.chance()),
                "floor": float(loss.floor()),
                **({f"part.{name}": float(part) for name, part in loss.parts.items()} if len(loss.parts) > 1 else {}),
                "lr": rate(self.plan.training, step, self.plan.steps),
                "examples_per_second": round(step * self.batch / seconds, 1),
                "seconds": round(seconds, 3),
                **(self._looked(step) if step in self.plan.looks else {}),
            }
        )

    def _write(self, line: dict[str, Any]) -> None:
        if self.record is not None:
            self.record.line(line)

    def _looked(self, step: int) -> dict[str, Any]:
        if self.look is None:
            return {}
        self.raw.eval()
        try:
            with torch.no_grad():
                seen = self.look(self.raw, step)
        except ValueError as error:  # features that are not finite are refused
            raise self._failure(step, self._batch(max(1, step)), str(error)) or error from error
        self.raw.train()
        return {"look": seen}

    # --- checkpoints ---

    def _save(self) -> None:
        if not all(bool(weight.isfinite().all()) for weight in self.raw.parameters()):
            what = "the weights have left the range of numbers"
            raise self._failure(self.step, self._batch(self.step), what) or TrainingError(what)
        if self.record is not None:
            self.record.save(
                {
                    "step": self.step,
                    "seconds": self.before + time.perf_counter() - self.began,
                    "loss": self.last,
                    "method": self.raw.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "environment": environment(self.plan.machine),
                    **({} if self.beside is None else {"beside": self.beside.state_dict()}),
                }
            )

    def _resume(self) -> tuple[str, ...]:
        state = self.record.load() if self.record is not None else None
        if state is None:
            return ()
        assert self.record is not None
        self.raw.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.beside is not None:
            self.beside.load_state_dict(state["beside"])
        self.step, self.before, self.last = int(state["step"]), float(state["seconds"]), float(state["loss"])
        says = [*self.record.says, f"resumed after step {self.step:,} of {self.plan.steps:,}"]
        for key, now in environment(self.plan.machine).items():
            then = state["environment"].get(key)
            if then != now:
                says.append(f"{key} is {now} now and was {then}: the result may differ in the last digits")
        return tuple(says)

    # --- failure ---

    def _check(self, step: int, loss: Loss, value: float, batch: Batch | None = None) -> None:
        self.last = value
        if not math.isfinite(value):
            terms = [name for name, part in loss.parts.items() if not math.isfinite(float(part))]
            what = f"the loss is {self.last}" + (f", from its term {', '.join(terms)}" if terms else "")
            raise self._failure(step, batch or self._batch(step), what) or TrainingError(f"step {step:,}: {what}.")

    @torch.no_grad()
    def _failure(self, step: int, batch: Batch, what: str) -> TrainingError | None:
        """What to say of a loss that is not finite: where it begins, in which rows. None where all is finite up to the loss."""
        self.raw.eval()
        views = torch.cat(batch.views)
        weights = [name for name, weight in self.raw.named_parameters() if not bool(weight.isfinite().all())]
        spec = self.raw.encoder.spec
        if rows := _bad_rows(views.masked_fill(views.isnan(), 0) if spec is not None and not is_plain(spec) else views):
            where = f"the views are not finite for {self._examples(batch, rows)}"
        elif weights:
            where = f"{len(weights)} of the weights are not finite, first {weights[0]}: the last step was too large"
        elif rows := _bad_rows(self.raw.encoder(views)):
            where = f"the encoder's output is not finite for {self._examples(batch, rows)}"
        else:
            return None
        good = self.record is not None and (self.record.folder / NEWEST).exists()
        return TrainingError(
            f"training stopped at step {step:,} of {self.plan.steps:,}: {where} ({what}). "
            f"{'The last checkpoint is whole. ' if good else ''}"
            f"Try a lower learning rate (it is {self.plan.training.lr:g}), --training.clip 1, or a higher temperature."
        )

    def _examples(self, batch: Batch, rows: list[int]) -> str:
        which = sorted({int(batch.index[row % len(batch.index)]) for row in rows})
        return f"{len(which)} training examples, first {', '.join(map(str, which[:5]))}"


class _Arriving:
    """A number of the device on its way to the host: `float` waits for it alone, and not for what was queued after it."""

    def __init__(self, value: Tensor) -> None:
        self.here = value.detach().to("cpu", non_blocking=True)
        self.there = torch.cuda.Event() if value.is_cuda else None
        if self.there is not None:
            self.there.record()

    def __float__(self) -> float:
        if self.there is not None:
            self.there.synchronize()
        return float(self.here)


def _bad_rows(rows: Tensor) -> list[int]:
    found: list[int] = (~rows.isfinite().flatten(1).all(1)).nonzero()[:, 0].tolist()
    return found


def _order(x: Tensor, machine: Machine) -> torch.memory_format:
    return torch.channels_last if machine.channels_last and x.dim() == 4 else torch.contiguous_format


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are noted, so that the step can be finished; a second one is obeyed at once."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield asked
        return

    def note(number: int, _: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
