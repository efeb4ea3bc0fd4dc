"""Results: one writer, one reader, version 2; version 1 is still read."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mixtrast.records import (
    Cost,
    DataRecord,
    EvaluationRecord,
    LabelCurve,
    LabelPoint,
    Learning,
    OtherData,
    Results,
    Score,
    Verdict,
    read_results,
    write_results,
)
from mixtrast.records.folder import EXAMPLES, RESULTS

FIRST = Path(__file__).parent / "version1" / "run"


def full() -> Results:
    """A record in which every field has a value."""
    right = (np.arange(20) % 10 > 0).astype(np.float32)
    score = Score({"accuracy": 0.9, "val_accuracy": 0.8}, {"C": 1.0}, "validation", False, True, {"accuracy": right})
    probes = {"linear": {"trained": score, "majority": Score({"accuracy": 0.5})}}
    data = DataRecord(
        "trees", {"kind": "Table", "features": 4}, 80, 48, 12, 20, "classes", ("elm", "oak"), False,
        {"train": (24, 24), "test": (10, 10)}, 3, 10, 20, "random", ("80 rows.",),
    )  # fmt: skip
    evaluations = {"linear": EvaluationRecord("linear probe", "a linear probe", "probe", 0, {"protocol": "lbfgs"})}
    learning = Learning(
        **{each.name: 2 if each.name in ("steps", "dim") else 0.5 for each in fields(Learning)[:-1]}, warned=("a",)
    )
    point = LabelPoint(10, 20, {"trained": (0.8, 1.0)}, {"trained": right})
    return Results(
        "2026-11-28T12:00:00", data, "imix", "mixup", "mlp", 3, True, evaluations, probes, LabelCurve((point,), None, "few"),
        learning, (Verdict("learning", "so"),), Cost(1.5, 2.5, 100.0, 10, 10**9, 500, "cpu"), ("mixtrast embed",),
        {"other.csv 12ab": OtherData(data, evaluations, probes, 7)},
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    write_results(tmp_path, full())
    found = read_results(tmp_path)
    assert found == full()
    for probes in (found.probes, found.other_data["other.csv 12ab"].probes):
        np.testing.assert_array_equal(
            probes["linear"]["trained"].examples["accuracy"], full().probes["linear"]["trained"].examples["accuracy"]
        )
    assert found.labels.points[0].examples["trained"].dtype == np.float32
    assert all(getattr(found, each.name) not in (None, (), {}) for each in fields(Results))


def test_the_json_has_the_documented_shape(tmp_path):
    write_results(tmp_path, full())
    written = json.loads((tmp_path / RESULTS).read_text())
    assert written["version"] == 2
    assert written["probes"]["linear"]["trained"] == {
        "accuracy": 0.9, "val_accuracy": 0.8, "chosen": {"C": 1.0}, "chosen_by": "validation", "at_edge": False,
        "converged": True,
    }  # fmt: skip
    assert written["probes"]["linear"]["majority"] == {"accuracy": 0.5}
    assert written["evaluations"]["linear"] == {
        "title": "linear probe", "phrase": "a linear probe", "kind": "probe", "order": 0, "options": {"protocol": "lbfgs"},
    }  # fmt: skip
    assert written["labels"]["points"] == [{"per_class": 10, "labels": 20, "rows": {"trained": [0.8, 1.0]}}]
    assert written["data"]["counts"]["test"] == [10, 10]
    assert "examples" not in written["labels"]["points"][0]


def test_numbers_that_are_not_finite_are_null_and_keep_their_places(tmp_path):
    point = LabelPoint(1, 2, {"trained": (0.5, math.nan, 0.7)})
    results = Results(
        learning=Learning(loss=math.inf), labels=LabelCurve((point,)), probes={"knn": {"raw": Score({"r2": math.nan})}}
    )
    write_results(tmp_path, results)
    assert "NaN" not in (tmp_path / RESULTS).read_text()
    found = read_results(tmp_path)
    assert found.learning.loss is None
    assert found.probes["knn"]["raw"].values == {}
    draws = found.labels.points[0].rows["trained"]
    assert (draws[0], draws[2]) == (0.5, 0.7)
    assert math.isnan(draws[1])
    assert not (tmp_path / EXAMPLES).exists()


def test_unknown_keys_are_named_all_at_once_with_the_nearest():
    written = full().to_dict()
    written["data"]["clases"] = []
    written["cst"] = {}
    written["other_data"]["x"] = {"probs": {}}
    written["labels"]["points"].append({"perclass": 1})
    with pytest.raises(ValueError, match="is not known") as raised:
        Results.from_dict(written)
    for said in (
        "data.clases is not known. Did you mean 'classes'?",
        "cst is not known. Did you mean 'cost'?",
        "other_data.x.probs is not known. Did you mean 'probes'?",
        "labels.points.1.perclass is not known. Did you mean 'per_class'?",
    ):
        assert said in str(raised.value)


def test_another_version_is_refused():
    with pytest.raises(ValueError, match=r"results\.json has version 3"):
        Results.from_dict({"version": 3})


@pytest.mark.parametrize(("text", "said"), [("{", "is not readable as JSON"), ("[]", "must be an object, got list")])
def test_a_damaged_file_is_said(tmp_path, text, said):
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_results(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is not finished: it has no results\.json"):
        read_results(tmp_path / "nowhere")


def test_version_1_is_read(tmp_path):
    """A run of the first edition: its names become those of version 2, and nothing is lost."""
    found = read_results(FIRST)
    written = json.loads((FIRST / RESULTS).read_text())
    assert (found.method, found.mixer, found.seed, found.data.multilabel) == ("npair", None, 0, False)
    assert found.data.labels_used == written["data"]["labels_seen"] == 0
    assert found.data.labels_per_class is None
    for probe, rows in written["probes"].items():
        for row, scores in rows.items():
            assert found.probes[probe][row].to_json() == scores
    assert [point.per_class for point in found.labels.points] == [point["per_class"] for point in written["labels"]["points"]]
    assert {name: record.options for name, record in found.evaluations.items()} == written["evaluation"]
    kinds = {name: (record.title, record.kind, record.order) for name, record in found.evaluations.items()}
    assert kinds["linear"] == ("linear probe", "probe", 0)
    assert kinds["boosting"][:2] == ("boosted trees", "baseline")
    assert kinds["labels"][1] == "curve"
    ((key, other),) = found.other_data.items()
    assert other.data.name == "trees"
    assert other.trained_on == written["elsewhere"][key]["trained_on"]
    assert found.on(key).probes == other.probes
    assert {key: value for key, value in vars(found.learning).items() if value not in (None, ())} == written["learning"]
    assert vars(found.cost) == written["cost"]
    write_results(tmp_path, found)
    assert read_results(tmp_path) == found


def test_version_1_keys_that_nobody_knows_are_ignored():
    assert Results.from_dict({"data": {"name": "a", "colour": 3}, "mood": "good"}).data.name == "a"


def test_scores_of_examples_belong_to_their_results(tmp_path):
    """A file of an older evaluation, a damaged one and none at all leave the scores without examples."""
    write_results(tmp_path, full())
    old = (tmp_path / EXAMPLES).read_bytes()
    probes = {"linear": {"trained": Score({"accuracy": 0.7})}}
    write_results(tmp_path, replace(full(), probes=probes))
    (tmp_path / EXAMPLES).write_bytes(old)
    assert read_results(tmp_path).probes["linear"]["trained"].examples == {}
    (tmp_path / EXAMPLES).write_bytes(b"PK no more")
    assert read_results(tmp_path).labels.points[0].examples == {}
    (tmp_path / EXAMPLES).unlink()
    assert read_results(tmp_path) == replace(full(), probes=probes)


def test_records_need_no_torch_themselves():
    from mixtrast import records, significance

    sources = [*Path(records.__file__).parent.glob("*.py"), Path(significance.__file__)]
    assert not [path for path in sources if "import torch" in path.read_text() or "from torch" in path.read_text()]


def test_a_run_of_the_first_edition_has_a_report(tmp_path):
    from mixtrast.report import headline, write

    folder = shutil.copytree(FIRST, tmp_path / "run")
    text = write([folder], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "two standard errors for 20 test examples, unpaired" in text
    assert "boosted trees, accuracy" in text
    assert headline(read_results(folder)) in text.replace("\N{NO-BREAK SPACE}", " ")
