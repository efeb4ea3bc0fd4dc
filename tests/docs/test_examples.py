"""The Makefile, the examples and the grids of the results run."""

from __future__ import annotations

import re
import shlex

import pytest

from mixtrast.cli import main
from support.comparisons import grid
from support.repository import ROOT


@pytest.mark.slow
def test_make_demo_runs(tmp_path, monkeypatch, capsys):
    """The command of the Makefile, for a few steps."""
    monkeypatch.chdir(tmp_path)
    command = re.search(r"^\t\$\(BIN\)/mixtrast (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    quick = re.sub(r"--epochs \d+", "--epochs 1", command)
    assert quick != command
    assert main([*shlex.split(quick), "--evaluation.labels.draws", "2"]) == 0
    assert "All 3 seeds" in capsys.readouterr().out
    assert (tmp_path / "runs/digits-imix/report.html").stat().st_size > 50_000


@pytest.mark.parametrize("path", sorted((ROOT / "docs/results/grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_grids_of_the_results_are_valid(path):
    """By the command of their first line: every flag is known, and has a value of its type."""
    line = path.read_text().splitlines()[0].removeprefix("# mixtrast ")
    found = grid(*shlex.split(line.replace(path.name, str(path))))
    assert found.problems == ()
    assert found.configurations
    index = (ROOT / "docs/results/README.md").read_text()
    assert f"`{path.stem}`" in index or f"`-{path.stem.partition('-')[2]}`" in index


@pytest.mark.slow
def test_the_own_loop_runs(capsys):
    """For two seeds and few epochs."""
    source = (ROOT / "examples/own_loop.py").read_text()
    short = re.sub(r"EPOCHS, BATCH, SEEDS, LABELS = .*", "EPOCHS, BATCH, SEEDS, LABELS = 2, 256, (0, 1), 10", source)
    assert short != source
    exec(compile(short, "own_loop.py", "exec"), {"__name__": "__main__"})
    out = capsys.readouterr().out
    for row in ("raw pixels", "before training", "imix", "mixsupcon"):
        accuracy = float(re.search(rf"^  {row} +([\d.]+) ±", out, re.M).group(1))
        assert 50 < accuracy < 100
