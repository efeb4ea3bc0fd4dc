"""Every pair of method, mixer, depth and encoder goes together or is refused with a way out."""

from __future__ import annotations

import inspect
import itertools
import re

import pytest
import torch

import mixtrast as mt
from mixtrast import registry
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch
from support.contracts import CLASSES, COMPOSED, LIGHT, METHODS, batch, encoder, inputs, option_values, with_option
from support.generators import seeded

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
            views = tuple(inputs(kind, seed=seed) for seed in range(made.views_needed))
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
        if registry.find(mt.methods, name).needs_tokens and not on.is_tokens(1):
            continue
        assert mixes, what
        each = depth if isinstance(depth, tuple) else (depth,)
        if min(each) < on.min_depth or max(each) > len(on.stages) or (options.get("ingredients") and mixer != "mixup"):
            continue
        assert any(not mixes_at(mixer, on, kind, one) for one in each), what  # it does not take what stands there
        refused += 1
    assert seen > 5 * refused
