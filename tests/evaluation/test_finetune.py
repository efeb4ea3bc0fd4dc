"""Fine-tuning."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from mixtrast import evaluation, spec
from mixtrast.encoders import get
from mixtrast.evaluation import Examples
from mixtrast.records import Score
from support.examples import PLAIN, table


def encoder(seed: int = 0):
    torch.manual_seed(seed)
    return get("mlp", spec.Table(6), widths=(64, 64))


def test_fine_tuning_learns_what_a_line_cannot():
    examples, before = table(1200), encoder()
    kept = copy.deepcopy(before.state_dict())
    tuned = evaluation.get("finetune", epochs=15)(examples, before, seed=0)
    parts = {
        name: (examples.x[getattr(examples, name)], examples.label[getattr(examples, name)])
        for name in ("train", "val", "test")
    }
    linear = evaluation.get("linear")(evaluation.Features.of(**parts, classes=2), seed=0)
    assert tuned.values["accuracy"] > linear.values["accuracy"] + 0.03
    assert tuned.chosen["lr"] in (1e-4, 1e-3)
    assert 1 <= tuned.chosen["epoch"] <= 15
    assert tuned.chosen_by == "validation"
    assert all(torch.equal(kept[name], value) for name, value in before.state_dict().items())  # the encoder is left as it was
    assert evaluation.get("finetune", epochs=15)(examples, before, seed=0) == tuned
    assert Score.from_json(json.loads(json.dumps(tuned.to_json()))) == tuned


def test_fine_tuning_begins_with_standardised_features_and_a_layer_of_zeros():
    from mixtrast.evaluation.finetune import Network

    examples = table()
    network = Network(encoder(), examples)
    z = (evaluation.features(network.encoder, examples.inputs(examples.train)) - network.centre) / network.spread
    assert z.mean(0).abs().max() < 1e-5
    assert (z.std(0, correction=0) - 1).abs().max() < 1e-4
    assert torch.equal(network(examples.inputs(examples.test)), torch.zeros(60, 2))


def test_fine_tuning_of_numbers_and_of_few_labels():
    numbers = evaluation.get("finetune", epochs=25)(table(1200, number=True), encoder(), seed=0)
    assert numbers.values["r2"] > 0.6
    held = evaluation.get("finetune", epochs=2)(table(200, val=0), encoder(), seed=0)
    assert held.chosen_by == "a fifth of train, held out"
    rows = torch.arange(70)
    label = torch.where(rows < 10, torch.where(rows < 2, rows, -1), rows % 2)  # in training one of each class is known
    parts = {"train": rows[:10], "val": rows[:0], "test": rows[10:]}
    alone = Examples.of(spec.Table(6), table(70).x, PLAIN, label, 2, parts)
    assert len(alone.train) == 2
    assert evaluation.get("finetune", epochs=2)(alone, encoder(), seed=0).chosen_by == "default"
    for wrong in ({"rates": ()}, {"epochs": 0}, {"decay": -1.0}, {"batch": 2.5}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` of FineTune must be"):
            evaluation.get("finetune", **wrong)
