"""The command, called as from a shell, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mixtrast import cli, report
from mixtrast.cli._flags import Call, dotted, quoted
from mixtrast.cli._main import make_parser
from mixtrast.run import Run, monitor
from support.runs import COLUMNS, content

WRITE = report.write
QUICK = "evaluation: {knn: {}}\nencoder: {name: mlp, widths: [16]}\ntraining: {steps: 6, precision: 32-true}\n"


def table(rows: int = 80, seed: int = 0) -> pd.DataFrame:
    x = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    y = np.arange(rows) % 2
    x[:, 0] += 3 * y
    return pd.DataFrame(x, columns=COLUMNS).assign(kind=np.array(["oak", "elm"])[y])


def command(*words: Any) -> int:
    """The exit code."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def parsed(*words: str) -> Call:
    """The call of a command, without running it."""
    plain, options = dotted(quoted(list(words)))
    return Call(make_parser().parse_args(plain), options, list(words))


TRAIN = ("train", "../data/trees.csv", "--label", "kind", "--recipe", "../data/quick.yaml")


def trained(*more: Any, out: str = "run") -> Run:
    assert command(*TRAIN, "--out", out, "--quiet", *more) == 0
    return Run(Path(out))


def refusal(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """What is said: exit code 2, on stderr alone, no traceback, and nothing written anywhere near."""
    capsys.readouterr()
    before = sorted(Path("..").rglob("*")), content(Path(".."))
    assert command(*words) == 2
    assert (sorted(Path("..").rglob("*")), content(Path(".."))) == before
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    assert said.count("error:") == 1, said
    assert said.rstrip().count("\n") == 0 or "problems:\n- " in said or said.startswith("usage: "), said
    return said


def same(one: Run, other: Run) -> bool:
    ours, theirs = (done.encoder().encoder.state_dict() for done in (one, other))
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def stopping(monkeypatch: pytest.MonkeyPatch, at: int, number: int = signal.SIGTERM, runs: int = 1) -> None:
    """A signal after this step of a run; of the `runs`-th one that comes there."""
    look, seen = monitor.Monitor.__call__, []

    def looked(self: monitor.Monitor, method: Any, step: int) -> dict[str, Any]:
        if step == at:
            seen.append(step)
            if len(seen) == runs:
                os.kill(os.getpid(), number)
        return look(self, method, step)

    monkeypatch.setattr(monitor.Monitor, "__call__", looked)


def process(*words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, *options, "-m", "mixtrast", *words]
    return subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
