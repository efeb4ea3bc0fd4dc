"""The contract of evaluations, and that a new one is one file."""

from __future__ import annotations

import inspect
import json
import sys
from typing import get_type_hints

import pytest

from mixtrast import evaluation, registry, report, spec
from mixtrast.evaluation import Context, Evaluation, Examples
from mixtrast.records import ROWS, LabelCurve, Results, Score
from support.clouds import made
from support.commands import command
from support.examples import table
from support.runs import blobs, small

SPECS = (spec.Table(4), spec.Series(1, 40), spec.Image(1, 8, 8), spec.Tokens(8, 20))
TASKS = ("classes", "multilabel", "number", "none")
NEW = '''
"""A new evaluation."""

from mixtrast.evaluation import FeatureProbe, FittedProbe
from mixtrast.records import Score


class Nearest(FeatureProbe):
    """The class of the nearest mean.

    Args:
        scale: has no effect.
    """

    title, phrase = "nearest mean", "a nearest-mean classifier"

    def __init__(self, *, scale: float = 1.0):
        self.scale = scale

    def fit(self, train, val, *, classes, seed):
        means = [train.features[train.label == c].mean(0) for c in range(classes)]
        return FittedProbe(lambda x: ((x[:, None] - means) ** 2).sum(2).argmin(1), Score(chosen_by="default"))
'''


@pytest.mark.parametrize("name", evaluation.names())
def test_an_evaluation_says_what_it_is(name):
    kind = registry.find(evaluation, name)
    assert issubclass(kind, Evaluation)
    assert kind.title == kind.title.strip() != ""
    assert kind.phrase == kind.phrase.strip() != ""
    assert kind.kind in ("probe", "baseline", "finetune", "weak probe", "curve")
    assert set(kind.rows) <= set(ROWS) - {"majority"}
    assert all(isinstance(kind.applies_to(each, task), bool) for each in SPECS for task in TASKS)
    for each in SPECS:
        for task in TASKS:
            refusal = kind.refusal(each, task)
            assert not (refusal and kind.applies_to(each, task)), "it is refused, and still a default"
            assert refusal == refusal.strip().rstrip(".")
    record = evaluation.get(name).record()
    assert set(record.options) == set(registry.options(kind))
    assert Results.from_dict(json.loads(json.dumps(Results(evaluations={name: record}).to_dict()))).evaluations[name].title
    assert list(inspect.signature(kind.fit_score).parameters) == ["self", "context"]
    returned = LabelCurve if kind.kind == "curve" else dict[str, Score]
    assert get_type_hints(kind.fit_score) == {"context": Context, "return": returned}


def test_the_order_of_tables_is_one():
    orders = [registry.find(evaluation, name).order for name in evaluation.names()]
    assert len(set(orders)) == len(orders)
    assert sorted(evaluation.names(), key=lambda name: registry.find(evaluation, name).order)[:2] == ["linear", "knn"]


def context(**changes) -> Context:
    features = {"trained": made(), "untrained": made(1), "raw": made(2), "supervised": made(3)}
    examples: Examples = table()
    return Context(**({"features": features, "examples": examples, "encoders": {}, "majority": Score({"accuracy": 0.25}),
                       "seed": 0} | changes))  # fmt: skip


def test_several_evaluations_are_measured_together():
    told: list[str] = []
    chosen = {"knn": {"neighbours": (3,)}, "boosting": {"trees": 5}, "linear": {}}
    found = evaluation.evaluate(context(progress=told.append), chosen)
    assert list(found.probes) == list(found.evaluations) == list(chosen)
    assert list(found.probes["knn"]) == ["trained", "untrained", "raw", "supervised", "majority"]
    assert list(found.probes["boosting"]) == ["raw", "majority"]
    assert found.labels is None
    assert found.evaluations["knn"].options == {"neighbours": (3,), "temperature": 0.1}
    assert told == [*(f"kNN, {row}" for row in ("trained", "untrained", "raw", "supervised")), "boosted trees, raw",
                    *(f"linear probe, {row}" for row in ("trained", "untrained", "raw", "supervised"))]  # fmt: skip
    assert evaluation.progress_steps(chosen, ("trained", "untrained", "raw", "supervised")) == len(told)
    for rows in found.probes.values():
        for row, score in rows.items():
            for metric, examples in score.examples.items():
                assert examples.mean() == pytest.approx(score.values[metric], abs=1e-6), (row, metric)
    assert set(found.probes["linear"]["raw"].examples) == {"accuracy", "balanced_accuracy"}


