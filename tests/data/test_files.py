"""Files in memory or read as needed: the same bytes, by threads or by processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from mixtrast import datasets
from mixtrast.data import files as _files
from mixtrast.data import pixels as _pixels
from mixtrast.data.files import Files
from mixtrast.data.scaling import scaling
from mixtrast.data.split import split
from mixtrast.resources import free_memory
from support.images import broken, pixels, save, write_folder
from support.messages import refused, said

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_both_ways_give_the_same_bytes(tmp_path, ending, size):
    for number in range(150):
        save(tmp_path / "ab"[number % 2] / f"{number:03}.{ending}", pixels(number))
    kept, read = (datasets.open(tmp_path, memory=memory, size=size) for memory in ("yes", "no"))
    assert isinstance(kept.x, torch.Tensor)
    assert isinstance(read.x, Files)
    assert (read.x.shape, read.x.dtype, len(read.x), read.x.dim()) == (kept.x.shape, torch.uint8, 150, 4)
    assert read.x[torch.arange(150)].equal(kept.x)
    rows = torch.randint(150, (300,), generator=torch.Generator().manual_seed(0))
    assert read.x[rows].equal(kept.x[rows])
    assert read.x[torch.arange(0)].shape == (0, *kept.x.shape[1:])
    assert read.label.equal(kept.label)
    assert (replace(read.schema, options={}), split(read, seed=0).description) == (
        replace(kept.schema, options={}),
        split(kept, seed=0).description,
    )
    for one, other in zip(scaling(read, torch.arange(100)), scaling(kept, torch.arange(100)), strict=True):
        assert one.equal(other)
    assert "loaded into memory, as chosen" in said(kept)
    assert "read from disk, as chosen" in said(read)


def test_half_of_what_is_free_is_taken(tmp_path, monkeypatch):
    import mixtrast.readers.images as room

    write_folder(tmp_path, {"a": 10}, (4, 5, 3))  # 600 bytes
    monkeypatch.setattr(room, "free_memory", lambda: 1200)
    data = datasets.open(tmp_path)
    assert isinstance(data.x, torch.Tensor)
    assert "10 × 3 × 4 × 5 bytes are 600 bytes and loaded into memory: 1.2 kB are free." in said(data)
    monkeypatch.setattr(room, "free_memory", lambda: 1199)
    assert isinstance(datasets.open(tmp_path).x, Files)
    assert isinstance(datasets.open(tmp_path, memory="yes").x, torch.Tensor)
    with refused("`memory` must be one of 'auto', 'yes', 'no', got 'maybe'"):
        datasets.get("images", memory="maybe")


def test_what_is_free(tmp_path):
    def lies(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    lies("proc/meminfo", "MemTotal: 16 kB\nMemAvailable: 9 kB\n")
    assert free_memory(tmp_path) == 9 * 1024
    lies("sys/fs/cgroup/memory.max", "max\n")
    lies("sys/fs/cgroup/memory.current", "5000\n")
    assert free_memory(tmp_path) == 9 * 1024
    lies("sys/fs/cgroup/memory.max", "8000\n")
    assert free_memory(tmp_path) == 3000
    lies("sys/fs/cgroup/memory.stat", "anon 7\ninactive_file 1000\n")
    assert free_memory(tmp_path) == 4000
    lies("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n")
    lies("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500\n")
    assert free_memory(tmp_path) == 500
    assert 1 << 20 < free_memory() < 1 << 50


def test_a_file_that_changes_is_told(tmp_path):
    root = write_folder(tmp_path, {"a": 12}, (4, 4))
    x = datasets.open(root, memory="no").x
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


@pytest.mark.parametrize(
    "form", [_pixels.Form(3, 8, 10), _pixels.Form(3, 6, 6, resize=True), _pixels.Form(3, 8, 10, deep=True)]
)
def test_processes_read_what_threads_read(tmp_path, monkeypatch, form):
    """Pixels, headers and refusals, with blocks that end amid the files; and threads do what a worker cannot."""
    broken(write_folder(tmp_path, {"cats": 300, "dogs": 320}))
    paths = sorted(map(str, tmp_path.glob("*/*")))
    wanted = np.zeros((len(paths), 3, form.height, form.width), form.dtype)
    seen = _files._by_threads(paths, form, wanted, 2)
    assert any(isinstance(one, str) for one in seen)
    used: list[int] = []
    ask = _files._ask_worker
    monkeypatch.setattr(_files, "_ask_worker", lambda some, *rest: used.append(len(some)) or ask(some, *rest))
    x, told = _files.read(paths, form, many=100, workers=3)
    assert sum(used) == len(paths)
    assert len(used) == 3
    assert np.array_equal(x.numpy(), wanted)
    assert told == seen
    assert all(type(one) in (str, _pixels.Header) for one in told)
    monkeypatch.setattr(_files.sys, "executable", "/bin/false")
    x, told = _files.read(paths, form, many=100, workers=3)
    assert np.array_equal(x.numpy(), wanted)
    assert told == seen


def test_a_worker_needs_nothing_but_numpy_and_pillow(tmp_path):
    """It begins in a fifth of a second because it does not import torch."""
    code = f"import runpy, sys; runpy.run_path({_pixels.__file__!r}); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "PIL"} <= set(loaded)
    assert not {"torch", "mixtrast", "pandas"} & set(loaded)
