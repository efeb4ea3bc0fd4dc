"""Reports of synthetic run folders: every number here is made up, and says so."""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from mixtrast.report import groups, headline, records, table, write

SHAPES = {"image": (1, 8, 8), "colour": (3, 32, 32), "series": (2, 128), "table": (30,)}
SPECS = {
    "image": {"kind": "Image", "channels": 1, "height": 8, "width": 8},
    "colour": {"kind": "Image", "channels": 3, "height": 32, "width": 32},
    "series": {"kind": "Series", "channels": 2, "length": 128},
    "table": {"kind": "Table", "features": 30},
}
LEVEL = {"trained": 0.92, "untrained": 0.89, "raw": 0.87, "supervised": 0.95, "majority": 0.1}
PER_CLASS = (1, 2, 5, 10, 20)
DRAWS = 5


class Synthetic:
    """A made-up run.

    Args:
        kind: a key of SHAPES.
        task: "classes", "number" or "none".
        seed: of the made-up numbers, and of the run.
        classes: names of the classes.
        levels: row -> its score with all labels; rows that are left out are not written.
        lines: of metrics.jsonl; every twentieth is a look.
        mixer: its name, or None.
        drawn: which of "map strip" there is; left out, as pictures take time.
    """

    def __init__(self, kind="image", task="classes", seed=0, classes=None, levels=None, lines=12, mixer="mixup", drawn=""):
        self.kind, self.task, self.seed, self.mixer, self.lines = kind, task, seed, mixer, lines
        self.classes = classes if classes is not None else [str(number) for number in range(10)] if task == "classes" else []
        self.levels = levels or LEVEL
        self.rng = np.random.default_rng(seed)
        self.examples = 240
        self.recipe = {
            "data": {"source": "tables/synthetic digits.csv", "limit": None},
            "method": {"name": "imix", "temperature": 0.2},
            "mixer": {"name": mixer, "alpha": 1.0} if mixer else None,
            "encoder": {"name": "mlp", "width": 512},
            "views": {"noise": {"scale": 0.1}, "mask": {"share": 0.2}},
            "training": {"epochs": 200, "batch": 256, "lr": 0.125, "decay": 1e-4},
            "evaluation": {"draws": DRAWS, "labels": list(PER_CLASS)},
            "seed": seed,
            "versions": {"mixtrast": "0.1.0", "torch": "2.13.0"},
            "why": {
                "method": "no label is known in training",
                "views": "the usual ones",
                "training.batch": "a quarter of the 1,078 training examples",
                "width": "the data has 64 numbers an example",
            },
        }
        self.results = self._results()
        self.metrics = self._metrics()
        self.figures = {name: getattr(self, f"_{name}")() for name in drawn.split()}

    def _score(self, row):
        score = self.levels[row] + (0 if row == "majority" else self.rng.normal(0, 0.004))
        if self.task == "number":
            return {
                "r2": score,
                "mae": 40 * (1 - score),
                "val_r2": score + 0.01,
                "chosen": {"alpha": 1.0},
                "at_edge": row == "raw",
            }
        values = {"accuracy": score, "balanced_accuracy": score - 0.02, "val_accuracy": score + 0.01}
        return {**values, "chosen": {"C": 0.1}, "at_edge": row == "raw"}

    def _points(self):
        points = []
        for per_class in PER_CLASS:
            lost = 0.35 / math.sqrt(per_class)
            rows = {
                row: [
                    self.levels[row] - lost * (1.3 if row == "raw" else 1) + self.rng.normal(0, 0.02 / math.sqrt(per_class))
                    for _ in range(DRAWS)
                ]
                for row in self.levels
                if row != "majority"
            }
            number = self.task == "number"
            points.append({"per_class": None if number else per_class, "labels": 10 * per_class, "rows": rows})
        return points

    def _results(self):
        per_class = [108, 107, 108, 108, 108, 108, 108, 107, 108, 108][: len(self.classes)]
        data = {
            "name": "synthetic digits",
            "spec": SPECS[self.kind],
            **{"examples": 1797, "train": 1078, "val": 270, "test": 449},
            "task": self.task,
            "classes": self.classes,
            "counts": {"train": per_class, "val": [27] * len(self.classes), "test": [45] * len(self.classes)},
            "unlabelled": 0,
            "labels_granted": None,
            "labels_seen": 0,
            "split": f"random, stratified, seed {self.seed}",
            "notes": ["Synthetic: these numbers were drawn, not measured."],
        }
        labelled = self.task != "none"
        return {
            "version": 1,
            "finished": f"2026-11-20T12:00:0{self.seed % 10}",
            "data": data,
            **{"method": "imix", "mixer": self.mixer, "encoder": "mlp", "seed": self.seed, "uses_labels": False},
            "probes": {probe: {row: self._score(row) for row in self.levels} for probe in ("linear", "knn")}
            if labelled
            else {},
            "labels": {"points": self._points() if labelled else [], "withheld": None},
            "learning": {
                **{"loss": 1.2 + 0.01 * self.seed, "chance": 5.5, "floor": 0.6, "train_loss": 1.18, "val_loss": 1.31},
                **{"alignment": 0.41, "uniformity": -3.2, "rank": 88.2, "rank_untrained": 31.0, "dim": 512},
                **{"within": 0.62, "between": 1.31},
            },
            "diagnosis": [
                {"verdict": "learning", "says": f"the loss is {1.2 + 0.01 * self.seed:.2f}, far below chance (5.50)."}
            ],
            "cost": {
                **{"seconds": 20.1 + self.seed, "examples_per_second": 15000.0 + self.seed, "peak_memory_bytes": 412_000_000},
                **{"parameters": 1_234_567, "device": "cpu, 2 threads"},
            },
            "next": ["mixtrast embed runs/digits data.npz -o z.npz", "mixtrast study runs/digits --seeds 5"],
        }

    def _metrics(self):
        lines = []
        for at in range(self.lines):
            share = at / self.lines
            line = {"step": 5 * (at + 1), "epoch": at // 4, "loss": 1.2 + 4.2 * math.exp(-6 * share) + self.rng.normal(0, 0.05)}
            line |= {
                "chance": 5.5,
                "floor": 0.6 + self.rng.normal(0, 0.01),
                "lr": 0.1,
                "examples_per_second": 15000,
                "seconds": at / 6,
            }
            if at % 20 == 19:
                line["look"] = {"alignment": 0.4, "uniformity": -3.0, "rank": 30 + 60 * share, "knn": 0.6 + 0.3 * share}
            lines.append(line)
        return lines

    def _map(self):
        n, k = self.examples, max(len(self.classes), 1)
        label = self.rng.integers(0, k, n)
        turn = 2 * np.pi * label / k
        centre = np.stack([np.cos(turn), np.sin(turn)], 1)
        trained, raw = 30 * centre + self.rng.normal(0, 3, (n, 2)), 30 * centre + self.rng.normal(0, 11, (n, 2))
        if self.task == "number":
            label = trained[:, 0] + self.rng.normal(0, 1, n)
        return {"index": np.arange(n), "trained": trained, "raw": raw, "label": label}

    def _strip(self):
        shape = SHAPES[self.kind]
        base = self.rng.normal(size=(12, *shape))
        if self.kind != "table":
            for axis in range(2, base.ndim):
                base = sum(np.roll(base, shift, axis) for shift in range(max(2, base.shape[axis] // 6)))
            base = (base - base.mean()) / base.std()
        x, first, second = base[:6], base[:6], base[6:]
        weight = self.rng.uniform(0, 1, 6)
        share = weight.reshape(-1, *[1] * len(shape))
        noisy = [x + self.rng.normal(0, 0.15, x.shape) for _ in range(2)]
        mixed = {"mixed": share * first + (1 - share) * second, "first": first, "second": second, "weight": weight}
        return {"x": x, "view1": noisy[0], "view2": noisy[1], **(mixed if self.mixer else {})}

    def save(self, folder: Path) -> Path:
        (folder / "figures").mkdir(parents=True)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(self.recipe, sort_keys=False), encoding="utf-8")
        if self.results is not None:
            (folder / "results.json").write_text(json.dumps(self.results), encoding="utf-8")
        if self.metrics is not None:
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.metrics), encoding="utf-8")
        for name, arrays in self.figures.items():
            if arrays:
                np.savez_compressed(folder / "figures" / f"{name}.npz", **arrays)
        return folder


class Page(HTMLParser):
    """What a browser would take from the page: its words, its tags, and everything that names a resource."""

    def __init__(self, path: Path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.words, self.tags, self.links, self.alts = [], [], [], []
        self.silent = 0
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.silent += tag in ("style", "script")
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "action", "data")]
        self.alts += [dict(attrs).get("aria-label", "") for _ in [0] if tag == "svg"]

    def handle_endtag(self, tag):
        self.silent -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.silent:
            self.words.append(data)

    @property
    def prose(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def report(tmp_path: Path, *runs: Synthetic, **options) -> Page:
    folders = [run.save(tmp_path / f"run{at}") for at, run in enumerate(runs)]
    page = Page(write(folders, tmp_path / "report.html", **options))
    check_page(page)
    return page


def check_page(page: Page) -> None:
    """What holds of every page."""
    assert len(page.text.encode()) < 1_000_000
    assert all(link.startswith(("#", "data:")) for link in page.links), page.links
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "url(http" not in page.text
    assert "@import" not in page.text
    assert "script" not in page.tags
    said = page.prose + " ".join(page.alts)
    assert not re.search(r"\b(NaN|nan|None|undefined|inf|True|False)\b", said)
    assert all(page.alts), "every picture says in words what it shows"
    assert page.text.count("<svg") == len(page.alts)
    ids = re.findall(r' id="([^"]*)"', page.text)
    assert len(ids) == len(set(ids))
    for tag in ("section", "table", "figure", "article", "svg", "dl", "ul"):
        assert page.text.count(f"<{tag}") == page.text.count(f"</{tag}>")


def mean_sd(values) -> str:
    return f"{100 * statistics.fmean(values):.1f} ± {100 * statistics.stdev(values):.1f}"


def three(**options) -> list[Synthetic]:
    return [Synthetic(seed=seed, **options) for seed in range(3)]


def accuracies(runs, row: str, probe: str = "linear") -> list[float]:
    return [run.results["probes"][probe][row]["accuracy"] for run in runs]


def few(runs, row: str, at: int = 3) -> list[list[float]]:
    return [run.results["labels"]["points"][at]["rows"][row] for run in runs]


# --- numbers -------------------------------------------------------------------------------------------------------------


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
        f"With 10 labels per class these features reach {mean_sd(pooled['trained'])} % on synthetic digits; "
        f"raw input {mean_sd(pooled['raw'])}, the same encoder untrained {mean_sd(pooled['untrained'])}, "
        f"the same encoder trained with plain labels {mean_sd(pooled['supervised'])}. "
        "(± is the s.d. over 5 draws of labels × 3 seeds.) "
        f"Seed by seed that is +{mean_sd(gains['raw'])} points against raw input "
        f"and +{mean_sd(gains['untrained'])} points against the same encoder untrained."
    )
    assert said in page.prose
    assert headline(*[run.results for run in runs]) == said


