"""Where named datasets come from, where they are looked for, and their download."""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from mixtrast.text import size_of

TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 20
DIGEST = "md5"  # what the owners publish: it finds broken downloads


@dataclass(frozen=True)
class Remote:
    """A file of a dataset, as its owner publishes it.

    Args:
        size: bytes, approximate where there is no md5; 0 where it is not known.
        md5: None: the file is not downloaded, and a message says where to get it.
    """

    name: str
    address: str
    size: int
    md5: str | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """Where a named dataset comes from.

    Args:
        folders: where its files are below a data folder; "" is the data folder itself.
        licence: the owner, and the terms.
        marks: files or folders that show that it is there; empty: `files`, packed or not.
        unpack: whether its files must be unpacked.
    """

    name: str
    folders: tuple[str, ...]
    files: tuple[Remote, ...]
    licence: str
    marks: tuple[str, ...] = ()
    unpack: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files, 0 where that is not known."""
        sizes = [file.size for file in self.files]
        return sum(sizes) if all(sizes) else 0

    @property
    def downloads(self) -> bool:
        """Whether it is downloaded where it is missing."""
        return all(file.md5 is not None for file in self.files)

    def find(self, names: Sequence[str], data_dir: str | None = None) -> Path | None:
        """Return the first of these files or folders that exists in a data folder."""
        paths = [root / folder / name for root in data_folders(data_dir) for folder in self.folders for name in names]
        return next((path for path in paths if path.exists()), None)

    def locate(self, data_dir: str | None = None) -> Path | None:
        """Return where the dataset is, or None."""
        plain = [name for file in self.files for name in (file.name, file.name.removesuffix(".gz"))]
        return self.find(self.marks or plain, data_dir)

    def download(self, file: Remote, data_dir: str | None) -> Path:
        """Download a file into the first data folder, and return its path.

        Raises: FileNotFoundError with a message that says what to put where.
        """
        folder = data_folders(data_dir)[0] / self.folders[0]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetch(file, folder / file.name)
        except (OSError, ValueError) as error:
            raise FileNotFoundError(self.missing(data_dir, f", and {file.name} could not be downloaded: {error}")) from error
        return folder / file.name

    def missing(self, data_dir: str | None, why: str = "") -> str:
        """Return the message about a dataset that is missing: what to put where, address, size and licence."""
        names = ", ".join(file.name for file in self.files) + (", unpacked," if self.unpack else "")
        addresses = ", ".join(dict.fromkeys(file.address for file in self.files))
        size = f"{size_of(self.size)}; " if self.size else ""
        folders = data_folders(data_dir)
        return (
            f"{self.name} is not in {' or '.join(map(str, folders))}{why}. Put {names} into {folders[0] / self.folders[0]}, or "
            f"name its folder with `--data-dir DIR` or MIXTRAST_DATA; get it from {addresses} ({size}{self.licence})."
        )


def data_folders(data_dir: str | None) -> list[Path]:
    """Return where datasets are looked for, in this order. Downloads go into the first."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = [data_dir, os.environ.get("MIXTRAST_DATA"), f"{cache}/mixtrast"]
    return [Path(folder).expanduser() for folder in named if folder]


def fetch(file: Remote, to: Path) -> None:
    """Download a file to a temporary name, check it, and rename it. Raises: OSError or ValueError."""
    partial, digest, done = to.with_name(f"{to.name}.{os.getpid()}.partial"), hashlib.new(DIGEST, usedforsecurity=False), 0
    progress = sys.stderr.isatty()
    try:
        with urlopen(file.address, timeout=TIMEOUT) as answer, partial.open("wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                digest.update(block)
                done += len(block)
                if progress:
                    line = f"\rdownloading {file.address}: {size_of(done)} of {size_of(file.size)} "
                    print(line, end="", file=sys.stderr)
        if digest.hexdigest() != file.md5:
            raise ValueError(f"the download from {file.address} has {DIGEST} {digest.hexdigest()}, not {file.md5}")
        os.replace(partial, to)
    finally:
        partial.unlink(missing_ok=True)
        if progress:
            print(file=sys.stderr)
