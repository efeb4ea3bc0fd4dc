"""Calls of mixers: importance, one parent, a detached pool; bad options and bad input are refused."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from mixtrast.mixers import Mixer, Mixup, OneOf, ResizeMix
from support.generators import seeded
from support.mixtures import IMAGE, TABLE, constants, honest

INF, NAN = math.inf, math.nan


def test_importance_follows_the_parents():
    class Asks(Mixer):
        def blend(self, job):
            own, other = job.importance
            share = own / (own + other)
            return share * job.first + (1 - share) * job.others[0], torch.stack([share.mean(1), 1 - share.mean(1)], 1)

    x = constants(3, 4)
    who = torch.tensor([[2, 0], [1, 2]])
    weight = torch.tensor([1.0, 3.0, 9.0])[:, None].expand(3, 4)
    mixed, mix = Asks()(x, seeded(), parents=who, importance=weight)
    assert mix.weight[:, 0].tolist() == pytest.approx([0.9, 0.25])
    assert honest(mixed, mix, x)


@pytest.mark.parametrize("name", mt.mixers.names())
def test_one_parent_is_no_mixing(name):
    x = torch.randn(4, 1, 8, 8, generator=seeded())
    mixed, mix = mt.mixers.get(name)(x, seeded(), parents=torch.tensor([[2], [0]]))
    assert mixed.equal(x[[2, 0]])
    assert mix.weight.tolist() == [[1.0], [1.0]]


def test_first_ingredient_keeps_its_gradient_beside_a_detached_pool():
    """e-mix with both views: the pool is longer than x, and detached; x's own rows still come from x, as without `parents`."""
    x = torch.randn(3, 4, requires_grad=True)
    pool = torch.cat([x, torch.randn(3, 4)]).detach()
    for parents in (None, torch.tensor([[0, 4], [1, 5], [2, 3]])):
        mixed, mix = Mixup()(x, seeded(), pool=pool, parents=parents)
        assert mixed.requires_grad, parents
        (grad,) = torch.autograd.grad(mixed.sum(), x)
        torch.testing.assert_close(grad.mean(1), mix.weight[:, 0])


RING = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]])
TRIPLES = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]])

BAD_OPTIONS = [
    *[(name, {"alpha": bad}, "`alpha`") for name in mt.mixers.names() for bad in (-1, NAN, INF, (1, 2, 3), "1")],
    *[(name, {"per": "x"}, "`per`") for name in mt.mixers.names()],
    *[("mixup", {"weight": bad}, "`weight`") for bad in (1.5, -0.1, NAN, (0.5, 0.2), (0.1, 0.2, 0.3), "half")],
    *[("patchmix", {"patch": bad}, "`patch`") for bad in (0, -4, 2.5)],
    *[("resizemix", {"scale": bad}, "`scale`") for bad in ((0.8, 0.1), (0.5, 1.5), (0.1,), (NAN, 1), 0.5)],
    ("resizemix", {"interpolate": "cubic"}, "`interpolate`"),
    ("mixup+cutmix", {"alpha": -1}, "`alpha` of Mixup"),
]


@pytest.mark.parametrize(
    ("name", "options", "phrase"), BAD_OPTIONS, ids=[f"{name}-{options}" for name, options, _ in BAD_OPTIONS]
)
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.mixers.get(name, **options)


def test_one_of_nothing_or_of_names_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        OneOf()
    with pytest.raises(TypeError, match="mixer"):
        OneOf("mixup")


BAD_CALLS = [
    *[
        (name, *case)
        for name in mt.mixers.names()
        for case in [
            (torch.zeros(4), {}, "two or more dimensions"),
            (torch.zeros(0, 1, 8, 8), {}, "at least one"),
            ([[1.0]], {}, "list"),
            (IMAGE, {"pool": torch.zeros(4, 1, 8, 9)}, "`pool`"),
            (IMAGE, {"pool": torch.zeros(3, 1, 8, 8)}, "`pool`"),
            (IMAGE, {"pool": IMAGE.double()}, "`pool`"),
            (IMAGE, {"pool": IMAGE.tolist()}, "`pool`"),
            (IMAGE, {"parents": torch.tensor([[0, 4]])}, "0 to 3"),
            (IMAGE, {"parents": torch.tensor([[-1, 0]])}, "0 to 3"),
            (IMAGE, {"parents": RING.int()}, "`parents`.*int64"),
            (IMAGE, {"parents": RING.float()}, "`parents`.*int64"),
            (IMAGE, {"parents": RING[:, 0]}, "`parents`.*int64"),
            (IMAGE, {"parents": RING[:, :0]}, "`parents`.*int64"),
            (IMAGE, {"parents": RING.tolist()}, "`parents`"),
            (IMAGE, {"draw": {"lamda": 0.5}}, "lamda.*weight"),
            *[(IMAGE, {"draw": {"weight": bad}}, "λ must.*in 0 to 1") for bad in (1.5, -0.1, NAN, [0.5, 0.5])],
        ]
    ],
    *[(name, IMAGE, {"parents": TRIPLES}, "two examples") for name in ("cutmix", "resizemix", "patchmix")],
    ("mixup", TABLE, {"parents": TRIPLES, "draw": {"weight": [[0.5, 0.3, 0.3]] * 4}}, "sum to 1"),
    ("mixup", TABLE, {"parents": TRIPLES, "draw": {"weight": [0.5, 0.5]}}, "numbers of shape"),
    ("mixup", TABLE.long(), {}, "floating"),
    ("resizemix", TABLE, {}, "Use Mixup"),
    *[
        (name, IMAGE, {"draw": {"box": bad}}, "box")
        for name in ("cutmix", "resizemix")
        for bad in ([0, 0, 9, 8], [-1, 0, 4, 4], [4, 0, 2, 8], [[0, 0, 4, 4]] * 3, [0, 0, 4])
    ],
    *[
        (name, IMAGE, {"draw": {"centre": bad}}, "centre")
        for name in ("cutmix", "resizemix")
        for bad in ([8, 0], [-1, 0], [1, 2, 3], [[1, 2]] * 3)
    ],
    *[("resizemix", IMAGE, {"draw": {"scale": bad}}, "scale") for bad in (1.5, -0.1, NAN, [0.5] * 3)],
    *[("patchmix", IMAGE, {"draw": torch.ones(shape).bool()}, "mask") for shape in ((3, 4), (3,), (2, 3))],
    *[(name, torch.zeros(2, 1, 2, 2, 2, 2), {}, "works on") for name in ("cutmix", "resizemix", "patchmix")],
]


@pytest.mark.parametrize(("name", "x", "options", "phrase"), BAD_CALLS, ids=[f"{case[0]}-{case[3]}" for case in BAD_CALLS])
def test_bad_input_is_refused(name, x, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.mixers.get(name)(x, seeded(), **options)


def test_linear_resizing_needs_numbers():
    with pytest.raises(TypeError, match="nearest"):
        ResizeMix(interpolate="linear")(IMAGE.byte(), seeded())
    assert ResizeMix()(IMAGE.byte(), seeded())[0].dtype == torch.uint8
