"""The contracts of the rooms, by scanning them: a new file is tested before its author writes a test."""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import re
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import mixtrast as mt
from mixtrast import Labels, Mix, registry, spec
from mixtrast.encoders import Encoder, Head
from mixtrast.methods import Batch, Loss, Method
from test_mixers import constants, honest, seeded

B = 6
KINDS = {
    "image": (3, 8, 8),
    "wide image": (3, 8, 12),
    "ragged image": (2, 7, 9),
    "volume": (2, 4, 6, 5),
    "series": (3, 11),
    "tokens": (7, 5),
    "table": (9,),
}
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-6, torch.bfloat16: 0.03}  # tolerance for numbers up to B; weights are float32
MIXERS, VIEWS = mt.mixers.names(), mt.views.names()
COMPOSED = [*MIXERS, "mixup+cutmix"]
ALL = [*[(mt.mixers, name) for name in MIXERS], *[(mt.views, name) for name in VIEWS]]
IDS = [f"{room.__name__.rpartition('.')[2]}.{name}" for room, name in ALL]
ENCODERS = [*mt.encoders.names(), *registry.sizes(mt.encoders)]
METHODS = mt.methods.names()
EVERY = [*ALL, *[(mt.encoders, name) for name in ENCODERS], *[(mt.methods, name) for name in METHODS]]
EVERY_ID = [f"{room.__name__.rpartition('.')[2]}.{name}" for room, name in EVERY]
RING = torch.stack([torch.arange(B), torch.arange(B).roll(1)], 1)  # nobody is its own partner


