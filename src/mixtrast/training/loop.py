"""The training loop: draw a batch, make its views, compute the method's loss, step.

Every draw comes from (seed, step, role), so a run that is killed at any step and resumed ends with the same weights, bit
for bit (on a GPU as far as its kernels add in a fixed order: gradients of convolutions need not).
"""

import logging
import math
import time

import torch

from mixtrast import rng
from mixtrast.encoders import Encoder, evaluation_mode
from mixtrast.methods import Batch, Loss, Method
from mixtrast.process import stop_signals
from mixtrast.records import MetricsLine
from mixtrast.training.batches import BatchSource, Examples
from mixtrast.training.checkpoint import CheckpointStore, Interrupted, TrainingError
from mixtrast.training.devices import environment
from mixtrast.training.diagnosis import not_finite
from mixtrast.training.optimizer import optimizer, rate
from mixtrast.training.pending import HostValue, PendingLoss
from mixtrast.training.plan import Measure, OnlineLearner, Plan, TrainingResult
from mixtrast.training.progress import Progress


def fit(
    method: Method,
    examples: Examples,
    plan: Plan,
    store: CheckpointStore | None,
    *,
    resume: bool = False,
    monitor: Measure | None = None,
    online: OnlineLearner | None = None,
    name: str = "training",
    quiet: bool = False,
) -> TrainingResult:
    """Train `method` in place, from the newest good checkpoint if `resume` and there is one.

    The method is moved to the machine's device, and left in training mode. Without a store nothing is written. The numbers of
    `monitor`, called in evaluation mode, go into the metrics of its step; `online` learns from every batch after the step.

    Raises: Interrupted after SIGINT or SIGTERM, saved; TrainingError on a non-finite loss; ValueError where no checkpoint is
        good; OSError where the disk is full (the last checkpoint is valid).
    """
    seed = rng.derived_seed(plan.seed, 0, "fit")
    with rng.seeded(seed, plan.machine.device), stop_signals(second_interrupts=True) as received:
        loop = TrainingLoop(method, examples, plan, store, monitor, online)
        notes = loop.resume() if resume else ()
        with Progress(name, plan.steps, loop.step, quiet=quiet) as progress:
            loop.run(received, progress)
        return TrainingResult(loop.seconds, loop.loss, notes)


