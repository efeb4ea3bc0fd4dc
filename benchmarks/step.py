"""What a step costs over what it cannot do without: python benchmarks/step.py [--over loop|encoder|base|float32|queue]

--over loop: the digits run at its defaults. `fit` is everything a run does in a step: draws from (seed, step, role), batch,
views, Fabric, the check that the loss is finite, learning rate, lines of metrics with chance level and floor, the checkpoint at
the end. `bare` is the same step as written by hand in torch: one generator, index, views, forward, backward, optimizer, without
records and progress. Both train the same method from the same weights; every round runs both, in a new order, and a ratio is
that of one round: the median over rounds, with quartiles. Measurements of the validation set are left out: they are evaluation.

--over encoder: `step` is all of a step (bytes to intensities, views, mixing, forward, loss, backward, optimizer) on 256 images
of 32 x 32 with ResNet-18 at width 16 (of tokens: smalltransformer); `encoder` is the forward and backward of the bare encoder
on as many images as the method encodes, and the forward alone on those of a target network, in the same precision and memory
order. `imix/moco` is i-Mix on MoCo.

--over base: the same step of a method that is built on another, over a step of that one, and what both save for the backward
pass: bytes of the tensors that autograd saves, each counted once.

--over queue: the loss of 256 queries with a queue of 65,536 keys of 128 numbers, forward and backward, over two matrix products
with the exponentials between them: with the own key (`own`), and with those of the batch, put before the queue (`batch`).

--over float32: the same step as the machine chooses it (bfloat16, channels-last), over the step in float32 in plain order.
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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from mixtrast import Labels, contrast, methods, registry
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch
from mixtrast.run.prepare import PreparedRun, prepare
from mixtrast.training import CheckpointStore, TrainingLoop, fit

BASES = {"mixco": "simclr", "mixco/moco": "moco"}
ON = ("imix/simclr", "imix/moco", "imix/byol", "mixco/moco")
IMAGES = 256
STEPS, LOG_EVERY = 100, 5  # as often as the run of 500 steps logs


def bare(prepared: PreparedRun) -> float:
    """Seconds of STEPS steps of a loop written by hand."""
    method, training, machine = copy.deepcopy(prepared.method), prepared.plan.training, prepared.plan.machine
    if machine.channels_last:
        method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    order = torch.channels_last if machine.channels_last else torch.contiguous_format
    examples = prepared.examples
    assert isinstance(examples.x, torch.Tensor)
    x, label = examples.scale(examples.x).contiguous(memory_format=order), examples.label
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
        seen = []
        for _ in range(method.views_needed):
            view = x[index]
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


def ours(prepared: PreparedRun) -> float:
    """Seconds of STEPS steps of `fit`, records and the last checkpoint included."""
    with tempfile.TemporaryDirectory() as folder:
        method = copy.deepcopy(prepared.method)
        began = time.perf_counter()
        fit(method, prepared.examples, prepared.plan, CheckpointStore(Path(folder), "benchmark"), quiet=True)
        return time.perf_counter() - began


def measure(name: str, rounds: int) -> dict[str, float]:
    """Milliseconds a step of both, and their ratio with quartiles."""
    settings = {"method": name, "training": {"steps": STEPS, "log_every": LOG_EVERY}, "data": {"source": "digits"}}
    prepared = prepare(settings)
    prepared = replace(prepared, plan=replace(prepared.plan, monitor_at=()))
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


def prepared_images(name: str, *, width: int = 16, batch: int = IMAGES, **training: object) -> PreparedRun:
    """A run of ResNet-18 on images of noise, or of a small transformer where the method is about tokens."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (4 * batch, 3, 32, 32), dtype=np.uint8), np.arange(4 * batch) % 10
    on_tokens = registry.find(methods, name.partition("/")[0]).prefers_transformer
    settings = {
        "method": {"name": name.partition("/")[0], **({"base": name.partition("/")[2]} if "/" in name else {})},
        "encoder": {"name": "smalltransformer"} if on_tokens else {"name": "resnet18", "width": width},
        "views": "supcon",
        "training": {"steps": 1, "batch": batch, **training},
    }
    return prepare(settings, (x, y))