def example(kind: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.rand(B, *KINDS[kind], generator=seeded(seed)).to(dtype)  # 0 to 1: as intensities, which some views insist on


@functools.cache
def takes(name: str, kind: str) -> bool:
    """Whether a mixer or view of that name works on that kind; a refusal is checked in `test_takes_or_refuses`."""
    room = mt.views if name in VIEWS else mt.mixers
    try:
        room.get(name)(example(kind), seeded())
    except (ValueError, TypeError):
        return False
    except Exception:  # not a refusal: let the tests of this pair run, and fail
        return True
    return True


def pairs(names: list[str], *kinds: str):
    return pytest.mark.parametrize(
        ("name", "kind"), [(name, kind) for name in names for kind in kinds or KINDS if takes(name, kind)]
    )


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


# What a spec can say: of the plain kinds above, and of those that are not all numbers.
SPECS: dict[str, spec.Spec] = {
    **{kind: spec.of(KINDS[kind]) for kind in ("image", "wide image", "ragged image", "series", "table")},
    "mixed table": spec.Table(7, (0, 3, 0, 2, 0, 0, 5), gaps=True),
    "broken series": spec.Series(3, 11, gaps=True),
    "text": spec.Tokens(9, 20, pad=0),
    "ids": spec.Tokens(8, 6),
}


def inputs(kind: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Examples as an encoder sees them; where values may be missing, some are, and one example has next to none."""
    if kind in KINDS:
        return example(kind, dtype, seed)
    x = spec.examples(SPECS[kind], B, seeded(seed))
    if kind == "text":
        x[0, 4:], x[1, 1:] = 0, 0
        return x
    if x.is_floating_point():
        x = x.to(dtype)
        x[0, ..., 5:], x[1, 0] = float("nan"), float("nan")
    return x


def build(room, name: str, **options: Any):
    """One of that name: an encoder on examples that it takes, a method on a small encoder."""
    if room is mt.encoders:
        return room.get(name, SPECS[next(kind for kind in FLAT if encodes(name, kind))], **options)
    return small(name, **options) if room is mt.methods else room.get(name, **options)


def check_refusal(error: pytest.ExceptionInfo) -> None:
    assert re.search(r"\b(use|convert|reshape|works on|instead)\b", str(error.value), re.IGNORECASE), (
        f"a refusal must name a way out, got: {error.value}"
    )


# --- all rooms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("room", "name"), ALL, ids=IDS)
def test_the_constructor_is_the_config(room, name):
    made = room.get(name)
    assert isinstance(made, room.Mixer if room is mt.mixers else room.View)
    parameters = inspect.signature(type(made)).parameters
    for option, parameter in parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY, f"{option} must be keyword-only"
        assert parameter.default is not parameter.empty, f"{option} must have a default"
        assert parameter.annotation is not parameter.empty, f"{option} must have a type"
        assert getattr(made, option) == parameter.default, f"{option} must be stored as given, under its own name"
    assert all(f"{option}={parameter.default!r}" in repr(made) for option, parameter in parameters.items())
    assert repr(eval(repr(made), {type(made).__name__: type(made)})) == repr(made)


@pytest.mark.parametrize(("room", "name"), ALL, ids=IDS)
def test_the_docstring_says_what_it_does(room, name):
    made = type(room.get(name))
    text = inspect.cleandoc(vars(made).get("__doc__") or "")
    assert text.partition("\n")[0].endswith((".", ":")), "the first line is a sentence"
    if room is mt.mixers:
        assert re.search(r"\bx_i\b", text.partition("Args:")[0]), "who is mixed, in house letters, before the arguments"
        assert re.search(r"^Reference: \S", text, re.MULTILINE)
    for option in inspect.signature(made).parameters:
        inherited = room is mt.mixers and option in ("alpha", "per", "dominant")  # said once, on Mixer
        said = text + (room.Mixer.__doc__ if inherited else "")
        assert re.search(rf"^\s*(\w+, )*{option}\b.*:", said, re.MULTILINE), f"Args must say what {option} is"


@pytest.mark.parametrize(("room", "name"), EVERY, ids=EVERY_ID)
def test_an_unknown_option_is_an_error_that_names_the_valid_ones(room, name):
    with pytest.raises((TypeError, ValueError), match="no_such_option") as error:
        build(room, name, no_such_option=1)
    for option in registry.options(registry.find(room, name)):
        assert option in str(error.value)


@pytest.mark.parametrize(("room", "name"), EVERY, ids=EVERY_ID)
def test_an_unknown_name_is_an_error_that_names_the_nearest(room, name):
    with pytest.raises(ValueError, match=f"Did you mean '{name}'") as error:
        registry.find(room, name[:-1] + "q" if name not in registry.sizes(room) else name + "q")
    assert all(known in str(error.value) for known in [*room.names(), *registry.sizes(room)])


@pytest.mark.parametrize(("room", "name"), EVERY, ids=EVERY_ID)
def test_the_class_is_in_the_room_under_its_own_name(room, name):
    made = registry.find(room, name)
    assert getattr(room, made.__name__) is made
    assert made.__name__ in dir(room)
    file = registry.sizes(room)[name][0] if name in registry.sizes(room) else name
    assert made.__module__ == f"{room.__name__}.{file}"


@pytest.mark.parametrize(("room", "name"), ALL, ids=IDS)
@pytest.mark.parametrize("wrong", [None, 5, np.random.default_rng(0)], ids=["None", "int", "numpy"])
def test_only_a_torch_generator_is_taken(room, name, wrong):
    kind = next(kind for kind in KINDS if takes(name, kind))
    with pytest.raises(TypeError, match="`generator`"):
        room.get(name)(example(kind), wrong)


@pytest.mark.parametrize(("room", "name"), ALL, ids=IDS)
def test_every_room_member_takes_something(room, name):
    assert any(takes(name, kind) for kind in KINDS), "refuses every kind of input, so the other tests are empty"


@pytest.mark.parametrize(("room", "name"), [*ALL, (mt.mixers, "mixup+cutmix")], ids=[*IDS, "mixers.mixup+cutmix"])
def test_no_number_comes_from_a_global_generator(room, name):
    kind = next(kind for kind in KINDS if takes(name, kind))
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), repr(np.random.get_state(legacy=False))  # noqa: NPY002
    made = room.get(name)
    first = made(example(kind), seeded(1))
    assert torch.get_rng_state().equal(before)
    assert repr(np.random.get_state(legacy=False)) == numpy_before  # noqa: NPY002
    torch.manual_seed(99)
    again = made(example(kind), seeded(1))
    one, two = (out[0] if isinstance(out, tuple) else out for out in (first, again))
    assert one.equal(two)


# --- mixers --------------------------------------------------------------------------------------------------------------


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


# --- views ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_view_keeps_shape_and_dtype_and_its_input(name, kind, dtype):
    x = example(kind, dtype)
    view, before = mt.views.get(name), x.clone()
    try:
        seen = view(x, seeded())
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError)) as error:
            view(x, seeded())
        check_refusal(error)
        assert not takes(name, kind), "refused in this dtype only"
        return
    assert seen.shape == x.shape
    assert seen.dtype == x.dtype
    assert seen.isfinite().all()
    seen.zero_()
    assert x.equal(before)


@pairs(VIEWS)
def test_the_generator_decides_the_view(name, kind):
    x, view = example(kind), mt.views.get(name)
    assert view(x, seeded(7)).equal(view(x, seeded(7)))
    generator, first = seeded(7), view(x, seeded(7))
    assert any(not view(x, seeded(8 + k)).equal(first) for k in range(8))  # p = .2 leaves all six alone once in four times
    assert any(not view(x, generator).equal(first) for _ in range(8))


@pairs(VIEWS)
def test_every_example_gets_a_draw_of_its_own(name, kind):
    """Twins come out different; a view that mixes twins leaves them, so it must give different shares to different examples."""
    view, rows = mt.views.get(name), 16
    twins = example(kind)[:1].expand(rows, *KINDS[kind]).clone()
    if name == "swap":  # each place by itself, and twins have nothing to swap
        twins = torch.arange(rows * twins[0].numel()).view(twins.shape).float()
        own = (view(twins, seeded()) == twins).flatten(1)
        assert len(own.unique(dim=0)) > rows // 2
        return
    seen = view(twins, seeded())
    if not torch.allclose(seen, twins, atol=1e-5):
        assert len(torch.unique(seen.flatten(1), dim=0)) >= 2  # a flip is one of two
        return
    shape = [rows, *(KINDS[kind] if len(KINDS[kind]) > 1 else ())]
    shape[1:2] = [rows]
    lit = torch.zeros(shape)  # example i is 1 in channel i, so that channel i shows what is left of it
    lit[range(rows), range(rows)] = 1
    own = view(lit, seeded()).reshape(rows, rows, -1).mean(2).diagonal()
    assert len(own.unique()) >= rows // 4


@pairs(VIEWS)
def test_a_view_lets_gradients_through(name, kind):
    x = example(kind, torch.float64).requires_grad_()
    (grad,) = torch.autograd.grad(mt.views.get(name)(x, seeded()).sum(), x)
    assert grad.isfinite().all()
    assert grad.abs().sum() > 0


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("wrong", [torch.zeros(4, 3, dtype=torch.int64), torch.zeros(4), [[1.0]]], ids=["int", "flat", "list"])
def test_a_view_refuses_what_is_no_batch_of_numbers(name, wrong):
    if isinstance(wrong, Tensor) and wrong.dim() > 1 and registry.find(mt.views, name).discrete:
        seen = mt.views.get(name)(wrong, seeded())
        assert seen.dtype == wrong.dtype
        return
    with pytest.raises(TypeError, match="floating tensor"):
        mt.views.get(name)(wrong, seeded())


# --- encoders ------------------------------------------------------------------------------------------------------------

FLAT = tuple(SPECS)


@functools.cache
def on_meta(name: str, kind: str) -> Encoder:
    with torch.device("meta"):
        return mt.encoders.get(name, SPECS[kind])


@functools.cache
def encodes(name: str, kind: str) -> bool:
    """Whether an encoder of that name takes that kind; a refusal is checked in `test_an_encoder_takes_or_refuses`."""
    try:
        on_meta(name, kind)
    except (ValueError, TypeError):
        return False
    return True


TAKEN = [(name, kind) for name in ENCODERS for kind in FLAT if encodes(name, kind)]
LIGHT = [pair for pair in TAKEN if sum(weight.numel() for weight in on_meta(*pair).parameters()) < 2_000_000]


def encoder(name: str, kind: str, seed: int = 0) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mt.encoders.get(name, SPECS[kind])


def check_signature(kind: type[Any], first: str) -> None:
    """One part to be built on; then options by keyword, typed, with a default unless the data say it."""
    (part, *rest) = inspect.signature(kind).parameters.values()
    assert part.name == first
    for option in rest:
        assert option.kind is option.KEYWORD_ONLY, f"{option.name} must be keyword-only"
        assert option.annotation is not option.empty, f"{option.name} must have a type"
        wanted = option.name in getattr(kind, "FROM_DATA", ())
        assert wanted == (option.default is option.empty), f"{option.name} must have a default, or be a fact"


def check_docstring(kind: type[Any]) -> str:
    text = inspect.cleandoc(vars(kind).get("__doc__") or "")
    assert text.partition("\n\n")[0].endswith((".", ":")), "first a sentence"
    assert re.search(r"^Reference: \S", text, re.MULTILINE)
    for option in [*registry.options(kind), *getattr(kind, "FROM_DATA", ())]:
        assert re.search(rf"^\s*(\w+, )*{option}\b.*:", text, re.MULTILINE), f"Args must say what {option} is"
    return text


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_its_signature_and_says_its_depths(name):
    kind, preset = registry.resolve(mt.encoders, name)
    assert issubclass(kind, Encoder)
    check_signature(kind, "spec")
    assert re.search(r"^\s*Depths: 0 ", check_docstring(kind), re.MULTILINE), "what is mixed at which depth"
    assert set(preset) <= set(registry.options(kind))


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("kind", FLAT)
def test_an_encoder_takes_or_refuses(name, kind):
    """On meta tensors: the shapes of a large one cost nothing."""
    if not encodes(name, kind):
        with pytest.raises((ValueError, TypeError)) as error:
            on_meta(name, kind)
        check_refusal(error)
        assert any(encodes(name, other) for other in FLAT), "refuses every kind of input"
        return
    made = on_meta(name, kind).eval()
    x = inputs(kind).to("meta")
    out = made(x)
    assert out.shape == (B, made.dim)
    assert out.dtype == torch.float32
    for cut in range(len(made.stages) + 1):
        assert made.run(made.run(x, stop=cut), cut).shape == out.shape


@pytest.mark.parametrize(("name", "kind"), TAKEN)
def test_shapes_are_known_without_a_random_number(name, kind):
    before = torch.get_rng_state()
    on_meta.__wrapped__(name, kind)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_the_seed_decides_the_weights(name, kind):
    one, same, other = (encoder(name, kind, seed).state_dict() for seed in (0, 0, 1))
    assert all(value.equal(same[key]) for key, value in one.items())
    assert any(not value.equal(other[key]) for key, value in one.items())


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_an_encoder_leaves_its_input_and_can_be_cut(name, kind):
    made, x = encoder(name, kind).eval(), inputs(kind)
    before, whole = x.clone(), made(x)
    for cut in range(len(made.stages) + 1):
        between = made.run(x, stop=cut)
        held = between.clone()
        assert made.run(between, cut).equal(whole)
        assert torch.allclose(between, held, 0, 0, equal_nan=True), f"stage {cut} writes into what it is given"
    assert torch.allclose(x, before, 0, 0, equal_nan=True)
    assert whole.isfinite().all()
    assert len(whole.unique(dim=0)) == B  # another vector for each


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_in_evaluation_mode_an_example_is_encoded_by_itself(name, kind):
    made, x = encoder(name, kind).double(), inputs(kind, torch.float64)
    made.train()(x)  # moves what running statistics there are
    made.eval()
    alone = torch.cat([made(row[None]) for row in x])
    torch.testing.assert_close(made(x), alone, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(made(x.flip(0)).flip(0), alone, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_every_weight_of_an_encoder_is_of_use(name, kind):
    """A bias before batch norm, a layer that is not run: their gradient is 0, or rounding."""
    made = encoder(name, kind).double()
    out = made.train()(inputs(kind, torch.float64))
    (out * torch.randn(out.shape, generator=seeded(), dtype=torch.float64)).sum().backward()
    largest = max(float(weight.grad.abs().max()) for weight in made.parameters() if weight.grad is not None)
    for which, weight in made.named_parameters():
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        assert float(weight.grad.abs().max()) > 1e-9 * largest, which


@pytest.mark.parametrize(("name", "kind"), LIGHT)
def test_an_encoder_survives_its_state(name, kind):
    made, x = encoder(name, kind), inputs(kind)
    made.train()(x)
    again = encoder(name, kind, seed=1)
    again.load_state_dict(made.state_dict())
    assert again.eval()(x).equal(made.eval()(x))


# --- methods -------------------------------------------------------------------------------------------------------------

SHAPE = (2, 8, 8)  # every mixer takes it
CLASSES = 3


def body(name: str, norm: bool = True) -> Encoder:
    """A small encoder that a method of that name stands on."""
    if registry.find(mt.methods, name).of_tokens:
        return mt.encoders.get("transformer", spec.of(SHAPE), dim=8, layers=1, heads=2, patch=4, dropout=0.0)
    return mt.encoders.get("mlp", spec.of(SHAPE), widths=(16, 8), norm=norm)


def small(name: str, seed: int = 0, norm: bool = True, **options: Any) -> Method:
    """A method of that name on a small encoder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        on = body(name, norm)
        return mt.methods.get(name, on, classes=CLASSES, **options)


def batch(made: Method, seed: int = 0, dtype: torch.dtype = torch.float32) -> Batch:
    views = torch.randn(made.needs, B, *SHAPE, generator=seeded(seed)).to(dtype)
    label = torch.tensor([0, 1, 2, 1, 0, 0] if made.labelled_only else [0, 1, -1, 1, 0, -1])
    return Batch(tuple(views), label, torch.tensor([8, 3, 99, 4, 0, 17]))


def option_values(kind: type[Any], option: str) -> list[Any]:
    """All that a Literal offers; else none."""
    return list(get_args(get_type_hints(kind.__init__)[option]))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_its_signature_and_says_its_formula(name):
    kind = registry.find(mt.methods, name)
    assert issubclass(kind, Method)
    check_signature(kind, "encoder")
    assert re.search(r"\bl_[a-z]+\b.* = ", check_docstring(kind)), "the loss of a row, in house letters"
    assert set(kind.FROM_DATA) <= {"classes"}, "prepare and methods.get tell these facts only"
    assert kind.needs >= 1
    assert not kind.labelled_only or kind.uses_labels


@pytest.mark.parametrize("name", METHODS)
def test_the_mixer_of_a_method_is_one_and_its_own_where_none_is_given(name):
    kind = registry.find(mt.methods, name)
    mixes = "mixer" in inspect.signature(kind).parameters
    assert mixes or kind.mixing is None
    if kind.mixing is not None:
        assert repr(small(name).mixer) == repr(mt.mixers.get(**kind.mixing))
    if mixes:
        given = mt.mixers.get("cutmix", alpha=0.3)
        assert small(name, mixer=given).mixer is given


@pytest.mark.parametrize("name", METHODS)
def test_a_loss_is_a_number_with_its_levels(name):
    made = small(name)
    loss = made(batch(made), seeded())
    assert isinstance(loss, Loss)
    assert loss.value.shape == ()
    assert loss.value.requires_grad
    assert loss.value.dtype == torch.float32
    assert loss.parts
    for part in (*loss.parts.values(), loss.chance(), loss.floor()):
        assert part.shape == ()
        assert part.isfinite()
        assert not part.requires_grad
    assert -1e-6 <= float(loss.floor()) <= loss.value.item() + 1e-6
    assert float(loss.floor()) <= float(loss.chance()) + 1e-6
    made.after_step(0.5)


@pytest.mark.parametrize("name", METHODS)
def test_the_generator_alone_decides_a_loss(name):
    made = small(name).eval()
    given = batch(made)
    before = [view.clone() for view in given.views], given.label.clone(), given.index.clone()
    state = torch.get_rng_state()
    first = made(given, seeded(3)).value.item()
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(99)
    assert made(given, seeded(3)).value.item() == first
    assert all(view.equal(held) for view, held in zip(given.views, before[0], strict=True))
    assert given.label.equal(before[1])
    assert given.index.equal(before[2])


@pytest.mark.parametrize("name", METHODS)
def test_labels_are_looked_at_by_those_that_say_so(name):
    made = small(name).eval()
    given = batch(made)
    other = Batch(given.views, given.label.roll(1), given.index)
    same = made(given, seeded()).value.item() == made(other, seeded()).value.item()
    assert same != made.uses_labels
    if not made.labelled_only:
        nothing = Batch(given.views, torch.full_like(given.label, -1), given.index)
        assert made(nothing, seeded()).value.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_every_weight_of_a_method_learns(name):
    made = small(name).double()
    made(batch(made, dtype=torch.float64), seeded()).value.backward()
    largest = max(float(weight.grad.abs().max()) for weight in made.parameters() if weight.grad is not None)
    for which, weight in made.named_parameters():
        if not weight.requires_grad:  # of a slow copy
            assert weight.grad is None
            continue
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        if (name, which) == ("byol", "projector.3.bias"):  # the predictor's batch norm takes it out; the keys have it
            continue
        assert float(weight.grad.abs().max()) > 1e-9 * largest, which


@pytest.mark.parametrize("name", METHODS)
def test_a_few_steps_lower_the_loss(name):
    # Against thousands of random keys in a few dimensions the least that unit vectors can reach is far above 0.
    made = small(name, **({"queue": 8} if name == "moco" else {}))
    given, optimizer = batch(made), torch.optim.Adam(made.parameters(), lr=0.01)
    seen = []
    for _ in range(30):
        loss = made(given, seeded())
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        seen.append(loss.value.item())
    floor = float(loss.floor())
    assert seen[-1] - floor < 0.8 * (seen[0] - floor)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_survives_its_state(name):
    made = small(name)
    again = small(name, seed=1)
    again.load_state_dict(copy.deepcopy(made.state_dict()))
    assert again(batch(made), seeded()).value.item() == made(batch(made), seeded()).value.item()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_works_in_mixed_precision(name):
    made = small(name)
    plain = made(batch(made), seeded()).value.item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = made(batch(made), seeded())
    assert loss.value.dtype == torch.float32
    assert loss.value.item() == pytest.approx(plain, rel=0.1)
    loss.value.backward()
    assert all(weight.grad.isfinite().all() for weight in made.parameters() if weight.requires_grad)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_built_without_a_random_number_on_meta(name):
    with torch.device("meta"):
        on = body(name)
        before = torch.get_rng_state()
        mt.methods.get(name, on, classes=CLASSES)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("wrong", [None, "mlp", nn.Linear(4, 4)], ids=["None", "name", "module"])
def test_a_method_stands_on_an_encoder(name, wrong):
    with pytest.raises(TypeError, match=r"`encoder` of \w+ must be an Encoder.*encoders\.wrap"):
        mt.methods.get(name, wrong, classes=CLASSES)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", FLAT)
def test_a_method_takes_what_its_encoder_takes(name, kind):
    found = registry.find(mt.methods, name)
    first = {"depth": 1} if "depth" in registry.options(found) and not spec.is_plain(SPECS[kind]) else {}
    made = mt.methods.get(name, encoder("transformer" if found.of_tokens else "mlp", kind), classes=CLASSES, **first)
    given = batch(made)
    views = tuple(inputs(kind, seed=seed) for seed in range(made.needs))
    assert made(Batch(views, given.label, given.index), seeded()).value.isfinite()


def with_option(option: str) -> list[str]:
    return [name for name in METHODS if option in inspect.signature(registry.find(mt.methods, name)).parameters]


@pytest.mark.parametrize("name", with_option("mixer"))
@pytest.mark.parametrize("mixer", COMPOSED)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_method_that_mixes_takes_every_mixer(name, mixer, depth):
    """At depth 1 examples are rows of a table, as far as the mixer takes such."""
    made = small(name, mixer=mt.mixers.get(mixer), depth=depth)
    if depth and not takes(mixer, "table"):
        with pytest.raises(ValueError, match="Use"):
            made(batch(made), seeded())
        return
    loss = made(batch(made), seeded())
    assert loss.value.isfinite()
    assert float(loss.floor()) <= loss.value.item() + 1e-6


@pytest.mark.parametrize("name", with_option("mixer"))
def test_a_method_that_mixes_draws_its_mixtures_from_the_generator(name):
    made = small(name, mixer=mt.mixers.get("mixup")).eval()
    assert len({made(batch(made), seeded(seed)).value.item() for seed in range(3)}) == 3


@pytest.mark.parametrize("name", sorted({*with_option("depth")} & {*with_option("mixer")}))
def test_a_method_mixes_at_every_depth_and_at_no_other(name):
    for depth in range(3):
        made = small(name, depth=depth, mixer=mt.mixers.get("mixup"))
        assert made(batch(made), seeded()).value.isfinite()
    for depth in (-1, 3, (0, 3), ()):
        with pytest.raises(ValueError, match=r"`depth` of .* must be 0 \(the input\) to 2 \(the features\)"):
            small(name, depth=depth)


@pytest.mark.parametrize(("name", "projector"), [*itertools.product(with_option("projector"), get_args(Head))])
def test_a_method_takes_every_projector(name, projector):
    made = small(name, projector=projector, dim=5, **({"dmix": 1.0} if name == "mae" else {}))
    h = torch.randn(B, 8)
    assert made.projector(h).shape == (B, 8 if projector == "none" else 5)
    assert made(batch(made), seeded()).value.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_every_choice_of_a_method_can_be_made(name):
    """What a Literal offers is taken, and what it does not offer is refused."""
    kind = registry.find(mt.methods, name)
    for option in registry.options(kind):
        choices = [value for value in option_values(kind, option) if isinstance(value, str)]
        for choice in choices:
            made = small(name, **{option: choice})
            assert made(batch(made), seeded()).value.isfinite()
        if choices:
            with pytest.raises(ValueError, match="no_such_choice"):
                small(name, **{option: "no_such_choice"})


# --- all pairs -----------------------------------------------------------------------------------------------------------

VARIANTS = [
    *[(name, {}) for name in METHODS],
    *[
        (name, {"base": base})
        for name in with_option("base")
        for base in option_values(registry.find(mt.methods, name), "base")
    ],
    ("moco", {"symmetric": True, "candidates": "batch"}),
    ("byol", {"symmetric": False}),
    *[("supcon", {"form": form}) for form in ("in", "sololearn")],
    *[("mixsupcon", {"reading": reading}) for reading in "ABD"],
    ("mixsupcon", {"mixtures": "any", "clean": 0.5}),
    ("mixco", {"ingredients": 3}),
]
DEPTHS = (0, 1, 2, 3, (1, 2))
# What may stand at each place. The set below holds every pair of them that there is: a mixer and a depth move on with the
# method and with the encoder, one faster than the other.
PAIRED = [
    (method, COMPOSED[(i + j) % len(COMPOSED)], DEPTHS[(i + 2 * j) % len(DEPTHS)], body)
    for (i, method), (j, body) in itertools.product(enumerate(VARIANTS), enumerate(LIGHT))
]


def test_the_set_holds_every_pair():
    places = (VARIANTS, COMPOSED, DEPTHS, LIGHT)
    for one, other in itertools.combinations(range(4), 2):
        there = {(repr(row[one]), repr(row[other])) for row in PAIRED}
        assert there == {(repr(a), repr(b)) for a, b in itertools.product(places[one], places[other])}


def mixes_at(mixer: str, on: Encoder, kind: str, depth: int) -> bool:
    try:
        mt.mixers.get(mixer)(torch.rand(on.run(inputs(kind), stop=depth).shape), seeded())
    except (ValueError, TypeError):
        return False
    return True


@pytest.mark.parametrize("part", range(8))
def test_every_pair_goes_together_or_is_refused_with_a_way_out(part):
    """Method, mixer, depth, encoder and kind of example: a step forward and back, or a sentence."""
    seen, refused = 0, 0
    for (name, options), mixer, depth, (body, kind) in PAIRED[part::8]:
        mixes = "mixer" in inspect.signature(registry.find(mt.methods, name)).parameters
        mixing = {"mixer": mt.mixers.get(mixer), "depth": depth} if mixes else {}
        what = f"{name} {options} {mixer} at depth {depth} on {body} of a {kind}"
        on = encoder(body, kind)
        try:
            made = mt.methods.get(name, on, classes=CLASSES, **options, **mixing)
            given = batch(made)
            views = tuple(inputs(kind, seed=seed) for seed in range(made.needs))
            loss = made(Batch(views, given.label, given.index), seeded())
        except (ValueError, TypeError) as error:
            said = str(error)
        else:
            assert loss.value.isfinite(), what
            loss.value.backward()
            assert all(w.grad is None or w.grad.isfinite().all() for w in made.parameters()), what
            seen += 1
            continue
        assert re.search(r"\b(use|convert|reshape|works on|instead)\b", said, re.IGNORECASE), f"{what}: {said}"
        if registry.find(mt.methods, name).of_tokens and not on.is_tokens(1):
            continue
        assert mixes, what
        each = depth if isinstance(depth, tuple) else (depth,)
        if min(each) < on.shallowest or max(each) > len(on.stages) or (options.get("ingredients") and mixer != "mixup"):
            continue
        assert any(not mixes_at(mixer, on, kind, one) for one in each), what  # it does not take what stands there
        refused += 1
    assert seen > 5 * refused
