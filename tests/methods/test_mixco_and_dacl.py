"""What MixCo and DACL have in common: mixtures, chance, gradients, shares, small batches, bad options."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

import mixtrast as mt
from mixtrast.methods import Batch
from mixtrast.mixers import Mixup
from mixtrast.spec import Table
from support.formulas import equal_vectors
from support.generators import seeded
from support.methods import CLASSES, SHAPE, WIDTHS, Given, N, Spy, batch, cases, encoder, make, method, number, twin, value
from support.mixco import DACL, MIXCO, pairs
from support.tolerances import F64

NAN, INF = math.nan, math.inf

BOTH = ["mixco", "dacl"]


# --- the formulas --------------------------------------------------------------------------------------------------------


def test_a_mixture_is_the_sum_of_its_shares():
    """What enters the encoder, by hand, of both methods."""
    for made, parents in ((method("mixco"), pairs()), (method("dacl"), method("dacl").parents(N, seeded(3)))):
        entered: list[Tensor] = []
        weight = torch.rand(len(parents), generator=seeded(7), dtype=torch.float64)
        made.mixer, given = Given(parents, weight), batch()
        made.encoder.stages[0].register_forward_pre_hook(lambda _, x, seen=entered: seen.append(x[0]))
        value(made, given, 3)
        x = torch.cat(given.views)
        for row, (own, other), part in zip(entered[-1], parents.tolist(), weight.tolist(), strict=True):
            torch.testing.assert_close(row, part * x[own] + (1 - part) * x[other], **F64)


@cases([*MIXCO, *DACL])
def test_chance_is_the_loss_of_equal_vectors(name, options, monkeypatch):
    made = make(name, options)
    equal_vectors(made, batch(), monkeypatch)
    loss = made(batch(), seeded(1))
    assert loss.value.item() == pytest.approx(float(loss.chance()), rel=1e-6)
    mixed = made.weight * math.log(N) if name == "mixco" else 0
    assert float(loss.chance()) == pytest.approx(math.log(2 * N - 1) + mixed, rel=1e-6)


@cases([*MIXCO, *DACL])
def test_the_gradient_reaches_every_weight(name, options):
    made = make(name, options)
    value(made, batch()).backward()
    for which, weight in made.named_parameters():
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 1e-9, which


@cases([*MIXCO, *DACL])
def test_the_generator_decides_the_mixtures(name, options):
    made, given = make(name, options), batch()
    assert number(made, given, 1) == number(made, given, 1)
    assert len({number(made, given, seed) for seed in range(6)}) == 6
    generator = seeded(1)
    assert len({made(given, generator).value.item() for _ in range(5)}) == 5  # the state moves on


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("depths", [(0, 2), (0, 1, 2)], ids=str)
def test_of_several_depths_the_one_drawn_is_where_it_mixes(name, depths):
    made = method(name, depth=depths, mixer=Spy())
    alone = {depth: twin(made, name, depth=depth, mixer=Mixup()) for depth in depths}
    for seed in range(12):
        generator = seeded(seed)
        depth = made.draw_depth(generator)
        assert number(made, batch(), seed) == alone[depth](batch(), generator).value.item()
    assert set(made.mixer.seen) == {(math.prod(SHAPE), *WIDTHS)[depth] for depth in depths}


def test_half_precision_is_compared_in_float32():
    for name in BOTH:
        made = method(name).float()
        given = Batch(tuple(view.float() for view in batch().views), batch().label, batch().index)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = made(given, seeded(1))
        assert loss.value.dtype == torch.float32
        assert loss.value.item() == pytest.approx(number(made, given), rel=0.05)


# --- what must not matter ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_labels_and_indices_are_not_looked_at(name):
    made = method(name)
    others = batch(torch.arange(N) % CLASSES, index=torch.arange(N) + 5)
    assert number(made, others) == number(made, batch())


# --- partners and shares -------------------------------------------------------------------------------------------------


class TrainedEncoder(Mixup):
    """Mixup that keeps the shares it drew."""

    def __call__(self, x, generator, **options):
        mixed, self.mix = super().__call__(x, generator, **options)
        return mixed, self.mix


@pytest.mark.parametrize(("name", "low"), [("mixco", 0.0), ("dacl", 0.9)])
def test_shares_are_uniform_and_one_for_each_mixture(name, low):
    """The quantiles of λ on its range within 5/sqrt(n) of those of a uniform (Kolmogorov: 1.95 is one in a thousand)."""
    n = 600
    made = mt.methods.get(name, mt.encoders.get("mlp", Table(2), widths=(2,)), dim=2)
    assert repr(made.mixer) == repr(Mixup() if name == "mixco" else Mixup(weight=(0.9, 1.0)))
    made.mixer = TrainedEncoder(**({} if name == "mixco" else {"weight": (0.9, 1.0)}))
    x = torch.randn(2, n, 2, generator=seeded())
    made(Batch((x[0], x[1]), torch.full((n,), -1), torch.arange(n)), seeded())
    drawn = made.mixer.mix.weight[:, 0].double()
    assert len(drawn) == (n if name == "mixco" else 2 * n)
    assert len(drawn.unique()) > 0.99 * len(drawn)
    at = (drawn.sort().values - low) / (1 - low)
    assert at[0] >= 0
    assert (at - (torch.arange(len(at)) + 0.5) / len(at)).abs().max() < 1.95 / math.sqrt(len(at))
    first, second = drawn.chunk(2)
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].abs() < 5 / math.sqrt(len(first))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_smallest_batches(name, n, norm):
    """Of two, each is the other's partner; batch norm has two mixtures to look at."""
    made, given = method(name, norm=norm), batch()
    some = Batch(tuple(view[:n] for view in given.views), given.label[:n], given.index[:n])
    loss = made(some, seeded(1))
    loss.value.backward()
    assert loss.value.isfinite()
    assert all(weight.grad.isfinite().all() for weight in made.parameters())


@pytest.mark.parametrize("name", BOTH)
def test_a_batch_of_one_has_no_partner(name):
    given = batch()
    one = Batch(tuple(view[:1] for view in given.views), given.label[:1], given.index[:1])
    with pytest.raises(ValueError, match=r"takes (two|that many).* or more, got 1"):
        value(method(name), one)


# --- the door ------------------------------------------------------------------------------------------------------------


BAD = [
    *[("mixco", {"mix_temperature": bad}, "`mix_temperature` of MixCo must be > 0") for bad in (0, -0.1, NAN, INF, "0.1")],
    *[("mixco", {"weight": bad}, "`weight` of MixCo must be 0 or more") for bad in (-1, NAN, INF, "1", None, True)],
    ("mixco", {"base": "byol"}, "`base` must be one of 'simclr', 'moco', got 'byol'"),
    *[
        (name, {"temperature": bad}, r"`temperature` of \w+ must be > 0")
        for name, bad in itertools.product(BOTH, (0, NAN, "1"))
    ],
    *[(name, {"dim": 0}, r"`dim` of \w+ must be a whole number above 0") for name in BOTH],
    *[(name, {"mixer": bad}, r"`mixer` of \w+ must be a mixer") for name in BOTH for bad in ("mixup", 0.5, Mixup)],
    *[(name, {"depth": bad}, r"`depth` of \w+ must be 0 \(the input\) to 2") for name in BOTH for bad in (-1, 3, (), "0")],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.methods.get(name, encoder(), **options)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("views", [0, 1, 3])
def test_two_views_are_two(name, views):
    given = batch()
    wrong = Batch((given.views * 2)[:views], given.label, given.index)
    with pytest.raises(ValueError, match=f"takes two views of each example, got {views}"):
        value(method(name), wrong)
