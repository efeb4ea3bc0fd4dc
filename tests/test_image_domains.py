"""Images: pixels are those that Pillow gives, wherever they lie; folders and named sets; every refusal is a sentence."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from mixtrast import domains, spec
from mixtrast.domains import Files, _files, _pixels, _sets, scaling, split
from mixtrast.domains._files import available
from mixtrast.domains.sets import _cifar
from mixtrast.domains.sets.mnist import FILES as MNIST_FILES

# --- writers ---------------------------------------------------------------------------------------------------------------


def pixels(seed: int = 0, shape: tuple[int, ...] = (8, 10, 3), kind: Any = np.uint8) -> np.ndarray:
    """Smooth enough that a JPEG of it is near."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 3, *shape[2:])).astype(np.uint8)
    fine = np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return fine.astype(kind)


def save(path: Path, image: np.ndarray | Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def write_folder(root: Path, sizes: dict[str, int] | None = None, shape: tuple[int, ...] = (8, 10, 3)) -> Path:
    """{"cats": 12}: that many images in that subfolder."""
    for name, many in (sizes or {"cats": 12, "dogs": 9}).items():
        for number in range(many):
            save(root / name / f"{number:03}.png", pixels(number + 1000 * len(name), shape))
    return root


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", {3: 2051, 1: 2049}[array.ndim], *array.shape) + array.tobytes()


def write_mnist(root: Path, packed: bool = True, sizes: tuple[int, int] = (40, 20)) -> list[np.ndarray]:
    root.mkdir(parents=True, exist_ok=True)
    draw, arrays = np.random.default_rng(0), []
    for size in sizes:
        arrays += [draw.integers(0, 256, (size, 28, 28), np.uint8), (np.arange(size) % 10).astype(np.uint8)]
    for file, array in zip(MNIST_FILES, arrays, strict=True):
        content = gzip.compress(idx(array)) if packed else idx(array)
        (root / (file.name if packed else file.name.removesuffix(".gz"))).write_bytes(content)
    return arrays


def batch_of(draw: np.random.Generator, size: int, **labels: int) -> dict[bytes, Any]:
    found: dict[bytes, Any] = {key.encode(): (np.arange(size) % many).tolist() for key, many in labels.items()}
    return {**found, b"data": draw.integers(0, 256, (size, 3072), np.uint8), b"filenames": [b"a.png"] * size}


def cifar10_files(each: int = 10) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    files: dict[str, Any] = {f"data_batch_{number}": batch_of(draw, each, labels=10) for number in range(1, 6)}
    names = [b"plane", b"car", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]
    return files | {"test_batch": batch_of(draw, each, labels=10), "batches.meta": {b"label_names": names}}


def cifar100_files() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    files = {name: batch_of(draw, size, fine_labels=100, coarse_labels=20) for name, size in (("train", 200), ("test", 100))}
    names = {b"fine_label_names": [f"f{k}".encode() for k in range(100)], b"coarse_label_names": [b"c"] * 20}
    return {**files, "meta": names}


def write_cifar(root: Path, files: dict[str, Any], folder: str, archive: str = "") -> None:
    """As a folder, or as an archive where that has a name."""
    packed = {name: pickle.dumps(content, protocol=4) for name, content in files.items()}
    root.mkdir(parents=True, exist_ok=True)
    if not archive:
        (root / folder).mkdir()
        for name, content in packed.items():
            (root / folder / name).write_bytes(content)
        return
    with tarfile.open(root / archive, "w:gz") as out:
        for name, content in packed.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))


def write_sets(root: Path) -> None:
    """All named sets, tiny, in one data folder."""
    write_mnist(root / "mnist")
    write_cifar(root / "cifar10", cifar10_files(), "cifar-10-batches-py")
    write_cifar(root / "cifar100", cifar100_files(), "cifar-100-python")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    def refused(address: str, timeout: float) -> Any:
        raise URLError("no network in tests")

    monkeypatch.setattr(_sets, "urlopen", refused)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIXTRAST_DATA", raising=False)


def refused(message: str, error: type[Exception] = ValueError):
    return pytest.raises(error, match=message)


def said(data: domains.Data) -> str:
    return "\n".join(data.notes)


def one(path: Path) -> np.ndarray:
    """The only image of a folder, (H,W,C)."""
    return domains.open(path.parent).x[torch.tensor([0])][0].permute(1, 2, 0).numpy()