def test_the_curve_is_measured_like_the_others_or_withheld():
    features = {"trained": made(), "raw": made(2), "supervised": made(3)}
    features = {name: evaluation.Features.of(**{part: (getattr(each, part).features, getattr(features["raw"], part).label)
                for part in ("train", "val", "test")}, classes=4) for name, each in features.items()}  # fmt: skip
    chosen = {"labels": {"per_class": (1, 2), "draws": 2}}
    found = evaluation.evaluate(context(features=features), chosen)
    assert found.probes == {}
    assert isinstance(found.labels, LabelCurve)
    assert [list(point.rows) for point in found.labels.points] == [["trained", "raw"]] * 2
    used = evaluation.evaluate(context(features=features, labels_used=1_078), chosen).labels
    assert used.points == ()
    assert "all 1,078 labels, which would overstate few-label accuracy" in used.withheld
    sets = evaluation.LabelSets(*(None,) * 3, classes=3)
    assert "several labels" in evaluation.evaluate(context(features=features, label_sets=sets), chosen).labels.withheld


def test_what_cannot_be_evaluated_is_refused_with_its_reason():
    (said,) = evaluation.refusals(["linear", "convolutions"], spec.Table(4), "classes")
    assert said == "convolutions cannot be evaluated: it needs series, got table. Leave it out."
    (said,) = evaluation.refusals(["knn", "finetune"], spec.Table(4), "multilabel")
    assert said.startswith("finetune cannot be evaluated: it needs one class per example")
    assert evaluation.default_evaluations(spec.Table(4), "classes") == ["boosting", "knn", "labels", "linear"]
    assert evaluation.default_evaluations(spec.Series(1, 40), "multilabel") == ["knn", "labels", "linear"]
    assert evaluation.own_data_only(["knn", "labels", "no such"]) == ["labels"]


@pytest.mark.usefixtures("light")
def test_a_new_evaluation_is_one_file(tmp_path, monkeypatch, capsys):
    """It is a default, stands in the table and the list, and sentences name it; nothing else knows of it."""
    (tmp_path / "nearest.py").write_text(NEW)
    monkeypatch.setattr(evaluation, "__path__", [*evaluation.__path__, str(tmp_path)])
    try:
        assert "nearest" in evaluation.default_evaluations(spec.Table(4), "classes")
        run = small(blobs(), tmp_path / "run", method="npair", evaluation="linear+nearest")
        assert set(run.results.probes["nearest"]) == {"trained", "untrained", "raw", "majority"}
        assert run.results.evaluations["nearest"].options == {"scale": 1.0}
        assert "nearest mean, accuracy" in report.table(run.results)[0]
        alone = small(blobs(), tmp_path / "alone", method="npair", evaluation="nearest")
        assert "a nearest-mean classifier on the trained encoder reaches" in alone.headline
        assert any(verdict.says.count("Nearest mean: trained encoder") for verdict in alone.results.diagnosis)
        assert command("list", "evaluations") == 0
        assert "The class of the nearest mean." in capsys.readouterr().out
        assert command("list", "evaluations", "nearest") == 0
        assert "--evaluation.nearest.scale" in capsys.readouterr().out
        assert list(alone.evaluate({"nearest": {"scale": 2.0}}, data=blobs())) == ["nearest"]
    finally:
        sys.modules.pop("mixtrast.evaluation.nearest", None)
        vars(evaluation).pop("nearest", None)
