"""Synthetic runs, and what a browser takes from their page."""

from __future__ import annotations

import json
import math
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import yaml

from mixtrast.records import Results
from mixtrast.report import write

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


def results_of(*runs: Synthetic) -> list[Results]:
    return [Results.from_dict(run.results) for run in runs]


def mean_sd(values) -> str:
    return f"{100 * statistics.fmean(values):.1f} ± {100 * statistics.stdev(values):.1f}"


def three(**options) -> list[Synthetic]:
    return [Synthetic(seed=seed, **options) for seed in range(3)]


def accuracies(runs, row: str, probe: str = "linear") -> list[float]:
    return [run.results["probes"][probe][row]["accuracy"] for run in runs]
