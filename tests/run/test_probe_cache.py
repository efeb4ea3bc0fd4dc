"""Scores that the runs of a comparison share: found by all that decides them, and by nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import mixtrast as mt
from mixtrast import evaluation, run
from mixtrast.evaluation import Features
from mixtrast.records import Score
from mixtrast.run.evaluate import features_of
from mixtrast.run.probe_cache import ProbeCache
from support.examples import small

X, Y = small()


def features(labelled: int = len(Y), factor: float = 1.0) -> Features:
    """Features whose rows from `labelled` on have no label, and are multiplied."""
    x, y = X.astype(np.float32).copy(), Y.copy()
    x[labelled:] *= factor
    y[labelled:] = -1
    return Features.of(train=(x, y), test=(X[:20], Y[:20]), classes=3)


class Counted:
    """A computation that counts its calls."""

    def __init__(self, accuracy: float = 0.5) -> None:
        self.calls, self.accuracy = 0, accuracy

    def __call__(self) -> Score:
        self.calls += 1
        examples = {"accuracy": np.array([0.0, 1.0], dtype=np.float32)}
        return Score({"accuracy": self.accuracy}, {"C": 0.1}, "validation", at_edge=True, examples=examples)


def test_a_score_is_computed_once_and_comes_back_as_it_was(tmp_path):
    compute = Counted()
    found = [ProbeCache(tmp_path / "cache").score("linear", ("linear", 0), features(), compute) for _ in range(2)]
    assert compute.calls == 1
    assert found[0] == found[1]
    assert np.array_equal(found[1].examples["accuracy"], [0.0, 1.0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_without_a_folder_nothing_is_stored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compute = Counted()
    for _ in range(2):
        ProbeCache(None).score("linear", 0, features(), compute)
    assert compute.calls == 2
    assert list(tmp_path.iterdir()) == []


OTHERS = {
    "key": lambda: (1, features()),
    "features": lambda: (0, replace(features(), test=replace(features().test, features=features().test.features + 1))),
    "label": lambda: (0, replace(features(), test=replace(features().test, label=features().test.label[::-1].copy()))),
    "centre": lambda: (0, replace(features(), centre=features().centre + 1)),
    "spread": lambda: (0, replace(features(), spread=2 * features().spread)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_score_of_anything_else_is_another(what, tmp_path):
    cache, other = ProbeCache(tmp_path), Counted(0.75)
    cache.score("linear", 0, features(), Counted())
    assert cache.score("linear", *OTHERS[what](), other).values == {"accuracy": 0.75}
    assert other.calls == 1


def test_other_unlabelled_rows_make_another_raw_score(tmp_path):
    """The labelled rows are the same, and what they are standardised with is not."""
    one, other = features(60), features(60, factor=100.0)
    assert np.array_equal(one.train.features, other.train.features)
    probe = evaluation.get("knn", neighbours=(1,))
    cache = ProbeCache(tmp_path)
    found = [cache.score("knn", 0, each, lambda each=each: probe(each, seed=0)) for each in (one, other)]
    assert len(list(tmp_path.iterdir())) == 2
    assert found == [probe(each, seed=0) for each in (one, other)]


def test_runs_with_other_unlabelled_rows_do_not_share_raw_scores(tmp_path):
    """Two runs of a comparison with the same labels: one uses all training examples, one a part of them."""
    y = Y.copy()
    y[np.arange(len(y)) % 4 > 1] = -1
    cache, found = tmp_path / "cache", []
    for examples in (None, 50):
        data = {"examples": examples} if examples else {}
        request = {"data": data, "method": "npair", "training": {"steps": 1}, "evaluation": {"knn": {}}}
        claimed = run.claim(request, (X, y), None, out=tmp_path / str(examples), resume=False)
        done = claimed.execute(quiet=True, maps=False, say=lambda text: None, probe_cache=cache)
        alone = run.claim(request, (X, y), None, out=tmp_path / f"{examples} alone", resume=False)
        alone = alone.execute(quiet=True, maps=False, say=lambda text: None)
        assert done.results.probes == alone.results.probes
        found.append(features_of(claimed.prepared, None, claimed.prepared.parts))
    assert not np.array_equal(found[0].centre, found[1].centre)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_written_again(content, tmp_path):
    cache = ProbeCache(tmp_path)
    cache.score("linear", 0, features(), Counted())
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    again = Counted()
    cache.score("linear", 0, features(), again)
    cache.score("linear", 0, features(), again)
    assert again.calls == 1


def test_untrained_encoders_that_are_made_in_another_way_share_scores_of_features_only(tmp_path):
    """Dropout is silent in features, and is not in fine-tuning."""
    found = []
    for dropout in (0.0, 0.6):
        encoder, chosen = {"name": "mlp", "widths": (16,), "dropout": dropout}, {"linear": {}, "finetune": {"epochs": 3}}
        request = {"method": "npair", "encoder": encoder, "training": {"steps": 1}, "evaluation": chosen}
        claimed = run.claim(request, (X, Y), None, out=tmp_path / f"{dropout}", resume=False)
        done = claimed.execute(quiet=True, maps=False, say=lambda text: None, probe_cache=tmp_path / "cache")
        found.append(done.results.probes)
    assert found[0]["linear"]["untrained"] == found[1]["linear"]["untrained"]
    assert len(list((tmp_path / "cache").glob("linear-*"))) == 2  # raw and untrained, of both
    assert len(list((tmp_path / "cache").glob("finetune-*"))) == 2


def test_a_comparison_shares_scores(tmp_path):
    """Its runs are processes of their own, which are told the folder by an option."""
    configurations = {name: {"method": name} for name in ("npair", "simclr")}
    np.savez(tmp_path / "t.npz", x=X, y=Y)
    options = {"encoder": "mlp", "training": {"steps": 1}, "evaluation": "knn"}
    mt.compare(tmp_path / "t.npz", configurations=configurations, seeds=[0], out=tmp_path / "c", quiet=True, **options)
    (first, second) = sorted((tmp_path / "c").glob("runs/*/seed-0/results.json"))
    raw = [json.loads(path.read_text())["probes"]["knn"]["raw"] for path in (first, second)]
    assert raw[0] == raw[1]
    assert len(list((tmp_path / "c").rglob("knn-*.npz"))) == 2
