"""ResizeMix against its loop and against torch's interpolation."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy import stats

from mixtrast.mixers import ResizeMix
from support.generators import seeded
from support.mixtures import first_shares


def test_resizemix_shares():
    shares = first_shares(ResizeMix(), (2_000, 1, 32, 32))
    assert float(shares.mean()) == pytest.approx(0.84, abs=0.02)
    assert first_shares(ResizeMix(dominant=True), (500, 1, 32, 32)).min() >= 0.5


def test_resizemix_sides_keep_to_the_scale():
    sides = (32 * (1 - first_shares(ResizeMix(), (500, 1, 32, 32), draw={"centre": [16, 16]})).sqrt()).round().int()
    assert set(sides.tolist()) == set(range(2, 26, 2))  # floor(.1 x 32) = 3 to floor(.8 x 32) = 25, of which an odd one loses 1
    narrow = first_shares(ResizeMix(scale=(0.5, 0.5), per="batch"), (4, 1, 32, 32), draw={"centre": [16, 16]})
    assert narrow.tolist() == [0.75] * 4
    beta = ResizeMix(alpha=4.0, scale=(0.2, 0.9))
    areas = 1 - first_shares(beta, (1_000, 1, 64, 64), draw={"centre": [32, 32]})
    assert areas.max() <= 0.9**2
    assert areas.min() >= ((int(0.2 * 64) - 1) / 64) ** 2
    kept = stats.beta(4, 4).rvs(20_000, random_state=0)
    kept = kept[(kept >= 0.2) & (kept <= 0.9)]
    assert float(areas.sqrt().mean()) == pytest.approx(kept.mean() - 1 / 64, abs=0.015)  # half a pixel by floor, half by odd


def resized_box(side: float, centre: tuple[int, ...], space: tuple[int, ...]) -> list[tuple[int, int]]:
    sides, odd = [int(length * side) for length in space], len(space) == 1  # where an odd side loses nothing
    return [(max(c - s // 2, 0), min(c + (s + odd) // 2, n)) for c, s, n in zip(centre, sides, space, strict=True)]


CASES = [
    ((8, 8), 0.5, (4, 4)),  # inside
    ((6, 10), 0.7, (5, 1)),  # clipped at two sides, not square
    ((11, 7), 1.0, (0, 6)),
    ((32, 32), 0.8, (31, 15)),
    ((5, 9), 0.4, (4, 8)),  # two pixels, clipped to one
]


@pytest.mark.parametrize(("space", "side", "centre"), CASES)
def test_resizemix_nearest_is_its_loop(space, side, centre):
    x = torch.randn(3, 2, *space, generator=seeded())
    mixed, mix = ResizeMix()(x, seeded(1), draw={"scale": side, "centre": list(centre)})
    (top, bottom), (left, right) = resized_box(side, centre, space)
    for i, j in enumerate(mix.parents[:, 1].tolist()):
        expected = x[i].clone()
        for row, column in itertools.product(range(top, bottom), range(left, right)):
            source = ((row - top) * space[0] // (bottom - top), (column - left) * space[1] // (right - left))
            expected[:, row, column] = x[j, :, source[0], source[1]]
        assert mixed[i].equal(expected)
    area = (bottom - top) * (right - left) / math.prod(space)
    assert mix.weight[:, 1].tolist() == pytest.approx([area] * 3, abs=1e-6)
    assert ResizeMix()(x, seeded(1), draw={"tau": side, "center": list(centre)})[0].equal(mixed)


@pytest.mark.parametrize(("space", "side", "centre"), [*CASES, ((12,), 0.6, (2,))])
def test_resizemix_linear_is_torch_interpolate(space, side, centre):
    x = torch.randn(3, 2, *space, generator=seeded())
    mixed, mix = ResizeMix(interpolate="linear")(x, seeded(1), draw={"scale": side, "centre": list(centre)})
    box = resized_box(side, centre, space)
    mode = "bilinear" if len(space) == 2 else "linear"
    small = torch.nn.functional.interpolate(x, [high - low for low, high in box], mode=mode, align_corners=False)
    for i, j in enumerate(mix.parents[:, 1].tolist()):
        expected = x[i].clone()
        expected[(slice(None), *(slice(low, high) for low, high in box))] = small[j]
        torch.testing.assert_close(mixed[i], expected, rtol=0, atol=1e-5)  # float32 places


def test_resizemix_shows_the_whole_partner():
    places = torch.arange(16).float().view(1, 1, 4, 4)
    x = torch.cat([-torch.ones_like(places), places]).repeat_interleave(2, 2).repeat_interleave(2, 3)  # 8 x 8
    mixed, _ = ResizeMix()(x, seeded(), parents=torch.tensor([[0, 1]]), draw={"box": [1, 2, 5, 6]})
    assert mixed[0, 0, 1:5, 2:6].flatten().tolist() == list(range(16))
    assert (mixed[0, 0] == -1).sum() == 64 - 16
    given = ResizeMix()(x, seeded(), draw={"weight": 0.75, "centre": [4, 4]})[1]  # λ is what is left, unlike in OpenMixup
    assert given.weight[:, 0].tolist() == [0.75, 0.75]
