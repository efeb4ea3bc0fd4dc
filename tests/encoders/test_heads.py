"""Heads have the layers that their names say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixtrast.encoders import head

HEADS = {
    "linear": ["Linear"],
    "mlp": ["Linear", "ReLU", "Linear"],
    "mlpbn1": ["Linear", "BatchNorm1d", "ReLU", "Linear"],
    "mlpbn": ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"],
    "none": [],
}


def layers(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if not isinstance(part, (nn.Sequential, nn.Identity))]


@pytest.mark.parametrize("hidden", [None, 7])
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_has_the_layers_that_it_says(kind, hidden):
    made = head(kind, 5, 3, hidden=hidden)
    found = layers(made)
    assert [type(layer).__name__ for layer in found] == HEADS[kind]
    linears = [(layer.in_features, layer.out_features) for layer in found if isinstance(layer, nn.Linear)]
    assert linears == {0: [], 1: [(5, 3)], 2: [(5, hidden or 5), (hidden or 5, 3)]}[len(linears)]
    assert made(torch.randn(4, 5)).shape == (4, 5 if kind == "none" else 3)


@pytest.mark.parametrize("kind", HEADS)
def test_a_bias_stands_before_no_batch_norm_and_before_all_else(kind):
    found = layers(head(kind, 5, 3))
    for layer, after in zip(found, [*found[1:], None], strict=False):
        if isinstance(layer, nn.Linear):
            assert (layer.bias is None) == isinstance(after, nn.BatchNorm1d)


@pytest.mark.parametrize("kind", ["mpl", "", "MLP", None])
def test_another_head_is_refused(kind):
    with pytest.raises(ValueError, match="one of linear, lnlinear, mlp, mlpbn1, mlpbn, none, got"):
        head(kind, 5, 3)
