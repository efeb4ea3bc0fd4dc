"""The same for CUDA, in under ten minutes: python benchmarks/gpu.py [--json FILE] [--train FOLDER --seconds N]

First correctness: values and gradients against a dense float64 form on the device, the same bits at every run, no sync in a
step (torch's own sync debug mode raises at one), mixers that give what they give on the CPU. Then measurement: `contrast`
against the dense masked form and the floor to 65,536 rows, and memory, which must grow linearly with the rows; then whole steps
of ResNet-18 on images of 32 x 32 in bfloat16: images per second, over the bare encoder's, as a share of what a product of large
matrices reaches here, and which kernels take the time.

--train FOLDER: instead, the longest runs that take N seconds each on a folder of images with `train` and `test` in it, with
linear and kNN accuracy: SupCon, MixSupCon, SimCLR, i-Mix, MoCo, BYOL, and plain labels with CutMix; --only names some of them.

Without a GPU it says so and ends well.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from step import Step as Whole
from step import prepared_images
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import mixtrast as mt
from mixtrast import registry, spec
from mixtrast.run import prepare

D, TEMPERATURE = 128, 0.1
METHODS = ("supervised", "simclr", "supcon", "mixsupcon", "imix", "mixco", "moco", "byol")
BATCH, WIDTH = 512, 64
RUNS: dict[str, dict[str, Any]] = {  # of --train
    "supervised + cutmix": {"method": "supervised", "mixer": "cutmix"},
    "supcon": {"method": "supcon"},
    "mixsupcon": {"method": "mixsupcon"},
    "mixsupcon, reading D": {"method": {"name": "mixsupcon", "reading": "D"}},
    **{name: {"method": name} for name in ("simclr", "imix", "moco", "byol")},
}
Step = Callable[[], object]


def batch(rows: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, mt.Labels, Tensor]:
    """Unit rows, a second tensor of the same values, soft mixed labels of a hundred classes, and "not itself"."""
    generator = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(rows, D, generator=generator)).to("cuda", dtype)
    share = torch.rand(rows, generator=generator).cuda()
    parents = torch.stack([torch.arange(rows), torch.randperm(rows, generator=generator)], 1).cuda()
    labels = mt.Labels.of((torch.arange(rows) % 100).cuda()).mix(mt.Mix(parents, torch.stack([share, 1 - share], 1)))
    return z.requires_grad_(), z.detach().clone().requires_grad_(), labels, torch.arange(rows, device="cuda")


def dense(z: Tensor, c: Tensor, labels: mt.Labels, exclude: Tensor) -> Tensor:
    w = z.new_zeros(len(z), len(c))
    for a in range(2):
        for b in range(2):
            same = labels.ids[:, a, None] == labels.ids[None, :, b]
            w += same * labels.weight[:, a, None].to(z.dtype) * labels.weight[None, :, b].to(z.dtype)
    rows = torch.arange(len(z), device=z.device)
    w = w.index_put((rows, exclude), w.new_zeros(()))
    scores = (z @ c.t() / TEMPERATURE).index_put((rows, exclude), z.new_tensor(-math.inf))
    log_p = torch.log_softmax(scores, 1).index_put((rows, exclude), z.new_zeros(()))
    return -((w * log_p).sum(1) / w.sum(1).clamp(min=1e-30)).mean()


def check(name: str, right: bool, detail: str) -> bool:
    print(f"  {'ok  ' if right else 'FAIL'} {name}: {detail}", flush=True)
    return right


def gap(ours: Tensor, truth: Tensor) -> float:
    ours, truth = ours.detach().double(), truth.detach().double()
    return float((ours - truth).norm() / truth.norm())


def correctness() -> bool:
    print("correctness, against a dense float64 form on the device")
    right = True
    for rows in (200, 3000):
        for dtype, bound in ((torch.float64, 1e-12), (torch.float32, 3e-6)):
            z, c, labels, itself = batch(rows, dtype)
            wide, wide_c = (t.detach().double().requires_grad_() for t in (z, c))
            truth = dense(wide, wide_c, labels, itself)
            wanted = torch.autograd.grad(truth, (wide, wide_c))
            for reduction in ("mean", "none"):
                options = {"temperature": TEMPERATURE, "exclude": itself, "reduction": reduction}
                loss = mt.contrast(z, c, labels, labels, **options).mean()  # type: ignore[arg-type]
                got = torch.autograd.grad(loss, (z, c))
                worst = max(gap(loss, truth), *(gap(a, b) for a, b in zip(got, wanted, strict=True)))
                right &= check(f"{rows} rows, {dtype}, {reduction}", worst < bound, f"worst relative gap {worst:.1e}")
    for setting in ("tf32", "autocast"):
        before = torch.backends.cuda.matmul.fp32_precision
        torch.backends.cuda.matmul.fp32_precision = "tf32" if setting == "tf32" else before
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=setting == "autocast"):
            z, c, labels, itself = batch(3000)
            loss = mt.contrast(z, c, labels, labels, temperature=TEMPERATURE, exclude=itself)
        loss.backward()
        torch.backends.cuda.matmul.fp32_precision = before
        truth = dense(z.detach().double(), c.detach().double(), labels, itself)
        right &= check(f"{setting} set outside", gap(loss, truth) < 3e-6, f"gap {gap(loss, truth):.1e}")
    runs = []
    for _ in range(3):
        z, c, labels, itself = batch(3000)
        mt.contrast(z, c, labels, labels, temperature=TEMPERATURE, exclude=itself).backward()
        runs.append((z.grad, c.grad))
    same = all(torch.equal(a, b) for run in runs[1:] for a, b in zip(run, runs[0], strict=True))  # type: ignore[arg-type]
    return right & check("the same bits at every run", same, "gradients of three runs") & no_sync() & rooms() & every_method()


def no_sync() -> bool:
    """A step with every option, under the mode in which torch raises at any synchronisation."""
    z, c, labels, itself = batch(2000)
    who, queue = mt.Labels.of(torch.arange(2000, device="cuda")), F.normalize(torch.randn(4096, D, device="cuda"))
    keys = mt.Labels.cat(who, mt.Labels.nobody(4096, "cuda"))
    x, generator = torch.randn(2000, 3, 8, 8, device="cuda"), torch.Generator().manual_seed(0)
    tau = torch.tensor(0.2, device="cuda", requires_grad=True)

    def step() -> None:
        mt.contrast(z, z, labels, labels, temperature=0.1, exclude=itself).backward()
        mt.contrast(z, c, labels, labels, temperature=tau, exclude=torch.stack([itself, itself.flip(0)], 1)).backward()
        mt.contrast(z, queue, who, mt.Labels.nobody(4096, "cuda"), temperature=0.1, paired=c).backward()
        mt.contrast(z, torch.cat([c, queue]), who, keys, temperature=0.1, normalize="total").backward()
        mt.contrast(z, c, labels, labels, temperature=0.1, reduction="none").sum().backward()
        mt.align(z, c, labels, labels).backward()
        for name in mt.mixers.names():
            mt.mixers.get(name)(x, generator)
        for name in mt.views.names():
            mt.views.get(name)(x, generator)

    step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
        return check("no sync in a step", True, "losses, mixers and views under sync debug mode")
    except RuntimeError as error:
        return check("no sync in a step", False, str(error).splitlines()[0])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def rooms() -> bool:
    """The same generator state gives the same mixtures on both devices."""
    right, x = True, torch.randn(64, 3, 16, 16)
    for name in mt.mixers.names():
        here = mt.mixers.get(name)(x, torch.Generator().manual_seed(1))
        there = mt.mixers.get(name)(x.cuda(), torch.Generator().manual_seed(1))
        off = float((here[0] - there[0].cpu()).abs().max())
        right &= check(f"mixer {name}", off < 1e-6 and torch.equal(here[1].weight, there[1].weight.cpu()), f"off by {off:.1e}")
    return right


def milliseconds(step: Step, rounds: int) -> list[float]:
    times = []
    for turn in range(rounds + 2):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        stop.record()
        torch.cuda.synchronize()
        if turn >= 2:
            times.append(start.elapsed_time(stop))
    return times


def floor(z: Tensor) -> Step:
    """Three products and an exponential in blocks of 2,048 rows."""
    a = z.detach()

    def step() -> None:
        grad = torch.zeros_like(a)
        for rows in a.split(2048):
            scores = (rows @ a.t()).exp2_()
            scores @ a
            grad.addmm_(scores.t(), rows)

    return step


def every_method() -> bool:
    """Every method's step: the loss of the CPU, and no synchronisation in views, mixing, forward, backward and AdamW."""
    right, shape = True, spec.Image(3, 16, 16)
    x, label = torch.randn(256, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(256) % 10
    seen = [mt.views.get("shift", pixels=2), mt.views.get("noise", scale=0.3)]
    every: list[tuple[str, dict[str, Any]]] = [
        *[(name, {}) for name in mt.methods.names()],
        *[("imix", {"base": base}) for base in ("simclr", "moco", "byol")],
        ("mixco", {"base": "moco", "ingredients": 4}),
        ("moco", {"symmetric": True, "splits": 8, "candidates": "batch"}),
        ("mixsupcon", {"reading": "A", "clean": 0.5}),
        ("supcon", {"form": "in"}),
    ]
    for kind, options in every:
        torch.manual_seed(0)
        name = " ".join([kind, *map(str, options.values())])
        on_tokens = registry.find(mt.methods, kind).prefers_transformer
        body = mt.encoders.get(*(("smalltransformer", shape) if on_tokens else ("resnet8", shape)))
        for part in body.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0  # it draws another number on each device
        here = mt.methods.get(kind, body, classes=10, **options)
        there = copy.deepcopy(here).to("cuda")
        optimizer = torch.optim.AdamW(there.parameters(), lr=1e-3, fused=True)
        where = x.to("cuda"), label.to("cuda"), torch.arange(256, device="cuda")

        def loss(method: mt.methods.Method, x: Tensor, label: Tensor, index: Tensor, noisy: bool) -> Tensor:
            generator, views = torch.Generator().manual_seed(1), []
            for _ in range(method.views_needed):
                view = x
                for change in seen if noisy else seen[:1]:  # noise is drawn on the device, and differs between them
                    view = change(view, generator)
                views.append(view)
            return method(mt.methods.Batch(tuple(views), label, index), generator).value  # type: ignore[no-any-return]

        ours, cpu = loss(there, *where, False), loss(here, x, label, torch.arange(256), False)
        right &= check(f"{name} as on the CPU", gap(ours.cpu(), cpu) < 1e-3, f"loss {ours.item():.4f}")

        def step(method: mt.methods.Method = there, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            method.before_step(0.5)
            loss(method, *where, True).backward()  # noqa: B023 - called within this turn
            optimizer.step()
            method.after_step(0.5)

        step()
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            step()
            said = "none"
        except RuntimeError as error:
            said = str(error).splitlines()[0]
        finally:
            torch.cuda.set_sync_debug_mode("default")
        right &= check(f"{name}: no sync in a step", said == "none", said)
        low, middle, high = statistics.quantiles(milliseconds(step, 9), n=4)
        print(f"  {name:<12} {middle:7.2f} ms a step of 256 ({low:.2f}-{high:.2f})", flush=True)
    return right


def measure(rows: int) -> dict[str, object]:
    z, c, labels, itself = batch(rows)
    hard = mt.Labels.of(torch.arange(rows, device="cuda") % 100)
    rounds = max(5, min(50, 2**28 // rows**2 * 4))

    def ours(labels: mt.Labels, candidates: Tensor) -> Step:
        def step() -> None:
            z.grad = c.grad = None
            mt.contrast(z, candidates, labels, labels, temperature=TEMPERATURE, exclude=itself).backward()

        return step

    forms = {"ours": ours(hard, z), "two tensors": ours(hard, c), "soft K=2": ours(labels, z), "floor": floor(z)}
    if rows <= 16384:
        forms["dense"] = lambda: dense(z, c, labels, itself).backward()
    result: dict[str, object] = {"rows": rows}
    for name, step in forms.items():
        torch.cuda.empty_cache()
        step()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        peak = (torch.cuda.max_memory_allocated() - before) / 2**20
        times = milliseconds(step, rounds)
        low, middle, high = statistics.quantiles(times, n=4)
        result[name] = {"ms": times, "MB": peak}
        print(f"  {rows:6d} rows  {name:<12} {middle:9.2f} ms ({low:.2f}-{high:.2f})   extra {peak:8.0f} MB", flush=True)
    return result


# --- whole steps of ResNet-18 --------------------------------------------------------------------------------------------


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def each(step: Step, rounds: int) -> float:
    """Seconds of one of them, all queued at once, as in a run."""
    for _ in range(3):
        step()
    wait()
    began = time.perf_counter()
    for _ in range(rounds):
        step()
    wait()
    return (time.perf_counter() - began) / rounds


def ceiling(device: str, side: int = 8192) -> float:
    """Operations a second of a product of large matrices in bfloat16: two for each multiply-add."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    return 2 * side**3 / each(lambda: a @ a, 10)


def operations(encoder: torch.nn.Module) -> float:
    """Of the forward and backward pass of one image of 32 x 32, the products alone."""
    x = torch.randn(2, 3, 32, 32, device=next(encoder.parameters()).device)
    with FlopCounterMode(display=False) as counter:
        encoder(x).sum().backward()
    return float(counter.get_total_flops()) / 2


def whole_steps(rounds: int = 20, width: int = WIDTH, images: int = BATCH, most: float | None = None) -> dict[str, object]:
    """Images per second of every method's step, and where the time goes."""
    found: dict[str, object] = {}
    for name in METHODS:
        prepared = prepared_images(name, width=width, batch=images)
        machine, step = prepared.plan.machine, Whole(prepared)
        most = ceiling(machine.device) if most is None else most
        encoded, by_target = step.encoded()
        bare = copy.deepcopy(step.run.method.encoder).train()
        order = torch.channels_last if machine.channels_last else torch.contiguous_format
        x, keys = (
            torch.randn(rows, 3, 32, 32, device=machine.device).contiguous(memory_format=order) for rows in (encoded, by_target)
        )

        def encoder(bare: torch.nn.Module = bare, x: Tensor = x, keys: Tensor = keys, machine: object = machine) -> None:
            half = getattr(machine, "precision", "") == "bf16-mixed"
            with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=half):
                if len(keys):
                    with torch.no_grad():
                        bare(keys)
                value = bare(x).float().sum()
            value.backward()
            bare.zero_grad()

        whole, alone = each(step, rounds), each(encoder, rounds)
        share = operations(bare) * (encoded + by_target / 3) / whole / most  # of the target network the forward pass alone
        found[name] = {"images_per_second": images / whole, "over_encoder": whole / alone, "share_of_ceiling": share}
        print(
            f"  {name:<12} {images / whole:9,.0f} images/s   step / encoder {whole / alone:.3f}   "
            f"{100 * share:.0f} % of {most / 1e9:,.0f} Gflop/s, {machine.precision}",
            flush=True,
        )
        if name == "simclr" and machine.device == "cuda":
            found["kernels"] = kernels(step)
    return found


def kernels(step: Step, most: int = 10) -> list[tuple[str, float]]:
    """The kernels that take the time of a step, as shares of it; what is missing to 1 is waiting for the host."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        began = time.perf_counter()
        step()
        wait()
        took = time.perf_counter() - began
    rows = sorted(seen.key_averages(), key=lambda row: -row.self_device_time_total)
    shares = [(row.key[:90], row.self_device_time_total / 1e6 / took) for row in rows]
    for name, share in shares[:most]:
        print(f"    {100 * share:5.1f} %  {name}")
    print(f"    {100 * sum(share for _, share in shares):5.1f} %  in all; the rest of the step the device waited")
    return shares[:most]


def trainings(
    folder: Path, seconds: float, only: Sequence[str] = tuple(RUNS), width: int = WIDTH, images: int = BATCH
) -> dict[str, object]:
    """Each for as many epochs as take that long, and what its features are worth."""
    found: dict[str, object] = {}
    for name in only:
        options = {"encoder": {"name": "resnet18", "width": width}, "views": "supcon", "evaluation": "linear+knn", **RUNS[name]}
        training = {"baseline": "none", "batch": images}
        prepared = prepare({**options, "data": {"source": str(folder)}, "training": {**training, "steps": 1}})
        took = each(Whole(prepared), 20)
        epochs = max(1, int(seconds / (took * max(1, len(prepared.training_rows) // images))))
        with tempfile.TemporaryDirectory() as out:
            run = mt.train(folder, **options, training={**training, "epochs": epochs}, out=Path(out) / "run", quiet=True)
            results = run.results
        probes = {probe: {row: score.values["accuracy"] for row, score in of.items()} for probe, of in results.probes.items()}
        found[name] = {"epochs": epochs, "cost": asdict(results.cost), "probes": probes}
        print(f"  {name}: {epochs} epochs, {results.cost.seconds:.0f} s, {probes}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every time measured")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="images, with train and test in it")
    parser.add_argument("--seconds", type=float, default=240, help="of each run with --train")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), metavar="NAME", help="which, with --train")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("No CUDA GPU is at hand, so there is nothing to check here. The CPU's numbers: python benchmarks/contrast.py")
        return 0
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}, D = {D}, float32 without TF32")
    if options.train is not None:
        trained = trainings(options.train, options.seconds, options.only)
        if options.json:
            options.json.write_text(json.dumps(trained))
        return 0
    right = correctness()
    print(f"whole steps: ResNet-18, width {WIDTH}, {BATCH} images of 32 x 32 a step")
    steps = whole_steps()
    print("time of forward + backward (median, quartiles) and peak extra memory")
    results = [measure(rows) for rows in (1024, 4096, 16384, 32768, 65536)]
    if options.json:
        options.json.write_text(json.dumps({"contrast": results, "steps": steps}))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
