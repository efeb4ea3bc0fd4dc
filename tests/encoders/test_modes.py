"""Evaluation mode for a while."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixtrast.encoders import evaluation_mode


def network() -> nn.Sequential:
    """In training mode, but for a frozen batch norm."""
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()
    made[3].eval()
    return made


@pytest.mark.parametrize("dropout", [False, True])
def test_every_part_is_in_evaluation_mode_and_then_in_its_own_mode_again(dropout):
    made = network()
    before = [part.training for part in made.modules()]
    with evaluation_mode(made, dropout=dropout):
        assert [part.training for part in made.modules()] == [False, False, False, dropout, False]
    assert [part.training for part in made.modules()] == before


def test_statistics_do_not_change_in_evaluation_mode():
    made, x = network(), torch.randn(6, 3)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with evaluation_mode(made, dropout=True):
        assert not made(x).equal(made(x))
    assert all(value.equal(before[name]) for name, value in made.state_dict().items())


def test_modes_are_restored_after_an_error():
    made = network()
    with pytest.raises(RuntimeError), evaluation_mode(made):
        made(torch.randn(6, 99))
    assert made[2].training
    assert not made[3].training
