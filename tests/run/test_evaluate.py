"""A finished run is evaluated again."""

from __future__ import annotations

import pytest

from mixtrast.evaluation import diagnose
from support.runs import blobs, csv, small, strict

pytestmark = pytest.mark.usefixtures("light")


def test_other_evaluations_are_added_to_the_results(tmp_path):
    path = csv(tmp_path)
    done = small(path, tmp_path / "run", label="kind")
    before = done.results
    found = done.evaluate("linear")
    assert set(found) == {"linear"}
    assert set(found["linear"]) == {"trained", "untrained", "supervised", "raw", "majority"} == set(before.probes["knn"])
    assert done.results.probes == {**before.probes, "linear": found["linear"]}
    sgd = done.evaluate({"linear": {"protocol": "sgd", "epochs": 5}})
    assert done.results.probes["linear"] == sgd["linear"] != found["linear"]
    assert set(sgd["linear"]["trained"].chosen) == {"lr"}
    knn = done.evaluate("knn")  # the same again, under the same rules and on the same split
    assert knn["knn"] == done.results.probes["knn"] == before.probes["knn"]
    results = done.results
    assert results.diagnosis == diagnose(results)
    done.evaluate("labels")
    assert "trained with all" in done.results.labels.withheld
    strict(done.folder / "results.json")


def test_evaluating_data_from_memory_needs_them_again(tmp_path):
    done = small(blobs(), tmp_path / "run", method="imix")
    assert done.evaluate("linear", data=blobs())["linear"]["trained"].values["accuracy"] > 0.5
    with pytest.raises(ValueError, match="its content has changed"):
        done.evaluate("linear", data=blobs(seed=1))


def test_what_an_evaluation_was_made_with_is_kept(tmp_path):
    data = blobs()
    done = small(data, tmp_path / "run")
    done.evaluate({"knn": {"neighbours": (3,)}, "linear": {"protocol": "sgd"}}, data=data)
    assert done.results.evaluations["linear"].options["protocol"] == "sgd"
    assert done.results.evaluations["knn"].options["neighbours"] == [3]


def test_a_run_with_a_test_set_from_memory_is_evaluated(tmp_path):
    done = small(blobs(), tmp_path / "run", test=blobs(30, seed=1))
    assert "trained" in done.evaluate("linear", data=blobs(), test=blobs(30, seed=1))["linear"]


def test_evaluating_without_the_data_says_what_to_give(tmp_path):
    done = small(blobs(), tmp_path / "run")
    with pytest.raises(ValueError, match="data="):
        done.evaluate("linear")
