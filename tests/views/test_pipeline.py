"""Pipelines of views."""

from __future__ import annotations

import pytest

import mixtrast as mt
from mixtrast.views import pipeline
from support.generators import seeded
from support.image_views import images


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, ["crop", "flip", "color", "gray"]) for name in ("simclr", "moco", "supcon")] + [("mixup", ["padcrop", "flip"])],
)
def test_a_pipeline_is_views_in_order(name, order):
    parts = pipeline(name)
    assert list(parts) == order
    x = images(16, 3, 32, 32)
    generator, seen = seeded(), x
    for view, options in parts.items():
        seen = mt.views.get(view, **options)(seen, generator)
    assert seen.shape == x.shape
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert not seen.equal(x)
    parts["flip"]["p"] = 0.9
    assert pipeline(name)["flip"]["p"] == 0.5  # a copy
    assert not set(mt.views.PIPELINES) & set(mt.views.names())  # one flag names either


def test_what_the_pipelines_differ_in():
    assert pipeline("simclr")["crop"] == {"scale": (0.08, 1.0)}
    assert pipeline("supcon")["crop"] == {"scale": (0.2, 1.0)}
    assert pipeline("simclr") == pipeline("moco")
    with pytest.raises(
        ValueError, match=r"no pipeline 'simclrr'. Did you mean 'simclr'\? There are: mixup, moco, simclr, supcon"
    ):
        pipeline("simclrr")
