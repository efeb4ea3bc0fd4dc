"""Runs of the command that fail or are stopped: exit codes, messages, and what is saved."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import mixtrast as mt
from mixtrast import atomic
from mixtrast.cli import _listing
from mixtrast.run import Run, evaluate
from mixtrast.training import CheckpointStore
from support.commands import TRAIN, command, same, stopping, trained

pytestmark = pytest.mark.usefixtures("light")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_loss_that_is_not_finite_is_exit_code_1(optimizer, here, capsys):
    at = {"sgd": 2, "adamw": 1}[optimizer]  # AdamW's first step leaves the range of numbers, and such weights are not kept
    words = (
        "--training.optimizer",
        optimizer,
        "--training.weight_decay",
        "0.5",
        "--training.steps",
        "40",
        "--lr",
        "1e38",
        "--training.warmup",
        "0",
        "--training.checkpoint_every",
        "0",
    )
    assert command(*TRAIN, *words, "--out", "run", "--quiet") == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert f"mixtrast: failed: training stopped at step {at} of 40: " in said
    assert "Try a lower learning rate (it is 1e+38), --training.clip 1, or a higher temperature." in said
    rest = {"sgd": "its last checkpoint is complete", "adamw": "no checkpoint was written yet"}[optimizer]
    assert f"The run is in run; {rest}." in said
    assert "Traceback" not in said
    assert Path("run/checkpoint.pt").exists() == (at == 2)
    assert at == 1 or torch.load("run/checkpoint.pt", weights_only=True)["step"] == 1


def test_a_full_disk_is_exit_code_1_and_the_last_checkpoint_is_whole(here, capsys, monkeypatch):
    fsync, saves = os.fsync, []

    def full(number: int) -> None:
        saves.append(number)
        if len(saves) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert command(*TRAIN, "--out", "run", "--quiet", "--training.checkpoint_every", "0") == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert "mixtrast: failed: [Errno 28] No space left on device" in said
    assert "its last checkpoint is complete" in said
    assert not list(Path("run").rglob("*.partial"))
    assert torch.load("run/checkpoint.pt", weights_only=True)["step"] == 3
    assert command("train", "--out", "run", "--resume", "--quiet") == 0
    assert same(Run(Path("run")), trained("--training.checkpoint_every", "0", out="whole"))


@pytest.mark.parametrize(("number", "code", "out"), [(signal.SIGINT, 130, None), (signal.SIGTERM, 143, "my run")])
def test_a_signal_saves_and_says_how_to_go_on(number, code, out, here, capsys):
    """The command itself, in a process of its own, and a real signal."""
    words = [
        *TRAIN,
        "--method",
        "imix",
        "--training.steps",
        "250",
        "--training.log_every",
        "1",
        *(["--out", out] if out else []),
    ]
    folder = Path(out or "runs/trees-imix")
    process = subprocess.Popen(
        [sys.executable, "-m", "mixtrast", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        began, metrics = time.monotonic(), folder / "metrics.jsonl"
        while time.monotonic() - began < 60 and process.poll() is None:
            if metrics.exists() and metrics.read_bytes().count(b"\n") > 5:
                break
            time.sleep(0.005)
        process.send_signal(number)
        shown, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code, said
    stop = re.search(rf"mixtrast: stopped by {number.name} after step (\d+) of 250; the checkpoint is saved\.\n", said)
    assert stop, said
    assert "Traceback" not in said + shown
    (line,) = (line for line in said.splitlines() if line.startswith("Continue with: "))
    given = shlex.split(line.removeprefix("Continue with: "))
    assert given == ["mixtrast", *words, *([] if out else ["--out", str(folder)]), "--resume"]
    assert not (folder / "results.json").exists()
    assert command(*given[1:]) == 0
    assert f"resumed after step {stop[1]} of 250" in capsys.readouterr().out
    done = Run(folder)
    assert [line.step for line in done.metrics] == list(range(251))
    assert done.results.cost.steps == 250


@pytest.mark.parametrize("where", ["evaluating", "baseline"])
def test_interrupted_after_training_is_130_and_can_be_gone_on_with(where, here, capsys, monkeypatch):
    def interrupts(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
    with monkeypatch.context() as patched:
        patched.setattr(
            *{"evaluating": (evaluate.Evaluator, "evaluate"), "baseline": (mt.methods.Supervised, "after_step")}[where],
            interrupts,
        )
        assert command(*TRAIN) == 130
    signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    told = {
        "evaluating": "mixtrast: interrupted; the last checkpoint is complete.",
        "baseline": "stopped by SIGINT after step 1 of 6",
    }
    assert told[where] in said
    given = shlex.split(said[said.index("Continue with: ") :].removeprefix("Continue with: "))
    assert given == ["mixtrast", *TRAIN, "--out", "runs/trees-mixsupcon", "--resume"]
    assert command(*given[1:]) == 0


def test_an_interrupt_is_no_traceback(capsys, monkeypatch):
    def interrupts(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_listing, "print_list", interrupts)
    assert command("list", "methods") == 130
    assert capsys.readouterr().err == "\nmixtrast: interrupted.\n"


def test_a_disk_that_is_full_from_the_start(here, capsys, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write", full)
    assert command(*TRAIN, "--out", "run", "--quiet") == 1
    assert "mixtrast: failed: " in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "error", [ValueError("no"), TypeError("no"), KeyError("no"), OSError("no"), ImportError("no"), RuntimeError("no")], ids=repr
)
def test_what_fails_when_the_folder_is_made_is_no_wrong_input(error, here, capsys, monkeypatch):
    def fails(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(evaluate.Evaluator, "evaluate", fails)
        assert command(*TRAIN, "--out", "run", "--quiet") == 1
    said = capsys.readouterr().err
    assert re.match(r"mixtrast: failed: .*no", said)
    assert "The run is in run; its last checkpoint is complete." in said
    assert "Traceback" not in said
    assert command("train", "--out", "run", "--resume", "--quiet") == 0


def test_a_second_signal_is_no_evaluation(here, capsys, monkeypatch):
    def interrupts(self: CheckpointStore, state: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointStore, "save", interrupts)
    stopping(monkeypatch, 3)
    assert command(*TRAIN, "--out", "run", "--quiet") == 130
    assert "mixtrast: interrupted; the last checkpoint is complete." in capsys.readouterr().err