class TrainingLoop:
    """The state of one `fit`: the method, its optimizer, the step, and the loss that has not been logged yet."""

    def __init__(
        self,
        method: Method,
        examples: Examples,
        plan: Plan,
        store: CheckpointStore | None = None,
        monitor: Measure | None = None,
        online: OnlineLearner | None = None,
    ) -> None:
        from lightning_fabric import Fabric

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it announces, our settings say with a reason
        self.plan, self.store, self.monitor, self.online, self.method = plan, store, monitor, online, method
        training, machine = plan.training, plan.machine
        self.fabric = Fabric(accelerator=machine.device, devices=1, precision=machine.precision)  # type: ignore[arg-type]
        if machine.channels_last:
            method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if training.compile:
            _compile_stages(method)
        self.forward, self.optimizer = self.fabric.setup(method, optimizer(method, training))
        self.batches = BatchSource(
            examples, size=training.batch, views=plan.views, per_example=method.views_needed, machine=machine, seed=plan.seed,
            steps=plan.steps,
        )  # fmt: skip
        self.step, self.loss = 0, math.nan
        self.earlier, self.began = 0.0, time.perf_counter()
        self.pending: PendingLoss | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training in all sessions."""
        return self.earlier + time.perf_counter() - self.began

    @property
    def immediate(self) -> bool:
        """Whether a loss is read at once. On a GPU that would wait for it, so it is read during the next step."""
        return self.plan.machine.device == "cpu"

    def run(self, received: list[int], progress: Progress) -> None:
        """Train to the last step, or until a signal is in `received`."""
        saved = time.perf_counter()
        self.method.train()
        if self.step == 0 and 0 in self.plan.monitor_at and self.store is not None:
            self.store.append(MetricsLine(0, monitor=self._measured(0)))
        while self.step < self.plan.steps:
            loss = self.train_step()
            self._log(loss, progress)
            due = time.perf_counter() - saved > self.plan.training.checkpoint_every
            if due or received or self.step == self.plan.steps:
                self._settle()
                self._save()
                saved = time.perf_counter()
            if received:
                raise Interrupted(received[0], self.step, self.plan.steps)

    # --- a step ---

    def train_step(self) -> Loss:
        """One step of the optimizer."""
        step, training = self.step + 1, self.plan.training
        rng.begin(rng.derived_seed(self.plan.seed, step, "dropout"), self.plan.machine.device)  # and views that draw globally
        batch = self.batches(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(training, step, self.plan.steps)
        self.method.before_step((step - 1) / self.plan.steps)
        try:
            loss: Loss = self.forward(batch, rng.derived(self.plan.seed, step, "method"))
        except ValueError as error:  # on a CPU the algebra refuses rows that are not finite
            raise self._failure(step, batch, str(error)) or error from error
        if self.immediate:
            self._check(step, loss, float(loss.value.detach()), batch)
        self.optimizer.zero_grad()
        self.fabric.backward(loss.value)
        if training.clip:
            self.fabric.clip_gradients(self.forward, self.optimizer, max_norm=training.clip, error_if_nonfinite=False)
        self.optimizer.step()
        self.method.after_step(step / self.plan.steps)
        if self.online is not None:
            self.online.after(self.method, batch)
        self.step = step
        return loss

    def _check(self, step: int, loss: Loss, value: float, batch: Batch | None = None) -> None:
        """Raises TrainingError if the loss is not finite."""
        self.loss = value
        if not math.isfinite(value):
            terms = [name for name, part in loss.parts.items() if not math.isfinite(float(part))]
            what = f"the loss is {value}" + (f", from its term {', '.join(terms)}" if terms else "")
            raise self._failure(step, batch or self.batches(step), what) or TrainingError(f"step {step:,}: {what}.")

    def _failure(self, step: int, batch: Batch, what: str) -> TrainingError | None:
        """The error that says where numbers first are not finite; None where all of them are, up to the loss."""
        where = not_finite(self.method, batch)
        if where is None:
            return None
        saved = "The last checkpoint is valid. " if self.store is not None and self.store.has_checkpoint else ""
        return TrainingError(
            f"training stopped at step {step:,} of {self.plan.steps:,}: {where} ({what}). {saved}"
            f"Try a lower learning rate (it is {self.plan.training.lr:g}), --training.clip 1, or a higher temperature."
        )

    # --- metrics ---

    def _log(self, loss: Loss, progress: Progress) -> None:
        self._settle()  # the step before: a GPU is at work on this one meanwhile, and is not waited for
        self.pending = PendingLoss(self.step, loss, HostValue(loss.value))
        if self.immediate or self.step in self.plan.monitor_at:
            self._settle()
        if progress.due:
            speed = f"{self.step * self.batches.size / self.seconds:,.0f}"
            progress(self.step, loss=float(loss.value.detach()), chance=float(loss.chance()), rate=speed)

    def _settle(self) -> None:
        """Check the pending loss, and write its line of metrics if one is due."""
        if self.pending is None:
            return
        pending, self.pending = self.pending, None
        step, loss, plan = pending.step, pending.loss, self.plan
        if not self.immediate:
            self._check(step, loss, float(pending.value))
        due = step % (plan.training.log_every or 1) == 0 or step == plan.steps or step in plan.monitor_at
        if self.store is None or not due:
            return
        seconds = self.seconds
        line = MetricsLine(
            step=step,
            epoch=round(step / self.batches.per_epoch, 4),
            loss=self.loss,
            chance=float(loss.chance()),
            floor=float(loss.floor()),
            parts={name: float(part) for name, part in loss.parts.items()} if len(loss.parts) > 1 else {},
            lr=rate(plan.training, step, plan.steps),
            examples_per_second=round(step * self.batches.size / seconds, 1),
            seconds=round(seconds, 3),
            monitor=self._measured(step) if step in plan.monitor_at else {},
        )
        self.store.append(line)

    def _measured(self, step: int) -> dict[str, float]:
        if self.monitor is None:
            return {}
        try:
            with evaluation_mode(self.method), torch.no_grad():
                return self.monitor(self.method, step)
        except ValueError as error:  # features that are not finite are refused
            raise self._failure(step, self.batches(max(1, step)), str(error)) or error from error

    # --- checkpoints ---

    def _save(self) -> None:
        if not all(bool(weight.isfinite().all()) for weight in self.method.parameters()):
            what = "the weights are not finite any more"
            raise self._failure(self.step, self.batches(self.step), what) or TrainingError(what)
        if self.store is not None:
            numbers = {"step": self.step, "seconds": self.seconds, "loss": self.loss}
            states = {"method": self.method.state_dict(), "optimizer": self.optimizer.state_dict()}
            online = {} if self.online is None else {"online": self.online.state_dict()}
            self.store.save({**numbers, **states, "environment": environment(self.plan.machine), **online})

    def resume(self) -> tuple[str, ...]:
        """Continue from the newest good checkpoint, if there is one; sentences about it."""
        found = self.store.load() if self.store is not None else None
        if found is None:
            return ()
        state = found.state
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.online is not None:
            self.online.load_state_dict(state["online"])
        self.step, self.earlier, self.loss = int(state["step"]), float(state["seconds"]), float(state["loss"])
        notes = [*found.notes, f"resumed after step {self.step:,} of {self.plan.steps:,}"]
        for key, now in environment(self.plan.machine).items():
            if (then := state["environment"].get(key)) != now:
                notes.append(f"{key} is {now} now and was {then}: the result may differ in the last digits")
        return tuple(notes)


def _compile_stages(method: Method) -> None:
    """Compile the stages of each encoder, so that mixing between them stays possible; never the loss."""
    for part in method.modules():
        if isinstance(part, Encoder):
            for stage in part.stages:
                stage.compile()
