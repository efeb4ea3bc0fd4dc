"""The verdict on the features: whether they are clearly better than everything that they are compared with."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtrast.records import ROW_NAMES, LabelPoint, Results, Score, Verdict
from mixtrast.significance import Clarity, Difference, Metric, Sample, difference
from mixtrast.text import count

FEW = 10  # labels per class, at which few labels are judged
LABELLED = "Where all examples have labels, use {}; mixing and contrast help when labels are few or missing"
ADVICE = {
    "worse than before training": "The training task does not fit the labels: views or mixing may remove what tells the "
    "classes apart. Make them milder.",
    "no better than majority": "Either the inputs do not contain the answer, or labels are wrong or too few: check that each "
    "label belongs to its row, and label more.",
    "no better than raw input": "Train for longer or on more unlabelled examples, try other views, or use the raw data.",
    "no better than before training": "Train for longer, or try stronger views or another method.",
    "no better than baseline": f"{LABELLED.format('the baseline')}, or where other programs need features.",
    "worse than supervised": f"{LABELLED.format('--method supervised')}.",
}


@dataclass(frozen=True)
class Scores:
    """The scores that the verdict is about, shares of right answers (`share`) or r²; "trained" is always in `samples`.

    `baselines`: phrase -> score, of what was fitted on raw input. `size`: test examples. `names`: of rows in sentences.
    """

    title: str
    share: bool
    samples: dict[str, Sample]
    baselines: dict[str, Sample]
    size: int | None
    names: dict[str, str]

    @classmethod
    def of(cls, results: Results) -> Scores | None:
        """The scores of the first probe, by the order of tables, that was computed on the trained encoder."""
        records = results.evaluations
        order = sorted(results.probes, key=lambda name: records[name].order if name in records else 0)
        trained = (name for name in order if "trained" in results.probes[name])
        probe = next((name for name in trained if name not in records or records[name].kind == "probe"), None)
        if probe is None:
            return None
        rows, data = results.probes[probe], results.data
        metric = "balanced_accuracy" if data.multilabel else "r2" if "r2" in rows["trained"].values else "accuracy"
        n = rows["raw"].values.get("n") if "raw" in rows else None
        size = data.test if n is None else round(n)
        samples = {row: sample for row, score in rows.items() if (sample := _sample(score, metric, size, row == "majority"))}
        if "trained" not in samples:
            return None
        baselines = {
            records[name].phrase: sample
            for name in order
            if name in records and records[name].kind == "baseline" and "raw" in results.probes[name]
            if (sample := _sample(results.probes[name]["raw"], metric, size))
        }
        title = records[probe].title if probe in records else probe
        return cls(title, metric != "r2", samples, baselines, size, ROW_NAMES | {"majority": data.majority_name})

    def clarity(self, row: str) -> Clarity | None:
        """Whether the trained encoder is clearly better or worse than that row; None where there is no such row."""
        return self.against(self.samples[row]).clarity if row in self.samples else None

    def against(self, other: Sample) -> Difference:
        found = difference(self.samples["trained"], other)
        assert found is not None  # both have one score of the same seed
        return found

    def text(self, sample: Sample) -> str:
        """The score in words."""
        value = value_of(sample)
        return f"{100 * value:.1f} %" if self.share else f"r² {value:.2f}"

    def lost(self, name: str, other: Sample) -> str:
        """That the trained encoder is not clearly better than this."""
        found, ours = self.against(other), self.text(self.samples["trained"])
        if found.clarity == "worse":
            return f"The trained encoder is clearly worse than {name}: {ours} against {self.text(other)}."
        if self.text(other) == ours:
            return f"The trained encoder is not better than {name}: both reach {ours}."
        if found.margin is None:
            return f"The trained encoder is not shown to be better than {name}: {ours} against {self.text(other)}."
        scale, unit = (100, " points") if self.share else (1, "")
        gap, margin = (f"{scale * each:.{1 if self.share else 3}f}" for each in (abs(found.mean), found.margin))
        return (
            f"The trained encoder is not clearly better than {name}: the difference ({gap}{unit}) is smaller than the "
            f"uncertainty of the test set (±{margin})."
        )

    def numbers(self) -> str:
        """All scores in one sentence: "Linear probe: trained encoder 97.1 %, raw input 95.0 %, on 449 test examples."."""
        parts = [f"{self.names[row]} {self.text(self.samples[row])}" for row in ROW_NAMES if row in self.samples]
        size = "" if self.size is None else f", on {count(self.size, 'test example')}"
        return f"{self.title[:1].upper()}{self.title[1:]}: {', '.join(parts)}{size}."


def value_of(sample: Sample) -> float:
    """The only value of a score of one run."""
    return next(iter(sample.values.values()))


def judge_features(results: Results, early: bool) -> Iterator[Verdict]:
    """The verdict on the features, if a probe was computed; `early`: too few steps for other advice than to train on."""
    scores = Scores.of(results)
    if scores is None:
        return
    few = _few_labels(results, scores)
    untrained, raw = scores.clarity("untrained"), scores.clarity("raw")
    if few and untrained != "worse" and (raw != "better" or untrained != "better"):
        yield Verdict("better with few labels", f"{few} With all labels it is not clearly better than both. {scores.numbers()}")
        return
    verdict, name, other = next(_losses(scores), ("", "", None))
    if other is not None:
        advice = ADVICE[verdict]
        if early and verdict not in ("no better than baseline", "worse than supervised"):
            advice = "Train for longer first."
        yield Verdict(verdict, f"{scores.lost(name, other)} {scores.numbers()} {advice}")
    elif raw is not None or untrained is not None:
        condition = "With all labels the" if results.labels.points else "The"
        yield Verdict(
            "better than baselines",
            f"{condition} trained encoder is clearly better than everything that it was compared with. {scores.numbers()}",
        )


def _losses(scores: Scores) -> Iterator[tuple[str, str, Sample]]:
    """What the trained encoder is not clearly better than, the most telling first: the verdict, its name and score."""
    samples, names = scores.samples, scores.names
    untrained = scores.clarity("untrained")
    if untrained == "worse":
        yield "worse than before training", f"the {names['untrained']}", samples["untrained"]
    if scores.clarity("majority") not in (None, "better"):
        yield "no better than majority", f"the {names['majority']}", samples["majority"]
    on_raw = [("no better than raw input", names["raw"], samples["raw"])] if "raw" in samples else []
    on_raw += [("no better than baseline", phrase, sample) for phrase, sample in scores.baselines.items()]
    ahead = [each for each in on_raw if scores.against(each[2]).clarity != "better"]
    if ahead:
        yield max(ahead, key=lambda each: value_of(each[2]))
    if scores.clarity("supervised") == "worse":
        yield "worse than supervised", f"the {names['supervised']}", samples["supervised"]
    if untrained not in (None, "better"):
        yield "no better than before training", f"the {names['untrained']}", samples["untrained"]


def _sample(score: Score, metric: str, size: int | None, constant: bool = False) -> Sample | None:
    """The score as the test of significance takes it; None where it was not measured or is not finite."""
    if not math.isfinite(score.values.get(metric, math.nan)):
        return None
    kind: Metric = "r2" if metric == "r2" else "share"
    return Sample.single(score.values[metric], score.examples.get(metric), size=size, metric=kind, constant=constant)


def _few_labels(results: Results, scores: Scores) -> str:
    """That with few labels the trained encoder is clearly better than raw input and than before training; else nothing."""
    points = [point for point in results.labels.points if point.per_class is not None and point.per_class <= FEW]
    point = max(points, key=lambda each: each.per_class or 0, default=None)
    if point is None or not {"trained", "untrained", "raw"} <= set(point.rows):
        return ""
    samples = {row: _few_sample(point, row, scores.size) for row in ("trained", "untrained", "raw")}
    found = [difference(samples["trained"], samples[row]) for row in ("raw", "untrained")]
    if any(each is None or each.clarity != "better" for each in found):
        return ""
    means = [f"{scores.names[row]} {100 * next(iter(sample.seeds.values())):.1f} %" for row, sample in samples.items()]
    labels, draws = count(round(point.per_class or 0), "label"), count(len(point.rows["trained"]), "draw")
    return f"With {labels} per class the trained encoder is clearly better: {', '.join(means)} (mean of {draws})."


def _few_sample(point: LabelPoint, row: str, size: int | None) -> Sample:
    examples: dict[Hashable, NDArray[np.float32]] = {0: point.examples[row]} if row in point.examples else {}
    return Sample({(0, draw): value for draw, value in enumerate(point.rows[row])}, examples, size)
