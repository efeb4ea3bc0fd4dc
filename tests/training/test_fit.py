"""The loop is the plain one, to the bit."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import encoders, methods, rng, spec
from mixtrast.methods import Batch, Method
from mixtrast.training import Examples, Machine, Plan, fit
from mixtrast.training.optimizer import optimizer, rate
from support.fits import BATCH, FEATURES, HALF, STEPS, Own, Stopper, built, examples, plan, same, store, weights


def by_hand(method: Method, data: Examples, made: Plan) -> None:
    """Training as anyone would write it, without a framework, drawing what `fit` draws."""
    training = made.training
    moved = optimizer(method, training)
    method.train()
    per_epoch = len(data.x) // training.batch
    for step in range(1, made.steps + 1):
        epoch, place = divmod(step - 1, per_epoch)
        order = torch.randperm(len(data.x), generator=rng.derived(made.seed, epoch, "order"))
        index = order[place * training.batch : (place + 1) * training.batch]
        views = []
        for number in range(method.views_needed):
            generator, x = rng.derived(made.seed, step, f"view {number}"), data.x[index]
            for view in made.views:
                x = view(x, generator)
            views.append(x)
        for group in moved.param_groups:
            group["lr"] = rate(training, step, made.steps)
        torch.manual_seed(rng.derived_seed(made.seed, step, "dropout"))
        loss = method(Batch(tuple(views), data.label[index], index), rng.derived(made.seed, step, "method"))
        moved.zero_grad()
        loss.value.backward()
        if training.clip:
            nn.utils.clip_grad_norm_(method.parameters(), training.clip)
        moved.step()
        method.after_step(step / made.steps)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd", "schedule": "step", "clip": 0.1, "decay_all": True}], ids=str)
def test_fit_is_the_plain_loop_to_the_bit(name, options, tmp_path):
    ours, theirs, made = built(name, dropout=0.3), built(name, dropout=0.3), plan(**options)
    fit(ours, examples(), made, store(tmp_path), monitor=Stopper())
    with torch.random.fork_rng():
        by_hand(theirs, examples(), made)
    assert same(weights(ours), weights(theirs))
    assert not same(weights(ours), weights(built(name, dropout=0.3)))


@pytest.mark.parametrize("name", methods.names())
def test_the_seed_decides_the_weights(name):
    found = []
    for seed in (0, 0, 1):
        method = built(name)
        fit(method, examples(), plan(seed=seed), None)
        found.append(weights(method))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_looking_logging_and_saving_change_nothing(tmp_path):
    one, other = built("imix", dropout=0.3), built("imix", dropout=0.3)
    fit(one, examples(), plan(), None)
    drawing = plan(monitor_at=range(STEPS + 1), log_every=1)
    fit(other, examples(), drawing, store(tmp_path), monitor=lambda method, step: {"x": torch.rand(1).item()})
    assert same(weights(one), weights(other))


def legacy() -> list[int]:
    """The state of NumPy's global generator."""
    return np.random.get_state()[1].tolist()  # noqa: NPY002 - to see that nobody uses it


def test_no_global_draw_is_made(tmp_path):
    before = torch.get_rng_state(), legacy(), random.getstate()
    fit(built("mixsupcon", dropout=0.3), examples(), plan(monitor_at=[0, 3]), store(tmp_path), monitor=Stopper())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert legacy() == before[1]
    assert random.getstate() == before[2]


def test_the_examples_and_the_mode_are_left_as_they_were():
    data, method = examples(), built("imix")
    x, label = data.x.clone(), data.label.clone()
    fit(method, data, plan(), None)
    assert torch.equal(data.x, x)
    assert torch.equal(data.label, label)
    assert method.training


