"""What training writes and shows."""

from __future__ import annotations

import json
import sys

from mixtrast.records.folder import METRICS
from mixtrast.training import CheckpointStore, fit
from mixtrast.training.optimizer import rate
from support.fits import TIMING, Stopper, built, examples, plan, store


def test_lines_are_those_that_were_asked_for(tmp_path):
    fitted = fit(
        built("imix"), examples(), plan(steps=7, monitor_at=[0, 2, 7], log_every=3), store(tmp_path), monitor=Stopper()
    )
    found = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in found] == [0, 2, 3, 6, 7]
    assert [line["step"] for line in found if "monitor" in line] == [0, 2, 7]
    assert set(found[2]) == {"step", "epoch", "loss", "chance", "floor", "lr", *TIMING}
    assert found[-1]["loss"] == fitted.loss
    assert found[-1]["epoch"] == round(7 / 3, 4)
    assert found[-1]["lr"] == rate(plan().training, 7, 7)
    assert 0 < found[-1]["seconds"] <= fitted.seconds + 5e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.before.pt", "checkpoint.pt", "metrics.jsonl"]


def test_without_a_record_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(built("imix"), examples(), plan(monitor_at=[1]), None, monitor=Stopper())
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_come_by_the_clock_and_at_the_end(tmp_path, monkeypatch):
    saved: list[int] = []
    monkeypatch.setattr(CheckpointStore, "save", lambda self, state: saved.append(state["step"]))
    fit(built("npair"), examples(), plan(steps=3), store(tmp_path))
    fit(built("npair"), examples(), plan(steps=3, checkpoint_every=1e6), store(tmp_path))
    assert saved == [1, 2, 3, 3]


def test_progress_is_shown_on_a_terminal_only_and_not_if_quiet(monkeypatch, capsys):
    fit(built("npair"), examples(), plan(), None, name="a name")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fit(built("npair"), examples(), plan(), None, name="a name", quiet=True)
    assert capsys.readouterr() == ("", "")
    fit(built("npair"), examples(), plan(), None, name="a name")
    out, shown = capsys.readouterr()
    assert out == ""
    assert "a name" in shown
