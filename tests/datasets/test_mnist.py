"""MNIST: its files, packed or not, and what is damaged."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch

from mixtrast import datasets
from mixtrast.data.scaling import scaling
from mixtrast.data.split import split
from support.images import SHARED, write_mnist
from support.messages import refused, said

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
def test_mnist(tmp_path, packed, folder):
    x, y, x_test, y_test = write_mnist(tmp_path / folder, packed)
    data = datasets.open("mnist", data_dir=str(tmp_path))
    assert np.array_equal(data.x[:, 0].numpy(), np.concatenate([x, x_test]))
    assert data.label.tolist() == [*y, *y_test]
    assert data.test_rows.tolist() == [False] * 40 + [True] * 20
    assert (data.x.dtype, data.label.dtype, data.classes) == (torch.uint8, torch.int64, tuple("0123456789"))
    assert "flip" not in data.views
    assert split(data, seed=0).test.tolist() == list(range(40, 60))
    assert "CC BY-SA 3.0" in said(data)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content[:-1], "with magic number 2051, got 2051 and 31,359 of 31,360 bytes"),
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
        datasets.open("mnist", data_dir=str(tmp_path))
    path.with_suffix(".gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    with refused("train-images-idx3-ubyte.gz could not be unpacked"):
        datasets.open("mnist", data_dir=str(tmp_path))


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="MNIST is not beside the project")
def test_mnist_itself():
    data = datasets.open("mnist", data_dir=str(SHARED))
    assert data.x.shape == (70_000, 1, 28, 28)
    assert torch.bincount(data.label[:60_000]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    mean, std = scaling(data, torch.arange(60_000))
    assert (mean.item(), std.item()) == (pytest.approx(0.1307, abs=5e-5), pytest.approx(0.3081, abs=5e-5))  # as all have it
