"""Bad options of encoders are refused."""

from __future__ import annotations

import math

import pytest

from mixtrast import encoders
from support.encoders import PICTURE, TABLE

BAD = [
    *[("mlp", {"widths": bad}, "`widths` of MLP") for bad in ((), (0,), (4, -1), (2.5,), "44", None, 0)],
    *[("mlp", {"embed": bad}, "`embed`") for bad in (-1, 2.5)],
    *[("mlp", {"widths": (6,), "maxout": bad}, "maxout divide 6") for bad in (-1, 4, 7)],
    *[("mlp", {"dropout": bad}, "`dropout` of MLP must be a probability below 1") for bad in (-0.1, 1, math.nan)],
    *[("resnet", {"blocks": bad}, "`blocks` of ResNet") for bad in ((), (0,), (1, -1), (1.5,), 3, None)],
    *[("resnet", {"width": bad}, "`width` of ResNet") for bad in (0, -4, 2.5)],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        encoders.get(name, PICTURE, **options)


def test_one_width_may_be_a_number():
    assert encoders.get("mlp", TABLE, widths=5).dim == 5