def oracle(path: Path) -> np.ndarray:
    """What Pillow gives."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L" if image.mode in "L1" else "RGB")).reshape(image.height, image.width, -1)


# --- pixels ----------------------------------------------------------------------------------------------------------------


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
    data = domains.open(tmp_path)
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
    assert "1 image has transparency: it was laid on white." in said(domains.open(tmp_path / "a"))
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
    data = domains.open(tmp_path)
    assert data.spec == (spec.Image(3, 10, 8) if turn >= 5 else spec.Image(3, 8, 10))
    assert ("1 image has to be turned or mirrored" in said(data)) == (turn > 1)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_kept(tmp_path, name):
    deep = np.random.default_rng(0).integers(0, 65536, (8, 10)).astype(np.uint16)
    save(tmp_path / name, deep)
    data = domains.open(tmp_path)
    assert data.x.dtype == torch.float32
    assert np.array_equal(data.x[0, 0].numpy(), deep.astype(np.float32) / 65535)
    assert "1 image of 1 of 16 bits" in said(data)
    grey = pixels(1, (8, 10))
    save(tmp_path / "b.png", grey)
    both = domains.open(tmp_path)
    assert np.array_equal(both.x[1, 0].numpy(), grey / np.float32(255))
    assert both.x[0].equal(data.x[0])
    save(tmp_path / "c.png", pixels())
    three = domains.open(tmp_path)
    assert three.x.shape == (3, 3, 8, 10)
    assert all(three.x[0, c].equal(data.x[0, 0]) for c in range(3))
    assert np.array_equal(three.x[2].numpy(), pixels().transpose(2, 0, 1) / np.float32(255))
    streamed = domains.open(tmp_path, memory="no")
    assert streamed.x.dtype == torch.float32
    assert streamed.x[torch.arange(3)].equal(three.x)
    assert domains.open(tmp_path, size=4).x.shape == (3, 3, 4, 4)


@pytest.mark.parametrize("before", [0, 3, 130])
def test_grey_among_colours(tmp_path, before):
    """Also where the colours are not among those that are looked at first."""
    for number in range(before):
        save(tmp_path / f"a{number:03}.png", pixels(number, (4, 4)))
    save(tmp_path / "b.png", pixels(0, (4, 4, 3)))
    for number in range(before):
        save(tmp_path / f"c{number:03}.png", pixels(number, (4, 4)))
    data = domains.open(tmp_path)
    assert data.spec == spec.Image(3, 4, 4)
    assert np.array_equal(data.x[before].numpy().transpose(1, 2, 0), pixels(0, (4, 4, 3)))
    for row in range(before):
        assert all(np.array_equal(data.x[row, c].numpy(), pixels(row, (4, 4))) for c in range(3))
    assert (f"{2 * before} images of {2 * before + 1} are grey: read as RGB." in said(data)) == (before > 0)
    assert domains.open(tmp_path, memory="no").x[torch.arange(2 * before + 1)].equal(data.x)


# --- sizes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 31, 3), (31, 20, 3), (12, 12, 3), (5, 40, 3), (20, 31)])
def test_size_scales_the_shorter_side_and_takes_the_middle(tmp_path, shape):
    x = pixels(0, shape)
    path = save(tmp_path / "a.png", x)
    height, width = shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    wanted = np.asarray(Image.fromarray(x).resize((12, 12), Image.Resampling.BILINEAR, box=box)).reshape(12, 12, -1)
    data = domains.open(path.parent, size=12)
    assert np.array_equal(data.x[0].numpy().transpose(1, 2, 0), wanted)
    assert ("1 were smaller and are enlarged" in said(data)) == (side < 12)
    assert data.facts["options"]["size"] == 12


def test_a_large_jpeg_is_read_at_about_the_size_that_is_needed(tmp_path):
    x = pixels(0, (400, 640, 3))
    path = save(tmp_path / "a.jpg", x, quality=95)
    small = domains.open(path.parent, size=40).x[0].numpy().transpose(1, 2, 0).astype(int)
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
        domains.open(tmp_path)
    assert domains.open(tmp_path, size=32).x.shape == (3, 1, 32, 32)
    assert "2 sizes made 32 × 32" in said(domains.open(tmp_path, size=32))
    for size in (0, -1, 5000, 1.5, True, "64"):
        with refused("`size` of Images must be a number of pixels from 1 to 4,096"):
            domains.get("images", size=size)


def test_a_size_that_is_found_late_is_refused_too(tmp_path):
    write_folder(tmp_path, {"a": 200}, (4, 4))
    save(tmp_path / "a" / "003.png", pixels(0, (5, 4)))  # not among those that are looked at first
    for memory in ("yes", "no"):
        with refused(r"got 2 among 200 that were looked at.* 4 × 4 \(199\), 4 × 5 \(1\)"):
            domains.open(tmp_path, memory=memory)


# --- in memory or not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_both_ways_give_the_same_bytes(tmp_path, ending, size):
    for number in range(150):
        save(tmp_path / "ab"[number % 2] / f"{number:03}.{ending}", pixels(number))
    kept, read = (domains.open(tmp_path, memory=memory, size=size) for memory in ("yes", "no"))
    assert isinstance(kept.x, torch.Tensor)
    assert isinstance(read.x, Files)
    assert (read.x.shape, read.x.dtype, len(read.x), read.x.dim()) == (kept.x.shape, torch.uint8, 150, 4)
    assert read.x[torch.arange(150)].equal(kept.x)
    rows = torch.randint(150, (300,), generator=torch.Generator().manual_seed(0))
    assert read.x[rows].equal(kept.x[rows])
    assert read.x[torch.arange(0)].shape == (0, *kept.x.shape[1:])
    assert read.label.equal(kept.label)
    assert (read.facts | {"options": 0}, split(read, seed=0).says) == (kept.facts | {"options": 0}, split(kept, seed=0).says)
    for one, other in zip(scaling(read, torch.arange(100)), scaling(kept, torch.arange(100)), strict=True):
        assert one.equal(other)
    assert "kept in memory, as asked" in said(kept)
    assert "read from the disk, as asked" in said(read)


def test_half_of_what_is_free_is_taken(tmp_path, monkeypatch):
    import mixtrast.domains.images as room

    write_folder(tmp_path, {"a": 10}, (4, 5, 3))  # 600 bytes
    monkeypatch.setattr(room, "available", lambda: 1200)
    data = domains.open(tmp_path)
    assert isinstance(data.x, torch.Tensor)
    assert "10 × 3 × 4 × 5 bytes are 600 bytes and kept in memory: 1.2 kB are free." in said(data)
    monkeypatch.setattr(room, "available", lambda: 1199)
    assert isinstance(domains.open(tmp_path).x, Files)
    assert isinstance(domains.open(tmp_path, memory="yes").x, torch.Tensor)
    with refused("`memory` must be one of 'auto', 'yes', 'no', got 'maybe'"):
        domains.get("images", memory="maybe")


def test_what_is_free(tmp_path):
    def lies(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    lies("proc/meminfo", "MemTotal: 16 kB\nMemAvailable: 9 kB\n")
    assert available(tmp_path) == 9 * 1024
    lies("sys/fs/cgroup/memory.max", "max\n")
    lies("sys/fs/cgroup/memory.current", "5000\n")
    assert available(tmp_path) == 9 * 1024
    lies("sys/fs/cgroup/memory.max", "8000\n")
    assert available(tmp_path) == 3000
    lies("sys/fs/cgroup/memory.stat", "anon 7\ninactive_file 1000\n")
    assert available(tmp_path) == 4000
    lies("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n")
    lies("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500\n")
    assert available(tmp_path) == 500
    assert 1 << 20 < available() < 1 << 50


def test_a_file_that_changes_is_told(tmp_path):
    root = write_folder(tmp_path, {"a": 12}, (4, 4))
    x = domains.open(root, memory="no").x
    before = x.identity()
    assert before == x.identity()
    save(root / "a" / "002.png", pixels(0, (4, 5)))
    assert before != x.identity()
    for content in ((root / "a" / "002.png").read_bytes(), b"", None):
        (root / "a" / "002.png").unlink()
        if content is not None:
            (root / "a" / "002.png").write_bytes(content)
        why = {b"": "it is cut off or damaged", None: "No such file or directory"}.get(content, "it has changed since")
        with refused(rf"a/002\.png cannot be used: {why}.* Replace it"):
            x[torch.tensor([1, 2])]
        assert x[torch.tensor([1, 3])].shape == (2, 1, 4, 4)


# --- what cannot be used -----------------------------------------------------------------------------------------------------


def broken(root: Path) -> dict[str, str]:
    """Files that cannot be used, and why."""
    jpeg = save(root / "cats" / "cut.jpg", pixels(0, (8, 10, 3)))
    jpeg.write_bytes(jpeg.read_bytes()[:-30])
    png = save(root / "cats" / "cut.png", pixels())
    png.write_bytes(png.read_bytes()[:-30])
    (root / "cats" / "text.png").write_text("hello")
    (root / "dogs" / "empty.jpg").write_bytes(b"")
    frames = [Image.fromarray(pixels(seed)) for seed in range(3)]
    save(root / "dogs" / "moves.gif", frames[0], save_all=True, append_images=frames[1:])
    save(root / "dogs" / "pages.tif", frames[0], save_all=True, append_images=frames[1:])
    save(root / "dogs" / "real.tif", pixels(0, (8, 10)).astype(np.float32))
    cut = "it is cut off or damaged"
    return {
        **{f"cats/{name}": cut for name in ("cut.jpg", "cut.png", "text.png")},
        "dogs/empty.jpg": cut,
        **{f"dogs/{name}": "it has 3 frames or pages" for name in ("moves.gif", "pages.tif")},
        "dogs/real.tif": "its pixels are of Pillow's mode 'F', not of 8 or 16 bits",
    }


def test_images_that_cannot_be_used(tmp_path):
    good = domains.open(write_folder(tmp_path / "good"))
    reasons = broken(write_folder(tmp_path / "bad"))
    named = r"cats/cut\.jpg \(it is cut off or damaged\), cats/cut\.png \(it.*\), cats/text\.png \(.*\), \.\.\. \(7 in all\)"
    with refused(rf"^7 of 28 images in .*bad cannot be used: {named}\. .* `--skip-bad`"):
        domains.open(tmp_path / "bad")
    for name, reason in reasons.items():
        assert _files.headers([str(tmp_path / "bad" / name)])[0] in (reason, ("RGB", 10, 8, ""))  # the header may be whole
        with pytest.raises(_pixels.UnusableError, match=reason.replace("(", r"\(")):
            _pixels.decode(str(tmp_path / "bad" / name), _pixels.Form(3, 8, 10))
    for memory in ("yes", "no"):
        data = domains.open(tmp_path / "bad", skip_bad=True, memory=memory)
        assert data.x[torch.arange(21)].equal(good.x)
        assert data.label.equal(good.label)
        assert "left out, as they cannot be used: cats/cut.jpg (it is cut off or damaged)" in said(data)
        assert "(7 in all)" in said(data)
    for path in (tmp_path / "bad").glob("*/0*"):
        path.unlink()
    with refused("7 of 7 images in .* cannot be used"):
        domains.open(tmp_path / "bad", skip_bad=True)


@pytest.mark.parametrize(
    "form", [_pixels.Form(3, 8, 10), _pixels.Form(3, 6, 6, resize=True), _pixels.Form(3, 8, 10, deep=True)]
)
def test_processes_read_what_threads_read(tmp_path, monkeypatch, form):
    """Pixels, headers and refusals, with blocks that end amid the files; and threads do what a worker cannot."""
    broken(write_folder(tmp_path, {"cats": 300, "dogs": 320}))
    paths = sorted(map(str, tmp_path.glob("*/*")))
    wanted = np.zeros((len(paths), 3, form.height, form.width), form.dtype)
    seen = _files._by_threads(paths, form, wanted)
    assert any(isinstance(one, str) for one in seen)
    monkeypatch.setattr(_files, "MANY", 100)
    monkeypatch.setattr(_files, "cores", lambda: 3)
    used: list[int] = []
    ask = _files._ask_worker
    monkeypatch.setattr(_files, "_ask_worker", lambda some, *rest: used.append(len(some)) or ask(some, *rest))
    x, told = _files.read(paths, form)
    assert sum(used) == len(paths)
    assert len(used) == 3
    assert np.array_equal(x.numpy(), wanted)
    assert told == seen
    assert all(type(one) in (str, _pixels.Header) for one in told)
    monkeypatch.setattr(_files.sys, "executable", "/bin/false")
    x, told = _files.read(paths, form)
    assert np.array_equal(x.numpy(), wanted)
    assert told == seen


def test_a_worker_needs_nothing_but_numpy_and_pillow(tmp_path):
    """It begins in a fifth of a second because it does not import torch."""
    code = f"import runpy, sys; runpy.run_path({_pixels.__file__!r}); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "PIL"} <= set(loaded)
    assert not {"torch", "mixtrast", "pandas"} & set(loaded)


def test_a_photo_with_a_preview_is_one_image(tmp_path):
    path = save(
        tmp_path / "a.jpg", Image.fromarray(pixels()), format="MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))]
    )
    assert np.array_equal(one(path), oracle(path))


# --- folders ---------------------------------------------------------------------------------------------------------------


def test_a_folder_with_classes(tmp_path):
    root = write_folder(tmp_path / "pets", {"dogs": 3, "cats": 4})
    for junk in (".DS_Store", "Thumbs.db", "cats/.hidden.png", "__MACOSX/._1.png", "desktop.ini", "dogs/.git/a.png"):
        (root / junk).parent.mkdir(exist_ok=True)
        (root / junk).write_bytes(b"?")
    data = domains.open(str(root))
    assert (data.name, data.domain, data.spec, data.task) == ("pets", "images", spec.Image(3, 8, 10), "classes")
    assert (data.classes, data.label.tolist()) == (("cats", "dogs"), [0] * 4 + [1] * 3)
    assert (data.given_test, data.given_val, data.groups, data.scaling) == (None, None, None, "channel")
    assert data.facts == {
        "domain": "images", "options": {"size": None, "memory": "auto", "skip_bad": False}, "task": "classes",
        "spec": {"kind": "Image", "channels": 3, "height": 8, "width": 10}, "classes": ["cats", "dogs"], "intensities": True,
    }  # fmt: skip
    for row, (name, number) in enumerate([("cats", k) for k in range(4)] + [("dogs", k) for k in range(3)]):
        assert np.array_equal(data.x[row].numpy().transpose(1, 2, 0), oracle(root / name / f"{number:03}.png"))
    assert data.notes[:2] == (f"{root}: 7 images, colour, 10 × 8.", "2 classes of 3 to 4 images, by subfolder: cats, dogs.")
    assert len(data.notes) == 3
    assert list(data.views) == ["crop", "flip", "color", "gray"]
    assert list(domains.open(write_folder(tmp_path / "grey", shape=(8, 8))).views) == ["crop", "flip"]


def test_what_else_lies_in_a_folder(tmp_path):
    root = write_folder(tmp_path, {"10": 2, "9": 2, "9/more/deep": 3})
    (root / "empty").mkdir()
    save(root / "loose.png", pixels(5))
    (root / "labels.csv").write_text("a,b")
    (root / "9" / "notes.txt").write_text("hm")
    (root / "9" / "more" / "README").write_text("hm")
    (root / "11").symlink_to(root / "9" / "more", target_is_directory=True)
    (root / "9" / "back").symlink_to(root, target_is_directory=True)
    (root / "10" / "again.png").symlink_to(root / "9" / "000.png")
    (root / "10" / "gone.txt").symlink_to(root / "nowhere")
    data = domains.open(root)
    assert data.classes == ("9", "10", "11")  # numbers by value
    assert data.label.tolist() == [0] * 5 + [1] * 3 + [2] * 3 + [-1]
    assert data.x[7].equal(data.x[0])
    assert np.array_equal(data.x[11].numpy().transpose(1, 2, 0), pixels(5))
    assert "6 images in deeper folders: they belong to the class folder above." in data.notes
    assert "1 image lies beside the class folders and has no label." in data.notes
    assert "no image in: empty." in data.notes
    assert all(
        told in said(data) for told in ("not read, as they are no images: 2 ", "2 .txt", "1 .csv", "2 without an ending")
    )
    assert "1 row of train without a label" in split(data, seed=0).says


def test_a_folder_without_classes(tmp_path):
    root = tmp_path / "data" / "photos"
    write_folder(root, {".": 12})
    for source in (root, tmp_path / "data", tmp_path):  # an archive unpacks to one folder in another
        data = domains.open(source)
        assert (data.label, data.task, data.classes, data.name) == (None, "none", (), "photos")
        assert len(data.x) == 12
        assert split(data, seed=0).says == "10 train, 2 validation, 0 test; random, seed 0"


def test_folders_that_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with refused(r"empty is a folder without images: there is no file in it\. Images end in \.png, .*\.jpg"):
        domains.open(tmp_path / "empty")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("1")
    with refused(r"tables is a folder without images: it holds 1 \.csv"):
        domains.open(tmp_path / "tables")
    path = save(tmp_path / "one" / "a.png", pixels())
    with refused(r"a\.png is one file\. Give the folder that it is in, .*one"):
        domains.open(path)
    with refused(r"there is no folder or file .*b\.png\. Did you mean 'a\.png'\?", FileNotFoundError):
        domains.open(tmp_path / "one" / "b.png")
    with refused("1 row is too few to split"):
        split(domains.open(tmp_path / "one"), seed=0)
    with refused("a folder of images must be given by its path, got int"):
        domains.open(tmp_path / "one", test=3)
    write_folder(tmp_path / "many", {f"class{number}": 1 for number in range(100)}, (1, 1))
    many = domains.open(tmp_path / "many")
    assert "100 classes of 1 image each" in said(many)
    with refused("part would be empty: there are too few rows, or too few of each class: training keeps one of each"):
        split(many, seed=0)


# --- sets that are given -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Train", "valid", "Test"), ("training", "validation", "testing")])
def test_train_val_and_test(tmp_path, names):
    sizes = {"cats": 6, "dogs": 5}
    for name, more in zip(names, (4, 0, 2), strict=True):
        write_folder(tmp_path / name, {kind: many + more for kind, many in sizes.items()})
    data = domains.open(tmp_path)
    parts = split(data, seed=0)
    assert [len(rows) for rows in (parts.train, parts.val, parts.test)] == [19, 11, 15]
    assert parts.says == "19 train, 11 validation, 15 test; validation and test sets as they were given"
    for rows, folder in zip((parts.train, parts.val, parts.test), names, strict=True):
        assert data.x[rows].equal(domains.open(tmp_path / folder).x)
        assert data.label[rows].equal(domains.open(tmp_path / folder).label)
    assert "45 images (19 to train, 11 to validate, 15 to test)" in said(data)
    assert "2 classes of 9 to 10 images" in said(data)
    assert split(data, seed=5).train.equal(parts.train)
    with refused("has a test set in it, .*, and another was given"):
        domains.open(tmp_path, test=tmp_path / names[2])


def test_some_sets_are_given(tmp_path):
    write_folder(tmp_path / "a" / "train", {"cats": 20, "dogs": 20})
    assert domains.open(tmp_path / "a").given_test is domains.open(tmp_path / "a").given_val is None
    assert domains.open(tmp_path / "a").classes == ("cats", "dogs")
    write_folder(tmp_path / "a" / "val", {"cats": 2, "dogs": 3})
    parts = split(domains.open(tmp_path / "a"), seed=0)
    assert (len(parts.train), parts.val.tolist(), len(parts.test)) == (30, [40, 41, 42, 43, 44], 10)
    assert parts.says.endswith("the validation set as it was given, test random, stratified by class, seed 0")
    write_folder(tmp_path / "b", {"cats": 2, "dogs": 3})
    given = domains.open(tmp_path / "a", test=tmp_path / "b")
    assert split(given, seed=0).test.tolist() == [45, 46, 47, 48, 49]
    write_folder(tmp_path / "c", {"train": 3, "bus": 3})  # what one travels by
    assert domains.open(tmp_path / "c").classes == ("bus", "train")
    write_folder(tmp_path / "d" / "train", {".": 12})
    write_folder(tmp_path / "d" / "val", {".": 3})
    assert (
        split(domains.open(tmp_path / "d"), seed=0).says == "12 train, 3 validation, 0 test; the validation set as it was given"
    )


def test_sets_that_do_not_fit(tmp_path):
    write_folder(tmp_path / "train", {"cats": 12, "dogs": 12})
    write_folder(tmp_path / "test", {"cats": 3})
    assert "test has no example of: dogs." in said(domains.open(tmp_path))
    write_folder(tmp_path / "test", {"dgos": 3})
    with refused(r"test has 'dgos', which .*train has not\. Did you mean 'dogs'\? The classes are: cats, dogs\. Rename"):
        domains.open(tmp_path)
    with refused("test2 has no class folders, .*train has. Sort"):
        domains.open(tmp_path / "train", test=write_folder(tmp_path / "test2", {".": 3}))
    with refused("has 'cats', 'dogs', which .* has not. The classes are: none"):
        domains.open(tmp_path / "test2", test=write_folder(tmp_path / "test3", {"cats": 2, "dogs": 2}))
    (tmp_path / "nothing").mkdir()
    with refused("nothing is a folder without images"):
        domains.open(tmp_path / "train", test=tmp_path / "nothing")


def test_a_given_validation_set_needs_labels():
    data = domains.open((np.ones((30, 2)), np.arange(30) % 2))
    given = torch.arange(30) >= 25
    label = data.label.clone()
    label[26] = -1
    made = domains.Data(**{**vars(data), "given_val": given, "label": label})
    parts = split(made, seed=0)
    assert parts.val.tolist() == [25, 27, 28, 29]
    assert 26 not in torch.cat([parts.train, parts.test]).tolist()
    label[given] = -1
    with refused("the validation set that was given has no row with a label"):
        split(made, seed=0)
    with refused("5 rows are too few to split; .* with a label beside the validation set"):
        split(domains.Data(**{**vars(data), "given_val": torch.arange(30) >= 5}), seed=0)


# --- like earlier data ---------------------------------------------------------------------------------------------------


def test_like_earlier_images(tmp_path):
    first = domains.open(write_folder(tmp_path / "first"), memory="no", size=8)
    new = domains.open(write_folder(tmp_path / "new", {".": 1}), like=first.facts)
    assert isinstance(new.x, Files)  # read with the same options
    assert (new.label, new.task, new.facts["task"], new.facts["classes"]) == (None, "none", "classes", ["cats", "dogs"])
    one = domains.open(write_folder(tmp_path / "one", {"dogs": 2}), like=first.facts)
    assert (one.classes, one.label.tolist()) == (("cats", "dogs"), [1, 1])
    dates = domains.open(write_folder(tmp_path / "dates", {"2024": 2, "2025": 2}), like=first.facts)
    assert dates.label is None
    assert "no subfolder is called like a class, cats, dogs: read without labels." in dates.notes
    with refused("has 'birds', which the earlier data has not"):
        domains.open(write_folder(tmp_path / "birds", {"cats": 1, "birds": 1}), like=first.facts)
    plain = domains.open(tmp_path / "first").facts
    with refused("examples must look as those before, an image of 3 channels, 8 × 10, got an image of 3 channels, 9 × 10"):
        domains.open(write_folder(tmp_path / "large", shape=(9, 10, 3)), like=plain)
    grey = domains.open(write_folder(tmp_path / "grey", shape=(8, 10)), like=plain)
    assert (grey.spec.channels, grey.classes) == (3, ("cats", "dogs"))
    with refused("1 channel, 8 × 10, got an image of 3 channels"):
        domains.open(tmp_path / "first", like=domains.open(tmp_path / "grey").facts)
    unlabelled = domains.open(tmp_path / "new").facts
    assert domains.open(tmp_path / "first", like=unlabelled).classes == ("cats", "dogs")


# --- bytes elsewhere -----------------------------------------------------------------------------------------------------


def test_arrays_of_images_in_bytes_stay_bytes(tmp_path):
    x = np.stack([pixels(seed) for seed in range(12)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 2)
    for source in (x, torch.from_numpy(x), tmp_path / "a.npz", x.transpose(0, 3, 1, 2)):
        data = domains.open(source)
        assert data.x.dtype == torch.uint8
        assert data.x.is_contiguous()
        assert np.array_equal(data.x.numpy(), x.transpose(0, 3, 1, 2))
        assert data.facts["intensities"] is True
    frozen = x.copy()
    frozen.flags.writeable = False
    assert domains.open(frozen).x.dtype == torch.uint8
    assert domains.open(x, test=x[:3]).x.dtype == torch.uint8
    assert domains.open(x[..., 0]).x.dtype == torch.float32  # series, and tables, are numbers
    assert domains.open(x[:, 0, :, 0]).x.dtype == torch.float32
    with refused("of bytes or of numbers as the training set, uint8, got float32"):
        domains.open(x.transpose(0, 3, 1, 2), test=x.transpose(0, 3, 1, 2) / 255)


def test_the_unit_of_an_image_is_kept():
    """Bytes are x / 255: other numbers in the place of such bytes would be 255 times too large, and nobody would see it."""
    x = np.stack([pixels(seed) for seed in range(12)]).transpose(0, 3, 1, 2)
    of_bytes, of_numbers = domains.open(x), domains.open(x.astype(np.float32))
    assert "intensities" not in of_numbers.facts
    assert domains.open(x / 255, like=of_bytes.facts).x.max() <= 1
    assert domains.open(x / 255, like=of_bytes.facts).facts == of_bytes.facts
    with refused(r"must be bytes \(uint8\), or numbers from 0 to 1, as the earlier images were, got \d+ to \d+\. Use"):
        domains.open(x.astype(np.float32), like=of_bytes.facts)
    again = domains.open(x, like=of_numbers.facts)
    assert (again.x.dtype, again.x.max()) == (torch.float32, x.max())


@pytest.mark.parametrize("shape", [(40, 3, 5, 7), (40, 1, 2, 2), (3, 2, 100, 80)])
def test_scaling_of_bytes_is_exact(shape, monkeypatch):
    monkeypatch.setattr("mixtrast.domains._scaling.BYTES", 200)
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    rows = torch.arange(0, len(x), 2)
    mean, std = scaling(domains.open(x), rows)
    used = x[::2].astype(np.float64) / 255
    assert mean.dtype == std.dtype == torch.float32
    assert mean.shape == std.shape == (shape[1], 1, 1)
    assert np.array_equal(mean.flatten().numpy(), used.mean((0, 2, 3)).astype(np.float32))
    assert np.abs(std.flatten().numpy() - used.std((0, 2, 3))).max() <= 6e-8  # one rounding to float32
    flat = scaling(domains.open(np.full((4, 1, 2, 2), 51, np.uint8)), torch.arange(4))
    assert [each.item() for each in flat] == [pytest.approx(0.2, abs=1e-7), 1]  # a spread of 0 becomes 1


def test_scaling_looks_at_some_of_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("mixtrast.domains._scaling.LOOKED_AT", 5)
    write_folder(tmp_path, {"a": 13})
    read, kept = domains.open(tmp_path, memory="no"), domains.open(tmp_path)
    for one, other in zip(scaling(read, torch.arange(13)), scaling(kept, torch.arange(0, 13, 3)), strict=True):
        assert one.equal(other)


# --- named sets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
def test_mnist(tmp_path, packed, folder):
    x, y, x_test, y_test = write_mnist(tmp_path / folder, packed)
    data = domains.open("mnist", data_dir=str(tmp_path))
    assert np.array_equal(data.x[:, 0].numpy(), np.concatenate([x, x_test]))
    assert data.label.tolist() == [*y, *y_test]
    assert data.given_test.tolist() == [False] * 40 + [True] * 20
    assert (data.x.dtype, data.label.dtype, data.classes) == (torch.uint8, torch.int64, tuple("0123456789"))
    assert "flip" not in data.views
    assert split(data, seed=0).test.tolist() == list(range(40, 60))
    assert "CC BY-SA 3.0" in said(data)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content[:-1], "as many bytes as it says, got 2051 and 31,359 of 31,360"),
        (lambda content: b"\0\0\x08\x01" + content[4:], "magic number 2051"),
        (lambda content: b"", "magic number 2051"),
        (lambda content: content[:4] + struct.pack(">I", 2**31) + content[8:], "of 1,683,627,180,032"),
        (lambda content: struct.pack(">4I", 2051, 40, 14, 56) + content[16:], r"digits of 28 × 28.* got \(40, 14, 56\)"),
    ],
)
def test_mnist_that_is_damaged(tmp_path, change, sentence):
    write_mnist(tmp_path, packed=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with refused(sentence):
        domains.open("mnist", data_dir=str(tmp_path))
    path.with_suffix(".gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    with refused("train-images-idx3-ubyte.gz could not be unpacked"):
        domains.open("mnist", data_dir=str(tmp_path))


@pytest.mark.parametrize("archive", ["", "cifar-10-python.tar.gz"])
def test_cifar10(tmp_path, archive):
    files = cifar10_files()
    write_cifar(tmp_path, files, "cifar-10-batches-py", archive)
    data = domains.open("cifar10", data_dir=str(tmp_path))
    order = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    wanted = np.concatenate([files[name][b"data"] for name in order]).reshape(-1, 3, 32, 32)
    assert np.array_equal(data.x.numpy(), wanted)
    assert data.label.tolist() == [label for name in order for label in files[name][b"labels"]]
    assert data.given_test.tolist() == [False] * 50 + [True] * 10
    assert data.classes[:2] == ("plane", "car")
    assert list(data.views) == ["crop", "flip", "color", "gray"]
    own = scaling(data, torch.arange(50))
    assert own[0].flatten().tolist() == pytest.approx(wanted[:50].mean((0, 2, 3)) / 255, abs=1e-7)
    mean, std = scaling(domains.open("cifar10", data_dir=str(tmp_path), constants="image"), torch.arange(50))
    assert mean.shape == (3, 1, 1)
    assert std.flatten().tolist() == pytest.approx([0.2023, 0.1994, 0.2010])
    assert scaling(domains.open("cifar10", data_dir=str(tmp_path), constants="pixel"), torch.arange(50))[1][2] == pytest.approx(
        0.2616
    )
    with refused("`constants` must be one of 'own', 'image', 'pixel', got 'usual'"):
        domains.open("cifar10", constants="usual")


@pytest.mark.parametrize("archive", ["", "cifar-100-python.tar.gz"])
def test_cifar100(tmp_path, archive):
    write_cifar(tmp_path, cifar100_files(), "cifar-100-python", archive)
    fine = domains.open("cifar100", data_dir=str(tmp_path))
    coarse = domains.open("cifar100", data_dir=str(tmp_path), coarse=True, constants="pixel")
    assert (len(fine.classes), len(coarse.classes)) == (100, 20)
    assert fine.label.tolist() == [k % 100 for k in range(300)]
    assert coarse.label.tolist() == [k % 20 for k in [*range(200), *range(100)]]
    assert fine.x.equal(coarse.x)
    assert scaling(coarse, torch.arange(9))[1].flatten().tolist() == pytest.approx([0.2675, 0.2565, 0.2761])


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


def test_no_code_of_a_pickle_runs(tmp_path):
    files = cifar10_files() | {"data_batch_3": {b"data": Evil(tmp_path / "made"), b"labels": [0]}}
    write_cifar(tmp_path / "a", files, "cifar-10-batches-py")
    write_cifar(tmp_path / "b", files, "cifar-10-batches-py", "cifar-10-python.tar.gz")
    for folder in "ab":
        with refused(r"data_batch_3.* cannot be read: it names (posix|nt)\.mkdir, which arrays and text have no need of"):
            domains.open("cifar10", data_dir=str(tmp_path / folder))
    assert not (tmp_path / "made").exists()
    pickle.loads(pickle.dumps(Evil(tmp_path / "made")))
    assert (tmp_path / "made").exists()  # what would have happened
    for call in (
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n.",
        b"c__main__\nx\n.",
    ):
        with refused("it names"):
            _cifar.unpickle(call, "x")


def test_pickles_as_python_2_wrote_them():
    """The official files: text is bytes, NumPy is where it was in 2009, and a dtype was made with numbers for truth values."""
    body = (
        b"(dS'data'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nI3\ntcnumpy\ndtype\n"
        b"(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'abc'\ntbsS'labels'\n(lI7\nas."
    )
    found = _cifar.unpickle(body, "x")
    assert found["data"].tolist() == [[97, 98, 99]]
    assert (found["data"].dtype, found["labels"]) == (np.uint8, [7])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "data_batch_2",
            {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]},
            "rows of 3,072 bytes .* a label from 0 to 9",
        ),
        ("data_batch_2", {b"data": np.zeros((1, 3072)), b"labels": [0]}, "rows of 3,072 bytes"),
        (
            "data_batch_2",
            {b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]},
            "a label from 0 to 9 for each under 'labels'",
        ),
        ("data_batch_2", {}, "rows of 3,072 bytes"),
        ("data_batch_2", [1], "must be a dictionary, got list"),
        ("batches.meta", {b"label_names": [b"a"]}, "must name 10 classes under 'label_names', got 1"),
    ],
)
def test_cifar_that_is_damaged(tmp_path, name, content, sentence):
    write_cifar(tmp_path, cifar10_files() | {name: content}, "cifar-10-batches-py")
    with refused(sentence):
        domains.open("cifar10", data_dir=str(tmp_path))


def test_cifar_in_part(tmp_path):
    write_cifar(tmp_path, cifar10_files(), "cifar-10-batches-py", "cifar-10-python.tar.gz")
    path = tmp_path / "cifar-10-python.tar.gz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"junk", gzip.compress(b"")):
        path.write_bytes(content)
        with refused("is not the archive of the set"):
            domains.open("cifar10", data_dir=str(tmp_path))
    (tmp_path / "cifar-10-batches-py").mkdir()  # comes before the archive
    with refused("cifar-10-batches-py lacks data_batch_1, data_batch_2,.*", FileNotFoundError):
        domains.open("cifar10", data_dir=str(tmp_path))


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_named_sets_refuse(tmp_path, name, monkeypatch):
    write_sets(tmp_path)
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path))
    data = domains.open(name)
    with refused(f"{name} has a test set of its own, and takes no `test`"):
        domains.open(name, test=name)
    with refused("examples must look as those before"):
        domains.open(name, like=domains.open("digits").facts)
    with refused(f"{name} has other classes than the data that it must be like"):
        domains.open(name, like=data.facts | {"classes": ["a", "b"]})
    assert domains.open(name, like=data.facts).label.equal(data.label)
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir(exist_ok=True)
    assert domains.open(name).domain == name  # and not the folder of that name, which is ./mnist


def test_data_folders_in_their_order(tmp_path, monkeypatch):
    for size, name in ((10, "option"), (20, "variable"), (30, "cache/mixtrast")):
        write_mnist(tmp_path / name / "mnist", sizes=(size, 10))
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path / "variable"))
    assert len(domains.open("mnist", data_dir=str(tmp_path / "option")).x) == 20
    assert len(domains.open("mnist").x) == 30
    monkeypatch.delenv("MIXTRAST_DATA")
    assert len(domains.open("mnist").x) == 40
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert _sets.data_folders(None) == [Path("~/.cache/mixtrast").expanduser()]


class Answer(io.BytesIO):
    """What a server sends."""


def serve(monkeypatch, files: dict[str, bytes], asked: list[str]) -> None:
    def answer(address: str, timeout: float) -> Answer:
        assert timeout > 0
        asked.append(address)
        return Answer(files[address.rpartition("/")[2]])

    monkeypatch.setattr(_sets, "urlopen", answer)


def test_what_is_missing_is_fetched_once_and_checked(tmp_path, monkeypatch, capsys):
    arrays, asked = write_mnist(tmp_path / "server"), []
    files = {file.name: (tmp_path / "server" / file.name).read_bytes() for file in MNIST_FILES}
    serve(monkeypatch, files, asked)
    with refused(
        r"mnist is not in .*, and train-images.* could not be fetched: what came .* is not the file \(md5", FileNotFoundError
    ):
        domains.open("mnist", data_dir=str(tmp_path / "data"))
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []  # nothing that is half or wrong is left
    remotes = [
        _sets.Remote(file.name, file.address, hashlib.md5(files[file.name]).hexdigest(), file.size) for file in MNIST_FILES
    ]
    monkeypatch.setattr("mixtrast.domains.sets.mnist.FILES", remotes)
    asked.clear()
    data = domains.open("mnist", data_dir=str(tmp_path / "data"))
    assert np.array_equal(data.x[:40, 0].numpy(), arrays[0])
    assert asked == [file.address for file in MNIST_FILES]
    assert all(address.startswith("https://") for address in asked)
    assert sorted(path.name for path in (tmp_path / "data" / "mnist").iterdir()) == sorted(files)
    domains.open("mnist", data_dir=str(tmp_path / "data"))
    assert len(asked) == 4
    assert capsys.readouterr() == ("", "")  # a line of progress is for a terminal


def test_progress_is_for_a_terminal(tmp_path, monkeypatch, capsys):
    content = bytes(3_000_000)
    serve(monkeypatch, {"a": content}, [])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    file = _sets.Remote("a", "https://b.c/a", hashlib.md5(content).hexdigest(), 3_000_000)
    _sets._fetch(file, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("fetching https://b.c/a: 3.0 MB of 3.0 MB \n")


def test_without_a_network_it_is_said_what_to_put_where(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        domains.open("cifar10", data_dir=str(tmp_path / "d"))
    told = str(error.value)
    for part in (
        str(tmp_path / "d"), str(tmp_path / "cache" / "mixtrast"), "no network in tests", "Put cifar-10-python.tar.gz into",
        "--data-dir", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "170 MB", "Krizhevsky",
    ):  # fmt: skip
        assert part in told
    (tmp_path / "file").write_text("")
    with refused("Put train-images-idx3-ubyte.gz, .* into", FileNotFoundError):
        domains.open("mnist", data_dir=str(tmp_path / "file"))


def test_an_answer_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    class Broken(Answer):
        def read(self, size: int | None = -1) -> bytes:
            raise TimeoutError("timed out")

    monkeypatch.setattr(_sets, "urlopen", lambda address, timeout: Broken())
    with refused("could not be fetched: timed out", FileNotFoundError):
        domains.open("mnist", data_dir=str(tmp_path / "data"))
    assert list((tmp_path / "data" / "mnist").iterdir()) == []


# --- real data, where it is there --------------------------------------------------------------------------------------------

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="MNIST is not beside the project")
def test_mnist_itself():
    data = domains.open("mnist", data_dir=str(SHARED))
    assert data.x.shape == (70_000, 1, 28, 28)
    assert torch.bincount(data.label[:60_000]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    mean, std = scaling(data, torch.arange(60_000))
    assert (mean.item(), std.item()) == (pytest.approx(0.1307, abs=5e-5), pytest.approx(0.3081, abs=5e-5))  # as all have it


@pytest.mark.skipif(not (SHARED / "cifar10-exact-subset").is_dir(), reason="CIFAR-10 is not beside the project")
def test_the_two_constants_of_cifar10():
    import lzma

    with lzma.open(SHARED / "cifar10-exact-subset" / "x_test_1017_nhwc.npy.xz") as file:
        x = np.load(io.BytesIO(file.read()))
    from mixtrast.domains.sets.cifar10 import CONSTANTS

    scaled = x / 255
    # of 1,017 images: the mean of their spreads, about .07 apart, is right to .002, four of which are allowed
    assert scaled.std((1, 2)).mean(0) == pytest.approx(CONSTANTS["image"][1], abs=0.01)
    assert scaled.std((0, 1, 2)) == pytest.approx(CONSTANTS["pixel"][1], abs=0.01)