def test_the_table_is_the_mean_over_seeds(tmp_path):
    runs = three()
    page = report(tmp_path, *runs)
    rows = table(*[run.results for run in runs])
    assert rows[0] == ["", "linear probe, accuracy", "kNN, accuracy"]
    assert rows[1] == ["these features", *(f"{mean_sd(accuracies(runs, 'trained', probe))} %" for probe in ("linear", "knn"))]
    assert rows[-1] == ["always the most frequent class", "10.0 ± 0.0 %", "10.0 ± 0.0 %"]
    for row in rows[1:]:
        assert all(cell in page.prose for cell in row)
    assert f'<td class="best">{mean_sd(accuracies(runs, "supervised"))} %' in re.sub(r">\s+", ">", page.text)
    assert "raw input (linear probe), raw input (kNN). A wider search" in page.prose


def test_one_seed_has_no_spread(tmp_path):
    run = Synthetic()
    page = report(tmp_path, run)
    assert "one seed: no spread" in page.prose
    assert f"{100 * accuracies([run], 'trained')[0]:.1f} %" in page.prose
    assert "Draw by draw that is +" in page.prose
    assert "seeds thin" not in page.prose
    run.results["labels"]["points"] = []
    assert "With all 1,078 training labels these features reach " in headline(run.results)
    assert "(One seed: no spread.) On this one seed that is +" in headline(run.results)


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ({"trained": 0.8, "raw": 0.9, "untrained": 0.7}, "They are worse than raw input."),
        ({"trained": 0.8, "raw": 0.9, "untrained": 0.9}, "They are worse than raw input and the same encoder untrained."),
        ({"trained": 0.9, "raw": 0.9, "untrained": 0.7}, "They are not better than raw input by more than the spread."),
        ({"trained": 0.9, "raw": 0.7}, "There is no number for the same encoder untrained, so what training added"),
    ],
)
def test_features_that_are_not_better_are_said_not_to_be(levels, sentence):
    gains = {0: (0.01, -0.02, 0.005), 1: (-0.01, 0.02, 0.001)}
    results = []
    for seed in range(3):
        noise = {row: gains[at % 2][seed] for at, row in enumerate(levels)}
        probes = {"linear": {row: {"accuracy": level + noise[row]} for row, level in levels.items()}}
        results.append({"seed": seed, "data": {"name": "made up", "task": "classes", "test": 1000}, "probes": probes})
    said = headline(*results)
    assert sentence in said
    assert ("not better" in said) == ("not better" in sentence)
    assert ("worse" in said) == ("worse" in sentence)


