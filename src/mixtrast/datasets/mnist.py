import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.registry import Options

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the official address asks for mirrors to be used
FILES = tuple(
    Remote(name, MIRROR + name, size, md5)
    for name, md5, size in (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    )
)
MAGIC = {3: 2051, 1: 2049}  # magic numbers of bytes, by the number of dimensions


class Mnist(NamedDataset):
    """MNIST: 70,000 handwritten digits of 28 × 28 pixels, of which 10,000 are the official test set.

    Reads the four official idx files, packed (.gz) or not, from a data folder; downloads them (12 MB) where they are missing.
    The default views crop and shift digits, but never mirror them.

    Args:
        data_dir: a folder with the files, or with a folder `mnist` that has them. None: MIXTRAST_DATA, else the cache.

    Reference: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998.
    """

    info = DatasetInfo(
        "mnist",
        ("mnist", "", "MNIST/raw", "raw"),  # the last two are those of torchvision
        FILES,
        "Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0",
    )

    def read(self, schema: Schema | None) -> Dataset:
        paths = [self.find_or_download(file, file.name, file.name.removesuffix(".gz")) for file in self.info.files]
        images, labels = [idx(path, 3) for path in paths[::2]], [idx(path, 1) for path in paths[1::2]]
        for path, x, label in zip(paths[::2], images, labels, strict=True):
            if x.shape[1:] != (28, 28) or len(x) != len(label) or not len(x) or label.max() > 9:
                raise ValueError(
                    f"{path} and its labels must be digits of 28 × 28 with a label each, got {tuple(x.shape)} and "
                    f"{len(label):,} labels. Delete them, and they are downloaded again."
                )
        parts = [(x[:, None], label.long()) for x, label in zip(images, labels, strict=True)]
        classes = tuple(str(number) for number in range(10))
        views: dict[str, Options] = {"crop": {"scale": (0.5, 1.0)}, "noise": {"scale": 0.1}}
        return self.images(parts, classes, views, schema=schema, found=paths[0].parent)


def idx(path: Path, dimensions: int) -> Tensor:
    """Return the bytes of an idx file: a magic number, the size of each dimension (32 bits, big endian), the bytes.

    Raises: ValueError for any other file.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} could not be unpacked ({error}). Delete it, and it is downloaded again.") from error
    head = 4 * (1 + dimensions)
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:head]) if len(content) >= head else (0,)
    size = prod(shape)
    if magic != MAGIC[dimensions] or len(content) != head + size:
        raise ValueError(
            f"{path} must be an idx file of {dimensions} dimensions with magic number {MAGIC[dimensions]}, got {magic} and "
            f"{max(0, len(content) - head):,} of {size:,} bytes. Delete it, and it is downloaded again."
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy())
