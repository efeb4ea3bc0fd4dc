"""Dropout against that of torch."""

from __future__ import annotations

import pytest
import torch


def test_dropout_is_that_of_torch_in_its_moments():
    from mixtrast.encoders._dropout import Dropout

    torch.manual_seed(0)
    layer, x = Dropout(0.3), torch.ones(200_001, requires_grad=True)
    y = layer(x)
    assert y.detach().unique().tolist() == [0.0, pytest.approx(1 / 0.7, rel=1e-4)]
    assert abs(float((y == 0).float().mean()) - 0.3) < 5 * (0.21 / len(x)) ** 0.5
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y.detach())
    pairs = (y.detach()[:200_000] == 0).view(-1, 4).float()  # the four that one draw decides are independent
    together = torch.corrcoef(pairs.T) - torch.eye(4)
    assert together.abs().max() < 5 / len(pairs) ** 0.5
    torch.manual_seed(0)
    assert torch.equal(layer(x), y)
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5)(torch.ones(3, dtype=torch.bfloat16)).dtype == torch.bfloat16
