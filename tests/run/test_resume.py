"""A run that was stopped and resumed is the run that was not."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mixtrast as mt
from mixtrast import methods, report
from mixtrast.process import exclusive
from mixtrast.run import Run, evaluate, execute
from mixtrast.training import Interrupted
from support.runs import blobs, content, csv, same, small, state, stopping, timeless

pytestmark = pytest.mark.usefixtures("light")


def untimed(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "examples_per_second")} for line in lines]


def check_alike(one: Run, other: Run) -> None:
    assert same(state(one), state(other))
    assert same(state(one, untrained=True), state(other, untrained=True))
    assert untimed(one.folder) == untimed(other.folder)
    assert timeless(one.results) == timeless(other.results)
    files, others = ({name for name in content(done.folder) if "before" not in name} for done in (one, other))
    assert files == others


@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_a_run_that_was_stopped_ends_as_the_one_that_was_not(at, tmp_path, monkeypatch, capsys):
    whole = small(blobs(), tmp_path / "one")
    stopping(monkeypatch, at)
    with pytest.raises(Interrupted, match=f"SIGTERM after step {max(at, 1)} of 6"):
        small(blobs(), tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"is not finished: .*--resume"):
        _ = Run(tmp_path / "other").results
    with pytest.raises(FileNotFoundError, match="holds no finished encoder"):
        Run(tmp_path / "other").encoder()
    parts = small(blobs(), tmp_path / "other", resume=True, quiet=False)
    assert f"resumed after step {max(at, 1)} of 6" in capsys.readouterr().out
    check_alike(whole, parts)


@pytest.mark.parametrize("where", ["baseline", "evaluating", "results", "page"])
def test_a_run_that_fails_after_training_is_finished_by_resuming(where, tmp_path, monkeypatch):
    whole = small(blobs(), tmp_path / "one")
    owner, name = {"baseline": (execute, "_supervised"), "evaluating": (evaluate.Evaluator, "evaluate"),
                   "results": (execute, "write_results"), "page": (report, "write")}[where]  # fmt: skip

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fails)
        with pytest.raises(KeyboardInterrupt):
            small(blobs(), tmp_path / "other")
    check_alike(whole, small(blobs(), tmp_path / "other", resume=True))


def test_stopped_while_plain_labels_are_trained(tmp_path, monkeypatch):
    whole = small(blobs(), tmp_path / "one")
    after, steps = mt.methods.Supervised.after_step, []

    def step(self: methods.Method, progress: float) -> None:
        steps.append(progress)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        after(self, progress)

    monkeypatch.setattr(mt.methods.Supervised, "after_step", step)
    with pytest.raises(Interrupted, match="SIGINT after step 3 of 6"):
        small(blobs(), tmp_path / "other")
    parts = small(blobs(), tmp_path / "other", resume=True)
    assert len(steps) == 6
    check_alike(whole, parts)
    assert untimed(whole.folder / "supervised") == untimed(parts.folder / "supervised")


def test_a_finished_run_is_left_as_it_is_and_it_is_said(tmp_path, capsys):
    done = small(blobs(), tmp_path / "run")
    before = content(done.folder)
    again = small(blobs(), tmp_path / "run", resume=True, quiet=False)
    assert again == done
    assert f"{done.folder} is finished already; nothing is left to do." in capsys.readouterr().out
    assert content(done.folder) == before


@pytest.mark.parametrize("what", ["x", "y", "rows", "shape", "order"])
def test_data_that_have_changed_are_refused(what, tmp_path):
    (x, y), out = blobs(), tmp_path / "run"
    small((x, y), out)
    before = content(out)
    changed = {
        "x": (x + (np.arange(80) == 7)[:, None], y),
        "y": (x, y[::-1].copy()),
        "rows": (x[:-2], y[:-2]),
        "shape": (x.reshape(80, 2, 2), y),
        "order": (x[::-1].copy(), y),
    }[what]
    with pytest.raises(ValueError, match=r"is not what it was when this run began.*Start in another --out"):
        small(changed, out, resume=True)
    assert content(out) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "imix"}, "method.name: 'mixsupcon' and 'imix'"),
        ({"training": {"lr": 0.5}}, "training.lr: 0.001 and 0.5"),
        ({"seed": 3}, "seed: 0 and 3"),
        ({"encoder": {"name": "mlp", "widths": (8,)}}, "encoder.widths"),
        ({"labels": 5}, "data.labels: None and 5"),
    ],
    ids=str,
)
def test_another_recipe_is_refused(options, said, tmp_path):
    done = small(blobs(), tmp_path / "run")
    before = content(done.folder)
    with pytest.raises(ValueError, match="holds a run of another recipe") as caught:
        small(blobs(), tmp_path / "run", resume=True, **options)
    assert said in str(caught.value)
    assert content(done.folder) == before


def test_resuming_needs_no_setting_again(tmp_path, monkeypatch):
    stopping(monkeypatch, 2)
    with pytest.raises(Interrupted):
        small(csv(tmp_path), tmp_path / "run", label="kind", method="imix", mixer={"name": "cutmix", "alpha": 0.4})
    done = mt.train(out=tmp_path / "run", resume=True, quiet=True)
    assert done.results.mixer == "cutmix"
    assert done.results.cost.steps == 6


def test_resuming_needs_a_folder_and_may_begin(tmp_path):
    with pytest.raises(ValueError, match="no folder was named"):
        small(blobs(), None, resume=True)
    done = small(blobs(), tmp_path / "run", resume=True)
    assert done.results.cost.steps == 6


def test_two_do_not_resume_one_run_at_once(tmp_path, monkeypatch):
    stopping(monkeypatch, 2)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "run")
    before = content(tmp_path / "run")
    with exclusive(tmp_path / "run"), pytest.raises(BlockingIOError, match=r"another process is at work on .*run"):
        small(blobs(), tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == before
    small(blobs(), tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", ["checkpoint.pt", "untrained.safetensors"])
def test_a_damaged_file_is_said_when_resuming(name, tmp_path, monkeypatch):
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small(blobs(), tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"")
    with pytest.raises(ValueError, match="is damaged"):
        small(blobs(), tmp_path / "run", resume=True)


def test_test_rows_that_have_changed_are_refused(tmp_path):
    """The same rows in all, and another one more of them for the test."""
    x, y = blobs(110)
    small((x[:80], y[:80]), tmp_path / "run", test=(x[80:], y[80:]))
    with pytest.raises(ValueError, match="its content has changed"):
        small((x[:79], y[:79]), tmp_path / "run", test=(x[79:], y[79:]), resume=True)


def test_groups_that_have_changed_are_refused(tmp_path, monkeypatch):
    (x, y), groups = blobs(), np.arange(80) // 4
    stopping(monkeypatch, 3)
    with pytest.raises(Interrupted):
        small((x, y, groups), tmp_path / "run")
    with pytest.raises(ValueError, match="its content has changed"):
        small((x, y, groups[::-1] // 2), tmp_path / "run", resume=True)