@pytest.mark.parametrize("rows", [BATCH, 27, 32])
def test_an_epoch_shows_no_example_twice_and_the_next_is_in_another_order(rows):
    method, per_epoch = Own(nn.Linear(FEATURES, 3)), rows // BATCH
    data = examples(rows)
    fit(method, data, plan(steps=6 * per_epoch, views=[]), None)
    seen = [batch.index for batch in method.seen]
    assert all(len(index) == BATCH for index in seen)
    epochs = [torch.cat(seen[k * per_epoch : (k + 1) * per_epoch]) for k in range(6)]
    assert all(len(epoch.unique()) == BATCH * per_epoch for epoch in epochs)
    assert all(epoch.min() >= 0 and epoch.max() < rows for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 6
    if rows % BATCH:
        assert len({frozenset(epoch.tolist()) for epoch in epochs}) > 1  # who is left out changes
    for batch in method.seen:
        assert torch.equal(batch.views[0], data.x[batch.index])
        assert torch.equal(batch.label, data.label[batch.index])


def test_every_view_of_every_step_is_drawn_anew():
    class Two(Own):
        views_needed = 2

    method = Two(nn.Linear(FEATURES, 3))
    fit(method, examples(BATCH), plan(steps=3, views=[mt.views.Noise(scale=1.0)]), None)
    found = [view.sort(0).values for batch in method.seen for view in batch.views]
    assert len({tuple(view.flatten().tolist()) for view in found}) == 6


def test_the_share_that_is_done_is_told_after_each_step():
    method = Own(nn.Linear(FEATURES, 3))
    fit(method, examples(), plan(steps=4), None)
    assert method.shares == [0.25, 0.5, 0.75, 1.0]


def test_clipping_bounds_the_gradient_and_zero_does_not():
    free, bound = Own(nn.Linear(FEATURES, 3)), Own(nn.Linear(FEATURES, 3))
    bound.load_state_dict(free.state_dict())
    fit(free, examples(), plan(lr=1e-9), None)
    limit = float(np.median(free.norms))
    fit(bound, examples(), plan(lr=1e-9, clip=limit), None)
    assert max(free.norms) > limit
    assert bound.norms == pytest.approx([min(norm, limit) for norm in free.norms], rel=1e-4)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_only_matrices_decay_unless_asked(name, decay_all):
    """With a loss that has no slope, what is left of a weight is its decay."""

    class Flat(Own):
        def value(self, batch: Batch) -> Tensor:
            return 0 * super().value(batch)

    method = Flat(nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4)))
    for weight in method.parameters():
        nn.init.ones_(weight)
    options = {"optimizer": name, "decay_all": decay_all, "momentum": 0.0}
    fit(method, examples(), plan(steps=2, lr=0.1, weight_decay=0.5, schedule="constant", warmup=0.0, **options), None)
    for weight in method.parameters():
        gone = weight.dim() > 1 or decay_all
        torch.testing.assert_close(weight.detach(), torch.full_like(weight, 0.95**2 if gone else 1.0))


def test_images_are_in_the_order_of_memory_that_was_asked_for(tmp_path):
    found = []
    for last in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = encoders.get("resnet8", spec.Image(2, 8, 8), width=4)
        method = Own(encoder, shape=spec.Image(2, 8, 8))
        data = Examples(torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(16).long())
        fit(method, data, plan(Machine("cpu", "32-true", last, {}), steps=2, views=[mt.views.Shift(), mt.views.Noise()]), None)
        order = torch.channels_last if last else torch.contiguous_format
        assert all(batch.views[0].is_contiguous(memory_format=order) for batch in method.seen)
        square = [
            module.weight for module in method.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
        ]
        assert all(weight.is_contiguous(memory_format=order) for weight in square)
        found.append(weights(method))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-2, atol=1e-3)


def test_mixed_precision_keeps_weights_and_losses_in_float32():
    method, other = built("imix"), built("imix")
    fitted = fit(method, examples(), plan(HALF), None)
    fit(other, examples(), plan(), None)
    assert all(weight.dtype == torch.float32 for weight in method.parameters())
    assert math.isfinite(fitted.loss)
    assert not same(weights(method), weights(other))  # it was really in half
    for name, value in other.state_dict().items():
        torch.testing.assert_close(method.state_dict()[name], value, rtol=0.2, atol=0.05)
