"""Headlines, tables and verdicts of reports: the numbers are those of the runs."""

from __future__ import annotations

import math
import re
import statistics
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from mixtrast.records import DataRecord, Results, Score
from mixtrast.report import headline, notes, table
from mixtrast.report.score_table import score_table
from support.pages import LEVEL, Synthetic, accuracies, mean_sd, report, results_of, three


def few(runs, row: str, at: int = 3) -> list[list[float]]:
    return [run.results["labels"]["points"][at]["rows"][row] for run in runs]


def interval(values) -> str:
    """Mean [low, high] of percentage points, by SciPy's paired t-test."""
    low, high = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return f"{100 * statistics.fmean(values):+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]".replace("-", "−")


def test_the_headline_is_the_mean_over_draws_and_seeds(tmp_path):
    runs = three()
    page = report(tmp_path, *runs)
    pooled = {row: [value for draws in few(runs, row) for value in draws] for row in LEVEL if row != "majority"}
    gains = {
        row: [
            statistics.fmean(a - b for a, b in zip(*pair, strict=True))
            for pair in zip(few(runs, "trained"), few(runs, row), strict=True)
        ]
        for row in ("raw", "untrained")
    }
    said = (
        f"With 10 labels per class, a linear probe on the trained encoder reaches {mean_sd(pooled['trained'])} % "
        f"on synthetic digits; raw input {mean_sd(pooled['raw'])}, encoder before training {mean_sd(pooled['untrained'])}, "
        f"supervised baseline {mean_sd(pooled['supervised'])}. "
        "± is the standard deviation over 5 draws of labels × 3 seeds. "
        f"Gain: {interval(gains['raw'])} over raw input, {interval(gains['untrained'])} over the encoder before training. "
        "In brackets: 95 % interval of a paired t-test over 3 seeds."
    )
    assert said in page.prose
    assert headline(*results_of(*runs)) == said


def test_the_table_is_the_mean_over_seeds(tmp_path):
    runs = three()
    page = report(tmp_path, *runs)
    rows = table(*results_of(*runs))
    assert rows[0] == ["", "linear probe, accuracy", "kNN, accuracy"]
    assert rows[1] == ["trained encoder", *(f"{mean_sd(accuracies(runs, 'trained', probe))} %" for probe in ("linear", "knn"))]
    assert rows[-1] == ["majority-class baseline", "10.0 ± 0.0 %", "10.0 ± 0.0 %"]
    for row in rows[1:]:
        assert all(cell.removeprefix("* ") in page.prose for cell in row)
    assert f'<td class="best">{mean_sd(accuracies(runs, "supervised"))} %' in re.sub(r">\s+", ">", page.text)
    assert rows[-2][1] == f"* {mean_sd(accuracies(runs, 'supervised'))} %"
    assert "raw input (linear probe), raw input (kNN). A wider range" in page.prose


def test_one_seed_has_no_spread(tmp_path):
    run = Synthetic()
    page = report(tmp_path, run)
    assert "one seed (0)" in page.prose
    assert "Run once; repeat with --seed 0 1 2." in page.prose
    assert f"{100 * accuracies([run], 'trained')[0]:.1f} %" in page.prose
    assert "± is the standard deviation over 5 draws of labels. Run once" in page.prose
    assert "seeds thin" not in page.prose
    run.results["labels"]["points"] = []
    said = headline(*results_of(run))
    assert "With all 1,078 training labels, a linear probe on the trained encoder reaches " in said
    assert "Run once; repeat with --seed 0 1 2. Gain: +" in said
    assert "In brackets: two standard errors for 449 test examples, unpaired." in said


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ({"trained": 0.8, "raw": 0.9, "untrained": 0.7}, "The trained encoder is clearly worse than raw input."),
        ({"trained": 0.8, "raw": 0.9, "untrained": 0.9}, "is clearly worse than raw input and the encoder before training."),
        ({"trained": 0.9, "raw": 0.9, "untrained": 0.7}, "It is not clearly better than raw input: the difference (0."),
        ({"trained": 0.9, "raw": 0.7}, "There is no score of the encoder before training, so the gain over that is not known."),
    ],
)
def test_features_that_are_not_better_are_said_not_to_be(levels, sentence):
    gains = {0: (0.01, -0.02, 0.005), 1: (-0.01, 0.02, 0.001)}
    results = []
    for seed in range(3):
        noise = {row: 0.5 * gains[at % 2][seed] for at, row in enumerate(levels)}
        probes = {"linear": {row: {"accuracy": level + noise[row]} for row, level in levels.items()}}
        results.append({"seed": seed, "data": {"name": "made up", "task": "classes", "test": 1000}, "probes": probes})
    said = headline(*map(Results.from_dict, results))
    assert sentence in said
    assert ("not clearly better" in said) == ("not clearly better" in sentence)
    assert ("worse" in said) == ("worse" in sentence)


