"""Pixels of images are those that Pillow gives, at the size that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from mixtrast import datasets, spec
from mixtrast.data import pixels as _pixels
from support.images import one, oracle, pixels, save, write_folder
from support.messages import refused, said

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "L", {}), ("a.png", "RGB", {}), ("a.png", "P", {}), ("a.png", "1", {}), ("a.PNG", "RGB", {}),
        ("a.bmp", "RGB", {}), ("a.bmp", "L", {}), ("a.gif", "P", {}), ("a.gif", "L", {}), ("a.ppm", "RGB", {}),
        ("a.pgm", "L", {}), ("a.tif", "RGB", {"compression": "tiff_lzw"}), ("a.tiff", "L", {}), ("a.tif", "CMYK", {}),
        ("a.webp", "RGB", {"lossless": True}), ("a.webp", "RGB", {"quality": 50}),
        ("a.jpg", "RGB", {}), ("a.jpeg", "L", {}), ("a.jpg", "RGB", {"progressive": True}), ("a.JPG", "RGB", {"quality": 100}),
        ("a.jpg", "RGB", {"subsampling": 2}), ("a.jpg", "RGB", {"optimize": True, "comment": b"hm"}), ("a.jpg", "CMYK", {}),
        ("a.jpg", "RGB", {"icc_profile": b"x" * 70_000}), ("a.jpg", "RGB", {"restart_marker_blocks": 1}),
        ("a.jpg", "RGB", {"keep_rgb": True}), ("a.jpg", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
    ],
)  # fmt: skip
def test_pixels_are_those_that_pillow_gives(tmp_path, name, mode, options):
    path = save(tmp_path / name, Image.fromarray(pixels()).convert(mode), **options)
    assert np.array_equal(one(path), oracle(path))
    data = datasets.open(tmp_path)
    assert data.x.dtype == torch.uint8
    assert ("(CMYK)" in said(data)) == (mode == "CMYK")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}, {"icc_profile": b"x" * 900}], ids=str)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_header_of_an_ordinary_jpeg_is_read_without_pillow(tmp_path, mode, options):
    path = save(tmp_path / "a.jpg", Image.fromarray(pixels()).convert(mode), **options)
    assert _pixels._plain_jpeg(path.read_bytes()) == _pixels.header(str(path)) == (mode, 10, 8, "")


def test_what_is_no_ordinary_jpeg_is_left_to_pillow(tmp_path):
    for content in (b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"\x89PNG", b"\xff\xd8\xff\xff\xff\xff" + bytes(20)):
        assert _pixels._plain_jpeg(content) is None
    for mode, options in (("CMYK", {}), ("RGB", {"exif": Image.Exif()})):
        options = {key: value.tobytes() + b"\0" for key, value in options.items()}
        path = save(tmp_path / f"{mode}.jpg", Image.fromarray(pixels()).convert(mode), **options)
        assert _pixels._plain_jpeg(path.read_bytes()) is None


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.dstack([pixels(), np.linspace(0, 255, 80).reshape(8, 10).astype(np.uint8)])
    path = save(tmp_path / "a" / "1.png", rgba)
    alpha = rgba[..., 3:] / 255
    wanted = rgba[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(one(path) - wanted).max() <= 1  # rounded once, to whole numbers
    assert "1 image has transparency: it was laid on white." in said(datasets.open(tmp_path / "a"))
    grey = save(tmp_path / "b" / "1.png", rgba[..., [0, 3]])
    assert np.abs(one(grey) - wanted[..., :1]).max() <= 1
    marked = save(tmp_path / "c" / "1.png", np.full((8, 10), 7, np.uint8), transparency=7)  # one value stands for nothing
    assert (one(marked) == 255).all()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_what_the_camera_noted_is_done(tmp_path, name, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    path = save(tmp_path / name, pixels(), exif=exif)
    with Image.open(path) as image:
        assert np.array_equal(one(path), np.asarray(ImageOps.exif_transpose(image)))
    data = datasets.open(tmp_path)
    assert data.spec == (spec.Image(3, 10, 8) if turn >= 5 else spec.Image(3, 8, 10))
    assert ("1 image has an orientation that the camera noted" in said(data)) == (turn > 1)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_kept(tmp_path, name):
    deep = np.random.default_rng(0).integers(0, 65536, (8, 10)).astype(np.uint16)
    save(tmp_path / name, deep)
    data = datasets.open(tmp_path)
    assert data.x.dtype == torch.float32
    assert np.array_equal(data.x[0, 0].numpy(), deep.astype(np.float32) / 65535)
    assert "1 image of 1 of 16 bits" in said(data)
    grey = pixels(1, (8, 10))
    save(tmp_path / "b.png", grey)
    both = datasets.open(tmp_path)
    assert np.array_equal(both.x[1, 0].numpy(), grey / np.float32(255))
    assert both.x[0].equal(data.x[0])
    save(tmp_path / "c.png", pixels())
    three = datasets.open(tmp_path)
    assert three.x.shape == (3, 3, 8, 10)
    assert all(three.x[0, c].equal(data.x[0, 0]) for c in range(3))
    assert np.array_equal(three.x[2].numpy(), pixels().transpose(2, 0, 1) / np.float32(255))
    streamed = datasets.open(tmp_path, memory="no")
    assert streamed.x.dtype == torch.float32
    assert streamed.x[torch.arange(3)].equal(three.x)
    assert datasets.open(tmp_path, size=4).x.shape == (3, 3, 4, 4)


@pytest.mark.parametrize("before", [0, 3, 130])
def test_grey_among_colours(tmp_path, before):
    """Also where the colours are not among those that are looked at first."""
    for number in range(before):
        save(tmp_path / f"a{number:03}.png", pixels(number, (4, 4)))
    save(tmp_path / "b.png", pixels(0, (4, 4, 3)))
    for number in range(before):
        save(tmp_path / f"c{number:03}.png", pixels(number, (4, 4)))
    data = datasets.open(tmp_path)
    assert data.spec == spec.Image(3, 4, 4)
    assert np.array_equal(data.x[before].numpy().transpose(1, 2, 0), pixels(0, (4, 4, 3)))
    for row in range(before):
        assert all(np.array_equal(data.x[row, c].numpy(), pixels(row, (4, 4))) for c in range(3))
    assert (f"{2 * before} images of {2 * before + 1} are grey: read as RGB." in said(data)) == (before > 0)
    assert datasets.open(tmp_path, memory="no").x[torch.arange(2 * before + 1)].equal(data.x)


@pytest.mark.parametrize("shape", [(20, 31, 3), (31, 20, 3), (12, 12, 3), (5, 40, 3), (20, 31)])
def test_size_scales_the_shorter_side_and_takes_the_middle(tmp_path, shape):
    x = pixels(0, shape)
    path = save(tmp_path / "a.png", x)
    height, width = shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    wanted = np.asarray(Image.fromarray(x).resize((12, 12), Image.Resampling.BILINEAR, box=box)).reshape(12, 12, -1)
    data = datasets.open(path.parent, size=12)
    assert np.array_equal(data.x[0].numpy().transpose(1, 2, 0), wanted)
    assert ("1 were smaller and are enlarged" in said(data)) == (side < 12)
    assert data.schema.options["size"] == 12


def test_a_large_jpeg_is_read_at_about_the_size_that_is_needed(tmp_path):
    x = pixels(0, (400, 640, 3))
    path = save(tmp_path / "a.jpg", x, quality=95)
    small = datasets.open(path.parent, size=40).x[0].numpy().transpose(1, 2, 0).astype(int)
    with Image.open(path) as image:
        full = np.asarray(image.resize((40, 40), Image.Resampling.BILINEAR, box=(120, 0, 520, 400))).astype(int)
    assert np.abs(small - full).max() <= 8  # of 255: two filters, one after the other, are nearly one
    with Image.open(path) as image:
        upright = _pixels._upright(image, _pixels.Form(3, 40, 40, resize=True))
        assert upright.size == (160, 100)  # a quarter, and not less than 80


def test_mixed_sizes_are_refused_with_what_was_found(tmp_path):
    for number, shape in enumerate([(40, 50), (40, 50), (30, 35)]):
        save(tmp_path / f"{number}.png", pixels(0, shape))
    with refused(r"of one size, got 2 among 3.*width × height: 50 × 40 \(2\), 35 × 30 \(1\)\. `--size 32`"):
        datasets.open(tmp_path)
    assert datasets.open(tmp_path, size=32).x.shape == (3, 1, 32, 32)
    assert "2 sizes made 32 × 32" in said(datasets.open(tmp_path, size=32))
    for size in (0, -1, 5000, 1.5, True, "64"):
        with refused("`size` must be a number of pixels from 1 to 4,096"):
            datasets.get("images", size=size)


def test_a_size_that_is_found_late_is_refused_too(tmp_path):
    write_folder(tmp_path, {"a": 200}, (4, 4))
    save(tmp_path / "a" / "003.png", pixels(0, (5, 4)))  # not among those that are looked at first
    for memory in ("yes", "no"):
        with refused(r"got 2 among 200 that were looked at.* 4 × 4 \(199\), 4 × 5 \(1\)"):
            datasets.open(tmp_path, memory=memory)
