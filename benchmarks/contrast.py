"""What `contrast` costs: python benchmarks/contrast.py [--quick] [--rows N ...] [--threads N] [--json FILE]

All forms side by side: D = 128, float32, forward + backward, two threads unless asked (one: the time of the processor, which
other programs disturb less). Every round times all forms once, in a new order, so that a slow minute of the machine
falls on all of them; a ratio is the median over rounds of the ratio within the round, with its quartiles. Each is called
once untimed just before, as in a loop: what frees hundreds of megabytes makes whatever comes after it fault its own in.

    dense     masked R x R matrices and autograd, as it is usually written: SupCon; SimCLR and i-Mix as a cross-entropy
    pml       pytorch-metric-learning's SupConLoss (classes) or NTXentLoss (two views), if it is installed
    floor     the arithmetic alone on R x R matrices: three matrix products and an exponential
    one-pass  ours, with candidates that are another tensor of the same values
    ours      ours, where the anchors are the candidates
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import mixtrast as mt

D, TEMPERATURE = 128, 0.1
Step = Callable[[], object]


def dense_supcon(z: Tensor, y: Tensor) -> Tensor:
    scores = z @ z.t() / TEMPERATURE
    itself = torch.eye(len(z), dtype=torch.bool)
    log_p = torch.log_softmax(scores.masked_fill(itself, -math.inf), 1)
    positive = (y[:, None] == y) & ~itself
    return -(log_p.masked_fill(~positive, 0).sum(1) / positive.sum(1).clamp(min=1)).mean()


def dense_simclr(z: Tensor) -> Tensor:
    scores = (z @ z.t() / TEMPERATURE).masked_fill(torch.eye(len(z), dtype=torch.bool), -math.inf)
    return F.cross_entropy(scores, (torch.arange(len(z)) + len(z) // 2) % len(z))


def dense_imix(z: Tensor, c: Tensor, mix: mt.Mix) -> Tensor:
    log_p = torch.log_softmax(z @ c.t() / TEMPERATURE, 1)
    return -(mix.weight * log_p.gather(1, mix.parents)).sum(1).mean()


def floor(z: Tensor) -> Step:
    """Three products and an exponential, into tensors that exist."""
    scores, rows = torch.empty(len(z), len(z)), torch.empty_like(z)

    def step() -> Tensor:
        torch.mm(z, z.t(), out=scores)
        torch.exp2(scores, out=scores)
        torch.mm(scores, z, out=rows)
        return torch.mm(scores.t(), z)

    return step


class Batch:
    """R unit rows: two views of R/2 examples, of ten classes."""

    def __init__(self, rows: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.z = F.normalize(torch.randn(rows, D, generator=generator)).requires_grad_()
        self.c = self.z.detach().clone().requires_grad_()
        self.y = torch.randint(0, 10, (rows // 2,), generator=generator).repeat(2)
        self.instance = torch.arange(rows // 2).repeat(2)
        self.itself = torch.arange(rows)
        share = torch.rand(rows, generator=generator)
        partner = torch.randperm(rows, generator=generator)
        self.mix = mt.Mix(torch.stack([self.itself, partner], 1), torch.stack([share, 1 - share], 1))

    def step(self, loss: Callable[[], Tensor]) -> Step:
        def run() -> None:
            self.z.grad = self.c.grad = None
            loss().backward()

        return run

    def contrast(self, labels: mt.Labels, candidates: Tensor | None = None, **options: object) -> Step:
        c = self.z if candidates is None else candidates
        chosen = {"temperature": TEMPERATURE, "exclude": self.itself} | options
        return self.step(lambda: mt.contrast(self.z, c, labels, labels, **chosen).mean())  # type: ignore[arg-type]

    def forms(self) -> dict[str, Step]:
        classes, instances, examples = mt.Labels.of(self.y), mt.Labels.of(self.instance), mt.Labels.of(self.itself)
        mixed = examples.mix(self.mix)
        forms = {
            "ours": self.contrast(classes),
            "one-pass": self.contrast(classes, self.c),
            "instances": self.contrast(instances),
            "soft K=2": self.contrast(classes.mix(self.mix)),
            "i-Mix": self.step(lambda: mt.contrast(self.z, self.c, mixed, examples, temperature=TEMPERATURE)),
            "none": self.contrast(classes, reduction="none") if len(self.z) <= 4096 else None,
            "floor": floor(self.z.detach()) if len(self.z) <= 8192 else None,
        }
        if len(self.z) <= 4096:
            forms["dense"] = self.step(lambda: dense_supcon(self.z, self.y))
            forms["dense SimCLR"] = self.step(lambda: dense_simclr(self.z))
            forms["dense i-Mix"] = self.step(lambda: dense_imix(self.z, self.c, self.mix))
            forms |= self.metric_learning()
        return {name: step for name, step in forms.items() if step is not None}

    def metric_learning(self) -> dict[str, Step]:
        try:
            from pytorch_metric_learning.losses import NTXentLoss, SupConLoss
        except ImportError:
            return {}
        supcon, ntxent = SupConLoss(temperature=TEMPERATURE), NTXentLoss(temperature=TEMPERATURE)
        forms = {"pml SupCon": self.step(lambda: supcon(self.z, self.y))}
        if len(self.z) <= 256:  # it forms positive pairs x negative pairs: 0.3 s here, cubic from here on
            forms["pml NTXent"] = self.step(lambda: ntxent(self.z, self.instance))
        return forms


def measure(forms: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds by form, one number a round, each after an untimed call of the same form; the first round is thrown away."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in forms}
    order = list(forms)
    for turn in range(rounds + 1):
        random.Random(turn).shuffle(order)
        for name in order:
            forms[name]()
            start = clock()
            forms[name]()
            if turn:
                times[name].append(clock() - start)
    return times


def ratio(times: dict[str, list[float]], over: str, under: str) -> tuple[float, float, float]:
    """Median and quartiles over rounds of over / under."""
    values = [a / b for a, b in zip(times[over], times[under], strict=True)]
    low, _, high = statistics.quantiles(values, n=4)
    return statistics.median(values), low, high


QUESTIONS = [  # name, over, under
    ("dense / ours", "dense", "ours"),
    ("dense SimCLR / instances", "dense SimCLR", "instances"),
    ("dense i-Mix / i-Mix", "dense i-Mix", "i-Mix"),
    ("pml SupCon / ours", "pml SupCon", "ours"),
    ("pml NTXent / instances", "pml NTXent", "instances"),
    ("one-pass / floor", "one-pass", "floor"),
    ("ours / floor", "ours", "floor"),
    ("ours / one-pass", "ours", "one-pass"),
    ("instances / ours", "instances", "ours"),
    ("soft K=2 / ours", "soft K=2", "ours"),
]


def table(rows: int, rounds: int) -> dict[str, object]:
    times = measure(Batch(rows).forms(), rounds)
    print(f"\n{rows} rows, {rounds} rounds, milliseconds (median, quartiles)")
    for name, values in times.items():
        low, middle, high = statistics.quantiles([1e3 * v for v in values], n=4)
        print(f"  {name:<13} {middle:9.2f}   {low:.2f} - {high:.2f}")
    ratios = {name: ratio(times, a, b) for name, a, b in QUESTIONS if a in times and b in times}
    print("  " + "   ".join(f"{name} {m:.2f} ({lo:.2f}-{hi:.2f})" for name, (m, lo, hi) in ratios.items()))
    return {"rows": rows, "rounds": rounds, "seconds": times, "ratios": ratios}


def peak(rows: int) -> dict[str, float]:
    """Extra resident memory and time of one step, in a process of its own, since freed memory is not returned to the system."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import contrast; contrast.alone({rows})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(out)
    return result