def test_one_seed_is_held_to_the_choice_of_test_examples():
    def said(trained, test):
        probes = {"linear": {"trained": {"accuracy": trained}, "raw": {"accuracy": 0.9}, "untrained": {"accuracy": 0.5}}}
        return headline({"data": {"task": "classes", "test": test}, "probes": probes})

    luck = 2 * 100 * math.sqrt((0.9 * 0.1 + 0.91 * 0.09) / 400)
    assert (
        f"not better than raw input by more than the choice of 400 test examples alone makes (two standard errors: {luck:.1f}"
        in said(0.91, 400)
    )
    assert "not better than raw input" in said(0.93, 400)  # 3 points, 1.5 standard errors
    assert "They are worse than raw input." in said(0.85, 400)
    assert "worse" not in said(0.87, 400)
    assert "not better" not in said(0.91, 40_000)
    assert "not better" not in said(0.95, 400)
    assert "cannot be told whether the difference to raw input" in said(0.91, None)


def test_one_seed_of_a_number_is_held_to_the_choice_of_test_examples():
    def said(trained, test=30):
        probes = {"linear": {"trained": {"r2": trained}, "raw": {"r2": 0.9}, "untrained": {"r2": 0.2}}}
        return headline({"data": {"task": "number", "test": test}, "probes": probes})

    luck = 2 * math.sqrt(2 / 30) * math.hypot(0.08, 0.1)
    assert f"by more than the choice of 30 test examples alone makes (two standard errors: {luck:.2g} of R²)." in said(0.92)
    assert "They are worse than raw input." in said(0.7)
    assert "They are worse than raw input." not in said(0.8)
    assert "cannot be told" not in said(0.7)
    assert "cannot be told whether the difference to raw input" in said(0.7, None)


