"""Verdicts on a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mixtrast import evaluation
from mixtrast.evaluation._diagnosis import SEVERITY
from mixtrast.records import DataRecord, LabelCurve, LabelPoint, Learning, Results, Score, Verdict

PROBE = {"metric": "accuracy", "trained": 0.97, "untrained": 0.93, "raw": 0.92, "majority": 0.1, "n_test": 449}
R2 = {"metric": "r2", "trained": 0.5, "untrained": 0.4, "raw": 0.49}
FEW = {"trained": [0.92, 0.91, 0.93], "untrained": [0.88, 0.86, 0.88], "raw": [0.87, 0.86, 0.88]}
SPREAD = FEW | {"raw": [0.93, 0.80, 0.87]}  # better by 5 points in the mean, and by 7 points of spread
SOUND = {
    "loss": 2.0,
    "loss_last": 1.9,
    "chance": 5.5,
    "floor": 0.4,
    "warmup_done": True,
    "rank": 60.0,
    "rank_untrained": 40.0,
    "dim": 512,
    "uniformity": -2.9,
    "alignment": 0.3,
    "gain_train": 3.5,
    "gain_val": 3.2,
    "gain_train_before": 0.9,
    "gain_val_before": 0.8,
    "gain_margin": 0.2,
    "steps": 5000,
    "probes": {"knn": PROBE | {"trained": 0.1}, "linear": PROBE},
}


def diagnosed(record: dict[str, Any]) -> tuple[Verdict, ...]:
    """The verdicts on a run with these measurements; in probes "n_test" is the size of the test set."""
    record = dict(record)
    probes, few, warmup_done = record.pop("probes", None) or {}, record.pop("few", None), record.pop("warmup_done", None)
    tables: dict[str, dict[str, Score]] = {}
    size = None
    for name, table in probes.items():
        rows = {key: value for key, value in table.items() if key not in ("metric", "n_test")}
        size, metric = size or table.get("n_test"), table.get("metric", "accuracy")
        tables[name] = {row: Score({metric: value}) for row, value in rows.items()}
    results = Results(
        learning=Learning(**record),
        data=DataRecord(test=size, task="number" if any("r2" in p.get("metric", "") for p in probes.values()) else "classes"),
        evaluations={name: evaluation.get(name).record() for name in probes},
        probes=tables,
        labels=LabelCurve((LabelPoint(10, 40, {row: tuple(draws) for row, draws in few.items()}),) if few else ()),
    )
    return evaluation.diagnose(results, warmup_done=warmup_done)


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        ({}, ["learning", "better than baselines"]),
        ({"loss": 5.4}, ["at chance", "better than baselines"]),
        ({"loss": 5.9}, ["at chance", "better than baselines"]),
        ({"loss": 5.4, "warmup_done": False}, ["too early", "better than baselines"]),
        ({"loss": None, "loss_last": 5.4}, ["at chance", "better than baselines"]),
        ({"loss": math.nan}, ["diverged", "better than baselines"]),
        ({"loss_last": math.inf, "rank": math.nan}, ["diverged", "better than baselines"]),
        ({"floor": None}, ["learning", "better than baselines"]),
        ({"chance": None}, ["better than baselines"]),
        ({"loss_first": 5.5}, ["learning", "better than baselines"]),
        ({"loss_first": 2.5}, ["learning", "better than baselines"]),  # better than chance from the start, and better still
        ({"loss_first": 2.2}, ["no progress", "better than baselines"]),
        ({"loss_first": 1.8}, ["no progress", "better than baselines"]),
        ({"loss_first": 2.2, "warmup_done": False}, ["no progress", "better than baselines"]),
        ({"loss": 5.4, "loss_first": 5.4}, ["at chance", "better than baselines"]),
        ({"probes": {"linear": PROBE | {"supervised": 0.99}}}, ["worse than supervised", "learning"]),
        ({"probes": {"linear": PROBE, "boosting": {"raw": 0.99}}}, ["no better than baseline", "learning"]),
        ({"probes": {"linear": PROBE, "boosting": {"raw": 0.5}}}, ["learning", "better than baselines"]),
        ({"probes": {"linear": PROBE | {"supervised": 0.975}}}, ["learning", "better than baselines"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.97}}, "few": FEW}, ["learning", "better with few labels"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.97}}, "few": SPREAD}, ["no better than before training", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.99}}, "few": FEW}, ["worse than before training", "learning"]),
        ({"rank": 1.3, "loss": 5.5}, ["collapsed", "at chance", "better than baselines"]),
        ({"rank": 1.3, "dim": 2}, ["learning", "better than baselines"]),
        ({"uniformity": -0.001}, ["collapsed", "learning", "better than baselines"]),
        ({"gain_val": 1.0}, ["overfitting", "learning", "better than baselines"]),
        (
            {"gain_val": 1.0, "gain_train_before": None, "gain_val_before": None},
            ["overfitting", "learning", "better than baselines"],
        ),
        (
            {"gain_val": 1.0, "gain_margin": 2.5},
            ["learning", "better than baselines"],
        ),  # another batch may be as far from these
        ({"gain_val": 1.0, "gain_margin": None}, ["learning", "better than baselines"]),
        (
            {"gain_val": 1.7, "gain_train_before": 3.2, "gain_val_before": 1.4},
            ["learning", "better than baselines"],
        ),  # so from the start
        (
            {"gain_train": 0.83, "gain_val": 0.41, "gain_train_before": 0.73, "gain_val_before": 0.42},
            ["learning", "better than baselines"],
        ),
        ({"gain_val": math.nan}, ["learning", "better than baselines"]),
        ({"gain_train": 0.05, "gain_val": -0.1}, ["learning", "better than baselines"]),
        ({"steps": 3}, ["learning", "better than baselines"]),
        ({"steps": 3, "probes": None}, ["too early", "learning"]),
        ({"steps": 99, "loss": 5.5}, ["at chance", "better than baselines"]),
        ({"steps": 100, "loss": 5.5, "probes": None}, ["at chance"]),
        ({"steps": 3, "loss": 5.4, "warmup_done": False, "probes": None}, ["too early"]),
        ({"steps": 3, "rank": 1.3, "probes": None}, ["collapsed", "too early", "learning"]),
        ({"warned": ("id looks like an identifier.",)}, ["possible leak", "learning", "better than baselines"]),
        ({"warned": ()}, ["learning", "better than baselines"]),
        ({"probes": {"linear": PROBE | {"raw": 0.965}}}, ["no better than raw input", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.955}}}, ["no better than before training", "learning"]),  # 1.2 errors
        ({"probes": {"linear": PROBE | {"untrained": 0.985}}}, ["no better than before training", "learning"]),
        ({"probes": {"linear": PROBE | {"n_test": 30}}}, ["no better than raw input", "learning"]),
        (
            {"probes": {"linear": PROBE | {"trained": 1.0, "raw": 0.999}}},
            ["no better than raw input", "learning"],
        ),  # one example
        (
            {"probes": {"linear": PROBE | {"untrained": 0.97, "n_test": 60}}, "few": FEW},
            ["no better than raw input", "learning"],
        ),
        ({"probes": {"linear": R2 | {"raw": 0.3, "untrained": 0.3, "n_test": 1000}}}, ["learning", "better than baselines"]),
        ({"probes": {"linear": R2 | {"raw": 0.3, "untrained": 0.3, "n_test": 30}}}, ["no better than raw input", "learning"]),
        ({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}}, ["worse than before training", "learning"]),
        ({"probes": {"linear": R2 | {"majority": 0.0, "n_test": 8}}}, ["no better than majority", "learning"]),
        ({"probes": {"linear": PROBE | {"raw": 0.99}}}, ["no better than raw input", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.99}}}, ["worse than before training", "learning"]),
        ({"probes": {"linear": PROBE | {"untrained": 0.971}}}, ["no better than before training", "learning"]),
        ({"probes": {"linear": PROBE | {"majority": 0.97}}}, ["no better than majority", "learning"]),
        ({"probes": {"linear": {"trained": 0.97}}}, ["learning"]),
        ({"probes": {"knn": PROBE}}, ["learning", "better than baselines"]),
        ({"probes": {"linear": R2}}, ["no better than raw input", "learning"]),
        ({"probes": None}, ["learning"]),
    ],
)
def test_diagnosis(change, verdicts):
    found = diagnosed(SOUND | change)
    assert [verdict.verdict for verdict in found] == verdicts
    assert set(verdicts) <= set(SEVERITY)
    for verdict in found:
        assert verdict.says[0].isupper()
        assert verdict.says.endswith(".")
        assert "{" not in verdict.says


def test_a_difference_is_told_from_two_standard_errors():
    """Of a simulated pair of models that are alike, at most one run in twenty is said to differ; accuracy and r² alike."""
    rng, told = np.random.default_rng(0), {"accuracy": 0, "r2": 0}
    for _ in range(400):
        p, q = rng.binomial(60, 0.8, 2) / 60
        y, one, two = rng.normal(size=60), *rng.normal(scale=0.5, size=(2, 60))
        r2 = [1 - (error @ error) / ((y - y.mean()) @ (y - y.mean())) for error in (one, two)]
        for metric, (ours, theirs) in {"accuracy": (p, q), "r2": r2}.items():
            probe = {"metric": metric, "trained": float(ours), "untrained": float(theirs), "n_test": 60}
            (verdict,) = diagnosed({"probes": {"linear": probe}})
            told[metric] += verdict.verdict != "no better than before training"
    assert 2 <= told["accuracy"] <= 30  # 20 expected of 400, their s.d. is 4.4
    assert 2 <= told["r2"] <= 30


def test_what_is_not_told_apart_is_said_to_be_so():
    (_, tie) = diagnosed(SOUND | {"probes": {"linear": PROBE | {"raw": 0.965}}})[::-1]
    error = 100 * math.sqrt((0.97 * 0.03 + 0.965 * 0.035) / 449)
    assert tie.says.startswith(
        "The trained encoder is not clearly better than raw input: the difference (0.5 points) is smaller than the uncertainty "
        f"of the test set (±{2 * error:.1f}). Linear probe: "
    )
    (same,) = diagnosed({"probes": {"linear": {"trained": 1.0, "raw": 1.0}}})
    assert same.says.startswith("The trained encoder is not better than raw input: both reach 100.0 %.")
    (unknown,) = diagnosed({"probes": {"linear": {"trained": 0.9, "raw": 0.8}}})
    assert unknown.says.startswith("The trained encoder is not shown to be better than raw input: 90.0 % against 80.0 %.")
    (worse,) = diagnosed({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}})
    assert worse.says.startswith(
        "The trained encoder is clearly worse than the encoder before training: r² 0.50 against r² 0.90."
    )
    assert "may remove what tells the classes apart" in worse.says
    early, worse = diagnosed({"probes": {"linear": R2 | {"untrained": 0.9, "n_test": 300}}, "steps": 3})
    assert early.says.startswith("Training took only 3 steps")
    assert worse.says.endswith("Train for longer first.")
    assert "may remove" not in worse.says
    (found,) = diagnosed({"warned": ("id looks like an identifier: `--drop id` leaves it out.",)})
    assert "--drop id" in found.says


def test_diagnosis_says_the_numbers_and_what_to_try():
    (_, better) = diagnosed(SOUND)
    assert (
        "Linear probe: trained encoder 97.0 %, encoder before training 93.0 %, raw input 92.0 %, majority-class baseline "
        "10.0 %, on 449 test examples." in better.says
    )
    (chance,) = diagnosed({"loss": 5.4, "chance": 5.5})
    assert "5.40" in chance.says
    assert "Train for longer" in chance.says
    assert evaluation.diagnose(Results()) == ()
    (few,) = diagnosed({"probes": {"linear": PROBE | {"untrained": 0.97}}, "few": FEW})
    assert few.says.startswith(
        "With 10 labels per class the trained encoder is clearly better: trained encoder 92.0 %, encoder before training "
        "87.3 %, raw input 87.0 % (mean of 3 draws)."
    )


def test_one_seed_is_compared_example_by_example():
    """The same accuracies: paired, a clear difference where all examples agree but a few, and none where they do not."""
    rng = np.random.default_rng(0)
    raw = (rng.random(400) < 0.8).astype(np.float32)
    better = raw.copy()
    better[np.flatnonzero(raw == 0)[:12]] = 1
    for trained, verdict in ((better, "better than baselines"), (rng.permutation(better), "no better than raw input")):
        rows = {name: Score({"accuracy": float(each.mean())}, examples={"accuracy": each}) for name, each in
                (("trained", trained), ("raw", raw))}  # fmt: skip
        (found,) = evaluation.diagnose(Results(data=DataRecord(test=400), probes={"linear": rows}))
        assert found.verdict == verdict
