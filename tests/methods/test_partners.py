"""Partners of mixtures."""

from __future__ import annotations

import math

import pytest
import torch

from support.generators import seeded
from support.methods import method, twin


@pytest.mark.parametrize("n", [1, 2, 9])
def test_mixsupcon_mixes_a_view_with_another_examples_other_view(n):
    made = method("mixsupcon")
    both, half = made.parents(n, seeded(1)), twin(made, "mixsupcon", mixtures="N").parents(n, seeded(1))
    assert both.shape == (2 * n, 2)
    assert both[:n].equal(half)
    assert both[:, 0].equal(torch.arange(2 * n))
    assert both[:n, 1].sort().values.equal(n + torch.arange(n))  # view 1 with a permutation of view 2
    assert both[n:, 1].sort().values.equal(torch.arange(n))  # and the other way
    if n > 2:
        assert not (both[:n, 1] - n).equal(both[n:, 1])  # drawn anew
        assert not both.equal(made.parents(n, seeded(2)))


def test_every_partner_is_as_likely():
    made = method("mixsupcon", mixtures="N")
    generator = seeded(0)
    counts = torch.zeros(4, 4)
    for _ in range(2_000):
        counts[torch.arange(4), made.parents(4, generator)[:, 1] - 4] += 1
    assert (counts / 2_000 - 0.25).abs().max() < 5 * math.sqrt(0.25 * 0.75 / 2_000)
