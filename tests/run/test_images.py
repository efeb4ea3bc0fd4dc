"""Runs on images: bytes, streamed folders and views of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mixtrast import views
from mixtrast.views import View
from support.runs import pictures, prepared, same, small, state

pytestmark = pytest.mark.usefixtures("light")


def test_bytes_stay_bytes_and_give_what_their_intensities_give(tmp_path):
    x, y = pictures()
    options: dict[str, Any] = {"method": "imix", "views": "shift+noise"}
    some = small((x, y), tmp_path / "bytes", **options)
    other = small((x.astype(np.float32) / 255, y), tmp_path / "floats", **options)
    assert prepared(some, (x, y)).dataset.x.dtype == torch.uint8
    for key, value in state(some).items():
        torch.testing.assert_close(value, state(other)[key], rtol=1e-3, atol=1e-4)  # the scale is summed in another order
    again = torch.from_numpy(x[:5])
    torch.testing.assert_close(some.encoder()(again), other.encoder()(again.float() / 255), rtol=1e-3, atol=1e-4)


def test_views_of_pixels_come_before_the_scale_and_others_after():
    class Once(View):
        def __init__(self, name: str) -> None:
            self.name = name

        def apply(self, x: Tensor, generator: torch.Generator) -> Tensor:
            seen.append((self.name, float(x.min()), float(x.max())))
            return x

    class Before(Once):
        unscaled = True

    seen: list[tuple[str, float, float]] = []
    scale = views.Scale(torch.tensor([[[0.5]]]), torch.tensor([[[0.1]]]))
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    out = scale(x, [Once("after"), Before("before")], torch.Generator())
    assert seen == [("before", 0.0, pytest.approx(1.0)), ("after", pytest.approx(-5.0), pytest.approx(5.0))]
    torch.testing.assert_close(out, (x.float() / 255 - 0.5) / 0.1)
    with pytest.raises(TypeError, match="views draw from a generator, got none"):
        scale(x, [Once("after")])


def test_a_folder_that_is_streamed_gives_what_memory_gives(tmp_path):
    image = pytest.importorskip("PIL.Image")
    x, y = pictures(40)
    for row, (pixels, kind) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "images" / f"class{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{row:03}.png")
    source = str(tmp_path / "images")
    kept, streamed = (
        small(source, tmp_path / memory, views="flip", batch=10, method="mixsupcon", options={"memory": memory})
        for memory in ("yes", "no")
    )
    assert same(state(kept), state(streamed))
    assert kept.results.probes == streamed.results.probes
    assert torch.equal(kept.embed(source)[0], streamed.embed(source)[0])
