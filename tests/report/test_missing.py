"""What is missing in a run is said in its report."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixtrast.report import headline, write
from support.pages import Page, Synthetic, report


def test_a_withheld_curve_says_why(tmp_path):
    run = Synthetic()
    run.results["labels"] = {"points": [], "withheld": "the encoder saw all 1,078 labels"}
    page = report(tmp_path, run)
    assert "There is no label-efficiency curve: the encoder saw all 1,078 labels." in page.prose
    assert "With all 1,078 training labels, a linear probe on the trained encoder reaches" in page.prose


def test_without_labels_nothing_is_claimed(tmp_path):
    page = report(
        tmp_path, *[Synthetic(seed=seed, task="none", kind="series", mixer=None, drawn="map strip") for seed in range(2)]
    )
    assert "synthetic digits has no labels, so the features were not evaluated on a task." in page.prose
    assert "where chance is 5.50" in page.prose
    assert "how well the training task was learned, not how useful the features are" in page.prose
    assert "nothing could be evaluated" in page.prose
    assert "so there is no label-efficiency curve" in page.prose
    assert "Without labels the examples have no colours." in page.prose
    assert "This method does not mix examples" in page.prose


def without(part: str, *names: str):
    """Takes names out of a part of a run."""

    def take(run: Synthetic) -> None:
        held = run.figures[part] if part in ("map", "strip") else getattr(run, part)
        for name in names:
            held.pop(name)

    return take


MISSING = {  # what is taken away -> the sentences that stand in its place
    "results": (
        lambda run: vars(run).update(results=None),
        ["it is not finished, or it was stopped", "No results are recorded yet", "on synthetic digits", "no table of scores"],
    ),
    "files": (
        lambda run: vars(run).update(metrics=None, figures={}),
        ["This run has no metrics.jsonl.", "This run has no figures/map.npz.", "This run has no figures/strip.npz."],
    ),
    "raw map, mixtures": (
        lambda run: [without("map", "raw")(run), without("strip", "mixed")(run)],
        ["There is no map of the raw input.", "No mixtures are recorded."],
    ),
    "labels of the map, weights, views": (
        lambda run: [without("map", "label")(run), without("strip", "weight", "x", "view1", "view2")(run)],
        ["the examples have no colours", "Mixtures by mixup", "No views are recorded."],
    ),
    "parts": (
        lambda run: [
            without("results", "probes", "labels", "learning", "diagnosis", "cost", "next")(run),
            without("recipe", "versions", "why")(run),
        ],
        [
            *("No evaluation on synthetic digits is recorded", "No evaluation is recorded, so there is no table"),
            *(
                "No scores with few labels are recorded.",
                "The geometry of the features is not recorded.",
                "No diagnosis is recorded.",
            ),
            *(
                "The cost of the run is not recorded.",
                "No next steps are recorded.",
                "versions of the software are not recorded.",
            ),
        ],
    ),
    "data": (without("results", "data"), ["No evaluation on the data is recorded"]),
    "everything": (lambda run: run.results.clear(), ["No diagnosis is recorded."]),
    "chance": (
        lambda run: [line.update(chance=None, floor=None) for line in run.metrics],
        ["The chance level is not recorded."],
    ),
    "loss": (lambda run: [line.pop("loss") for line in run.metrics], ["No value of the loss is recorded"]),
    "finite losses": (lambda run: [line.update(loss=math.nan) for line in run.metrics[5:8]], ["At 3 logged steps"]),
}


@pytest.mark.parametrize("part", MISSING)
def test_what_is_missing_is_said(tmp_path, part):
    take, sentences = MISSING[part]
    run = Synthetic(drawn="map strip" if "map" in part else "")
    take(run)
    page = report(tmp_path, run)
    assert [sentence for sentence in sentences if sentence not in page.prose] == []
    assert "imix" in page.prose


def test_nulls_and_nans_everywhere_leave_no_trace(tmp_path):
    def emptied(value, leaf):
        if isinstance(value, dict):
            return {key: emptied(held, leaf) for key, held in value.items()}
        return (
            [emptied(held, leaf) for held in value] if isinstance(value, list) else leaf if isinstance(value, float) else value
        )

    for at, leaf in enumerate((None, math.nan, math.inf, "text", [])):
        run = Synthetic(lines=20, drawn="map")
        run.results, run.metrics = emptied(run.results, leaf), emptied(run.metrics, leaf)
        run.figures["map"]["label"] = np.full(run.examples, -1)
        report(tmp_path / str(at), run)
    run.results = {key: [] if isinstance(value, dict) else {} for key, value in run.results.items()}
    report(tmp_path / "wrong shapes", run)


def test_a_broken_picture_file_is_said(tmp_path):
    folder = Synthetic(drawn="map").save(tmp_path / "run")
    (folder / "figures" / "map.npz").write_bytes(b"PK\x03\x04 no more")
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo', encoding="utf-8")
    page = Page(write([folder], tmp_path / "report.html"))
    assert "Its figures/map.npz cannot be read" in page.prose
    assert "Training loss of one run" in page.prose


def test_no_results_is_a_sentence():
    assert headline() == "There are no results yet, so the features cannot be judged."
