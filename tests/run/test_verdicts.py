"""Verdicts of runs that really are as the verdict says."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor, nn

from mixtrast.run import Run
from support.runs import blobs, small

pytestmark = pytest.mark.usefixtures("light")


def verdicts(done: Run) -> list[str]:
    return [verdict.verdict for verdict in done.results.diagnosis]


def test_learning_is_seen(tmp_path):
    done = small(blobs(120, apart=8.0), tmp_path / "run", method="simclr", training={"steps": 150, "lr": 0.01})
    assert "learning" in verdicts(done)
    assert not {"at chance", "collapsed", "overfitting", "diverged"} & set(verdicts(done))
    learned = done.results.learning
    assert learned.floor < learned.loss < learned.chance


@pytest.mark.parametrize("method", ["supcon", "mixsupcon", "supervised"])
def test_standing_still_is_seen(method, tmp_path):
    done = small(blobs(120), tmp_path / "run", method=method, training={"steps": 10, "lr": 1e-8})
    assert "at chance" in verdicts(done)
    assert "learning" not in verdicts(done)


class Constant(nn.Module):
    """An encoder whose last layer has died."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Linear(4, 12), nn.Linear(12, 16)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x).relu())


def test_a_collapse_is_seen(tmp_path):
    done = small(blobs(), tmp_path / "run", method="simclr", encoder=Constant(), training={"lr": 1e-8})
    assert verdicts(done)[0] == "collapsed"
    assert done.results.learning.rank < 2


def test_overfitting_is_seen(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(120, 10)).astype(np.float32), rng.permutation(np.arange(120) % 2)
    options = {"encoder": {"name": "mlp", "widths": (64,)}, "views": "none", "training": {"steps": 300, "lr": 0.01}}
    done = small(noise, tmp_path / "run", method="supervised", **options)
    assert "overfitting" in verdicts(done)
    assert done.results.learning.train_loss < 0.2 < done.results.learning.val_loss


def test_features_that_beat_the_baselines_are_seen(tmp_path):
    """Rings: what is near the middle is one class, and no straight line tells them apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
    encoder = {"name": "mlp", "widths": (8, 4)}  # so narrow that random weights do not tell the rings apart
    options = {"evaluation": "linear", "views": "noise", "training": {"steps": 300, "lr": 0.01}}
    done = small((x, y), tmp_path / "run", method="supervised", encoder=encoder, **options)
    assert verdicts(done) == ["learning", "better than baselines"]
    scores = {row: score.values.get("accuracy", 0.0) for row, score in done.results.probes["linear"].items()}
    assert scores["trained"] > scores["raw"] + 0.1


@pytest.mark.parametrize("seed", range(4))
def test_an_encoder_that_stood_still_does_not_overfit(seed, tmp_path):
    """A dozen validation examples may be harder than a dozen others, and were so before training."""
    x = np.random.default_rng(seed).normal(size=(120, 4)).astype(np.float32)
    done = small(x, tmp_path / "run", method="imix", training={"steps": 3, "lr": 1e-9})
    learned = done.results.learning
    assert "overfitting" not in verdicts(done)
    assert "too early" in verdicts(done)
    assert abs(learned.gain_train - learned.gain_train_before) < 1


@pytest.mark.parametrize("method", ["simclr", "npair"])
def test_standing_still_below_chance_is_not_learning(method, tmp_path):
    done = small(blobs(120), tmp_path / "run", method=method, training={"steps": 10, "lr": 1e-8})
    assert "no progress" in verdicts(done)
    assert "learning" not in verdicts(done)
    assert done.results.learning.loss_first < done.results.learning.chance


def test_a_number_that_is_learned_is_not_overfitted(tmp_path):
    x, _ = blobs(200)
    training = {"steps": 150, "lr": 0.01}
    done = small(x, tmp_path / "run", label=x.sum(1), method="supervised", views="none", training=training)
    assert "overfitting" not in verdicts(done)
