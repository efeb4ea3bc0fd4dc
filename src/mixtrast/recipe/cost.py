"""Batch and steps of an automatic run: so that it ends in minutes on a small machine, by what its encoder costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mixtrast import draws, encoders
from mixtrast.spec import Spec, examples

STEPS, LEAST = 1_500, 200  # of a run whose encoder costs little, and of any
# Examples of a batch at most, and where they cost much: what can be paid for is better spent on many small steps. MixSupCon on
# CIFAR-10, resnet8, the same images: kNN 43 % with 254, 48 with 128 and, the rate three times as high, 50 and 53 with 64.
BATCH, SMALL = 256, 64
# Multiplications of a whole run without a GPU. Two cores made some 40 to 120 thousand million of them a second, measured once:
# five minutes, or a few more.
AFFORDABLE = 3e13
# Weights of a layer over tokens, below which it is the slower the fewer it has: 64 x 192 ran at a fifth of that speed, measured
# once.
WIDE = 2**16
VIEWS, PASSES = 2, 3  # of an example; forward, and backward for inputs and weights


def per_example(part: Any, spec: Spec, device: str) -> float:
    """Multiplications of an example, 0 where they are not to be counted.

    Args:
        part: of the recipe, an encoder's name and options; one of the user's own costs what nobody knows.
        device: of the training; "auto" is a GPU where there is one.
    """
    counted = isinstance(part, Mapping) and not (device != "cpu" and torch.cuda.is_available())
    return multiplications(part, spec) if counted else 0.0


def affordable(cost: float, batch: int) -> int:
    """Steps of such a batch, where an example costs so much."""
    return min(STEPS, int(AFFORDABLE / max(1.0, cost * batch * VIEWS * PASSES)))


def most(cost: float) -> int:
    """Examples of a batch at most: 256, or fewer where they buy steps that could not be paid for else."""
    batch = BATCH
    while batch > SMALL and affordable(cost, batch) < STEPS:
        batch //= 2
    return batch


def steps_for(cost: float, batch: int) -> tuple[int, str]:
    """About how many, and why."""
    steps = affordable(cost, batch)
    if steps == STEPS:
        return STEPS, f"about {STEPS:,} steps"
    steps = max(LEAST, round(steps, -1))
    said = f"an example costs as much as {cost / 1e6:,.0f} million multiplications"
    return steps, f"about {steps:,} steps, some minutes on two cores: {said}"


@torch.no_grad()
def multiplications(part: Mapping[str, Any], spec: Spec) -> float:
    """Of one example in linear layers and convolutions of an encoder, more where they are slow; 0 where it cannot be built."""
    options = dict(part)
    counted = 0.0

    def count(module: nn.Module, _: Any, out: torch.Tensor) -> None:
        nonlocal counted
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        slow = max(1.0, WIDE / weight.numel()) if out.dim() == 3 and isinstance(module, nn.Linear) else 1.0
        counted += slow * out.numel() * weight[0].numel()  # each output is a sum over one row of the weights

    try:
        with draws.seeded(0):
            encoder = encoders.get(options.pop("name"), spec, **options).eval()
            for module in encoder.modules():
                if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                    module.register_forward_hook(count)
            encoder(examples(spec, 2, torch.Generator().manual_seed(0)))
    except (ValueError, TypeError, RuntimeError):
        return 0.0
    return counted / 2
