"""Verdicts from baselines and from fine-tuning alone."""

from __future__ import annotations

from dataclasses import replace

from mixtrast import evaluation
from mixtrast.records import DataRecord, Learning, Results, Score

LINEAR = {"trained": 0.9, "untrained": 0.7, "raw": 0.6, "majority": 0.1}
LEARNED = Results(data=DataRecord(test=2000), learning=Learning(loss=1.0, chance=3.0, floor=0.0, steps=5000))


def with_scores(**tables: dict[str, float]) -> Results:
    """A run with these accuracies by evaluation and row."""
    probes = {name: {row: Score({"accuracy": value}) for row, value in rows.items()} for name, rows in tables.items()}
    return replace(LEARNED, probes=probes, evaluations={name: evaluation.get(name).record() for name in tables})


def test_baselines_that_are_hard_to_beat_are_named():
    for raw, verdict in ((0.95, "no better than baseline"), (0.6, "better than baselines")):
        found = evaluation.diagnose(with_scores(linear=LINEAR, convolutions={"raw": raw}))
        assert verdict in (found[0].verdict, found[-1].verdict)
    says = evaluation.diagnose(with_scores(linear=LINEAR, convolutions={"raw": 0.95}))[0].says
    assert says.startswith("The trained encoder is clearly worse than random convolutions of raw input: 90.0 % against 95.0 %.")


def test_the_strongest_baseline_is_named():
    """Of raw input and baselines that are not clearly beaten, the one with the highest score."""
    for boosting, convolutions, name in (
        (0.93, 0.95, "random convolutions of raw input"),
        (0.96, 0.95, "boosted trees on raw input"),
        (0.5, 0.5, "raw input"),
    ):
        tables = {"linear": LINEAR | {"raw": 0.92}, "boosting": {"raw": boosting}, "convolutions": {"raw": convolutions}}
        assert f"than {name}:" in evaluation.diagnose(with_scores(**tables))[0].says


def test_fine_tuning_and_weak_probes_alone_say_nothing_of_the_features():
    only = {row: value for row, value in LINEAR.items() if row != "raw"}
    for name in ("finetune", "dabs"):
        found = evaluation.diagnose(with_scores(**{name: only}))
        assert [each.verdict for each in found] == ["learning"]
