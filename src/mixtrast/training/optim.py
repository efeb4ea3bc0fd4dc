"""What moves the weights: the optimizer, which weights decay, and the learning rate at every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from mixtrast.recipe import Training


def optimizer(method: nn.Module, training: Training) -> torch.optim.Optimizer:
    """SGD or AdamW over all weights that need a gradient; biases, norms and other vectors do not decay unless asked."""
    decaying: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in method.parameters():
        if parameter.requires_grad:
            (decaying if parameter.dim() > 1 or training.decay_all else free).append(parameter)
    groups = [
        {"params": decaying, "weight_decay": training.weight_decay},
        *([{"params": free, "weight_decay": 0.0}] if free else []),
    ]
    assert training.lr is not None
    if training.optimizer == "sgd":
        nesterov = training.nesterov and training.momentum > 0
        return torch.optim.SGD(groups, lr=training.lr, momentum=training.momentum, nesterov=nesterov)
    return torch.optim.AdamW(groups, lr=training.lr, fused=True)


def rate(training: Training, step: int, steps: int) -> float:
    """The learning rate of step 1..steps: a pure function, so that nothing but the step need be kept.

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
