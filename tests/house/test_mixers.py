"""Contracts of mixers: a new file is tested before its author writes a test."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mixtrast as mt
from mixtrast import Labels, Mix
from support.contracts import COMPOSED, DTYPES, KINDS, B, check_refusal, example, pairs, takes
from support.generators import seeded
from support.mixtures import constants, honest

RING = torch.stack([torch.arange(B), torch.arange(B).roll(1)], 1)  # nobody is its own partner


def shares_of(mix: Mix, rows: int) -> Tensor:
    """The matrix (R, rows) of a Mix, by loops."""
    dense = torch.zeros(len(mix.parents), rows, dtype=torch.float64)
    for i, (parents, weights) in enumerate(zip(mix.parents.tolist(), mix.weight.tolist(), strict=True)):
        for parent, weight in zip(parents, weights, strict=True):
            dense[i, parent] += weight
    return dense


def check_mix(mix: Mix, rows: int, pool: int) -> None:
    assert isinstance(mix, Mix)
    assert mix.parents.shape == mix.weight.shape == (rows, mix.parents.shape[1])
    assert mix.parents.dtype == torch.int64
    assert ((mix.parents >= 0) & (mix.parents < pool)).all()
    assert (mix.weight >= 0).all()
    assert (mix.weight.double().sum(1) - 1).abs().max() <= 1e-6
    assert not mix.weight.requires_grad


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("kind", [*KINDS, "ids"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_takes_or_refuses(name, kind, dtype):
    x = torch.arange(B * 8).view(B, 8) if kind == "ids" else example(kind, dtype)
    mixer, before = mt.mixers.get(name), x.clone()
    try:
        mixed, mix = mixer(x, seeded())
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError)) as error:
            mixer(x, seeded())
        check_refusal(error)
        assert kind == "ids" or not takes(name, kind), "refused in this dtype only"
        return
    assert mixed.dtype == x.dtype
    assert mixed.shape == x.shape
    check_mix(mix, B, B)
    assert mix.parents[:, 0].equal(torch.arange(B))
    assert mix.parents[:, 1].sort().values.equal(torch.arange(B))  # a permutation
    mixed.zero_()
    assert x.equal(before)  # neither changed nor shared


@pairs(COMPOSED)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_weights_are_the_shares_really_taken(name, kind, dtype, seed):
    pool = constants(B, *KINDS[kind], dtype=dtype)
    mixed, mix = mt.mixers.get(name)(pool, seeded(seed))
    assert honest(mixed, mix, pool, atol=DTYPES[dtype])
    flat = constants(B, 1, dtype=torch.float64)
    torch.testing.assert_close(mixed.double().flatten(1).mean(1, keepdim=True), mix(flat), rtol=0, atol=DTYPES[dtype])


@pytest.mark.parametrize("name", COMPOSED)
@given(data=st.data())
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_weights_are_honest_for_any_shape_and_option(name, data):
    kind = data.draw(st.sampled_from([kind for kind in KINDS if takes(name, kind)]))
    pool = constants(data.draw(st.integers(1, 5)), *(data.draw(st.integers(1, 9)) for _ in KINDS[kind]))
    options = {
        "alpha": data.draw(st.sampled_from([0.01, 0.5, 1, 8, (2.0, 0.5)])),
        "per": data.draw(st.sampled_from(["sample", "batch"])),
        "dominant": data.draw(st.booleans()),
    }
    mixed, mix = mt.mixers.get(name, **options)(pool, seeded(data.draw(st.integers(0, 99))))
    check_mix(mix, len(pool), len(pool))
    assert honest(mixed, mix, pool)


@pairs(COMPOSED)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_alpha_zero_is_the_identity_to_the_bit(name, kind, dtype):
    x = example(kind, dtype) * 1e6
    for dominant in (False, True):
        mixed, mix = mt.mixers.get(name, alpha=0, dominant=dominant)(x, seeded())
        assert mixed.equal(x)
        assert (mix.weight[:, 0] == 1).all()
        mixed.zero_()
        assert not x.equal(mixed)  # a copy


@pairs(COMPOSED)
def test_the_generator_decides_everything(name, kind):
    x, mixer = example(kind), mt.mixers.get(name)
    (mixed, mix), (same, twin), (other, third) = (mixer(x, seeded(s)) for s in (7, 7, 8))
    assert mixed.equal(same)
    assert mix.weight.equal(twin.weight)
    assert mix.parents.equal(twin.parents)
    assert not mixed.equal(other)
    assert not (mix.weight.equal(third.weight) and mix.parents.equal(third.parents))
    generator = seeded(7)
    mixer(x, generator)
    assert not mixer(x, generator)[0].equal(mixed)  # the state moves on


@pairs(COMPOSED)
@pytest.mark.parametrize("per", ["sample", "batch"])
def test_mixing_commutes_with_the_order_of_the_batch(name, kind, per):
    x, mixer = example(kind), mt.mixers.get(name, per=per)
    parents = torch.stack([torch.randperm(B, generator=seeded(1)), torch.randperm(B, generator=seeded(2))], 1)
    order = torch.randperm(B, generator=seeded(3))
    mixed, mix = mixer(x, seeded(4), parents=parents)
    moved, twin = mixer(x[order], seeded(4), parents=order.argsort()[parents])
    assert moved.equal(mixed)
    assert twin.weight.equal(mix.weight)


@pairs(COMPOSED)
def test_per_batch_is_one_share_and_per_sample_many(name, kind):
    x = example(kind)
    for seed in range(5):
        weight = mt.mixers.get(name, per="batch")(x, seeded(seed))[1].weight
        assert (weight == weight[0]).all()
    each = torch.cat([mt.mixers.get(name)(x, seeded(seed))[1].weight for seed in range(5)])
    assert len(torch.unique(each[:, 0])) > 1


@pairs(COMPOSED, "image", "wide image", "series", "tokens", "table")
@pytest.mark.parametrize("per", ["sample", "batch"])
def test_dominant_first_ingredient_is_the_larger_part(name, kind, per):
    """Boxes are rounded down and clipped, and places kept rounded up: both in favour of the first."""
    mixer = mt.mixers.get(name, dominant=True, per=per)
    weight = torch.cat([mixer(example(kind), seeded(seed))[1].weight for seed in range(20)])
    assert weight[:, 0].min() >= 0.5
    assert weight[:, 0].min() < 1


@pairs(COMPOSED)
def test_gradients_follow_the_shares(name, kind):
    """Every mixer here takes numbers or weighs them, so d(sum of mixtures) / dx_i sums to the share taken of i."""
    x, mixer = example(kind, torch.float64).requires_grad_(), mt.mixers.get(name)
    mixed, mix = mixer(x, seeded(), parents=RING)
    (grad,) = torch.autograd.grad(mixed.sum(), x)
    torch.testing.assert_close(grad.flatten(1).mean(1), shares_of(mix, B).sum(0), rtol=0, atol=1e-6)
    stopped, same = mixer(x, seeded(), pool=x.detach(), parents=RING)  # e-mix: no gradient through the partner
    assert stopped.equal(mixed)
    assert same.weight.equal(mix.weight)
    (grad,) = torch.autograd.grad(stopped.sum(), x)
    torch.testing.assert_close(grad.flatten(1).mean(1), mix.weight[:, 0], rtol=0, atol=1e-6)
    pool = x.detach().clone().requires_grad_()
    mixed, mix = mixer(x.detach(), seeded(), pool=pool, parents=RING)
    (grad,) = torch.autograd.grad(mixed.sum(), pool)
    expected = shares_of(mix, B).sum(0)  # the pool has a gradient: both ingredients come from it
    torch.testing.assert_close(grad.flatten(1).mean(1), expected, rtol=0, atol=1e-6)


@pairs(COMPOSED)
def test_partners_from_a_pool_of_both_views(name, kind):
    """MixSupCon: view 1 of i with view 2 of j."""
    pool = constants(2 * B, *KINDS[kind])
    parents = torch.stack([torch.arange(B), B + torch.randperm(B, generator=seeded(1))], 1)
    mixed, mix = mt.mixers.get(name)(pool[:B], seeded(), pool=pool, parents=parents)
    check_mix(mix, B, 2 * B)
    assert mix.parents.equal(parents)
    assert honest(mixed, mix, pool)
    drawn, mix = mt.mixers.get(name)(pool[:B], seeded(), pool=pool)
    check_mix(mix, B, 2 * B)
    assert honest(drawn, mix, pool)
    assert mix.parents[:, 0].equal(torch.arange(B))
    assert len(mix.parents[:, 1].unique()) == B


@pairs(COMPOSED)
def test_half_a_batch_with_the_other_half(name, kind):
    """MixCo."""
    x, half = constants(B, *KINDS[kind]), B // 2
    parents = torch.stack([torch.arange(half), half + torch.arange(half)], 1)
    mixed, mix = mt.mixers.get(name)(x, seeded(), parents=parents)
    assert mixed.shape == (half, *x.shape[1:])
    check_mix(mix, half, B)
    assert honest(mixed, mix, x)


@pairs(COMPOSED)
def test_labels_mix_as_the_input_did(name, kind):
    classes = torch.tensor([0, 1, 2, 0, 1, 1])
    x = constants(3, *KINDS[kind])[classes]  # an example is its class
    mixed, mix = mt.mixers.get(name)(x, seeded())
    labels = Labels.of(classes).mix(mix)
    for i in range(B):
        said = sum(k * w for k, w in zip(labels.ids[i].tolist(), labels.weight[i].tolist(), strict=True))
        assert float(mixed[i].double().mean()) == pytest.approx(said, abs=1e-5)
        assert float(labels.weight[i].sum()) == pytest.approx(1, abs=1e-6)
