from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mixtrast.options import Values
from mixtrast.validation import is_number


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training settings. What is None is decided from the data and the machine, and shown with its reason.

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
        baseline: "supervised": for a method that uses labels, the same encoder is also trained with cross-entropy, a row of the
            report; "none" where it is trained elsewhere, as in a comparison.
        online: a linear probe that is trained along with the encoder and measured on the way: "eval"; "dabs", as DABS and
            Dmix's text have it, with the encoder's dropout on; "none".
    """

    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    optimizer: Literal["adamw", "sgd", "lars", "larc"] = "adamw"
    lr: float | None = None
    weight_decay: float = 1e-4
    momentum: float = 0.9
    trust: float = 0.001
    nesterov: bool = False
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup: float = 0.05
    milestones: tuple[float, ...] = (0.7, 0.8, 0.9)
    gamma: float = 0.1
    decay_all: bool = False
    clip: float = 0.0
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    channels_last: bool | None = None
    compile: bool = False  # what torch calls it
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_every: float = 30.0
    log_every: int | None = None
    bins: int = 10
    baseline: Literal["supervised", "none"] = "supervised"
    online: Literal["none", "eval", "dabs"] = "none"

    @classmethod
    def of(cls, options: Values) -> Training:
        """From options by name, others at their defaults."""
        return cls(**options)

    def __post_init__(self) -> None:
        self._check_counts()
        if self.lr is not None and not (is_number(self.lr) and 0 < self.lr < float("inf")):
            raise ValueError(f"`lr` of training must be > 0, got {self.lr!r}. Usual values are 0.0003 to 0.5.")
        milestones = {f"milestones[{i}]": m for i, m in enumerate(self.milestones)}
        for name, share in {"momentum": self.momentum, "warmup": self.warmup, **milestones}.items():
            if not (is_number(share) and 0 <= share < 1):
                raise ValueError(f"`{name}` of training must be 0 or more and below 1, got {share!r}.")
        for name in ("weight_decay", "clip", "checkpoint_every", "trust"):
            number = getattr(self, name)
            if not (is_number(number) and 0 <= number < float("inf")):
                raise ValueError(f"`{name}` of training must be 0 or more, got {number!r}.")
        if not (is_number(self.gamma) and 0 < self.gamma <= 1):
            raise ValueError(f"`gamma` of training must be above 0 and at most 1, got {self.gamma!r}.")

    def _check_counts(self) -> None:
        for name in ("epochs", "steps", "batch", "log_every", "bins"):
            value, least = getattr(self, name), 1 + (name == "batch")
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ValueError(f"`{name}` of training must be an integer, {least} or more, got {value!r}.")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(
                f"training takes `epochs` or `steps`, not both, got {self.epochs} and {self.steps}. Leave one out."
            )
