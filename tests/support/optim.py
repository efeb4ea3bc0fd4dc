"""Settings of training."""

from __future__ import annotations

from mixtrast.recipe import Training

LR = 0.3


def training(**options) -> Training:
    return Training(**{"lr": LR, **options})
