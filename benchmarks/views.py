"""Time of views of images against kornia's, side by side in one run: python benchmarks/views.py [--rounds N] [--json FILE]

256 images of 3 x 32 x 32, float32, two threads, a new draw in every call. The same operations on both sides: random resized
crop, flip, colour jitter, grey, blur, each alone and together, the last with and without blur. Every round times all of them
once, in a new order and each after an untimed call; a ratio is that of one round, kornia / ours: the median over rounds, with
quartiles. `copy` is one copy of the batch, below which nothing can be.

kornia's ColorJitter has the formulas of torchvision, as ours. It draws one order of its four changes for a batch, ours one for
each image. Its ColorJiggle has others (it adds to the brightness) and is timed too.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import mixtrast as mt

SIMCLR = ("crop", "flip", "color", "gray")
Step = Callable[[], object]


def ours(names: tuple[str, ...], x: torch.Tensor) -> Step:
    generator = torch.Generator().manual_seed(0)
    views = [mt.views.get(name) for name in names]

    def step() -> torch.Tensor:
        seen = x
        for view in views:
            seen = view(seen, generator)
        return seen

    return step


def theirs(names: tuple[str, ...], x: torch.Tensor) -> Step:
    import kornia.augmentation as kornia

    size = (x.shape[2], x.shape[3])
    kernel = 2 * max(1, int(0.1 * min(size)) // 2) + 1
    made = {
        "crop": lambda: kornia.RandomResizedCrop(size, scale=(0.2, 1.0), align_corners=False),
        "flip": lambda: kornia.RandomHorizontalFlip(p=0.5),
        "color": lambda: kornia.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        "jiggle": lambda: kornia.ColorJiggle(0.4, 0.4, 0.4, 0.1, p=0.8),
        "gray": lambda: kornia.RandomGrayscale(p=0.2),
        "blur": lambda: kornia.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5),
        "solarize": lambda: kornia.RandomSolarize(thresholds=(0.5, 0.5), additions=(0.0, 0.0), p=0.2),
        "padcrop": lambda: kornia.RandomCrop(size, padding=4),
    }
    views = kornia.AugmentationSequential(*(made[name]() for name in names), data_keys=["input"])
    return lambda: views(x)


def measure(forms: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds by form, one number a round; the first round is thrown away."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    order = list(forms)
    for turn in range(rounds + 1):
        random.Random(turn).shuffle(order)
        for name in order:
            forms[name]()
            start = time.perf_counter()
            forms[name]()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every time measured")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)  # kornia draws globally
    x = torch.rand(options.batch, 3, options.side, options.side)
    alone = (*SIMCLR, "blur", "solarize", "padcrop")
    questions: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {name: ((name,), (name,)) for name in alone}
    questions["color, jiggle"] = (("color",), ("jiggle",))
    questions["all four"] = (SIMCLR, SIMCLR)
    questions["and blur"] = ((*SIMCLR, "blur"), (*SIMCLR, "blur"))
    forms: dict[str, Step] = {"copy": x.clone}
    for name, (mine, other) in questions.items():
        forms[f"ours {name}"], forms[f"kornia {name}"] = ours(mine, x), theirs(other, x)
    times = measure(forms, options.rounds)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}, "
        f"{tuple(x.shape)}, {options.rounds} rounds; a copy {1e3 * statistics.median(times['copy']):.2f} ms"
    )
    print(f"{'':<14} {'ours ms':>9} {'kornia ms':>10} {'ratio':>7}   quartiles")
    ratios = {}
    for name in questions:
        a, b = times[f"ours {name}"], times[f"kornia {name}"]
        low, middle, high = ratios[name] = quartiles([theirs / ours for ours, theirs in zip(a, b, strict=True)])
        print(
            f"{name:<14} {1e3 * statistics.median(a):9.2f} {1e3 * statistics.median(b):10.2f} "
            f"{middle:7.2f}   {low:.2f} - {high:.2f}"
        )
    if options.json:
        shape = list(x.shape)
        options.json.write_text(json.dumps({"shape": shape, "rounds": options.rounds, "seconds": times, "ratios": ratios}))


if __name__ == "__main__":
    main()
