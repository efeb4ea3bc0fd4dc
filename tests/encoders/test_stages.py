"""An encoder runs in stages and may be cut at any of them."""

from __future__ import annotations

import pytest

from mixtrast.spec import Image, Series
from support.encoders import PICTURE, TABLE, examples, get

SOME = [
    ("mlp", TABLE, {"widths": (7, 6, 5)}),
    ("mlp", PICTURE, {"widths": (7, 6), "embed": 4, "maxout": 2, "dropout": 0.5}),
    ("mlp", Series(2, 5), {"widths": (3,), "norm": False}),
    ("resnet8", PICTURE, {"width": 3}),
    ("resnet", Image(1, 7, 9), {"blocks": (2, 1), "width": 2}),
]


@pytest.mark.parametrize(("name", "shape", "options"), SOME, ids=[f"{name}-{options}" for name, _, options in SOME])
def test_a_run_may_be_cut_anywhere(name, shape, options):
    made, x = get(name, shape, **options).eval(), examples(shape)
    whole, last = made(x), len(made.stages)
    for first in range(last + 1):
        for second in range(first, last + 1):
            between = made.run(made.run(x, stop=first), first, second)
            assert made.run(between, second).equal(whole)
    assert made.run(x, 0, 0) is x
    assert made.run(whole, last) is whole
    assert whole.shape == (4, made.dim)