def test_draws_of_labels_on_one_test_set_are_held_to_the_choice_of_its_examples():
    """Five draws that agree say nothing of whether 15 test examples are enough."""

    def said(test):
        rows = {"trained": [0.60, 0.61, 0.60, 0.62], "raw": [0.70, 0.71, 0.70, 0.71], "untrained": [0.3, 0.3, 0.31, 0.3]}
        labels = {"points": [{"per_class": 10, "labels": 30, "rows": rows}]}
        return headline({"data": {"task": "classes", "test": test}, "labels": labels})

    assert "They are worse than raw input." in said(1000)
    assert "worse" not in said(15)
    assert "not better than raw input or the same encoder untrained by more than the choice of 15 test" in said(15)
    assert "They are worse than raw input." in said(None)  # nothing but the spread over draws


def test_a_class_with_fewer_labels_than_the_point_is_said():
    run = Synthetic()
    run.results["data"]["counts"]["train"][3] = 4
    assert headline(run.results).startswith("With 10 labels per class, or all of a class that has fewer, these features reach")


def test_a_column_that_looks_like_an_identifier_is_said():
    run = Synthetic()
    run.results["data"]["notes"] = ["id looks like an identifier, not like a measurement: `--drop id` leaves it out."]
    assert headline(run.results).endswith(f"to raw input and to the features alike: {run.results['data']['notes'][0]}")


