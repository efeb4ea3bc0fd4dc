"""Every row of the table of results is what it says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import mixtrast as mt
from mixtrast import evaluation, inference, methods, registry, run
from mixtrast.evaluation import Features
from mixtrast.records import Score
from support.runs import blobs, prepared, same, small, state

pytestmark = pytest.mark.usefixtures("light")


def by_hand(ready: run.PreparedRun, encode: Any) -> Score:
    """The kNN scores of an encoder, from the split alone."""
    parts = {}
    for name in ("train", "val", "test"):
        rows = getattr(ready.split, name)
        parts[name] = encode(ready.scale(ready.dataset.x[rows])), ready.label[rows]
    return evaluation.get("knn")(Features.of(**parts, classes=2), seed=0)


def test_every_row_is_what_it_says(tmp_path):
    data = blobs(apart=1.0)
    done = small(data, tmp_path / "run", training={"steps": 60, "lr": 0.05})
    found, ready = done.results.probes["knn"], prepared(done, data)
    trained, untrained = done.encoder(), done.encoder(untrained=True)
    assert not same(state(done), state(done, untrained=True))
    assert found["trained"] == by_hand(ready, lambda x: inference.embed(trained.encoder, x))
    assert found["untrained"] == by_hand(ready, lambda x: inference.embed(untrained.encoder, x))
    assert found["raw"] == by_hand(ready, lambda x: x)
    assert len({repr(found[row]) for row in ("trained", "untrained", "raw")}) == 3


def test_the_untrained_row_is_the_encoder_at_step_zero(tmp_path):
    done = small(blobs(), tmp_path / "run")
    before = state(done, untrained=True)
    assert same(before, prepared(done, blobs()).method.encoder.state_dict())  # built anew from the seed
    assert all(int(value) == 0 for name, value in before.items() if name.endswith("num_batches_tracked"))
    assert any(int(value) == 6 for name, value in state(done).items() if name.endswith("num_batches_tracked"))


@pytest.mark.parametrize("name", methods.names())
def test_every_method_that_uses_labels_has_a_supervised_baseline(name, tmp_path):
    body = {"encoder": "smalltransformer"} if registry.find(methods, name).needs_tokens else {}
    done = small(blobs(), tmp_path / "run", method=name, **body)
    kind = getattr(mt.methods, type(prepared(done, blobs()).method).__name__)
    beside = kind.uses_labels and name != "supervised"
    assert ("supervised" in done.results.probes["knn"]) == beside
    assert (done.folder / "supervised").is_dir() == beside
    assert done.results.data.labels_used == (48 if kind.uses_labels else 0)
    if beside:  # as many steps, from the same weights
        lines = [json.loads(line) for line in (done.folder / "supervised" / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["step"] == 6
        alone = small(blobs(), tmp_path / "alone", method="supervised", training={"batch": 48})
        ours, theirs = (results.probes["knn"] for results in (done.results, alone.results))
        assert ours["supervised"].values.keys() == theirs["trained"].values.keys()


def test_there_is_no_supervised_baseline_where_it_is_not_wanted(tmp_path):
    done = small(blobs(), tmp_path / "run", method="supcon", training={"baseline": "none"})
    assert "supervised" not in done.results.probes["knn"]
    assert not (done.folder / "supervised").exists()


def test_the_majority_is_of_all_training_labels_granted_or_not(tmp_path):
    x, _ = blobs()
    y = (np.arange(80) % 4 == 0).astype(int)
    for number, options in enumerate([{}, {"labels": 3}]):
        done = small((x, y), tmp_path / str(number), method="imix", **options)
        counts = np.bincount(y[prepared(done, (x, y)).split.test])
        assert done.results.probes["knn"]["majority"].values["accuracy"] == pytest.approx(counts[0] / counts.sum())
