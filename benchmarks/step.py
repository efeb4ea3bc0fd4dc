"""What our loop costs over a bare one: python benchmarks/step.py [--rounds N] [--method M ...] [--json FILE]

The digits run at its defaults. `fit` is everything a run does in a step: draws from (seed, step, role), batch, views, Fabric,
the check that the loss is finite, learning rate, lines of metrics with chance level and floor, the checkpoint at the end.
`bare` is the same step as a hand would write it in torch: one generator, index, views, forward, backward, optimizer, nothing
kept or shown. Both train the same method from the same weights; every round runs both, in a new order, and a ratio is that of
one round: the median over rounds, with quartiles. Looks at the validation set are timed apart: they are evaluation.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from mixtrast import methods
from mixtrast.methods import Batch
from mixtrast.run.prepare import Prepared, prepare
from mixtrast.training import Record, fit

STEPS, LOG_EVERY = 100, 5  # as often as the run of 500 steps logs


def bare(prepared: Prepared) -> float:
    """Seconds of STEPS steps of a loop written by hand."""
    method, training, machine = copy.deepcopy(prepared.method), prepared.plan.training, prepared.plan.machine
    if machine.channels_last:
        method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    order = torch.channels_last if machine.channels_last else torch.contiguous_format
    x, label = prepared.examples.x.contiguous(memory_format=order), prepared.examples.label
    optimizer = torch.optim.AdamW(method.parameters(), lr=training.lr or 1e-3, weight_decay=training.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / STEPS)))
    generator, batch = torch.Generator().manual_seed(0), training.batch or len(x)
    half = machine.precision == "bf16-mixed"
    indices: list[torch.Tensor] = []
    method.train()
    began = time.perf_counter()
    for _ in range(STEPS):
        if not indices:
            shuffled = torch.randperm(len(x), generator=generator)
            indices = list(shuffled[: len(x) // batch * batch].split(batch))
        index = indices.pop()
        examples, seen = x[index], []
        for _ in range(method.needs):
            view = examples
            for change in prepared.plan.views:
                view = change(view, generator)
            seen.append(view.contiguous(memory_format=order))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = method(Batch(tuple(seen), label[index], index), generator).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return time.perf_counter() - began


def ours(prepared: Prepared) -> float:
    """Seconds of STEPS steps of `fit`, records and the last checkpoint included."""
    with tempfile.TemporaryDirectory() as folder:
        method = copy.deepcopy(prepared.method)
        began = time.perf_counter()
        fit(method, prepared.examples, prepared.plan, Record(Path(folder), "benchmark"), quiet=True)
        return time.perf_counter() - began


def measure(name: str, rounds: int) -> dict[str, float]:
    """Milliseconds a step of both, and their ratio with quartiles."""
    settings = {"method": name, "training": {"steps": STEPS, "log_every": LOG_EVERY}, "data": {"source": "digits"}}
    prepared = prepare(settings)
    prepared = replace(prepared, plan=replace(prepared.plan, looks=()))
    forms = {"fit": ours, "bare": bare}
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for step in forms.values():
        step(prepared)  # untimed
    for _ in range(rounds):
        for form in random.sample(list(forms), 2):
            seconds[form].append(forms[form](prepared))
    ratios = [a / b for a, b in zip(seconds["fit"], seconds["bare"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if rounds > 1 else [ratios[0]] * 3
    mean = {form: 1000 * statistics.median(times) / STEPS for form, times in seconds.items()}
    return {**mean, "ratio": middle, "low": low, "high": high}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--method", nargs="+", default=methods.names())
    parser.add_argument("--json", type=Path)
    known = parser.parse_args()
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {threads} threads, {platform.machine()}; {STEPS} steps, {known.rounds} rounds")
    print(f"{'method':<12} {'fit':>8} {'bare':>8}   fit / bare (quartiles)")
    found = {}
    for name in known.method:
        found[name] = row = measure(name, known.rounds)
        print(
            f"{name:<12} {row['fit']:5.1f} ms {row['bare']:5.1f} ms   {row['ratio']:.3f} ({row['low']:.3f}-{row['high']:.3f})",
            flush=True,
        )
    if known.json:
        known.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