def test_headline_and_verdicts_agree():
    """The same numbers, the same rule: what the one calls worse or better, the other does."""
    from mixtrast.evaluate import diagnose

    rng = np.random.default_rng(0)
    for at in range(200):
        metric, task = (("accuracy", "classes"), ("r2", "number"))[at % 2]
        ours, raw, before = rng.uniform(0.55, 0.99, 3)
        test = int(rng.choice([15, 30, 200, 2000]))
        said = headline(
            {
                "data": {"task": task, "test": test},
                "probes": {"linear": {"trained": {metric: ours}, "raw": {metric: raw}, "untrained": {metric: before}}},
            }
        )
        probe = {"metric": metric, "trained": ours, "raw": raw, "untrained": before, "n_test": test}
        (verdict,) = diagnose({"probes": {"linear": probe}})
        worse = "They are worse than" in said
        untrained = worse and "the same encoder untrained" in said.split("They are worse than")[1].split(".")[0]
        assert (verdict["verdict"] == "worse than untrained") == untrained
        assert (verdict["verdict"] == "worth it") == (not worse and "not better" not in said)
        assert ("better on your data as they are" in verdict["says"]) == (worse and not untrained)


def test_rows_that_are_not_clearly_worse_are_marked(tmp_path):
    runs = three(levels={"trained": 0.9, "raw": 0.9, "untrained": 0.6})
    for run, trained, raw in zip(runs, (0.90, 0.91, 0.92), (0.91, 0.91, 0.90), strict=True):
        run.results["probes"]["linear"]["trained"]["accuracy"], run.results["probes"]["linear"]["raw"]["accuracy"] = (
            trained,
            raw,
        )
    page = report(tmp_path, *runs)
    assert re.search(r"raw input ≈ 90\.7 ± 0\.6 %", page.prose)
    assert "≈ is not clearly worse: its paired difference to the best is within the s.d. of that difference." in page.prose
    assert not re.search(r"untrained ≈", page.prose)


def test_unbalanced_classes_show_the_balanced_accuracy(tmp_path):
    assert "balanced accuracy" not in report(tmp_path / "even", Synthetic()).prose
    run = Synthetic()
    run.results["data"]["counts"]["test"] = [90] + [40] * 9
    run.results["labels"]["points"] = []
    page = report(tmp_path / "uneven", run)
    assert "linear probe, balanced accuracy" in page.prose
    assert "always the most frequent class 10.0. (One seed" in page.prose


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
    assert "With 100 labels these features reach R² 0." in page.prose
    assert "of R² against raw input" in page.prose
    assert "coloured by the number to predict" in "".join(page.alts)
    assert "accuracy" not in page.prose
    best = [cell.mark for line in tables_of(runs).lines if line.key == "trained" for cell in line.cells]
    assert best == ["best"] * 4, "a small error is a good one"


