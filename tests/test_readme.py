"""What the README says is run."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mixtrast as mt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_python_in_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert blocks
    for block in blocks:
        names: dict = {}
        exec(block, names)
        assert torch.isfinite(names["imix"])
        assert torch.isfinite(names["mixsupcon"])
        assert names["imix"] < 3 * mt.chance(names["who"].mix(names["mix"]), names["who"])


def test_every_call_of_the_methods_table_computes():
    """The calls as printed, on a batch of eight."""
    from mixtrast import Labels, Mix, align, contrast, log_partition, row_mass, soft_cross_entropy

    n, g = 8, torch.Generator().manual_seed(0)
    unit = lambda rows: torch.nn.functional.normalize(torch.randn(rows, 5, generator=g))  # noqa: E731
    who, y, itself = Labels.of(torch.arange(n)), torch.arange(n) % 3, torch.arange(n)
    names = {
        "z": unit(n), "c": unit(n), "q": unit(n), "k": unit(n), "p": unit(n), "queue": unit(12), "logits": unit(n),
        "who": who, "both": Labels.of(torch.arange(n // 2).repeat(2)), "classes": Labels.of(y), "itself": itself,
        "mix": Mix(torch.stack([itself, itself.flip(0)], 1), torch.tensor([[0.7, 0.3]]).expand(n, 2)), "y": y.clone(),
        "index": itself, "nobody": Labels.nobody(12), "Labels": Labels, "align": align, "row_mass": row_mass,
        "soft_cross_entropy": soft_cross_entropy, "arange": torch.arange, "n": n // 2,
        "contrast": lambda *a, **k: contrast(*a, temperature=0.1, **k),
        "log_partition": lambda *a, **k: log_partition(names["z"], names["z"], temperature=0.1, exclude=itself, **k),
    }  # fmt: skip
    names["row_mass"] = lambda *a: row_mass(names["classes"], names["classes"], exclude=itself)
    table = README.split("| method | call |")[1].split("\n\n")[0]
    calls = [code for code in re.findall(r"`([^`]+)`", table) if "(" in code]
    assert len(calls) >= 11
    for call in calls:
        call = call.split(" = ", 1)[-1].replace("(..., ", "(").replace("(...)", "()")
        value = eval(call, names)
        assert isinstance(value, Labels) or torch.isfinite(value).all(), call


def test_the_commands_of_the_readme_exist():
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"make (\w+)", README))
    assert {"demo", "test"} <= named <= made
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_rooms_are_in_the_readme():
    for name in (*mt.mixers.names(), *mt.views.names()):
        assert f"`{name}`" in README, name


@pytest.mark.slow
def test_the_demo_runs(capsys):
    """The script of `make demo`, one seed and few epochs."""
    source = (ROOT / "examples/own_loop.py").read_text()
    short = re.sub(r"EPOCHS, BATCH, SEEDS, LABELS = .*", "EPOCHS, BATCH, SEEDS, LABELS = 2, 256, (0, 1), 10", source)
    assert short != source
    exec(compile(short, "own_loop.py", "exec"), {"__name__": "__main__"})
    out = capsys.readouterr().out
    for row in ("raw pixels", "untrained", "imix", "mixsupcon"):
        accuracy = float(re.search(rf"^  {row} +([\d.]+) ±", out, re.M).group(1))
        assert 50 < accuracy < 100


def test_the_gpu_benchmark_ends_well_without_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here: run benchmarks/gpu.py itself")
    run = subprocess.run([sys.executable, ROOT / "benchmarks/gpu.py"], capture_output=True, text=True, check=True)
    assert "No CUDA GPU is at hand" in run.stdout


def test_the_benchmark_measures(capsys):
    contrast = runpy.run_path(str(ROOT / "benchmarks/contrast.py"))
    result = contrast["table"](64, 3)
    assert {"ours", "one-pass", "dense", "floor"} <= set(result["seconds"])
    low, high = result["ratios"]["dense / ours"][1:]
    assert 0 < low <= high
