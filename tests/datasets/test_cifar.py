"""CIFAR-10 and CIFAR-100: folders and archives, and pickles that run no code."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixtrast import datasets
from mixtrast.data.scaling import scaling
from mixtrast.datasets import _cifar
from support.images import SHARED, cifar10_files, cifar100_files, write_cifar
from support.messages import refused

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("archive", ["", "cifar-10-python.tar.gz"])
def test_cifar10(tmp_path, archive):
    files = cifar10_files()
    write_cifar(tmp_path, files, "cifar-10-batches-py", archive)
    data = datasets.open("cifar10", data_dir=str(tmp_path))
    order = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    wanted = np.concatenate([files[name][b"data"] for name in order]).reshape(-1, 3, 32, 32)
    assert np.array_equal(data.x.numpy(), wanted)
    assert data.label.tolist() == [label for name in order for label in files[name][b"labels"]]
    assert data.test_rows.tolist() == [False] * 50 + [True] * 10
    assert data.classes[:2] == ("plane", "car")
    assert list(data.views) == ["crop", "flip", "color", "gray"]
    own = scaling(data, torch.arange(50))
    assert own[0].flatten().tolist() == pytest.approx(wanted[:50].mean((0, 2, 3)) / 255, abs=1e-7)
    mean, std = scaling(datasets.open("cifar10", data_dir=str(tmp_path), constants="image"), torch.arange(50))
    assert mean.shape == (3, 1, 1)
    assert std.flatten().tolist() == pytest.approx([0.2023, 0.1994, 0.2010])
    assert scaling(datasets.open("cifar10", data_dir=str(tmp_path), constants="pixel"), torch.arange(50))[1][
        2
    ] == pytest.approx(0.2616)
    with refused("`constants` must be one of 'own', 'image', 'pixel', got 'usual'"):
        datasets.open("cifar10", constants="usual")


@pytest.mark.parametrize("archive", ["", "cifar-100-python.tar.gz"])
def test_cifar100(tmp_path, archive):
    write_cifar(tmp_path, cifar100_files(), "cifar-100-python", archive)
    fine = datasets.open("cifar100", data_dir=str(tmp_path))
    coarse = datasets.open("cifar100", data_dir=str(tmp_path), coarse=True, constants="pixel")
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
        with refused(r"data_batch_3.* cannot be read: it names (posix|nt)\.mkdir, which arrays and text do not need"):
            datasets.open("cifar10", data_dir=str(tmp_path / folder))
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
        datasets.open("cifar10", data_dir=str(tmp_path))


def test_cifar_in_part(tmp_path):
    write_cifar(tmp_path, cifar10_files(), "cifar-10-batches-py", "cifar-10-python.tar.gz")
    path = tmp_path / "cifar-10-python.tar.gz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"junk", gzip.compress(b"")):
        path.write_bytes(content)
        with refused("is not the archive"):
            datasets.open("cifar10", data_dir=str(tmp_path))
    (tmp_path / "cifar-10-batches-py").mkdir()  # comes before the archive
    with refused("cifar-10-batches-py lacks data_batch_1, data_batch_2,.*", FileNotFoundError):
        datasets.open("cifar10", data_dir=str(tmp_path))


@pytest.mark.skipif(not (SHARED / "cifar10-exact-subset").is_dir(), reason="CIFAR-10 is not beside the project")
def test_the_two_constants_of_cifar10():
    import lzma

    with lzma.open(SHARED / "cifar10-exact-subset" / "x_test_1017_nhwc.npy.xz") as file:
        x = np.load(io.BytesIO(file.read()))
    from mixtrast.datasets.cifar10 import CONSTANTS

    scaled = x / 255
    # of 1,017 images: the mean of their spreads, about .07 apart, is right to .002, four of which are allowed
    assert scaled.std((1, 2)).mean(0) == pytest.approx(CONSTANTS["image"][1], abs=0.01)
    assert scaled.std((0, 1, 2)) == pytest.approx(CONSTANTS["pixel"][1], abs=0.01)
