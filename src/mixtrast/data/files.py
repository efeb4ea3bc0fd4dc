"""Many image files: decoded into memory at once, or indexed on disk like a tensor. Both give the same bytes."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mixtrast.data import pixels as pixel_worker
from mixtrast.data.pixels import Finding, Form, Header, UnusableError, decode_into, header
from mixtrast.resources import cores

CHUNK = 64  # files of a task at most: enough to hide its cost, few enough that all threads end together
CHUNK_PIXELS = 1 << 18  # pixels of a task at most
MANY = 10_000  # images from which worker processes pay; they take about 0.2 s to start
SMALL = 1 << 14  # pixels of an image up to which they pay: 2,000 photos of 400 x 300 took twice as long through pipes
BLOCK = 1024  # files decoded at a time where the pixels are not needed
T = TypeVar("T")


class Files:
    """Images on disk, indexed like a tensor: `files[rows]` reads and decodes those rows in parallel, each time.

    Args:
        paths: one file a row.
        form: what each becomes. A file that does not fit it, or is damaged, is an error when it is read.
    """

    def __init__(self, paths: Sequence[str], form: Form) -> None:
        self.paths, self.form = list(paths), form

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""
        return torch.Size((len(self.paths), self.form.channels, self.form.height, self.form.width))

    @property
    def dtype(self) -> torch.dtype:
        """uint8, or float32 where some images have 16 bits."""
        return torch.float32 if self.form.deep else torch.uint8

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels in memory."""
        return self.shape.numel() * self.dtype.itemsize

    def dim(self) -> int:
        return 4

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the images (R,C,H,W) of rows (R,) int64. Raises: ValueError where a file has changed or is damaged."""
        paths = [self.paths[row] for row in rows.tolist()]
        x, found = read(paths, self.form)
        for path, one in zip(paths, found, strict=True):
            if isinstance(one, str) or not self.form.takes(one):
                why = one if isinstance(one, str) else "it has changed since the folder was read"
                raise ValueError(f"{path} cannot be used: {why}. Replace it, or start again with `--skip-bad` to leave it out.")
        return x

    def inspect(self) -> list[Finding]:
        """Decode every file and return what it is, without the pixels."""
        return [one for begin in range(0, len(self), BLOCK) for one in read(self.paths[begin : begin + BLOCK], self.form)[1]]

    def identity(self) -> bytes:
        """Return bytes that tell these files from others without reading them: names, sizes and times of change."""
        files = [(Path(path).name, status.st_size, status.st_mtime_ns) for path in self.paths if (status := os.stat(path))]
        return repr((self.form, files)).encode()


def read(paths: Sequence[str], form: Form, *, many: int = MANY, workers: int | None = None) -> tuple[Tensor, list[Finding]]:
    """Decode files on all cores: return pixels (N,C,H,W), zeros where a file does not fit the form, and what each file is.

    Args:
        many: files from which small images are decoded by processes instead of threads.
        workers: threads or processes; None: one for each core.
    """
    # NumPy asks for large pages of memory, torch does not: 3 µs for each small page took as long as decoding.
    pixels = np.zeros((len(paths), form.channels, form.height, form.width), form.dtype)
    workers = cores() if workers is None else workers
    small = len(paths) >= many and form.height * form.width <= SMALL
    found = (_by_processes if small and workers > 1 else _by_threads)(paths, form, pixels, workers)
    return torch.from_numpy(pixels), found


def _by_threads(paths: Sequence[str], form: Form, pixels: np.ndarray, workers: int) -> list[Finding]:
    """Decode in threads. They start at once, but Pillow holds the interpreter lock while it opens a file and copies pixels."""
    size = min(CHUNK, max(1, CHUNK_PIXELS // (form.height * form.width)))
    return _spread(lambda at: decode_into(pixels[at : at + size], paths[at : at + size], form), len(paths), size, workers)


def _by_processes(paths: Sequence[str], form: Form, pixels: np.ndarray, workers: int) -> list[Finding]:
    """Decode in one process for each core. Where one fails, for any reason, threads decode its files."""
    each = -(-len(paths) // workers)

    def part(begin: int) -> list[Finding]:
        end = min(begin + each, len(paths))
        try:
            return _ask_worker(paths[begin:end], form, pixels[begin:end])
        except (OSError, EOFError, ValueError):
            return _by_threads(paths[begin:end], form, pixels[begin:end], workers)

    return _spread(part, len(paths), each, workers)


def _ask_worker(paths: Sequence[str], form: Form, pixels: np.ndarray) -> list[Finding]:
    """Decode in a process that runs `pixels.serve`: it imports NumPy and Pillow and nothing else."""
    command = [sys.executable, "-P", pixel_worker.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(json.dumps({"form": astuple(form), "paths": list(paths)}).encode())
            worker.stdin.close()
            found: list[Finding] = []
            while len(found) < len(paths):
                block = json.loads(worker.stdout.readline() or b"null")
                if not block:
                    raise EOFError("the worker ended early")
                rows = pixels[len(found) : len(found) + len(block)]
                if worker.stdout.readinto(rows.reshape(-1).view(np.uint8).data) != rows.nbytes:  # type: ignore[attr-defined]
                    raise EOFError("the worker ended early")
                found += [one if isinstance(one, str) else Header(*one) for one in block]
            return found
        finally:
            worker.kill()


def headers(paths: Sequence[str]) -> list[Finding]:
    """Return what each file is, by its header."""
    return _spread(lambda begin: list(map(_header, paths[begin : begin + CHUNK])), len(paths), CHUNK, cores())


def _header(path: str) -> Finding:
    try:
        return header(path)
    except UnusableError as reason:
        return str(reason)


def _spread(task: Callable[[int], list[T]], many: int, size: int, workers: int) -> list[T]:
    """Run a task for each chunk on all cores; results in order. Pillow releases the interpreter lock while it decodes."""
    begins = range(0, many, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, on odd metadata; set here, as threads share the filters
        if len(begins) <= 1:
            return [one for begin in begins for one in task(begin)]
        with ThreadPoolExecutor(min(workers, len(begins))) as pool:
            return [one for ones in pool.map(task, begins) for one in ones]
