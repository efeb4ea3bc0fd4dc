"""Many image files: all of them in memory, or read when asked for. Both ways decode alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains import _pixels
from mixtrast.domains._pixels import Form, Header, Seen, UnusableError, decode_into, header

CHUNK = 64  # files a task at most: enough that handing it out costs nothing, few enough that all threads end together
CHUNK_BYTES = 1 << 18  # and pixels a task: few of large images are some milliseconds too
MANY = 10_000  # images from which it pays to start processes, which takes about .2 s
LITTLE = 1 << 14  # pixels up to which: 2,000 photos of 400 x 300 took twice as long through pipes as by threads, measured once
BLOCK = 1024  # decoded at a time, to be looked at only
T = TypeVar("T")


class Files:
    """Images on disk that are indexed like a tensor: `files[rows]` reads and decodes those rows, in parallel, each time.

    Args:
        paths: one file a row.
        form: what each becomes; one that does not fit it, or is damaged, is an error when it is read.
    """

    def __init__(self, paths: Sequence[str], form: Form) -> None:
        self.paths, self.form = list(paths), form

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)"""
        return torch.Size((len(self.paths), self.form.channels, self.form.height, self.form.width))

    @property
    def dtype(self) -> torch.dtype:
        """uint8, or float32 where some have 16 bits."""
        return torch.float32 if self.form.deep else torch.uint8

    @property
    def nbytes(self) -> int:
        """What all of them take in memory."""
        return self.shape.numel() * self.dtype.itemsize

    def dim(self) -> int:
        return 4

    def __getitem__(self, rows: Tensor) -> Tensor:
        """(R,) int64 -> (R,C,H,W). Raises: ValueError where a file has been changed or is damaged."""
        paths = [self.paths[row] for row in rows.tolist()]
        x, seen = read(paths, self.form)
        for path, one in zip(paths, seen, strict=True):
            if isinstance(one, str) or not self.form.takes(one):
                why = one if isinstance(one, str) else "it has changed since the folder was read"
                raise ValueError(
                    f"{path} cannot be used: {why}. Replace it, or start again with `--skip-bad`, which leaves out "
                    "what is damaged."
                )
        return x

    def look(self) -> list[Seen]:
        """What each file is, every pixel decoded and none kept."""
        return [one for begin in range(0, len(self), BLOCK) for one in read(self.paths[begin : begin + BLOCK], self.form)[1]]

    def identity(self) -> bytes:
        """What tells these files from others, without reading them: names, sizes and times of change."""
        told = [(Path(path).name, status.st_size, status.st_mtime_ns) for path in self.paths if (status := os.stat(path))]
        return repr((self.form, told)).encode()


def read(paths: Sequence[str], form: Form) -> tuple[Tensor, list[Seen]]:
    """(N,C,H,W), decoded by all cores, and what each file is; rows that cannot be used or do not fit the form are zeros."""
    # NumPy asks for large pages of memory, torch does not: 3 µs for each small one was as long as decoding, measured once
    pixels = np.zeros((len(paths), form.channels, form.height, form.width), form.dtype)
    small = len(paths) >= MANY and form.height * form.width <= LITTLE
    seen = (_by_processes if small and cores() > 1 else _by_threads)(paths, form, pixels)
    return torch.from_numpy(pixels), seen


def _by_threads(paths: Sequence[str], form: Form, pixels: np.ndarray) -> list[Seen]:
    """Quick to begin; but Pillow holds the interpreter while it opens a file and copies pixels out."""
    chunk = min(CHUNK, max(1, CHUNK_BYTES // (form.height * form.width)))

    def some(begin: int) -> list[Seen]:
        return decode_into(pixels[begin : begin + chunk], paths[begin : begin + chunk], form)

    return _spread(some, len(paths), chunk)


def _by_processes(paths: Sequence[str], form: Form, pixels: np.ndarray) -> list[Seen]:
    """A worker for each core, which share nothing. What one cannot do, by whatever befell it, threads do."""
    each = -(-len(paths) // cores())

    def part(begin: int) -> list[Seen]:
        end = min(begin + each, len(paths))
        try:
            return _ask_worker(paths[begin:end], form, pixels[begin:end])
        except (OSError, EOFError, ValueError):
            return _by_threads(paths[begin:end], form, pixels[begin:end])

    return _spread(part, len(paths), each)


def _ask_worker(paths: Sequence[str], form: Form, pixels: np.ndarray) -> list[Seen]:
    """`_pixels.serve` in a process of its own, that imports NumPy and Pillow and nothing else."""
    command = [sys.executable, "-P", _pixels.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(json.dumps({"form": astuple(form), "paths": list(paths)}).encode())
            worker.stdin.close()
            seen: list[Seen] = []
            while len(seen) < len(paths):
                told = json.loads(worker.stdout.readline() or b"null")
                if not told:
                    raise EOFError("the worker ended early")
                rows = pixels[len(seen) : len(seen) + len(told)]
                if worker.stdout.readinto(rows.reshape(-1).view(np.uint8).data) != rows.nbytes:  # type: ignore[attr-defined]
                    raise EOFError("the worker ended early")
                seen += [one if isinstance(one, str) else Header(*one) for one in told]
            return seen
        finally:
            worker.kill()


def headers(paths: Sequence[str]) -> list[Seen]:
    """What each file is, by its header."""

    def some(begin: int) -> list[Seen]:
        return [_seen(path) for path in paths[begin : begin + CHUNK]]

    return _spread(some, len(paths), CHUNK)


def _seen(path: str) -> Seen:
    try:
        return header(path)
    except UnusableError as reason:
        return str(reason)


def _spread(task: Callable[[int], list[T]], many: int, chunk: int) -> list[T]:
    """Tasks by where they begin, over all cores, in order. Pillow lets go of the interpreter while it decodes."""
    begins = range(0, many, chunk)
    with _quiet():
        if len(begins) <= 1:
            return [one for begin in begins for one in task(begin)]
        with ThreadPoolExecutor(min(cores(), len(begins))) as pool:
            return [one for ones in pool.map(task, begins) for one in ones]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings on odd metadata, set here since filters are those of all threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available(root: Path = Path("/")) -> int:
    """Bytes of memory that can be had now: of the machine, or of the container where that has less."""
    free = []
    if (told := _lines(root / "proc/meminfo")) is not None:
        free += [1024 * int(line.split()[1]) for line in told if line.startswith("MemAvailable:")]
    if not free and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)  # what others use is not known
    for limit, used, files in (
        ("memory.max", "memory.current", "memory.stat"),  # version 2 of control groups
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),  # version 1
    ):
        most, now, more = (_lines(root / "sys/fs/cgroup" / name) for name in (limit, used, files))
        if most and now and most[0].isdigit():
            given_back = [int(line.split()[1]) for line in more or () if line.startswith("inactive_file ")]  # cached files
            free.append(max(0, int(most[0]) - int(now[0]) + sum(given_back)))
    return min(free, default=1 << 32)


def _lines(path: Path) -> list[str] | None:
    try:
        return path.read_text(encoding="ascii").split("\n")
    except OSError:
        return None
