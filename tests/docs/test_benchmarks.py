"""The benchmarks run."""

from __future__ import annotations

import itertools
import runpy
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from support.repository import ROOT


def test_the_gpu_benchmark_ends_well_without_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here: run benchmarks/gpu.py itself")
    run = subprocess.run([sys.executable, ROOT / "benchmarks/gpu.py"], capture_output=True, text=True, check=True)
    assert "No CUDA GPU is at hand" in run.stdout


@pytest.mark.slow
def test_the_steps_of_the_gpu_benchmark_run_on_a_cpu_too(tmp_path, monkeypatch, capsys):
    """Small: what is measured there, measured here."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    gpu = runpy.run_path(str(ROOT / "benchmarks/gpu.py"))
    found = gpu["whole_steps"](rounds=1, width=2, images=8, most=1e12)
    assert set(found) == set(gpu["METHODS"])
    for row in found.values():
        assert row["images_per_second"] > 0
        assert 0 < row["share_of_ceiling"] < 1
    rng = np.random.default_rng(0)
    for part, kind, number in itertools.product(("train", "test"), "ab", range(12)):
        path = tmp_path / part / kind / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    trained = gpu["trainings"](tmp_path, seconds=0.01, only=["supcon", "supervised + cutmix"], width=2, images=8)
    assert set(trained) == {"supcon", "supervised + cutmix"} < set(gpu["RUNS"])
    assert {"trained", "untrained", "raw", "majority"} <= set(trained["supcon"]["probes"]["linear"])


def test_the_benchmark_measures(capsys):
    contrast = runpy.run_path(str(ROOT / "benchmarks/contrast.py"))
    result = contrast["table"](64, 3)
    assert {"ours", "one-pass", "dense", "floor"} <= set(result["seconds"])
    low, high = result["ratios"]["dense / ours"][1:]
    assert 0 < low <= high
