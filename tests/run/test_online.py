"""The online probe."""

from __future__ import annotations

import pytest

import mixtrast as mt
from support.examples import small


@pytest.mark.parametrize("mode", ["eval", "dabs"])
def test_the_online_probe_learns_along_and_changes_nothing(mode, tmp_path):
    given = {"method": "dmix", "encoder": "smalltransformer", "views": "none", "evaluation": "linear", "quiet": True}
    plain = mt.train(small(), training={"steps": 6}, out=tmp_path / "plain", **given)
    along = mt.train(small(), training={"steps": 6, "online": mode}, out=tmp_path / "along", **given)
    weights = [(run.folder / "encoder.safetensors").read_bytes() for run in (plain, along)]
    assert weights[0] == weights[1]
    looks = [line.monitor["online"] for line in along.metrics if line.monitor]
    assert len(looks) > 2
    assert 0 <= along.results.learning.online == looks[-1] <= 1
    assert plain.results.learning.online is None
    assert "online probe" in along.page.read_text(encoding="utf-8")


def test_the_online_probe_goes_on_where_it_was(tmp_path, monkeypatch):
    from mixtrast.run.online import OnlineProbe

    given = {"method": "npair", "encoder": {"name": "mlp", "widths": (8,)}, "evaluation": "linear", "quiet": True}
    training = {"steps": 10, "online": "eval", "checkpoint_every": 0.0}
    whole = mt.train(small(), training=training, out=tmp_path / "whole", **given)
    steps = []
    after = OnlineProbe.after

    def stopped(self, method, batch):
        after(self, method, batch)
        steps.append(1)
        if len(steps) == 6:
            raise RuntimeError("the power is gone")

    monkeypatch.setattr(OnlineProbe, "after", stopped)
    with pytest.raises(RuntimeError):
        mt.train(small(), training=training, out=tmp_path / "parts", **given)
    monkeypatch.setattr(OnlineProbe, "after", after)
    resumed = mt.train(small(), training=training, out=tmp_path / "parts", resume=True, **given)
    looks = [[line.monitor["online"] for line in run.metrics if line.monitor] for run in (whole, resumed)]
    assert looks[0] == looks[1]
