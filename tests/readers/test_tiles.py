"""Tiles of many bands, and which images are read as tiles."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile
import torch

from mixtrast import datasets, readers, spec
from support.sequences import photo


def test_tiles_by_their_axes(tmp_path):
    values = np.arange(8 * 6 * 13, dtype=np.uint16).reshape(8, 6, 13)
    for name, tile, plan in (("a", values, "contig"), ("b", values.transpose(2, 0, 1), "separate")):
        for number in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            path = tmp_path / name / f"{name}_{number % 2}_{number}.tif"
            tifffile.imwrite(path, tile, planarconfig=plan, photometric="minisblack")
    (tmp_path / "README.txt").write_text("tiles")
    data = datasets.open(str(tmp_path), groups="2")
    assert data.spec == spec.Image(13, 8, 6)
    assert torch.equal(data.x[0], data.x[5])
    assert data.x[0, 3].tolist() == values[:, :, 3].tolist()
    assert len(data.groups.unique()) == 2
    for number in range(4):
        (tmp_path / "two" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        pair = np.full((4, 5, 2), number, np.uint8)
        tifffile.imwrite(
            tmp_path / f"two/{'ab'[number % 2]}/{number}.tif", pair, planarconfig="contig", photometric="minisblack"
        )
    assert datasets.open(str(tmp_path / "two")).spec == spec.Image(2, 4, 5)
    (tmp_path / "two/a/0.tif").write_bytes(b"II*\0no")
    with pytest.raises(ValueError, match=r"could not be read as a tile|cannot be used"):
        datasets.open(str(tmp_path / "two"))


@pytest.mark.parametrize(
    ("bands", "dtype", "options", "seen"),
    [
        (3, np.uint8, {"photometric": "rgb"}, True),
        (4, np.uint8, {"photometric": "rgb", "extrasamples": ["unassalpha"]}, True),
        (4, np.uint8, {"photometric": "rgb", "extrasamples": ["unspecified"]}, False),
        (3, np.uint16, {"photometric": "rgb"}, False),
        (4, np.uint16, {"photometric": "rgb", "extrasamples": ["unspecified"]}, False),
        (3, np.uint8, {"photometric": "minisblack", "planarconfig": "contig"}, False),
        (4, np.uint16, {"photometric": "minisblack", "planarconfig": "contig"}, False),
        (3, np.uint8, {"photometric": "minisblack", "planarconfig": "separate"}, False),
        (1, np.uint16, {"photometric": "minisblack"}, True),
        (1, np.float32, {"photometric": "minisblack"}, False),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["", "without tifffile"])
def test_bands_are_no_colours(bands, dtype, options, seen, known, tmp_path, monkeypatch):
    """What is read as pictures would lose bands, or the low half of their numbers."""
    values = (np.arange(bands * 30) % 200).astype(dtype).reshape(bands, 5, 6)
    shaped = values[0] if bands == 1 else values if options.get("planarconfig") == "separate" else values.transpose(1, 2, 0)
    for kind in "ab":
        (tmp_path / "t" / kind).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "t" / kind / "0.tif", shaped, **options)
    if not known:
        monkeypatch.setitem(sys.modules, "tifffile", None)
        assert readers.Tiles.takes(tmp_path / "t") == (not seen)
        return
    data = datasets.open(tmp_path / "t")
    assert data.reader == ("images" if seen else "tiles")
    if not seen:
        assert torch.equal(data.x[0], torch.from_numpy(values.astype(np.float32)))


def test_a_png_may_be_called_tif(tmp_path, monkeypatch):
    for kind in "ab":
        photo(tmp_path / "t" / kind / "0.png")
        (tmp_path / "t" / kind / "0.png").rename(tmp_path / "t" / kind / "0.tif")
    assert not readers.Tiles.takes(tmp_path / "t")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert not readers.Tiles.takes(tmp_path / "t")
