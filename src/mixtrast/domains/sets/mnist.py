from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains._data import Data, Domain
from mixtrast.domains._sets import Remote, Set, find, made, obtain, unpacked

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the official address has asked for other mirrors to be used
FILES = tuple(
    Remote(name, MIRROR + name, md5, size)
    for name, md5, size in (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    )
)
# The last two are where torchvision keeps them.
SET = Set("mnist", ("mnist", "", "MNIST/raw", "raw"), FILES, "Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0")
MAGIC = {3: 2051, 1: 2049}  # of bytes in so many dimensions


class Mnist(Domain):
    """MNIST: 70,000 handwritten digits of 28 × 28 pixels, of which 10,000 are the official test set.

    Reads the four official idx files, packed (.gz) or not, from a data folder; fetches them (12 MB) when they are not there.
    Digits are cut and shifted, but never mirrored, by the default views.

    Args:
        data_dir: a folder with the files, or with a folder `mnist` that has them. None: MIXTRAST_DATA, else the user's cache.

    Reference: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998.
    """

    built_in: ClassVar[bool] = True
    about: ClassVar[Set] = SET

    def __init__(self, *, data_dir: str | None = None) -> None:
        self.data_dir = data_dir

    @staticmethod
    def takes(source: object) -> bool:
        return isinstance(source, str) and source == "mnist"

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (70000, 1, 28, 28) in bytes, ten classes. `test` is refused: the official one is."""
        paths = [
            find(SET, (file.name, file.name.removesuffix(".gz")), self.data_dir) or obtain(SET, file, self.data_dir)
            for file in FILES
        ]
        images, labels = [read(path, 3) for path in paths[::2]], [read(path, 1) for path in paths[1::2]]
        for path, x, label in zip(paths[::2], images, labels, strict=True):
            if x.shape[1:] != (28, 28) or len(x) != len(label) or not len(x) or label.max() > 9:
                raise ValueError(
                    f"{path} and its labels must be digits of 28 × 28 with a label each, got {tuple(x.shape)} and "
                    f"{len(label):,} labels. Delete them, and they are fetched again."
                )
        views: dict[str, dict[str, Any]] = {"crop": {"scale": (0.5, 1.0)}, "noise": {"scale": 0.1}}
        parts = [(x[:, None], label.long()) for x, label in zip(images, labels, strict=True)]
        classes = tuple(str(number) for number in range(10))
        return made(self, parts, classes, views, test=test, like=like, about=SET, found=paths[0].parent)


def read(path: Path, dimensions: int) -> Tensor:
    """An idx file of bytes: a magic number, the size of each dimension (big endian, 32 bits), the bytes. Raises: ValueError."""
    try:
        with unpacked(path) as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} could not be unpacked ({error}). Delete it, and it is fetched again.") from error
    head = 4 * (1 + dimensions)
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:head]) if len(content) >= head else (0,)
    size = int(np.prod(shape, dtype=np.int64))
    if magic != MAGIC[dimensions] or len(content) != head + size:
        raise ValueError(
            f"{path} must be an idx file of {dimensions} dimensions: magic number {MAGIC[dimensions]} and as many bytes as it "
            f"says, got {magic} and {max(0, len(content) - head):,} of {size:,}. Delete it, and it is fetched again."
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy())
