"""Sets known by name: looked for in data folders, fetched from their own address when they are not there, and checked."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.request import urlopen

import torch
from torch import Tensor

from mixtrast.domains._assemble import check_like, facts_of
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._words import count, size_of
from mixtrast.spec import Image

TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 20
DIGEST = "md5"  # what the sets' owners give: it finds broken downloads


@dataclass(frozen=True)
class Remote:
    """A file of a set, as its owner gives it out.

    Args:
        md5: None: it is not fetched, but said where it can be had.
        size: bytes; about so many where there is no md5, 0 where it is not known.
    """

    name: str
    address: str
    md5: str | None
    size: int


@dataclass(frozen=True)
class Set:
    """A set known by name.

    Args:
        folders: where its files usually lie below a data folder, "" for the data folder itself.
        licence: whose it is, and under what terms.
        marks: names, any of which is there where the set is; empty: those of the files, packed or not.
    """

    name: str
    folders: tuple[str, ...]
    files: tuple[Remote, ...]
    licence: str
    marks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all its files, 0 where that is not known."""
        sizes = [file.size for file in self.files]
        return sum(sizes) if all(sizes) else 0

    @property
    def fetched(self) -> bool:
        """Whether it is fetched when it is not there."""
        return all(file.md5 is not None for file in self.files)

    def place(self, data_dir: str | None = None) -> Path | None:
        """Where it is, if it is there."""
        plain = [name for file in self.files for name in (file.name, file.name.removesuffix(".gz"))]
        return find(self, self.marks or plain, data_dir)


def data_folders(data_dir: str | None) -> list[Path]:
    """Where sets are looked for, in this order; what is fetched goes into the first."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = [data_dir, os.environ.get("MIXTRAST_DATA"), f"{cache}/mixtrast"]
    return [Path(folder).expanduser() for folder in named if folder]


def find(about: Set, names: Sequence[str], data_dir: str | None) -> Path | None:
    """The first of these files or folders that is there."""
    places = [root / folder / name for root in data_folders(data_dir) for folder in about.folders for name in names]
    return next((place for place in places if place.exists()), None)


def obtain(about: Set, file: Remote, data_dir: str | None) -> Path:
    """Fetches a file into the first data folder.

    Raises: FileNotFoundError with a sentence that says what to put where, when it cannot be had.
    """
    folder = data_folders(data_dir)[0] / about.folders[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(file, folder / file.name)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(absent(about, data_dir, f", and {file.name} could not be fetched: {error}")) from error
    return folder / file.name


def absent(about: Set, data_dir: str | None, why: str = "", unpack: str = "") -> str:
    """The sentence about a set that is not there: what to put where, its address, size and licence."""
    names = ", ".join(each.name for each in about.files)
    addresses = ", ".join(dict.fromkeys(each.address for each in about.files))
    size = f"{size_of(about.size)}; " if about.size else ""
    return (
        f"{about.name} is not in {' or '.join(map(str, data_folders(data_dir)))}{why}. Put {names}{unpack} into "
        f"{data_folders(data_dir)[0] / about.folders[0]}, or name the folder that has it: `--data-dir DIR`, or MIXTRAST_DATA. "
        f"Address: {addresses} ({size}{about.licence})."
    )


def _fetch(file: Remote, to: Path) -> None:
    """To a file beside, which takes its place when it is whole."""
    partial, digest, done = to.with_name(f"{to.name}.{os.getpid()}.partial"), hashlib.new(DIGEST, usedforsecurity=False), 0
    shown = sys.stderr.isatty()
    try:
        with urlopen(file.address, timeout=TIMEOUT) as answer, partial.open("wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                digest.update(block)
                done += len(block)
                if shown:
                    print(f"\rfetching {file.address}: {size_of(done)} of {size_of(file.size)} ", end="", file=sys.stderr)
        if digest.hexdigest() != file.md5:
            raise ValueError(f"what came from {file.address} is not the file ({DIGEST} {digest.hexdigest()}, not {file.md5})")
        os.replace(partial, to)
    finally:
        partial.unlink(missing_ok=True)
        if shown:
            print(file=sys.stderr)


def unpacked(path: Path) -> BinaryIO:
    """The content of a file, whether packed or not."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def made(
    domain: Domain,
    parts: Sequence[tuple[Tensor, Tensor]],
    classes: tuple[str, ...],
    views: dict[str, dict[str, Any]],
    *,
    test: Any,
    like: dict[str, Any] | None,
    about: Set,
    found: Path,
    constants: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Data:
    """The set as data, with its official split.

    Args:
        parts: pixels (N,C,H,W) uint8 and labels (N,) int64, of training and of test.

    Raises: ValueError for a `test` beside the set's own, and where it is not like the data that it must be like.
    """
    if test is not None:
        raise ValueError(f"{about.name} has a test set of its own, and takes no `test`. Leave `test` out.")
    (x, label), (x_test, label_test) = parts
    spec = Image(*x.shape[1:])
    check_like(spec, like)
    if like is not None and like["task"] != "none" and tuple(like["classes"]) != classes:
        raise ValueError(f"{about.name} has other classes than the data that it must be like. Leave `like` out.")
    size = f"{len(x):,} + {len(x_test):,} images of {spec.height} × {spec.width}"
    return Data(
        name=about.name,
        domain=domain.called,
        spec=spec,
        x=torch.cat([x, x_test]),
        label=torch.cat([label, label_test]),
        task="classes",
        classes=classes,
        given_test=torch.arange(len(x) + len(x_test)) >= len(x),
        scaling="channel",
        constants=constants,
        views=views,
        facts=facts_of(domain, spec, "classes", classes) | {"intensities": True},
        notes=(f"{size}, {count(len(classes), 'class')}, from {found}; {about.licence}.",),
    )
