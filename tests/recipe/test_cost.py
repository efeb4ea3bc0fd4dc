"""Automatic steps fit the machine."""

from __future__ import annotations

import torch

from mixtrast.recipe import DataSummary, Part, steps_of
from mixtrast.spec import Image, Table
from support.recipes import decided


def test_an_automatic_run_ends_in_minutes(monkeypatch):
    """Fewer steps where an encoder multiplies much and there is no GPU; as many as ever where it does not, or there is one."""
    from mixtrast.recipe import cost

    linear = 9 * 16 + 16 * 4
    assert cost.multiplications(Part("mlp", {"widths": (16, 4)}), Table(9)) == linear
    stem, body = 3 * 9 * 4 * 64, 2 * 4 * 9 * 4 * 64  # ten channels or so on 8 x 8 pixels: one group of one block
    assert cost.multiplications(Part("resnet", {"blocks": (1,), "width": 4}), Image(3, 8, 8)) == stem + body
    assert cost.multiplications(Part("mlp", {"widths": (0,)}), Table(9)) == 0
    data = DataSummary(Image(3, 32, 32), 2_560, 2_560, 10, {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    small, large = (steps_of(decided(data, encoder=name).training, 2_560) for name in ("resnet20", "resnet18"))
    assert 200 <= large < small <= 1_520  # of whole epochs
    assert [decided(data, encoder=name).training.batch for name in ("resnet20", "resnet18")] == [64, 64]
    assert decided(DataSummary(Image(1, 8, 8), 2_560, 2_560, 10, {}), encoder="resnet8").training.batch == 256
    assert cost.most(0.0) == 256
    steps = [cost.affordable(price, cost.most(price)) for price in (1e6, 2e7, 5e7, 1e8)]
    assert steps[:3] == [1_500] * 3  # what can be paid for is many small steps
    assert cost.most(2e7) == 128
    assert cost.most(1e9) == 64
    assert cost.steps_for(1e9, 64)[0] == 200
    recipe = decided(data, encoder="resnet18")
    assert "an example costs as much as" in recipe.reasons["training.epochs"]
    assert recipe.training.epochs == 5
    assert "small ones, for more steps at the same cost" in recipe.reasons["training.batch"]
    assert steps_of(decided(DataSummary(Table(9), 2_560, 0, 0, {})).training, 2_560) == 1_500
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert steps_of(decided(data, encoder="resnet18").training, 2_560) == 1_500
    assert decided(data, encoder="resnet18").training.batch == 256
    assert steps_of(decided(data, encoder="resnet18", training={"device": "cpu"}).training, 2_560) == 200
