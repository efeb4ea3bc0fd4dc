"""CutMix against its loop, and the area it reports."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import mixtrast as mt
from mixtrast.mixers import CutMix
from support.generators import seeded
from support.mixtures import constants, first_shares


class Recording(CutMix):
    """CutMix that keeps the λ it draws."""

    def drawn(self, rng, size):
        self.nominal = super().drawn(rng, size)
        return self.nominal


def test_cutmix_reports_the_area_and_not_the_draw():
    mixer = Recording()
    real = first_shares(mixer, (4_000, 1, 32, 32)).numpy()
    assert mixer.nominal.mean() == pytest.approx(0.50, abs=0.02)
    assert real.mean() == pytest.approx(0.70, abs=0.02)
    assert np.abs(real - mixer.nominal).mean() == pytest.approx(0.20, abs=0.02)
    assert (real >= mixer.nominal - 1e-7).all()  # clipping and odd sides only ever give area back
    folded = first_shares(CutMix(dominant=True), (4_000, 1, 32, 32))
    assert float(folded.mean()) == pytest.approx(0.833, abs=0.01)  # i-Mix
    assert folded.min() >= 0.5


@pytest.mark.parametrize("shape", [(32, 32), (7, 12), (15,), (4, 6, 5)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
def test_cutmix_is_its_loop(shape, share):
    rng = np.random.default_rng(0)
    x = torch.randn(4, 2, *shape, generator=seeded())
    for mixer in (CutMix(), CutMix(per="batch")):
        centres = rng.integers(0, shape, (4, len(shape)))
        mixed, mix = mixer(x, seeded(), draw={"weight": share, "centre": centres})
        for i in range(4):
            bounds = []
            for length, centre in zip(shape, centres[i], strict=True):
                side = int(length * (1 - share) ** (1 / len(shape)))
                above = (side + 1) // 2 if len(shape) == 1 else side // 2  # in one dimension an odd side loses nothing
                bounds.append(range(max(centre - side // 2, 0), min(centre + above, length)))
            expected = x[i].clone()
            for place in itertools.product(*bounds):
                expected[(slice(None), *place)] = x[(mix.parents[i, 1], slice(None), *place)]
            assert mixed[i].equal(expected)
            assert float(mix.weight[i, 1]) == pytest.approx(math.prod(map(len, bounds)) / math.prod(shape), abs=1e-6)


def test_cutmix_cuts_columns_and_given_boxes():
    x = constants(3, 6)
    who = torch.tensor([[0, 1], [1, 2], [2, 0]])
    mixed, mix = CutMix()(x, seeded(), parents=who, draw={"box": [[1, 4], [0, 6], [2, 2]]})
    assert mixed.tolist() == [[0, 1, 1, 1, 0, 0], [2] * 6, [2] * 6]
    assert mix.weight[:, 0].tolist() == [0.5, 0, 1]
    ids = torch.arange(12).view(2, 6)  # token ids cannot be added, but cut
    mixed, _ = CutMix()(ids, seeded(), parents=torch.tensor([[0, 1]]), draw=[2, 4])
    assert mixed.tolist() == [[0, 1, 8, 9, 4, 5]]
    image = constants(2, 1, 4, 4)
    mixed, mix = CutMix()(image, seeded(), parents=torch.tensor([[0, 1]]), draw={"box": [0, 1, 2, 4]})
    assert mixed[0, 0].tolist() == [[0, 1, 1, 1], [0, 1, 1, 1], [0] * 4, [0] * 4]  # rows 0-1, columns 1-3
    assert mix.weight.tolist() == [[1 - 6 / 16, 6 / 16]]
    a = CutMix()(image, seeded(), draw={"center": [1, 1], "lam": 0.5})
    b = CutMix()(image, seeded(), draw={"centre": [1, 1], "weight": 0.5})
    assert a[0].equal(b[0])


def test_one_box_per_batch_or_one_each():
    x = constants(16, 1, 16, 16)
    for name in ("cutmix", "resizemix"):
        ring = torch.stack([torch.arange(16), torch.arange(16).roll(1)], 1)
        same, _ = mt.mixers.get(name, per="batch")(x, seeded(3), parents=ring)
        boxes = same != x
        assert boxes.any()
        assert (boxes == boxes[0]).all()
        each, _ = mt.mixers.get(name)(x, seeded(3), parents=ring)
        assert len(torch.unique((each != x).flatten(1), dim=0)) > 8
