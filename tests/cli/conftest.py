"""Fixtures of the tests in cli."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import QUICK, TRAIN, command, stopping, table


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, with tables and a recipe of quick settings in another."""
    (tmp_path / "data").mkdir()
    (tmp_path / "work").mkdir()
    table().to_csv(tmp_path / "data" / "trees.csv", index=False)
    (tmp_path / "data" / "quick.yaml").write_text(QUICK)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def stopped(here, monkeypatch, capsys) -> Path:
    """A run that was stopped after step 3 of 6."""
    with monkeypatch.context() as patched:
        stopping(patched, 3)
        assert command(*TRAIN, "--out", "run", "--training.checkpoint_every", "0") == 143
    capsys.readouterr()
    return Path("run")