def test_one_run_without_scores_of_examples_is_held_to_the_size_of_the_test_set():
    def said(trained, test):
        probes = {"linear": {"trained": {"accuracy": trained}, "raw": {"accuracy": 0.9}, "untrained": {"accuracy": 0.5}}}
        return headline(Results.from_dict({"data": {"task": "classes", "test": test}, "probes": probes}))

    margin = 2 * 100 * math.sqrt((0.9 * 0.1 + 0.91 * 0.09) / 400)
    unclear = f"the difference (1.0) is smaller than the uncertainty of the test set (±{margin:.1f})."
    assert f"It is not clearly better than raw input: {unclear}" in said(0.91, 400)
    assert "not clearly better than raw input" in said(0.93, 400)  # 3 points, 1.5 standard errors
    assert "The trained encoder is clearly worse than raw input." in said(0.85, 400)
    assert "worse" not in said(0.87, 400)
    assert "not clearly better" not in said(0.91, 40_000)
    assert "not clearly better" not in said(0.95, 400)
    assert "One run cannot tell whether the difference to raw input" in said(0.91, None)


def test_one_run_of_a_number_is_held_to_the_size_of_the_test_set():
    def said(trained, test=30):
        probes = {"linear": {"trained": {"r2": trained}, "raw": {"r2": 0.9}, "untrained": {"r2": 0.2}}}
        return headline(Results.from_dict({"data": {"task": "number", "test": test}, "probes": probes}))

    margin = 2 * math.sqrt(2 / 30) * math.hypot(0.08, 0.1)
    assert f"the difference (0.020) is smaller than the uncertainty of the test set (±{margin:.3f})." in said(0.92)
    assert "is clearly worse than raw input." in said(0.7)
    assert "is clearly worse than raw input." not in said(0.8)
    assert "cannot tell" not in said(0.7)
    assert "cannot tell whether the difference to raw input" in said(0.7, None)


def test_one_run_with_scores_of_examples_is_tested_over_them():
    """Two encoders that fail on the same examples differ more clearly than their accuracies say."""
    right = np.arange(400) >= 40
    fewer = np.arange(400) >= 52
    scores = {"trained": right, "raw": fewer, "untrained": np.arange(400) >= 42}
    rows = {
        row: Score({"accuracy": float(each.mean())}, examples={"accuracy": each.astype(np.float32)})
        for row, each in scores.items()
    }
    data = DataRecord(task="classes", test=400)
    said = headline(Results(data=data, probes={"linear": rows}))
    assert "In brackets: 95 % interval of a paired t-test over 400 test examples." in said
    assert "not clearly better than the encoder before training" in said, "two examples are no difference"
    assert "not clearly better than raw input" not in said
    without = {row: replace(score, examples={}) for row, score in rows.items()}
    assert "not clearly better than raw input" in headline(Results(data=data, probes={"linear": without}))
    assert any("paired t-test over 400 test examples" in note for note in notes(Results(data=data, probes={"linear": rows})))


def test_equal_scores_are_said_to_be_equal():
    rows = dict.fromkeys(("trained", "raw", "untrained"), Score({"accuracy": 0.9}))
    said = headline(Results(data=DataRecord(task="classes", test=400), probes={"linear": rows}))
    assert "It is not better than raw input: both reach the same score." in said


def test_draws_of_labels_on_one_test_set_are_held_to_its_size():
    """Five draws that agree say nothing of whether 15 test examples are enough."""

    def said(test):
        rows = {"trained": [0.60, 0.61, 0.60, 0.62], "raw": [0.70, 0.71, 0.70, 0.71], "untrained": [0.3, 0.3, 0.31, 0.3]}
        labels = {"points": [{"per_class": 10, "labels": 30, "rows": rows}]}
        return headline(Results.from_dict({"data": {"task": "classes", "test": test}, "labels": labels}))

    assert "clearly worse than raw input." in said(1000)
    assert "worse" not in said(15)
    assert said(15).count("is smaller than the uncertainty of the test set") == 2
    assert "clearly worse than raw input." in said(None)  # nothing but the spread over draws
    assert "95 % interval of a paired t-test over 4 draws of labels" in said(None)


def test_a_class_with_fewer_labels_than_the_point_is_said():
    run = Synthetic()
    run.results["data"]["counts"]["train"][3] = 4
    assert headline(*results_of(run)).startswith("With 10 labels per class (all of a class that has fewer), a linear probe on")


