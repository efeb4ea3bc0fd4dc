"""Importance: how much each part of the input moves the features."""

from __future__ import annotations

import pytest
import torch

import mixtrast as mt
from mixtrast.mixers import Mixup
from support.generators import seeded
from support.methods import FULLY, N, batch, method, value


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_sensitivity_is_the_gradient_of_the_features(depth):
    """By differences; neither the statistics of batch norm nor the mode change."""
    made = method("imix", norm=True, mixer=mt.mixers.SaliencyMix(importance="gradient"), depth=depth)
    made.train()
    given = batch()
    value(made, given)  # moves running statistics
    kept = {name: held.clone() for name, held in made.state_dict().items()}
    h = made.encoder.eval().run(given.views[0], stop=depth).detach()
    made.encoder.train()
    found = made.sensitivity(depth, h)
    assert found.shape == h.shape
    assert all(part.training for part in made.modules())
    assert all(held.equal(kept[name]) for name, held in made.state_dict().items())
    made.encoder.eval()
    step = 1e-6
    for at in [(0, *[0] * (h.dim() - 1)), (N - 1, *[-1] * (h.dim() - 1))]:
        more, less = h.clone(), h.clone()
        more[at] += step
        less[at] -= step
        with torch.no_grad():
            up, down = (float(made.encoder.run(x, depth).square().sum()) / 2 for x in (more, less))
        assert float(found[at]) == pytest.approx(abs(up - down) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("mixer", ["saliencymix", "mixup+saliencymix"])
@pytest.mark.parametrize("name", ["imix", "mixsupcon", "mixco", "dacl", "supervised"])
def test_a_mixer_that_needs_importance_gets_it_at_every_depth(name, mixer):
    if mixer == "saliencymix":
        made = method(name, mixer=mt.mixers.get(mixer, importance="gradient"), depth=(0, 1))
    else:
        made = method(name, mixer=mt.mixers.OneOf(Mixup(), mt.mixers.SaliencyMix(importance="gradient")), depth=(0, 1))
    for seed in range(6):
        loss = made(batch(FULLY), seeded(seed))
        assert loss.value.isfinite()
        loss.value.backward()
