"""A folder of sounds: which files, at which rate, and their samples."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import gcd
from pathlib import Path

import numpy as np

from mixtrast.data.pixels import ENDINGS as IMAGES
from mixtrast.readers._folder import name_part
from mixtrast.readers._optional import optional
from mixtrast.resources import cores
from mixtrast.text import count, listed

ENDINGS = (".wav", ".flac", ".ogg")
STREAMED = 0x7FFFF000  # programs that do not know the length yet write 0, or a number from here on
SECONDS = 10.0  # the longest example by default


def is_of_sounds(root: Path) -> bool:
    """Return whether there are sounds below a folder, and no image."""
    found = False
    for _, _, names in os.walk(root):
        if any(name.lower().endswith(tuple(IMAGES)) for name in names):
            return False
        found = found or any(name.lower().endswith(ENDINGS) for name in names)
    return found


class Sounds:
    """The sounds below a folder.

    Args:
        rate: samples a second that they are converted to; None: the rate of most files.
        keep: which files are used.
    """

    def __init__(self, root: Path, rate: int | None, keep: Callable[[Path], bool] = lambda path: True) -> None:
        self.root, self.paths = root, sorted(path for path in _files(root) if keep(path))
        if not self.paths:
            raise ValueError(f"{root} holds no sounds ({', '.join(ENDINGS)}). Give a folder with some.")
        self.soundfile = optional("soundfile", "speech")
        with ThreadPoolExecutor(cores()) as pool:
            self.headers = list(pool.map(self._header, self.paths))
        self.rates = Counter(rate for rate, _ in self.headers)
        self.rate: int = round(rate) if rate is not None else self.rates.most_common(1)[0][0]

    @property
    def in_classes(self) -> bool:
        """Whether every sound is in a subfolder."""
        return all(path.parent != self.root for path in self.paths)

    def where(self, row: int) -> str:
        """Return how messages call a sound."""
        return str(self.paths[row].relative_to(self.root))

    def names(self, position: str | None, option: str) -> np.ndarray:
        """Return the subfolder of each sound, or a part of its file name (see `name_part`)."""
        if position is None:
            return np.array([path.relative_to(self.root).parts[0] for path in self.paths], dtype=object)
        return np.array([name_part(path, position, option) for path in self.paths], dtype=object)

    def read(self, length: int | None) -> tuple[np.ndarray, list[str]]:
        """Return samples (N,1,L), and notes; without a length, that of 95 % of the sounds, at most 10 s."""
        lengths = [-(-frames * self.rate // rate) for rate, frames in self.headers]
        if length is None:
            length = max(1, min(round(SECONDS * self.rate), int(np.ceil(np.quantile(lengths, 0.95)))))
        x = np.zeros((len(self.paths), 1, length), dtype=np.float32)
        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(lambda at: self._fill(x[at, 0], self.paths[at], *self.headers[at]), range(len(self.paths))))
        return x, self._notes(lengths, length)

    def _notes(self, lengths: Sequence[int], length: int) -> list[str]:
        """Return notes on lengths and rates."""
        seconds = [n / self.rate for n in lengths]
        notes = [
            f"{count(len(self.paths), 'sound')} of {min(seconds):.2f} to {max(seconds):.2f} s at {self.rate:,} Hz; the first "
            f"{length / self.rate:.2f} s of each are used, with silence after shorter ones."
        ]
        if others := {rate: many for rate, many in self.rates.items() if rate != self.rate}:
            sizes = listed([f"{many:,} of {rate:,} Hz" for rate, many in sorted(others.items())])
            notes.append(f"converted to {self.rate:,} Hz: {sizes}.")
        if cut := sum(n > length for n in lengths):
            notes.append(f"{count(cut, 'sound')} longer than that: the rest is not used. `--data.seconds S` uses more.")
        return notes

    def _header(self, path: Path) -> tuple[int, int]:
        """Return rate and number of samples. Raises: ValueError for a file that is damaged or cut off."""
        try:
            header = self.soundfile.info(str(path))
        except (RuntimeError, OSError) as error:
            raise ValueError(f"{path} could not be read as a sound: {error}. Leave it out, or save it again.") from error
        if path.suffix.lower() == ".wav" and (lacking := _lacking(path)):
            raise ValueError(f"{path} is cut off: {lacking:,} bytes are missing. Leave it out.")
        if not header.frames:
            raise ValueError(f"{path} has no samples: it is cut off or empty. Leave it out.")
        return int(header.samplerate), int(header.frames)

    def _fill(self, row: np.ndarray, path: Path, rate: int, frames: int) -> None:
        """Write the samples of a file into a row, mono and at the common rate."""
        try:
            samples, _ = self.soundfile.read(str(path), dtype="float32", always_2d=True)
        except (RuntimeError, OSError) as error:
            raise ValueError(f"{path} could not be read as a sound: {error}. Leave it out, or save it again.") from error
        if len(samples) < frames:
            raise ValueError(f"{path} is cut off: it has {len(samples):,} of {frames:,} samples. Leave it out.")
        mono = samples.mean(1)
        if not np.isfinite(mono).all():
            raise ValueError(f"{path} has samples that are not finite. Leave it out, or save it again.")
        if rate != self.rate:
            from scipy.signal import resample_poly  # scikit-learn brings it

            common = gcd(rate, self.rate)
            mono = resample_poly(mono, self.rate // common, rate // common).astype(np.float32)
        row[: len(mono)] = mono[: len(row)]


def _lacking(path: Path) -> int:
    """Return how many bytes of samples a .wav announces and does not have; libsndfile ignores that."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        while head[:4] == b"RIFF" and head[8:12] == b"WAVE" and len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                return max(0, file.tell() + length - size) if 0 < length < STREAMED else 0
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0


def _files(root: Path) -> list[Path]:
    """Return the sounds below a folder."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder) / name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
    return found
