"""Series, text and sounds to test with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

NAN = float("nan")
HEAD = "# a comment\n@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"


def tone(hertz: float, seconds: float, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(path)
