"""Contracts of mixers, views, encoders and methods alike: options, docstrings, names, random numbers."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch

import mixtrast as mt
from mixtrast import registry
from support.contracts import ENCODERS, FLAT, KINDS, METHODS, MIXERS, SPECS, VIEWS, encodes, example, small, takes
from support.generators import seeded

ALL = [*[(mt.mixers, name) for name in MIXERS], *[(mt.views, name) for name in VIEWS]]
IDS = [f"{room.__name__.rpartition('.')[2]}.{name}" for room, name in ALL]

EVERY = [*ALL, *[(mt.encoders, name) for name in ENCODERS], *[(mt.methods, name) for name in METHODS]]
EVERY_ID = [f"{room.__name__.rpartition('.')[2]}.{name}" for room, name in EVERY]


def build(room, name: str, **options: Any):
    """One of that name: an encoder on examples that it takes, a method on a small encoder."""
    if room is mt.encoders:
        return room.get(name, SPECS[next(kind for kind in FLAT if encodes(name, kind))], **options)
    return small(name, **options) if room is mt.methods else room.get(name, **options)


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
        assert re.search(r"\bx_i\b", text.partition("Args:")[0]), "who is mixed, before the arguments"
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