def tables_of(runs):
    from mixtrast.report.results import parse
    from mixtrast.report.tables import rows

    return rows([parse(run.results) for run in runs])


def test_labels_granted_and_labels_seen_are_said():
    run = Synthetic()
    run.results["data"] |= {"labels_granted": 10, "labels_seen": 100}
    run.results["labels"]["points"] = []
    said = headline(run.results)
    assert said.startswith("With the 10 labels per class that the whole run was granted these features reach ")
    assert said.endswith("Training itself saw 100 labels.")


# --- what is absent ------------------------------------------------------------------------------------------------------


def test_a_withheld_curve_says_why(tmp_path):
    run = Synthetic()
    run.results["labels"] = {"points": [], "withheld": "the encoder saw all 1,078 labels"}
    page = report(tmp_path, run)
    assert "There is no curve over few labels: the encoder saw all 1,078 labels." in page.prose
    assert "With all 1,078 training labels these features reach" in page.prose


def test_without_labels_nothing_is_claimed(tmp_path):
    page = report(
        tmp_path, *[Synthetic(seed=seed, task="none", kind="series", mixer=None, drawn="map strip") for seed in range(2)]
    )
    assert (
        "There are no labels on synthetic digits, so what these features are worth for a task was not measured." in page.prose
    )
    assert "where chance is 5.50" in page.prose
    assert "how well the training task was learned, not how useful the features are" in page.prose
    assert "no probe could be trained or tested" in page.prose
    assert "there are no scores over their number" in page.prose
    assert "Without labels there is nothing to colour by." in page.prose
    assert "This method does not mix" in page.prose


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
        ["it is not finished, or it was stopped", "No results were written yet", "on synthetic digits", "no table of scores"],
    ),
    "files": (
        lambda run: vars(run).update(metrics=None, figures={}),
        ["This run has no metrics.jsonl.", "This run has no figures/map.npz.", "This run has no figures/strip.npz."],
    ),
    "raw map, mixtures": (
        lambda run: [without("map", "raw")(run), without("strip", "mixed")(run)],
        ["There is no map of the raw input beside it.", "No mixtures were kept"],
    ),
    "labels of the map, weights, views": (
        lambda run: [without("map", "label")(run), without("strip", "weight", "x", "view1", "view2")(run)],
        ["nothing to colour by", "Mixtures by mixup", "No views were kept"],
    ),
    "parts": (
        lambda run: [
            without("results", "probes", "labels", "learning", "diagnosis", "cost", "next")(run),
            without("recipe", "versions", "why")(run),
        ],
        [
            *("No probe of these features on synthetic digits is recorded", "No probe is recorded, so there is no table"),
            *("No scores with few labels are recorded.", "rank of the features are not recorded", "No diagnosis is recorded."),
            *("What the run cost is not recorded.", "The run suggests nothing.", "versions of the software are not recorded."),
        ],
    ),
    "data": (without("results", "data"), ["No probe of these features on the data is recorded"]),
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
    assert "Training loss of one seed" in page.prose


def test_a_whole_page_of_three_seeds(tmp_path):
    page = report(tmp_path, *three(lines=120, drawn="map strip"))
    assert page.text.count("<svg") == 8
    assert len(page.text.encode()) < 400_000
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page.text)
    assert headings == [
        *("Diagnosis", "What the features are worth", "With few labels", "Training", "Maps of the test features"),
        *("What training was shown", "Cost", "Data", "What to try next", "Recipe"),
    ]
    assert ">chance level<" in page.text
    assert "encoder features, before the projector" in page.prose
    assert "t-SNE of 240 test examples of seed 0." in page.prose


