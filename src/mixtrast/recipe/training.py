from __future__ import annotations

from typing import Literal

from mixtrast.checks import is_number


class Training:
    """How the number goes down. What is None is decided from the data and the machine, and shown with its reason.

    Args:
        epochs: passes over the training examples.
        steps: optimizer steps, instead of epochs.
        batch: examples a step; the last, smaller batch of an epoch is left out, and the order is new in each epoch.
        optimizer: "adamw"; "sgd" with `momentum`; "lars", which is SGD with each layer's step in proportion to its weights, by
            `trust` (for very large batches); or "larc", in which that step is at most SGD's.
        lr: highest learning rate.
        weight_decay: not applied to biases and norms unless `decay_all`.
        momentum: of SGD and LARS.
        trust: η of LARS.
        nesterov: of SGD.
        schedule: "cosine" to 0, "step" by `gamma` at `milestones`, or "constant".
        warmup: share of the run in which the learning rate rises linearly from 0.
        milestones: shares of the run.
        gamma: factor at each milestone.
        decay_all: weight decay on everything, as most of the papers' code has it.
        clip: largest norm of the gradient; 0 is no limit.
        precision: "32-true", or "bf16-mixed" (autocast; losses stay in float32).
        channels_last: memory order of images and convolutions.
        compile: whether the stages of the encoder are compiled: worth it on a GPU in long runs; takes minutes first.
        device: "auto", "cpu", "cuda"; not Apple's MPS, which has no float64.
        checkpoint_every: seconds between checkpoints; one is always written at the end and when interrupted.
        log_every: steps between lines of metrics.jsonl.
        bins: quantile bins that stand for classes where the label is a number.
        beside: "supervised": beside a method that sees labels the same encoder is trained with plain ones, a row of the
            report; "none" where that stands elsewhere, as in a comparison.
        online: a linear probe that learns while the encoder does, shown with the looks on the way: "eval"; "dabs", as DABS and
            Dmix's text have it, with the encoder's dropout on; "none".
    """

    def __init__(
        self,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        batch: int | None = None,
        optimizer: Literal["adamw", "sgd", "lars", "larc"] = "adamw",
        lr: float | None = None,
        weight_decay: float = 1e-4,
        momentum: float = 0.9,
        trust: float = 0.001,
        nesterov: bool = False,
        schedule: Literal["cosine", "step", "constant"] = "cosine",
        warmup: float = 0.05,
        milestones: tuple[float, ...] = (0.7, 0.8, 0.9),
        gamma: float = 0.1,
        decay_all: bool = False,
        clip: float = 0.0,
        precision: Literal["auto", "32-true", "bf16-mixed"] = "auto",
        channels_last: bool | None = None,
        compile: bool = False,  # noqa: A002 - what torch calls it
        device: Literal["auto", "cpu", "cuda"] = "auto",
        checkpoint_every: float = 30.0,
        log_every: int | None = None,
        bins: int = 10,
        beside: Literal["supervised", "none"] = "supervised",
        online: Literal["none", "eval", "dabs"] = "none",
    ) -> None:
        whole = {"epochs": epochs, "steps": steps, "batch": batch, "log_every": log_every, "bins": bins}
        for name, value in whole.items():
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1 + (name == "batch")):
                raise ValueError(
                    f"`{name}` of training must be a whole number, {1 + (name == 'batch')} or more, got {value!r}."
                )
        if epochs is not None and steps is not None:
            raise ValueError(f"training takes `epochs` or `steps`, not both, got {epochs} and {steps}. Leave one out.")
        if lr is not None and not (is_number(lr) and 0 < lr < float("inf")):
            raise ValueError(f"`lr` of training must be > 0, got {lr!r}. Usual values are 0.0003 to 0.5.")
        shares = {"momentum": momentum, "warmup": warmup, **{f"milestones[{i}]": m for i, m in enumerate(milestones)}}
        for name, share in shares.items():
            if not (is_number(share) and 0 <= share < 1):
                raise ValueError(f"`{name}` of training must be 0 or more and below 1, got {share!r}.")
        amounts = {"weight_decay": weight_decay, "clip": clip, "checkpoint_every": checkpoint_every, "trust": trust}
        for name, number in amounts.items():
            if not (is_number(number) and 0 <= number < float("inf")):
                raise ValueError(f"`{name}` of training must be 0 or more, got {number!r}.")
        if not (is_number(gamma) and 0 < gamma <= 1):
            raise ValueError(f"`gamma` of training must be above 0 and at most 1, got {gamma!r}.")
        self.epochs, self.steps, self.batch, self.optimizer, self.lr = epochs, steps, batch, optimizer, lr
        self.weight_decay, self.momentum, self.nesterov, self.schedule = weight_decay, momentum, nesterov, schedule
        self.warmup, self.milestones, self.gamma, self.decay_all, self.clip = warmup, milestones, gamma, decay_all, clip
        self.precision, self.channels_last, self.device = precision, channels_last, device
        self.checkpoint_every, self.log_every, self.bins = checkpoint_every, log_every, bins
        self.trust, self.compile, self.beside, self.online = trust, compile, beside, online
