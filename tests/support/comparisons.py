"""Comparisons to test with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from mixtrast import cli
from mixtrast.studies import Grid
from support.commands import parsed

QUICK = ["--training.steps", "3", "--encoder", "mlp", "--encoder.widths", "8", "--evaluation", "knn"]


def command(*words: Any) -> int:
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)


COMPARE = ["compare", "trees.csv", "--label", "kind", *QUICK]


def refusal(capsys, *words: Any) -> str:
    capsys.readouterr()
    before = sorted(Path().rglob("*"))
    assert command(*words) == 2
    assert sorted(Path().rglob("*")) == before
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    return said


def grid(*words: str) -> Grid:
    """The configurations of a command line, `compare DATA ...`."""
    call = parsed(*words)
    known = call.arguments
    return Grid.read(known.configuration, known.vary, known.grid and Path(known.grid), call.values())


def made(folder: Path, scores: dict[str, list[float]], validation: dict[str, list[float]] | None = None, **more: Any) -> Path:
    """A comparison as it is on disk, without its runs."""
    seeds = range(max(map(len, scores.values())))
    record = {
        "data": {"name": "trees"},
        "seeds": list(seeds),
        "cells": {name: {"folder": f"f{at}", "settings": {"method": {"name": name}}} for at, name in enumerate(scores)},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.yaml").write_text(yaml.safe_dump(record))
    for at, (name, values) in enumerate(scores.items()):
        for seed, value in enumerate(values):
            place = folder / "runs" / f"f{at}" / f"seed-{seed}"
            place.mkdir(parents=True)
            val = (validation or scores)[name][seed]
            rows = {
                "trained": {"accuracy": value, "val_accuracy": val},
                "untrained": {"accuracy": 0.6},
                "raw": {"accuracy": 0.7},
            }
            results = {
                "data": {"name": "trees", "task": "classes", "train": 48, "val": 12, "test": 20, "counts": {"test": [10, 10]}},
                "method": name, "seed": seed, "probes": {"linear": {**rows, "majority": {"accuracy": 0.5}}, "knn": rows},
                "diagnosis": [{"verdict": "learning", "says": "so"}],
                "cost": {"seconds": 1.0 + at, "examples_per_second": 100.0, "peak_memory_bytes": 10**9, "device": "cpu"},
            }  # fmt: skip
            (place / "results.json").write_text(json.dumps(results))
    return folder


def settings(scores: dict[str, list[float]], **own: dict[str, Any]) -> dict[str, Any]:
    """Cells of `made` with settings of their own."""
    return {name: {"folder": f"f{at}", "settings": own[name]} for at, name in enumerate(scores)}