def alone(rows: int) -> None:
    torch.set_num_threads(2)
    Batch(2048).contrast(mt.Labels.of(torch.arange(2048) % 10))()  # the libraries' own buffers are not the loss's
    batch = Batch(rows)
    labels = mt.Labels.of(batch.y).mix(batch.mix)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before, start = resident("VmRSS"), time.perf_counter()
    batch.contrast(labels)()
    print(json.dumps({"seconds": time.perf_counter() - start, "MB": resident("VmHWM") - before}))


def resident(what: str) -> float:
    """Megabytes, of this process, as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="to 1,024 rows, in seconds")
    parser.add_argument("--rows", type=int, nargs="+", help="these numbers of rows alone, 101 rounds each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every time measured")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}, D = {D}"
    )
    sizes = {256: 51, 1024: 41} if options.quick else {256: 101, 512: 151, 1024: 101, 2048: 41, 4096: 15, 8192: 11}
    sizes = dict.fromkeys(options.rows, 101) if options.rows else sizes
    results = [table(rows, rounds) for rows, rounds in sizes.items()]
    for rows in () if options.quick or options.rows or not Path("/proc/self/status").exists() else (4096, 16384, 65536):
        one = peak(rows)
        results.append({"rows": rows, "alone": one})
        print(f"\n{rows} rows, soft labels, one step: {one['seconds']:.1f} s, extra memory {one['MB']:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
