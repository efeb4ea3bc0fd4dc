"""Tiny images, folders and image sets on disk."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mixtrast import datasets
from mixtrast.datasets.mnist import FILES as MNIST_FILES


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


def one(path: Path) -> np.ndarray:
    """The only image of a folder, (H,W,C)."""
    return datasets.open(path.parent).x[torch.tensor([0])][0].permute(1, 2, 0).numpy()


def oracle(path: Path) -> np.ndarray:
    """What Pillow gives."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L" if image.mode in "L1" else "RGB")).reshape(image.height, image.width, -1)


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


SHARED = Path(__file__).parents[3] / "shared" / "data"
