"""Mistakes of the field, made on purpose: the checks must see them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast import Labels, Mix, rng
from mixtrast.mixers import CutMix, Mixup
from support.generators import seeded
from support.mixtures import TABLE, constants, honest


def honest_loss(rows: Tensor, z: Tensor, c: Tensor, mix: Mix, temperature: float) -> bool:
    """Whether rows are the cross-entropies of mixed identities among c, by loops."""
    said = []
    for anchor, parents, weights in zip(z, mix.parents.tolist(), mix.weight.tolist(), strict=True):
        scores = [float(anchor @ candidate) / temperature for candidate in c]
        log_z = math.log(sum(math.exp(s) for s in scores))
        said.append(sum(w * (log_z - scores[p]) for p, w in zip(parents, weights, strict=True)))
    return rows.shape == (len(said),) and bool(torch.allclose(rows, torch.tensor(said, dtype=rows.dtype), atol=1e-5))


def three_cycle(x: Tensor) -> Mix:
    """A permutation that is not its own inverse, at λ = .75."""
    who = torch.tensor([[i, (i + 1) % len(x)] for i in range(len(x))])
    return Mix(who, torch.tensor([[0.75, 0.25]]).repeat(len(x), 1))


class DrawnCutMix(CutMix):
    """Reports the λ drawn and not the area."""

    def blend(self, job):
        at = job.rng.bit_generator.state
        mixed, _ = super().blend(job)
        job.rng.bit_generator.state = at
        share = torch.from_numpy(self.shares(job).copy())
        return mixed, torch.stack([share, 1 - share], 1)


def test_a_drawn_share_reported_for_an_area_is_caught():
    x, ring = constants(8, 1, 32, 32), torch.stack([torch.arange(8), torch.arange(8).roll(1)], 1)
    right, wrong = CutMix(), DrawnCutMix()
    mixed, mix = right(x, seeded(), parents=ring)
    lied, lie = wrong(x, seeded(), parents=ring)
    assert lied.equal(mixed)
    assert honest(mixed, mix, x)
    assert not honest(lied, lie, x)


def test_an_inverse_permutation_is_caught():
    x = constants(5, 3)
    mix = three_cycle(x)
    inverse = mix.parents[:, 1].argsort()
    assert honest(mix(x), mix, x)
    assert not honest(0.75 * x + 0.25 * x[inverse], mix, x)
    assert not honest(mix(x)[:4], mix, x)


def test_the_broadcast_of_emix_is_caught():
    """DABS multiplies λ (B,1,1) by losses (B,): (B,1,B), whose mean pairs every λ with every loss."""
    z = torch.nn.functional.normalize(torch.randn(6, 4, generator=seeded()), dim=1)
    c = torch.nn.functional.normalize(torch.randn(6, 4, generator=seeded(1)), dim=1)
    x = torch.randn(6, 5, 2, generator=seeded(2))
    _, mix = Mixup(dominant=True)(x, seeded(3), parents=torch.stack([torch.arange(6), torch.arange(6).roll(-1)], 1))
    own, partner = (torch.nn.functional.cross_entropy(z @ c.T / 0.2, mix.parents[:, k], reduction="none") for k in (0, 1))
    lam = mix.weight[:, 0]
    intended = lam * own + (1 - lam) * partner
    published = lam.view(-1, 1, 1) * own + (1 - lam.view(-1, 1, 1)) * partner
    identities = Labels.of(torch.arange(6))
    ours = mt.contrast(z, c, identities.mix(mix), identities, temperature=0.2, reduction="none")
    assert honest_loss(ours, z, c, mix, 0.2)
    assert honest_loss(intended, z, c, mix, 0.2)
    assert published.shape == (6, 1, 6)
    assert not honest_loss(published, z, c, mix, 0.2)
    assert not honest_loss(published.mean((0, 1)), z, c, mix, 0.2)
    assert float(published.mean()) != pytest.approx(float(intended.mean()), abs=1e-3)
    averaged = lam.mean() * own.mean() + (1 - lam.mean()) * partner.mean()  # what the published numbers were trained on
    assert float(published.mean()) == pytest.approx(float(averaged), abs=1e-6)


def test_shares_come_from_the_generator_alone():
    """The documented way of drawing: NumPy, seeded by one number of the torch generator; so the next call differs."""
    generator, twin = seeded(5), seeded(5)
    first = Mixup()(TABLE, generator)[1]
    rng.numpy_generator(twin)
    assert generator.get_state().equal(twin.get_state())
    assert not Mixup()(TABLE, generator)[1].weight.equal(first.weight)
