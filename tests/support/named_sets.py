"""Tiny copies of the datasets that are known by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mixtrast import datasets

RNG = np.random.default_rng(0)
HERE = ("digits", "mnist", "cifar10", "cifar100")  # have tests of their own
NAMED = [name for name in datasets.names() if datasets.find(name).built_in and name not in HERE]


def photo(path: Path, size: tuple[int, int] = (40, 36)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


def table(rows: int, columns: int, label: Callable[[int], Any], *, first: bool = False, gap: str = "") -> str:
    lines = []
    for row in range(rows):
        fields = [f"{value:.3f}" for value in RNG.normal(size=columns)]
        fields[0] = gap if gap and row == 3 else fields[0]
        lines.append(",".join([str(label(row)), *fields] if first else [*fields, str(label(row))]))
    return "\n".join(lines) + "\n"
