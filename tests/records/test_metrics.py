"""metrics.jsonl: what is written is read, and a line that a kill cut short ends it."""

from __future__ import annotations

import json
import math
from pathlib import Path

from mixtrast.records import MetricsLine, append_metrics, read_metrics, write_metrics

FIRST = Path(__file__).parent / "version1" / "run" / "metrics.jsonl"
LINES = [
    MetricsLine(0, monitor={"rank": 3.5}),
    MetricsLine(1, 0.2, 5.5, 6.0, 0.5, {"own": 1.0, "other": 2.0}, 0.1, 100.0, 0.5),
]


def test_lines_are_read_as_they_were_written(tmp_path):
    for line in LINES:
        append_metrics(tmp_path / "m.jsonl", line)
    assert read_metrics(tmp_path / "m.jsonl") == LINES
    assert json.loads((tmp_path / "m.jsonl").read_text().splitlines()[1])["part.own"] == 1.0
    write_metrics(tmp_path / "m.jsonl", LINES[:1])
    assert read_metrics(tmp_path / "m.jsonl") == LINES[:1]
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_a_loss_that_is_not_finite_is_null_and_read_as_nan(tmp_path):
    append_metrics(tmp_path / "m.jsonl", MetricsLine(1, loss=math.nan))
    assert '"loss": null' in (tmp_path / "m.jsonl").read_text()
    (line,) = read_metrics(tmp_path / "m.jsonl")
    assert math.isnan(line.loss)
    assert line.chance is None


def test_what_follows_a_broken_line_is_not_read(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo\n{"step": 3}\n')
    assert [line.step for line in read_metrics(tmp_path / "m.jsonl")] == [1]
    for text in ("[]\n", '{"loss": 1}\n', '{"step": true}\n', '{"step": 1.5}\n'):
        (tmp_path / "m.jsonl").write_text(text)
        assert read_metrics(tmp_path / "m.jsonl") == []


def test_lines_of_the_first_edition_are_read():
    lines, written = read_metrics(FIRST), [json.loads(line) for line in FIRST.read_text().splitlines()]
    assert [line.step for line in lines] == [line["step"] for line in written]
    assert [line.monitor for line in lines] == [line.get("look", {}) for line in written]
    assert [line.loss for line in lines] == [line.get("loss") for line in written]
