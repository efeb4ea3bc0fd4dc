"""The evaluations of a run where none are named."""

from __future__ import annotations

import numpy as np

import mixtrast as mt
from mixtrast.recipe import sections
from mixtrast.run import prepare
from support.commands import parsed
from support.examples import small


def test_the_default_evaluations_are_those_that_apply(tmp_path):
    x, y = small()
    for words, suited in (
        ([], {"boosting", "knn", "labels", "linear"}),
        (["--evaluation.linear.protocol", "sgd"], {"boosting", "knn", "labels", "linear"}),
        (["--evaluation", "default+finetune"], {"boosting", "finetune", "knn", "labels", "linear"}),
        (["--evaluation", "knn"], {"knn"}),
    ):
        flags = sections(parsed("train", "x", "--window", "3", *words).values())
        assert flags["data"].pop("window") == "3"
        chosen = prepare({**flags, "method": "npair"}, (x, y)).recipe.evaluation
        assert set(chosen) == suited
        assert chosen.get("linear", {}).get("protocol") == (
            "sgd" if "sgd" in words else "lbfgs" if "linear" in suited else None
        )
    series = np.random.default_rng(0).normal(size=(60, 2, 20)), np.arange(60) % 2
    assert set(prepare({"method": "npair"}, series).recipe.evaluation) == {"convolutions", "knn", "labels", "linear"}
    run = mt.train((x, y), method="npair", training={"steps": 1}, evaluation="linear", quiet=True, out=tmp_path / "run")
    assert set(run.evaluate("default", data=(x, y))) == {"boosting", "knn", "linear"}
    assert run.results.labels.points