@pytest.mark.parametrize("kind", SHAPES)
def test_every_kind_of_example_is_drawn(tmp_path, kind):
    run = Synthetic(kind=kind, lines=600, drawn="strip")
    run.results["labels"]["points"] = []
    page = report(tmp_path, run)
    assert page.text.count("λ = ") > 4
    assert "Each point is the mean of about 2 logged steps" in page.prose


def test_wide_tables_and_large_images_stay_small(tmp_path):
    run, large = Synthetic(kind="table"), Synthetic(kind="colour")
    run.figures["strip"] = {name: np.random.default_rng(0).normal(size=(6, 500)) for name in ("x", "view1", "mixed", "first")}
    large.figures["strip"] = {name: np.random.default_rng(0).normal(size=(4, 3, 224, 200)) for name in ("x", "view1", "view2")}
    assert "the first 40 of 500" in report(tmp_path / "wide", run).prose
    assert "4 examples and the views of each" in "".join(report(tmp_path / "large", large).alts)


def test_many_classes_are_coloured_not_named(tmp_path):
    names = [f"kind of thing {number}" for number in range(40)]
    run = Synthetic(classes=names, drawn="map")
    page = report(tmp_path, run)
    assert "40 classes are too many to name" in page.prose
    assert page.prose.count("kind of thing 39") == 1, "in the table of counts only"


# --- recipes -------------------------------------------------------------------------------------------------------------


def test_recipes_stand_side_by_side(tmp_path):
    first, second = three(), three(mixer="cutmix", levels=LEVEL | {"trained": 0.8})
    page = report(tmp_path, *first, *second)
    assert page.text.count("<article") == 2
    expected = mean_sd(accuracies(first, "trained")), mean_sd(accuracies(second, "trained"))
    gain = [a - b for a, b in zip(accuracies(first, "trained"), accuracies(second, "trained"), strict=True)]
    assert (
        f"imix + mixup reaches {expected[0]} % on synthetic digits (linear probe, accuracy), the most of 2 recipes; "
        f"imix + cutmix reaches {expected[1]} %. Seed by seed that is a difference of +{mean_sd(gain)} points."
    ) in page.prose
    assert 'href="#recipe-2"' in page.text
    assert "partly luck of that test set" in page.prose


def test_a_recipe_that_is_not_clearly_ahead_is_said_not_to_be(tmp_path):
    first, second = three(), three(mixer="cutmix")
    for at, shift in enumerate((0.01, -0.01, 0.006)):
        level = first[at].results["probes"]["linear"]["trained"]["accuracy"]
        second[at].results["probes"]["linear"]["trained"]["accuracy"] = level + shift
    page = report(tmp_path, *first, *second)
    assert "a difference of +0.2 ± 1.1 points, which is no more than the spread." in page.prose
    assert "≈ is not clearly worse: its paired difference to the best is within its s.d." in page.prose


def test_recipes_of_different_data_are_not_ranked(tmp_path):
    first, other = Synthetic(), Synthetic(mixer="cutmix")
    other.results["data"]["split"] = "whole groups, seed 0"
    page = report(tmp_path, first, other)
    assert "No recipe here can be called better than another" in page.prose
    table = page.text.partition("<article")[0]  # of the recipes, before their own pages
    assert "accuracy" in table
    assert 'class="best"' not in table
    assert "Bold is the best" not in re.sub(r"<[^>]*>", " ", table)


def test_runs_are_grouped_by_everything_but_the_seed(tmp_path):
    runs = three()
    runs[2].recipe["method"]["temperature"] = 0.1
    runs[1].recipe |= {"out": "elsewhere", "versions": {"torch": "2.14.0"}}
    folders = [run.save(tmp_path / f"run{at}") for at, run in enumerate(runs)]
    found = groups.group([records.read(folder) for folder in [*folders, folders[0]]])
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
    assert "1 more run has a seed that is already here; of each seed the latest counts." in page.prose
    assert "one seed (0): no spread" in page.prose
    assert "50.0 %" in page.prose


