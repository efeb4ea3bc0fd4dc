"""Where named sets are looked for, and how they are fetched."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mixtrast import datasets
from mixtrast.datasets import _info, data_folders
from mixtrast.datasets._info import Remote
from mixtrast.datasets.mnist import FILES as MNIST_FILES
from support.images import write_mnist, write_sets
from support.messages import refused

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_named_sets_refuse(tmp_path, name, monkeypatch):
    write_sets(tmp_path)
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path))
    data = datasets.open(name)
    with refused(f"{name} has its own split and takes no `test`"):
        datasets.open(name, test=name)
    with refused("examples must look like those of the earlier data"):
        datasets.open(name, schema=datasets.open("digits").schema)
    with refused(f"{name} has other classes than the earlier data"):
        datasets.open(name, schema=replace(data.schema, classes=("a", "b")))
    assert datasets.open(name, schema=data.schema).label.equal(data.label)
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir(exist_ok=True)
    assert datasets.open(name).reader == name  # and not the folder of that name, which is ./mnist


def test_data_folders_in_their_order(tmp_path, monkeypatch):
    for size, name in ((10, "option"), (20, "variable"), (30, "cache/mixtrast")):
        write_mnist(tmp_path / name / "mnist", sizes=(size, 10))
    monkeypatch.setenv("MIXTRAST_DATA", str(tmp_path / "variable"))
    assert len(datasets.open("mnist", data_dir=str(tmp_path / "option")).x) == 20
    assert len(datasets.open("mnist").x) == 30
    monkeypatch.delenv("MIXTRAST_DATA")
    assert len(datasets.open("mnist").x) == 40
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folders(None) == [Path("~/.cache/mixtrast").expanduser()]


class Answer(io.BytesIO):
    """What a server sends."""


def serve(monkeypatch, files: dict[str, bytes], asked: list[str]) -> None:
    def answer(address: str, timeout: float) -> Answer:
        assert timeout > 0
        asked.append(address)
        return Answer(files[address.rpartition("/")[2]])

    monkeypatch.setattr(_info, "urlopen", answer)


def test_what_is_missing_is_fetched_once_and_checked(tmp_path, monkeypatch, capsys):
    arrays, asked = write_mnist(tmp_path / "server"), []
    files = {file.name: (tmp_path / "server" / file.name).read_bytes() for file in MNIST_FILES}
    serve(monkeypatch, files, asked)
    with refused(
        r"mnist is not in .*, and train-images.* could not be downloaded: the download from .* has md5", FileNotFoundError
    ):
        datasets.open("mnist", data_dir=str(tmp_path / "data"))
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []  # nothing that is half or wrong is left
    remotes = [replace(file, md5=hashlib.md5(files[file.name]).hexdigest()) for file in MNIST_FILES]
    monkeypatch.setattr(datasets.Mnist, "info", replace(datasets.Mnist.info, files=tuple(remotes)))
    asked.clear()
    data = datasets.open("mnist", data_dir=str(tmp_path / "data"))
    assert np.array_equal(data.x[:40, 0].numpy(), arrays[0])
    assert asked == [file.address for file in MNIST_FILES]
    assert all(address.startswith("https://") for address in asked)
    assert sorted(path.name for path in (tmp_path / "data" / "mnist").iterdir()) == sorted(files)
    datasets.open("mnist", data_dir=str(tmp_path / "data"))
    assert len(asked) == 4
    assert capsys.readouterr() == ("", "")  # a line of progress is for a terminal


def test_progress_is_for_a_terminal(tmp_path, monkeypatch, capsys):
    content = bytes(3_000_000)
    serve(monkeypatch, {"a": content}, [])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    file = Remote("a", "https://b.c/a", 3_000_000, hashlib.md5(content).hexdigest())
    _info.fetch(file, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("downloading https://b.c/a: 3.0 MB of 3.0 MB \n")


def test_without_a_network_it_is_said_what_to_put_where(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        datasets.open("cifar10", data_dir=str(tmp_path / "d"))
    told = str(error.value)
    for part in (
        str(tmp_path / "d"), str(tmp_path / "cache" / "mixtrast"), "no network in tests", "Put cifar-10-python.tar.gz into",
        "--data-dir", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "170 MB", "Krizhevsky",
    ):  # fmt: skip
        assert part in told
    (tmp_path / "file").write_text("")
    with refused("Put train-images-idx3-ubyte.gz, .* into", FileNotFoundError):
        datasets.open("mnist", data_dir=str(tmp_path / "file"))


def test_an_answer_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    class Broken(Answer):
        def read(self, size: int | None = -1) -> bytes:
            raise TimeoutError("timed out")

    monkeypatch.setattr(_info, "urlopen", lambda address, timeout: Broken())
    with refused("could not be downloaded: timed out", FileNotFoundError):
        datasets.open("mnist", data_dir=str(tmp_path / "data"))
    assert list((tmp_path / "data" / "mnist").iterdir()) == []
