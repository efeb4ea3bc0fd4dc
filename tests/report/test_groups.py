"""Runs of several recipes side by side."""

from __future__ import annotations

import re

import numpy as np
import scipy.stats

from mixtrast.records import read_run
from mixtrast.report import groups, write
from support.pages import LEVEL, Page, Synthetic, accuracies, mean_sd, report, three


def test_recipes_stand_side_by_side(tmp_path):
    first, second = three(), three(mixer="cutmix", levels=LEVEL | {"trained": 0.8})
    page = report(tmp_path, *first, *second)
    assert page.text.count("<article") == 2
    expected = mean_sd(accuracies(first, "trained")), mean_sd(accuracies(second, "trained"))
    gain = 100 * np.subtract(accuracies(first, "trained"), accuracies(second, "trained"))
    half = scipy.stats.t.ppf(0.975, 2) * gain.std(ddof=1) / np.sqrt(3)
    mean, low, high = (f"+{each:.1f}" for each in (gain.mean(), gain.mean() - half, gain.mean() + half))
    assert (
        f"imix + mixup reaches {expected[0]} % on synthetic digits (linear probe, accuracy), the highest of 2 recipes; "
        f"imix + cutmix reaches {expected[1]} %. The difference is {mean} points [{low}, {high}] "
        "(95 % interval of a paired t-test over 3 seeds)."
    ) in page.prose
    assert 'href="#recipe-2"' in page.text
    assert "The best of several on one test set is partly luck." in page.prose


def test_a_recipe_that_is_not_clearly_ahead_is_said_not_to_be(tmp_path):
    first, second = three(), three(mixer="cutmix")
    for at, shift in enumerate((0.01, -0.01, 0.006)):
        level = first[at].results["probes"]["linear"]["trained"]["accuracy"]
        second[at].results["probes"]["linear"]["trained"]["accuracy"] = level + shift
    page = report(tmp_path, *first, *second)
    test = "95 % interval of a paired t-test over 3 seeds"
    assert f"The difference is +0.2 points [−2.4, +2.8] ({test}), which is not clear: it may be 0." in page.prose
    assert f"≈ not clearly worse than the best: the difference may be 0 ({test})." in page.prose


def test_recipes_of_different_data_are_not_ranked(tmp_path):
    first, other = Synthetic(), Synthetic(mixer="cutmix")
    other.results["data"]["split"] = "whole groups, seed 0"
    page = report(tmp_path, first, other)
    assert "No recipe here can be called better than another" in page.prose
    table = page.text.partition("<article")[0]  # of the recipes, before their own pages
    assert "accuracy" in table
    assert 'class="best"' not in table
    assert "Bold:" not in re.sub(r"<[^>]*>", " ", table)


def test_runs_are_grouped_by_everything_but_the_seed(tmp_path):
    runs = three()
    runs[2].recipe["method"]["temperature"] = 0.1
    runs[1].recipe |= {"out": "elsewhere", "versions": {"torch": "2.14.0"}}
    folders = [run.save(tmp_path / f"run{at}") for at, run in enumerate(runs)]
    found = groups.group([read_run(folder) for folder in [*folders, folders[0]]])
    assert [(group.name, [run.seed for run in group.runs]) for group in found] == [
        ("imix + mixup, temperature 0.2", [0, 1]),
        ("imix + mixup, temperature 0.1", [2]),
    ]
    assert "2.13.0 and 2.14.0" in Page(write(folders[:2], tmp_path / "report.html")).prose


def test_one_seed_twice_is_no_spread(tmp_path):
    early, late = Synthetic(), Synthetic()
    late.results["finished"] = "2026-11-21T12:00:00"
    late.results["probes"]["linear"]["trained"]["accuracy"] = 0.5
    page = report(tmp_path, late, early)
    assert "1 more run has a seed that is already there; of each seed the latest run counts." in page.prose
    assert "one seed (0)" in page.prose
    assert "50.0 %" in page.prose
