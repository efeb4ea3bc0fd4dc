"""The optimizer, which weights decay, and the learning rate of every step."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mixtrast.recipe import Training


def optimizer(method: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimizer of all weights that need a gradient; biases, norms and other vectors do not decay unless `decay_all`."""
    weights = [parameter for parameter in method.parameters() if parameter.requires_grad]
    free = [parameter for parameter in weights if parameter.dim() < 2 and not training.decay_all]
    decaying = [parameter for parameter in weights if parameter.dim() > 1 or training.decay_all]
    others = [{"params": free, "weight_decay": 0.0}] if free else []
    groups = [{"params": decaying, "weight_decay": training.weight_decay}, *others]
    assert training.lr is not None
    if training.optimizer == "sgd":
        nesterov = training.nesterov and training.momentum > 0
        return torch.optim.SGD(groups, lr=training.lr, momentum=training.momentum, nesterov=nesterov)
    if training.optimizer in ("lars", "larc"):
        capped = training.optimizer == "larc"
        return LARS(groups, lr=training.lr, momentum=training.momentum, trust=training.trust, capped=capped)
    return torch.optim.AdamW(groups, lr=training.lr, fused=True)


class LARS(torch.optim.Optimizer):
    """SGD with momentum whose step is, layer by layer, in proportion to the norm of the weights.

        g = ∇w + β w,      v = m v + γ η |w| / |g| g,      w = w - v

    Biases and norms take γ g instead; so does a layer whose weights or gradient are all 0. `capped` (LARC) has
    min(γ, η |w| / |g|) in place of γ η |w| / |g|: the rate of a layer, and no factor of it.

    Args:
        lr: γ.
        momentum: m.
        trust: η.
        capped: whether γ is the most that the rate of a layer can be.

    Reference: You, Gitman, Ginsburg, Large batch training of convolutional networks, arXiv:1708.03888, algorithm 1; vectors
        left out as in Chen et al., SimCLR, arXiv:2002.05709. Capped: NVIDIA's LARC, and solo-learn's `clip_lr`.
    """

    def __init__(
        self, params: Iterable[Any], *, lr: float, momentum: float = 0.9, trust: float = 0.001, capped: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": 0.0, "capped": capped})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for matrices in (True, False):
                weights = [w for w in group["params"] if w.grad is not None and (w.dim() > 1) is matrices]
                if weights:
                    self._move(weights, group, adapt=matrices)

    def _move(self, weights: list[Tensor], group: dict[str, Any], *, adapt: bool) -> None:
        gradients = [w.grad for w in weights if w.grad is not None]
        step = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
        if adapt:
            sizes, slopes = torch._foreach_norm(weights), torch._foreach_norm(step)
            capped = group.get("capped", False)  # checkpoints of before it do not have it
            trust = group["trust"] / (group["lr"] or 1.0) if capped else group["trust"]  # at rate 0 nothing moves
            ratio = [torch.where((w > 0) & (g > 0), trust * w / g, 1.0) for w, g in zip(sizes, slopes, strict=True)]
            if capped:
                torch._foreach_clamp_max_(ratio, 1.0)
            torch._foreach_mul_(step, ratio)
        for weight in weights:
            if "velocity" not in self.state[weight]:
                self.state[weight]["velocity"] = torch.zeros_like(weight)
        velocities = [self.state[weight]["velocity"] for weight in weights]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, torch._foreach_mul(step, group["lr"]))
        torch._foreach_sub_(weights, velocities)


def rate(training: Training, step: int, steps: int) -> float:
    """The learning rate of step 1..steps: a pure function, so that a checkpoint needs only the step.

    Over the first `warmup` share the schedule's value is scaled up linearly; cosine comes to 0 just after the last step.
    """
    assert training.lr is not None
    done = (step - 1) / steps
    if training.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * done))
    elif training.schedule == "step":
        factor = training.gamma ** sum(done >= milestone for milestone in training.milestones)
    else:
        factor = 1.0
    rise = math.ceil(round(training.warmup * steps, 6))  # 0.07 * 100 is a little more than 7
    return training.lr * factor * min(1.0, step / rise if rise else 1.0)
