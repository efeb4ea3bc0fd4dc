"""Batch size and steps of an automatic run, by what its encoder costs: it ends in minutes on a small machine."""

from typing import Any

import torch
from torch import nn

from mixtrast import encoders, rng
from mixtrast.recipe.recipe import OWN, Part
from mixtrast.spec import Spec, examples

STEPS, LEAST = 1_500, 200  # of a run whose encoder costs little, and of any
# Most examples of a batch, and where they cost much: the same images are better spent on many small steps. MixSupCon on
# CIFAR-10, resnet8, the same images: kNN 43 % with 254, 48 with 128 and, the rate three times as high, 50 and 53 with 64.
BATCH, SMALL = 256, 64
# Multiplications of a run without a GPU. Two cores made 40 to 120 thousand million of them a second, measured once: about
# five minutes.
AFFORDABLE = 3e13
# A layer over tokens with fewer weights is slower per multiplication: 64 x 192 ran at a fifth of that speed, measured once.
WIDE = 2**16
VIEWS, PASSES = 2, 3  # of an example; forward, and backward for inputs and weights


def per_example(part: Part, spec: Spec, device: str) -> float:
    """Return the multiplications of an example; 0 on a GPU, and for an encoder of the user's own.

    Args:
        device: of the training; "auto" is a GPU where there is one.
    """
    counted = part.instance is None and part.name != OWN and not (device != "cpu" and torch.cuda.is_available())
    return multiplications(part, spec) if counted else 0.0


def affordable(cost: float, batch: int) -> int:
    """Return the steps that such a batch allows, where an example has `cost` multiplications."""
    return min(STEPS, int(AFFORDABLE / max(1.0, cost * batch * VIEWS * PASSES)))


def most(cost: float) -> int:
    """Return the most examples of a batch: 256, or fewer where that allows more steps."""
    batch = BATCH
    while batch > SMALL and affordable(cost, batch) < STEPS:
        batch //= 2
    return batch


def steps_for(cost: float, batch: int) -> tuple[int, str]:
    """Return about how many steps, and the reason."""
    steps = affordable(cost, batch)
    if steps == STEPS:
        return STEPS, f"about {STEPS:,} steps"
    steps = max(LEAST, round(steps, -1))
    reason = f"an example costs as much as {cost / 1e6:,.0f} million multiplications"
    return steps, f"about {steps:,} steps, some minutes on two cores: {reason}"


@torch.no_grad()
def multiplications(part: Part, spec: Spec) -> float:
    """Return those of one example in linear layers and convolutions, more where they are slow; 0 if it cannot be built."""
    counted = 0.0

    def count(module: nn.Module, _: Any, out: torch.Tensor) -> None:
        nonlocal counted
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        slow = max(1.0, WIDE / weight.numel()) if out.dim() == 3 and isinstance(module, nn.Linear) else 1.0
        counted += slow * out.numel() * weight[0].numel()  # each output is a sum over one row of the weights

    try:
        with rng.seeded(0):
            encoder = encoders.get(part.name, spec, **part.options).eval()
            for module in encoder.modules():
                if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                    module.register_forward_hook(count)
            encoder(examples(spec, 2, torch.Generator().manual_seed(0)))
    except (ValueError, TypeError, RuntimeError):
        return 0.0
    return counted / 2
