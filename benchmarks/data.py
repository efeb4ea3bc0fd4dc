"""Is the data path ever the bottleneck? python benchmarks/data.py [--rounds N] [--rows N] [--json FILE]

Two parts. A table of a million rows (20 measured numbers, gaps, counts, a flag, two columns of categories, a label of text) is
written to a file, and a process of its own reads it, finds the types of its columns, splits it and computes its scale: seconds
of each, of pandas alone (`read_csv` to a frame, nothing else), and the peak memory of either process.

And for each kind of data at its defaults, a batch: seconds that its views and its scaling take (as many views as the method
needs), over seconds of the step, forward, backward and optimizer included; the median over rounds, with quartiles.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixtrast import run
from mixtrast.methods import Batch

PART = """
import json, resource, sys, time
begun = time.perf_counter()
import pandas
imported = time.perf_counter() - begun
found = {"import pandas": imported}
if sys.argv[2] == "ours":
    from mixtrast import datasets
    begun = time.perf_counter()
    data = datasets.open(sys.argv[1], label="y")
    found["read and typed"] = time.perf_counter() - begun
    begun = time.perf_counter()
    parts = datasets.split(data, seed=0)
    found["split"] = time.perf_counter() - begun
    begun = time.perf_counter()
    datasets.scaling(data, parts.train)
    found["scale"] = time.perf_counter() - begun
else:
    begun = time.perf_counter()
    pandas.read_csv(sys.argv[1])
    found["read_csv"] = time.perf_counter() - begun
found["GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps(found))
"""


def write_table(path: Path, rows: int) -> None:
    import pandas

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{at}": np.round(rng.normal(size=rows), 4) for at in range(20)}
    columns["gap"] = np.where(rng.random(rows) < 0.05, np.nan, np.round(rng.random(rows), 3))
    columns["count"], columns["flag"] = rng.integers(0, 1000, rows), rng.integers(0, 2, rows)
    for name, many in (("city", 200), ("kind", 5), ("y", 3)):
        columns[name] = np.array([f"{name}{at}" for at in range(many)])[rng.integers(0, many, rows)]
    pandas.DataFrame(columns).to_csv(path, index=False)


def large_table(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write_table(path, rows)
        found: dict[str, Any] = {"rows": rows, "bytes": path.stat().st_size}
        for who in ("ours", "pandas"):
            done = subprocess.run([sys.executable, "-c", PART, str(path), who], capture_output=True, text=True, check=True)
            found[who] = json.loads(done.stdout)
    return found


def kinds() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Data of every kind, and options besides the defaults."""
    import pandas

    rng = np.random.default_rng(0)
    label = np.arange(1024) % 4
    table = pandas.DataFrame(rng.normal(size=(1024, 20)), columns=[f"x{at}" for at in range(20)])
    mixed = table.assign(city=np.array([f"c{at % 30}" for at in range(1024)]), y=label)
    bytes_ = rng.integers(0, 256, (1024, 3, 32, 32), dtype=np.uint8)
    words = np.array([f"w{at}" for at in range(500)])
    text = pandas.DataFrame({"t": [" ".join(rng.choice(words, 20)) for _ in range(1024)], "y": label})
    return {
        "table": ((rng.normal(size=(1024, 54)), label), {}),
        "table with categories": (mixed, {"label": "y"}),
        "series": ((rng.normal(size=(1024, 6, 128)), label), {}),
        "image": ((bytes_, label), {"encoder": {"name": "resnet18", "width": 16}}),
        "image of 13 bands": ((rng.normal(size=(1024, 13, 32, 32)), label), {}),
        "text": (text, {"label": "y"}),
    }  # fmt: skip


def one(data: Any, options: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Shares of a step that views and scaling take."""
    options = dict(options)
    if "label" in options:
        options["data"] = {"label": options.pop("label")}
    prepared = run.prepare({"method": {"name": "imix"}, "seed": 0, **options}, data)
    method, plan = prepared.method, prepared.plan
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-3)
    rows = prepared.training_rows[: plan.training.batch]
    shares, seconds = [], []
    for number in range(rounds + 1):
        begun = time.perf_counter()
        batch = prepared.make_views(rows, method.views_needed, f"round {number}")
        viewed = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.machine.precision == "bf16-mixed"):
            loss = method(Batch(batch, prepared.visible[rows], torch.arange(len(rows))), torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        ended = time.perf_counter()
        if number:  # the first warms up
            shares.append((viewed - begun) / (ended - begun))
            seconds.append(ended - begun)
    low, middle, high = statistics.quantiles(shares, n=4)
    encoder, views = prepared.recipe.encoder.name, "+".join(prepared.recipe.views) or "none"
    return {
        "batch": len(rows), "encoder": encoder, "views": views, "share": middle, "low": low, "high": high,
        "step_ms": 1000 * statistics.median(seconds),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    known = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}")
    found: dict[str, Any] = {"table": large_table(known.rows), "kinds": {}}
    table = found["table"]
    print(f"\n{table['rows']:,} rows, {table['bytes'] / 1e6:.0f} MB")
    for who in ("ours", "pandas"):
        seconds = dict(table[who])
        memory = seconds.pop("GB")
        print(f"  {who:7} {', '.join(f'{name} {value:.2f} s' for name, value in seconds.items())}; {memory:.2f} GB at most")
    print(f"\n{'kind':22} {'views':28} {'encoder':12} batch  views and scaling of a step      step")
    for name, (data, options) in kinds().items():
        row = found["kinds"][name] = one(data, options, known.rounds)
        share = f"{100 * row['share']:.1f} % ({100 * row['low']:.1f}-{100 * row['high']:.1f})"
        print(f"{name:22} {row['views']:28} {row['encoder']:12} {row['batch']:5}  {share:>28}  {row['step_ms']:7.1f} ms")
    if known.json:
        known.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