class Step:
    """The first step of a run, as often as it is called."""

    def __init__(self, prepared: PreparedRun) -> None:
        self.run = TrainingLoop(copy.deepcopy(prepared.method), prepared.examples, prepared.plan)
        self.run.forward.train()

    def __call__(self) -> None:
        self.run.step = 0
        self.run.train_step()

    def encoded(self) -> tuple[int, int]:
        """How many images pass the encoder, and how many its target network."""
        keys = getattr(self.run.method, "keys", None)
        return self._passing(self.run.method.encoder), 0 if keys is None else self._passing(keys.target.encoder)

    def _passing(self, encoder: Encoder) -> int:
        count = 0

        def add(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            nonlocal count
            count += len(inputs[0])

        hook = encoder.stages[1].register_forward_pre_hook(add)  # what is mixed at depth 1 passes the first stage once
        self()
        hook.remove()
        return count

    def saved(self) -> int:
        """Bytes saved for the backward pass, without the weights."""
        stored: dict[int, int] = {}
        weights = {weight.untyped_storage().data_ptr() for weight in self.run.method.parameters()}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                stored[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self()
        return sum(stored.values())


def race(forms: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of two forms, and the ratio of the first to the second within a round, with quartiles."""
    one, other = forms
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for form in forms.values():
        form()  # untimed
    for _ in range(rounds):
        for name in random.sample(list(forms), 2):
            began = time.perf_counter()
            forms[name]()
            seconds[name].append(time.perf_counter() - began)
    ratios = [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if rounds > 1 else [ratios[0]] * 3
    middles = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    return {**middles, "ratio": middle, "low": low, "high": high}


def over_encoder(name: str, rounds: int, precision: str) -> dict[str, float]:
    """A step and its encoder alone."""
    prepared = prepared_images(name, precision=precision)
    machine, step = prepared.plan.machine, Step(prepared)
    encoded, by_target = step.encoded()
    order = torch.channels_last if machine.channels_last else torch.contiguous_format
    bare = copy.deepcopy(prepared.method.encoder).to(memory_format=order).train()  # type: ignore[call-overload]
    x, keys = (torch.randn(rows, 3, 32, 32).contiguous(memory_format=order) for rows in (encoded, by_target))

    def encoder() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=machine.precision == "bf16-mixed"):
            if by_target:
                with torch.no_grad():
                    bare(keys)
            value = bare(x).float().sum()
        value.backward()
        bare.zero_grad()

    return {**race({"step": step, "encoder": encoder}, rounds), "encoded": encoded, "by target": by_target}


def over_base(name: str, rounds: int, precision: str) -> dict[str, float]:
    """A step, and a step of the method it stands on."""
    step, base = (Step(prepared_images(each, precision=precision)) for each in (name, BASES[name]))
    saved = step.saved() / base.saved()
    return {**race({"step": step, "base": base}, rounds), "saved": saved, "encoded": step.encoded()[0] / base.encoded()[0]}


def over_float32(name: str, rounds: int, _: str) -> dict[str, float]:
    """A step as the machine chooses it, and the plain one."""
    chosen, plain = prepared_images(name), prepared_images(name, precision="32-true", channels_last=False)
    print(f"{name}: {chosen.plan.machine.precision}, channels last {chosen.plan.machine.channels_last}")
    return race({"step": Step(chosen), "float32": Step(plain)}, rounds)


def over_queue(name: str, rounds: int, _: str) -> dict[str, float]:
    """The loss of MoCo alone, `own` or `batch`."""
    q, k, queue = (normalize(torch.randn(rows, 128)) for rows in (IMAGES, IMAGES, 65_536))
    q.requires_grad_()
    who, nobody = Labels.of(torch.arange(IMAGES)), Labels.nobody(len(queue))

    def step() -> None:
        q.grad = None
        if name == "own":
            loss = contrast(q, queue, who, nobody, temperature=0.2, paired=k)
        else:
            loss = contrast(q, torch.cat([k, queue]), who, Labels.cat(who, nobody), temperature=0.2)
        loss.backward()

    def products() -> None:
        (q.detach() @ queue.T).exp2_() @ queue

    return race({"step": step, "queue": products}, rounds)


OVER = {"queue": over_queue, "encoder": over_encoder, "base": over_base, "float32": over_float32}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--over", choices=("loop", *OVER), default="loop")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--method", nargs="+", help="default: all that can be measured so")
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default="32-true", help="over encoder or base")
    parser.add_argument("--json", type=Path)
    known = parser.parse_args()
    threads = torch.get_num_threads()
    one, other = ("fit", "bare") if known.over == "loop" else ("step", known.over)
    print(f"torch {torch.__version__}, {threads} threads, {platform.machine()}; {known.rounds} rounds")
    print(f"{'method':<12} {one:>8} {other:>8}   {one} / {other} (quartiles)")
    found = {}
    default = {"loop": methods.names(), "base": list(BASES), "queue": ["own", "batch"]}.get(known.over, [*methods.names(), *ON])
    for name in known.method or default:
        row = measure(name, known.rounds) if known.over == "loop" else OVER[known.over](name, known.rounds, known.precision)
        found[name] = row
        print(
            f"{name:<12} {row[one]:5.1f} ms {row[other]:5.1f} ms   {row['ratio']:.3f} ({row['low']:.3f}-{row['high']:.3f})"
            + "".join(f"   {key} {row[key]:.3f}" for key in ("encoded", "saved") if key in row and known.over == "base"),
            flush=True,
        )
    if known.json:
        known.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
