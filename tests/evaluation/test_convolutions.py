"""Random convolutions."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv1d

from mixtrast import evaluation, spec
from mixtrast.evaluation import Examples
from mixtrast.evaluation import convolutions as module
from support.examples import PLAIN, table


def test_random_convolutions_are_their_formula():
    series = spec.Series(3, 40)
    for length in (*range(1, 30), 50, 100, 128, 1000):  # no kernel is longer than the series
        assert module._features(torch.randn(2, 2, length), module._banks(60, spec.Series(2, length), 0)).shape == (2, 120)
    banks = module._banks(20, series, 0)
    x = torch.randn(5, 3, 40, generator=torch.Generator().manual_seed(1))
    x[0, 1, 7] = torch.nan  # counts as the mean
    found = module._features(x, banks)
    assert found.shape == (5, 40)
    at = 0
    for weight, bias, dilation, padding in banks:
        assert weight.mean(2).abs().max() < 1e-6
        many = len(weight)
        for k in range(many):
            heard = conv1d(x.nan_to_num(), weight[k : k + 1], bias[k : k + 1], dilation=dilation, padding=padding)[:, 0]
            torch.testing.assert_close(found[:, at + k], heard.max(1).values)
            torch.testing.assert_close(found[:, at + many + k], (heard > 0).float().mean(1))
        at += 2 * many
    assert sum(len(weight) for weight, *_ in banks) == 20
    assert module._features(torch.randn(2, 1, 3), module._banks(4, spec.Series(1, 3), 0)).shape == (2, 8)


def test_random_convolutions_tell_frequencies_apart():
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(200) % 2
    phase = 6 * torch.rand(200, 1, generator=generator)
    x = (torch.sin(torch.arange(60) * (0.5 + 0.5 * label[:, None]) + phase) + 0.3 * torch.randn(200, 60, generator=generator))[
        :, None
    ]
    rows = torch.arange(200)
    parts = {"train": rows[:100], "val": rows[100:150], "test": rows[150:]}
    examples = Examples.of(spec.Series(1, 60), x, PLAIN, label, 2, parts)
    assert evaluation.get("convolutions", kernels=50)(examples, None, seed=0).values["accuracy"] > 0.95
    with pytest.raises(ValueError, match="convolutions are for series, got table"):
        evaluation.get("convolutions")(table(), None, seed=0)