def test_the_recipe_has_its_reasons(tmp_path):
    page = report(tmp_path, *three())
    assert "training.batch 256 a quarter of the 1,078 training examples" in page.prose
    assert "encoder.width 512 the data has 64 numbers an example" in page.prose
    assert "method.name imix no label is known in training" in page.prose
    assert "views.noise.scale 0.1 the usual ones" in page.prose
    assert "data.limit not set" in page.prose
    assert "seed 0 (this is the first seed's: each has its own)" in page.prose
    assert "seed 0, 1, 2" in page.prose
    assert "mixtrast embed runs/digits data.npz -o z.npz" in page.prose
    assert page.prose.count("Synthetic: these numbers were drawn, not measured.") == 1


# --- the file ------------------------------------------------------------------------------------------------------------


def test_names_are_words_not_markup(tmp_path):
    run = Synthetic(classes=["<b>x</b>", "$\\frac{1}{0}$", '" onload="alert(1)', "日本 & so on"], drawn="map")
    run.results["data"]["name"] = "<script>alert(1)</script>"
    run.results["diagnosis"] = [{"verdict": "<i>", "says": "</section><script>"}]
    run.results["next"] = ['mixtrast <folder> && echo "\'"']
    page = report(tmp_path, run)
    assert "<b>x</b>" not in page.text
    assert "&lt;b&gt;x&lt;/b&gt;" in page.text
    assert "<b>x</b>" in page.prose
    assert "onload" not in re.sub(r">[^<]*<", "><", page.text)
    assert not {"b", "i", "script"} & set(page.tags)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path / "nowhere", "is not a folder. A run folder holds recipe.yaml"),
        (
            lambda path: path,
            "is not a run: it has no recipe.yaml. A run folder holds .* The folders run in it are runs: give those.",
        ),
        (lambda path: (path / "run" / "recipe.yaml").write_text("a: [") and path / "run", "is not readable as YAML"),
        (
            lambda path: (path / "run" / "recipe.yaml").write_text("- a") and path / "run",
            "must be a mapping of settings, got list",
        ),
        (lambda path: (path / "run" / "results.json").write_text("{") and path / "run", "is not readable as JSON"),
        (lambda path: (path / "run" / "results.json").write_text("3") and path / "run", "must be an object, got int"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_in_a_sentence(tmp_path, make, sentence):
    Synthetic().save(tmp_path / "run")
    with pytest.raises(ValueError, match=sentence):
        write([make(tmp_path)], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(ValueError, match="at least one run folder"):
        write([], tmp_path / "report.html")


def test_the_page_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = Synthetic().save(tmp_path / "run")
    out = tmp_path / "deep" / "report.html"
    assert write([folder], out) == out
    before = out.read_text(encoding="utf-8")

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write([folder], out)
    assert out.read_text(encoding="utf-8") == before
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_the_same_records_make_the_same_page(tmp_path):
    folder = Synthetic(drawn="map strip").save(tmp_path / "run")
    first, second = (write([folder], tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_pictures_are_saved_when_asked(tmp_path):
    report(tmp_path, Synthetic(lines=40, drawn="map strip"), png=True)
    names = {path.stem for path in (tmp_path / "run0" / "figures").glob("*.png")}
    assert names == {"loss", "labels", "knn", "rank", "map-trained", "map-raw", "views", "mixtures"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "run0" / "figures").glob("*.png"))


def test_settings_of_matplotlib_are_left_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    report(tmp_path, Synthetic())
    assert dict(matplotlib.rcParams) == before


def test_headlines_need_no_pictures():
    """The command line says the headline without loading what draws."""
    code = (
        "import sys; from mixtrast.report import headline, table, write\n"
        "assert headline({'data': {'task': 'none'}}) and table({}) == [['']]\n"
        "print([name for name in ('matplotlib', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_no_results_is_a_sentence():
    assert headline() == "There are no results yet, so nothing can be said of these features."
