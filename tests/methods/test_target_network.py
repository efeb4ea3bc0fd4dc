"""The target network: its start, momentum and statistics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mixtrast.encoders import EMA
from support.methods import batch, cases, encoder, make, method, value
from support.momentum import K, shaken
from support.tolerances import F64

MOMENTUM = [("moco", {"queue": K}), ("byol", {}), ("imix", {"base": "moco", "queue": K}), ("imix", {"base": "byol"}),
        ("mixco", {"base": "moco", "queue": K})]  # fmt: skip


@cases(MOMENTUM)
def test_the_target_network_begins_as_the_encoder_and_has_no_gradient(name, options):
    made = make(name, options)
    target = made.keys.target
    for ours, theirs in zip(target.encoder.parameters(), made.encoder.parameters(), strict=True):
        assert ours.equal(theirs)
        assert ours.data_ptr() != theirs.data_ptr()
    value(made, batch()).backward()
    assert all(weight.grad is None and not weight.requires_grad for weight in target.parameters())
    assert all(weight.grad is not None for weight in made.encoder.parameters())


@cases(MOMENTUM)
def test_the_target_network_follows_by_its_momentum(name, options):
    made = make(name, {**options, "momentum": 0.9})
    before = [weight.clone() for weight in made.keys.target.parameters()]
    with torch.no_grad():
        for weight in made.encoder.parameters():
            weight.add_(1.0)
    made.after_step(0.5)
    theirs = [*made.encoder.parameters(), *made.projector.parameters()]
    for old, new, fast in zip(before, made.keys.target.parameters(), theirs, strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * fast, **F64)


@pytest.mark.parametrize(("progress", "m"), [(0.0, 0.9), (0.5, 0.95), (1.0, 1.0), (0.25, 1 - 0.1 * (1 + math.sqrt(0.5)) / 2)])
def test_momentum_may_rise_along_half_a_cosine(progress, m):
    fast, projector = encoder(0), nn.Linear(5, 4).double()
    target = EMA(encoder(1), projector, momentum=(0.9, 1.0))
    before = [weight.clone() for weight in target.encoder.parameters()]
    target.follow(fast, projector, progress)
    for old, new, theirs in zip(before, target.encoder.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(new, m * old + (1 - m) * theirs, **F64)


def test_what_batch_norm_remembers_is_the_copys_own():
    made = method("moco", norm=True, queue=K)
    value(made, batch())
    ours = dict(made.keys.target.encoder.named_buffers())
    theirs = dict(made.encoder.named_buffers())
    moved = [name for name in ours if "running_mean" in name]
    assert moved
    assert all(not ours[name].equal(theirs[name]) for name in moved)  # view 2 there, view 1 here
    kept = {name: ours[name].clone() for name in ours}
    made.after_step(0.5)
    assert all(ours[name].equal(kept[name]) for name in ours)


@cases(MOMENTUM)
def test_restart_makes_the_copy_anew(name, options):
    made = shaken(make(name, options))
    made.restart()
    for ours, theirs in zip(made.keys.target.encoder.parameters(), made.encoder.parameters(), strict=True):
        assert ours.equal(theirs)


@cases(MOMENTUM)
def test_a_checkpoint_of_version_0_1_is_read(name, options):
    """There the target network was called `slow`."""
    made, again = shaken(make(name, options)), make(name, options)
    first = {at.replace("keys.target.", "keys.slow."): weight for at, weight in made.state_dict().items()}
    assert any(".slow." in at for at in first)
    again.load_state_dict(first)
    assert all(weight.equal(first[at.replace("keys.target.", "keys.slow.")]) for at, weight in again.state_dict().items())


@cases(MOMENTUM)
def test_what_a_method_says_of_its_queue_and_parts(name, options):
    made = make(name, options)
    assert made.queue_length == options.get("queue", 0)
    assert not made.splits_batch
    assert method(name, norm=True, **{**options, "splits": 2}).splits_batch
    plain = method("simclr")
    assert plain.queue_length == 0
    assert not plain.splits_batch
