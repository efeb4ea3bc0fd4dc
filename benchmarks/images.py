"""Reading a folder of images against Pillow alone: python benchmarks/images.py [FOLDER] [--rounds N] [--json FILE]

Without a FOLDER, JPEGs are made: 4,000 of 32 × 32 and 300 of 400 × 300. Each round takes, in a new order, the seconds of

    ours   mixtrast.datasets.open: the listing, labels, checks, all pixels in one tensor of bytes
    plain  `np.asarray(Image.open(file))` for each file, in a loop in one thread; nothing is stored
    pool   the same in as many threads as there are cores

and gives ours / (plain / cores) and ours / pool of that round: the median over rounds, with quartiles. `work` is the
ratio of the processor's seconds, ours over plain: what would be left of the first ratio on cores that no one else uses, if
threads never waited. They do: Pillow holds the interpreter while it opens a file, and `pool` may be slower than `plain`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from mixtrast import datasets
from mixtrast.resources import cores

CHUNK = 64


def plain(files: list[str]) -> None:
    for file in files:
        np.asarray(Image.open(file))


def pool(files: list[str]) -> None:
    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(plain, [files[begin : begin + CHUNK] for begin in range(0, len(files), CHUNK)]))


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """By the clock, and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith((".jpg", ".png"))]
    works: dict[str, Callable[[], Any]] = {
        "ours": lambda: datasets.open(folder, memory="yes"),
        "plain": lambda: plain(files),
        "pool": lambda: pool(files),
    }
    for work in works.values():  # files come from the cache of the system from here on
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    used: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name in random.sample(list(works), len(works)):
            clock, processor = seconds(works[name])
            times[name].append(clock)
            used[name].append(processor)
    each = list(zip(times["ours"], times["plain"], times["pool"], strict=True))
    ratios = {
        "ours / (plain / cores)": [ours / (plain / cores()) for ours, plain, _ in each],
        "ours / pool": [ours / pool for ours, _, pool in each],
        "work": [ours / plain for ours, plain in zip(used["ours"], used["plain"], strict=True)],
    }
    micro = {name: 1e6 * statistics.median(taken) / len(files) for name, taken in times.items()}
    return {"files": len(files), "us": micro, "ratios": {k: statistics.quantiles(v, n=4) for k, v in ratios.items()}}


def make(folder: Path, many: int, width: int, height: int) -> Path:
    draw = np.random.default_rng(0)
    for number in range(many):
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8))
        path = folder / str(number % 10) / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(path, quality=75)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    known = parser.parse_args()
    print(f"{platform.machine()}, {cores()} cores, Pillow {PIL.__version__}, Python {platform.python_version()}")
    found = {}
    with tempfile.TemporaryDirectory() as made:
        folders = {known.folder.name: known.folder} if known.folder else {
            f"{many:,} of {width} × {height}": make(Path(made) / str(width), many, width, height)
            for many, width, height in ((4000, 32, 32), (300, 400, 300))
        }  # fmt: skip
        for name, folder in folders.items():
            found[name] = measure(folder, known.rounds)
            times = ", ".join(f"{kind} {taken:,.0f}" for kind, taken in found[name]["us"].items())
            print(f"{name}: microseconds a file: {times}")
            for ratio, (low, middle, high) in found[name]["ratios"].items():
                print(f"    {ratio:<24}{middle:.2f}  ({low:.2f} to {high:.2f})")
    if known.json:
        known.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
