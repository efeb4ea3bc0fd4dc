"""The probe of DABS."""

from __future__ import annotations

import copy

import torch

from mixtrast import evaluation, spec
from mixtrast.encoders import get
from support.examples import table


def test_the_probe_of_dabs_is_slow_and_its_modes_differ():
    examples = table(400)
    torch.manual_seed(0)
    net = get("mlp", spec.Table(6), widths=(32,), dropout=0.5, norm=False)
    net.train()
    fixed = evaluation.get("dabs", epochs=3)(examples, net, seed=0)
    assert net.training  # as it was
    noisy = evaluation.get("dabs", epochs=3, encoder="train")(examples, net, seed=0)
    faster = evaluation.get("dabs", epochs=60, rate=0.01)(examples, net, seed=0)
    assert faster.values["accuracy"] > max(fixed.values["accuracy"], noisy.values["accuracy"])
    assert evaluation.get("dabs", epochs=3)(examples, net, seed=0) == fixed
    assert set(evaluation.get("dabs", epochs=1)(table(number=True), net, seed=0).values) == {"r2", "mae"}


def test_an_encoder_is_left_as_it_was_by_a_noisy_probe():
    torch.manual_seed(0)
    net = get("mlp", spec.Table(6), widths=(8,), dropout=0.5).train()
    before = copy.deepcopy(net.state_dict())
    examples = table(131, val=0, test=60)  # of batches of 10, the last has one row
    evaluation.get("dabs", epochs=1, batch=10, encoder="train")(examples, net, seed=0)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    x = examples.inputs(examples.test)
    assert not torch.equal(evaluation.features(net, x, noisy=True), evaluation.features(net, x, noisy=True))
    assert torch.equal(evaluation.features(net, x), evaluation.features(net, x))
    assert net.training