def test_a_column_that_looks_like_an_identifier_is_said():
    run = Synthetic()
    run.results["data"]["notes"] = ["id looks like an identifier, not like a measurement: `--drop id` leaves it out."]
    assert headline(*results_of(run)).endswith(f"to raw input and to the encoder alike: {run.results['data']['notes'][0]}")


def test_headline_and_verdicts_agree():
    """The same numbers, the same rule: what the one calls worse or better, the other does."""
    from mixtrast.evaluation import diagnose

    rng = np.random.default_rng(0)
    for at in range(200):
        metric, task = (("accuracy", "classes"), ("r2", "number"))[at % 2]
        ours, raw, before = rng.uniform(0.55, 0.99, 3)
        test = int(rng.choice([15, 30, 200, 2000]))
        probes = {"linear": {"trained": {metric: ours}, "raw": {metric: raw}, "untrained": {metric: before}}}
        results = Results.from_dict({"data": {"task": task, "test": test}, "probes": probes})
        said = headline(results)
        (verdict,) = diagnose(results)
        worse = "is clearly worse than" in said
        untrained = worse and "the encoder before training" in said.split("is clearly worse than")[1].split(".")[0]
        assert (verdict.verdict == "worse than before training") == untrained
        assert (verdict.verdict == "better than baselines") == (not worse and "not clearly better" not in said)
        assert ("is clearly worse than raw input" in verdict.says) == (worse and not untrained)


def test_rows_that_are_not_clearly_worse_are_marked(tmp_path):
    runs = three(levels={"trained": 0.9, "raw": 0.9, "untrained": 0.6})
    for run, trained, raw in zip(runs, (0.90, 0.91, 0.92), (0.91, 0.91, 0.90), strict=True):
        run.results["probes"]["linear"]["trained"]["accuracy"], run.results["probes"]["linear"]["raw"]["accuracy"] = (
            trained,
            raw,
        )
    page = report(tmp_path, *runs)
    assert re.search(r"raw input ≈ 90\.7 ± 0\.6 %", page.prose)
    test = "95 % interval of a paired t-test over 3 seeds"
    assert f"≈ not clearly worse than the best: the difference may be 0 ({test})." in page.prose
    assert not re.search(r"before training ≈", page.prose)


def test_unbalanced_classes_show_the_balanced_accuracy(tmp_path):
    assert "balanced accuracy" not in report(tmp_path / "even", Synthetic()).prose
    run = Synthetic()
    run.results["data"]["counts"]["test"] = [90] + [40] * 9
    run.results["labels"]["points"] = []
    page = report(tmp_path / "uneven", run)
    assert "linear probe, balanced accuracy" in page.prose
    assert "majority-class baseline 10.0. Run once" in page.prose


def test_a_number_is_told_in_r2_and_mae(tmp_path):
    runs = three(
        kind="table",
        task="number",
        drawn="map",
        levels={row: LEVEL[row] for row in ("trained", "untrained", "raw", "majority")},
    )
    page = report(tmp_path, *runs)
    values = [run.results["probes"]["linear"]["trained"]["r2"] for run in runs]
    assert f"{statistics.fmean(values):.3f} ± {statistics.stdev(values):.3f}" in page.prose
    maes = [run.results["probes"]["knn"]["raw"]["mae"] for run in runs]
    assert f"{statistics.fmean(maes):.2f} ± {statistics.stdev(maes):.2f}" in page.prose
    assert "With 100 labels, a linear probe on the trained encoder reaches R² 0." in page.prose
    assert "R² [" in page.prose
    assert "coloured by the label" in "".join(page.alts)
    assert "accuracy" not in page.prose
    best = [cell.mark for line in tables_of(runs).lines if line.key == "trained" for cell in line.cells]
    assert best == ["best"] * 4, "a small error is a good one"


def tables_of(runs):
    return score_table(results_of(*runs))


def test_labels_that_may_be_used_and_were_used_are_said():
    run = Synthetic()
    run.results["data"] |= {"labels_granted": 10, "labels_seen": 100}
    run.results["labels"]["points"] = []
    said = headline(*results_of(run))
    assert said.startswith("With the 10 labels per class that the run may use, a linear probe on the trained encoder reaches ")
    assert said.endswith("Training used 100 labels.")
    run.results["data"] |= {"labels_granted": None, "labels_seen": 1078}
    assert headline(*results_of(run)).endswith("Training used all 1,078 labels.")


def test_headlines_need_no_pictures():
    """The command line says the headline without loading what draws."""
    code = (
        "import sys; from mixtrast.records import Results; from mixtrast.report import headline, table, write\n"
        "assert headline(Results()) and table(Results()) == [['']]\n"
        "print([name for name in ('matplotlib', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
