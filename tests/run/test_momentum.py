"""Runs of methods with a queue or in parts, and of options that change over training."""

from __future__ import annotations

import copy
import math

import pytest
import torch

import mixtrast as mt
from mixtrast.records import Learning
from mixtrast.run import learning
from support.generators import seeded


def test_options_that_data_decide_are_shown_with_their_reason():
    from mixtrast.run import prepare

    found = prepare({"method": "moco", "data": {"source": "digits"}, "training": {"steps": 1}})
    assert found.recipe.method.options["queue"] == 269
    assert found.recipe.reasons["method.queue"].startswith("a quarter of the 1,078 training examples")
    found = prepare({"method": {"name": "mixco", "base": "moco"}, "data": {"source": "digits"}, "training": {"steps": 1}})
    assert (found.recipe.method.options["temperature"], found.recipe.method.options["mix_temperature"]) == (0.2, 0.05)
    assert found.recipe.reasons["method.temperature"] == "the authors' with moco"
    found = prepare({"method": {"name": "moco", "queue": 64}, "data": {"source": "digits"}, "training": {"steps": 1}})
    assert found.recipe.method.options["queue"] == 64
    assert "method.queue" not in found.recipe.reasons


def test_moco_in_parts_trains_and_its_encoder_is_read_by_one_without_parts(tmp_path):
    rows = torch.rand(64, 1, 8, 8, generator=seeded(0))
    run = mt.train(
        rows.numpy(), method={"name": "moco", "splits": 4, "queue": 32}, encoder={"name": "resnet8", "width": 4}, epochs=2,
        batch=16, out=tmp_path / "run", quiet=True,
    )  # fmt: skip
    assert run.encoder()(rows[:3]).shape == (3, 16)


def test_an_encoder_in_parts_is_evaluated_whole(tmp_path):
    """Fine-tuning meets batches that parts do not divide; and what reads the run again has no parts."""
    rows = torch.rand(209, 6, generator=seeded(0))
    data = {"x": rows.numpy(), "y": (rows[:, 0] > 0.5).long().numpy()}
    run = mt.train(
        data, label="y", method={"name": "moco", "splits": 2, "queue": 64}, encoder={"name": "mlp", "widths": (8,)}, epochs=1,
        batch=20, out=tmp_path / "run", quiet=True, evaluation={"finetune": {"epochs": 1}},
    )  # fmt: skip
    there = copy.deepcopy(run.results.probes["finetune"])
    run.evaluate({"finetune": {"epochs": 1}}, data=data)
    again = run.results.probes["finetune"]
    assert (there["trained"], there["untrained"]) == (again["trained"], again["untrained"])


def test_the_automatic_batch_is_of_whole_parts():
    from mixtrast.run import prepare

    rows = torch.rand(300, 5, generator=seeded(0)).numpy()
    found = prepare({"method": {"name": "mixco", "base": "moco", "splits": 8}, "training": {"steps": 1}}, rows)
    assert found.recipe.training.batch % 16 == 0  # 8 parts of the batch, and of it with half as many mixtures
    assert found.recipe.reasons["training.batch"].endswith("a multiple of 8")


def test_before_training_a_method_with_a_queue_has_gained_nothing(tmp_path):
    """Against random keys even an untrained encoder is far above chance; the comparison is against keys as it makes them."""
    from mixtrast.run import prepare

    prepared = prepare({"method": "moco", "data": {"source": "digits"}, "training": {"steps": 1}})
    method, initial = prepared.method.eval(), copy.deepcopy(prepared.method)
    random_ones = method.keys.queue.keys.clone()
    found = learning._gains(prepared, initial, Learning())
    chance = math.log(1 + len(method.keys.queue.keys))
    assert abs(found.gain_train_before) < 0.25 * chance
    assert found.gain_train == pytest.approx(found.gain_train_before, rel=1e-5)  # nothing has been learned
    assert method.keys.queue.keys.equal(random_ones)  # the run's own queue is left as it is


def test_what_a_run_says_does_not_depend_on_its_being_resumed(tmp_path):
    """What changes over training stands at its end when the objective is taken."""
    rows = torch.rand(300, 6, generator=seeded(0)).numpy()
    settings = {"mixer": {"name": "mixup", "alpha": (4.0, 0.0, "linear")}, "encoder": {"name": "mlp", "widths": (8,)}}
    run = mt.train(rows, method="imix", epochs=2, batch=30, out=tmp_path / "run", quiet=True, **settings)
    before = run.results.learning
    (run.folder / "results.json").unlink()
    again = mt.train(rows, method="imix", epochs=2, batch=30, out=tmp_path / "run", quiet=True, resume=True, **settings)
    assert again.results.learning == before
