"""The command under random words: it ends with a sentence and an exit code, never with a traceback, and writes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixtrast.cli import main

pytestmark = pytest.mark.check
COMMANDS = ["train", "compare", "evaluate", "embed", "export", "report", "list"]
FLAGS = [
    "--label", "--method", "--mixer", "--encoder", "--views", "--evaluation", "--epochs", "--batch", "--lr", "--seed", "--out",
    "--resume", "--recipe", "--configuration", "--vary", "--grid", "--against", "--workers", "--on", "-o", "--format", "--png",
    "--method.temperature", "--mixer.alpha", "--training.clip", "--views.mask.p", "--data.window", "--nonsense", "--help", "-h",
]  # fmt: skip
VALUES = [
    "missing.csv", "no/folder", "", "0", "-1", "nan", "1e999", "a,b", "imix", "mixup+", "+", "none", "[", "{", "{}", "null",
    "\u2212", "methods", "recipes", "method=imix", "method=", "=", "x" * 300, "\x00", "\n", "日本",
]  # fmt: skip


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(COMMANDS), words=st.lists(st.sampled_from(FLAGS + VALUES), max_size=7))
def test_any_words_end_in_a_sentence(command, words, tmp_path, capsys):
    os.chdir(tmp_path)
    try:
        code = main([command, *words])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert code in (0, 2), (command, words, said.err)
    assert "Traceback" not in said.err
    assert list(Path(tmp_path).iterdir()) == []
    if code == 2:
        assert said.err.strip()
