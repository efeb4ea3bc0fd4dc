from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._folder import name_part, sets
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._pixels import ENDINGS as IMAGES
from mixtrast.domains._words import count, listed
from mixtrast.spec import Series, from_dict

ENDINGS = (".wav", ".flac", ".ogg")
STREAMED = 0x7FFFF000  # programs that do not know the length yet write 0, or something from here on
SECONDS = 10.0  # the longest example, unless more is asked for


class Speech(Domain):
    """A folder of sounds (.wav, .flac, .ogg), no image among them: one subfolder a class, or labels in the names of the files.

    Sounds are made mono, brought to one rate, and to one length: shorter ones end in silence, longer ones are cut at the end. A
    folder with `train` and `test` in it has the test set given.

    Args:
        label: None: the subfolder; else a part of the name, between _ and -: "first", "last", or its number, 1 and up. Of
            7_jackson_32.wav "first" is 7.
        groups: likewise, what stays in one split: the speaker is "2" there.
        rate: samples a second; None: the rate of most files.
        seconds: length of an example; None: as long as 95 of 100 are, at most 10.
        task: what the label is; "auto" looks at it.
    """

    first: ClassVar[bool] = True

    def __init__(
        self,
        *,
        label: str | None = None,
        groups: str | None = None,
        rate: int | None = None,
        seconds: float | None = None,
        task: Asked = "auto",
    ) -> None:
        check_choice("task", task, ASKED)
        for name, value in (("rate", rate), ("seconds", seconds)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                raise ValueError(f"`{name}` of Speech must be above 0, got {value!r}.")
        self.label, self.groups, self.rate, self.seconds, self.task = label, groups, rate, seconds, task

    @staticmethod
    def takes(source: object) -> bool:
        if not is_path(source):
            return False
        path = Path(str(source)).expanduser()
        return path.is_dir() and _is_of_sounds(path)

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,1,L) float32, from -1 to 1."""
        root = Path(str(source)).expanduser()
        folders, notes = sets(root, test)
        if "val" in folders:
            notes.append(f"not read: {folders['val'].name}; validation examples are of the training set.")
        test = folders.get("test", test)
        first = self.folder(folders["train"], like)
        read = self._source(first, self._length(first, like), like is not None)
        other = None
        if test is not None:
            other = self._source(_Folder(Path(str(test)).expanduser(), first.rate), read.spec.shape[1], False)
        read = replace(read, notes=(*notes, *read.notes))
        return assemble(self, root.name, read, test=other, task=self.task, like=like)

    def folder(self, root: Path, like: dict[str, Any] | None, keep: Callable[[Path], bool] = lambda path: True) -> _Folder:
        """The sounds below a folder, those that are kept."""
        return _Folder(root, self.rate if like is None else like.get("rate", self.rate), keep)

    def heard(
        self, name: str, folder: _Folder, label: Sequence[str], groups: Sequence[str], like: dict[str, Any] | None
    ) -> Data:
        """Sounds whose labels and groups are known from elsewhere."""
        found = {"label": np.array(label, dtype=object), "groups": np.array(groups, dtype=object)}
        return assemble(self, name, self._made(folder, self._length(folder, like), found), task=self.task, like=like)

    def _length(self, folder: _Folder, like: dict[str, Any] | None) -> int | None:
        wanted = None if like is None else from_dict(like["spec"])
        if isinstance(wanted, Series):
            return wanted.length
        return None if self.seconds is None else max(1, round(self.seconds * folder.rate))

    def _source(self, folder: _Folder, length: int | None, lenient: bool) -> Source:
        found = {}
        for option in ("label", "groups"):
            asked = getattr(self, option)
            if asked is not None or (option == "label" and folder.classes):
                try:
                    found[option] = folder.named(asked, option)
                except ValueError:
                    if not lenient:  # of more data, what is to be predicted may be away
                        raise
        return self._made(folder, length, found)

    def _made(self, folder: _Folder, length: int | None, found: Mapping[str, np.ndarray]) -> Source:
        x, notes = folder.read(length)
        return Source(
            x=x,
            label=found.get("label"),
            groups=found.get("groups"),
            where=lambda row: str(folder.paths[row].relative_to(folder.root)),
            label_name="the label",
            groups_name="the groups",
            facts={"rate": folder.rate},
            views={"shift": {"pixels": max(1, x.shape[2] // 10)}, "noise": {"scale": 0.05}},
            encoder=("logmel", {"rate": folder.rate}),
            notes=tuple(notes),
        )


class _Folder:
    """The sounds below a folder, and the rate that they are brought to."""

    def __init__(self, root: Path, rate: int | None, keep: Callable[[Path], bool] = lambda path: True) -> None:
        self.root, self.paths = root, sorted(path for path in _files(root) if keep(path))
        if not self.paths:
            raise ValueError(f"{root} holds no sounds ({', '.join(ENDINGS)}). Give a folder with some.")
        self.soundfile = _soundfile()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            self.about = list(pool.map(self._about, self.paths))
        self.rates = Counter(rate for rate, _ in self.about)
        self.rate: int = round(rate) if rate is not None else self.rates.most_common(1)[0][0]

    @property
    def classes(self) -> bool:
        """Whether every sound lies in a subfolder."""
        return all(path.parent != self.root for path in self.paths)

    def _about(self, path: Path) -> tuple[int, int]:
        """Rate and samples."""
        try:
            about = self.soundfile.info(str(path))
        except (RuntimeError, OSError) as error:
            raise ValueError(f"{path} could not be read as a sound: {error}. Leave it out, or save it again.") from error
        if path.suffix.lower() == ".wav" and (lacking := _lacking(path)):
            raise ValueError(f"{path} is cut off: it lacks {lacking:,} of the bytes that it says it has. Leave it out.")
        if not about.frames:
            raise ValueError(f"{path} has no samples: it is cut off or empty. Leave it out.")
        return int(about.samplerate), int(about.frames)

    def read(self, length: int | None) -> tuple[np.ndarray, list[str]]:
        """(N,1,L), and notes."""
        lengths = [-(-frames * self.rate // rate) for rate, frames in self.about]
        if length is None:
            length = max(1, min(round(SECONDS * self.rate), int(np.ceil(np.quantile(lengths, 0.95)))))
        x = np.zeros((len(self.paths), 1, length), dtype=np.float32)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(lambda at: self._fill(x[at, 0], self.paths[at], self.about[at]), range(len(self.paths))))
        seconds = [n / self.rate for n in lengths]
        notes = [
            f"{count(len(self.paths), 'sound')} of {min(seconds):.2f} to {max(seconds):.2f} s at {self.rate:,} Hz; the first "
            f"{length / self.rate:.2f} s of each are taken, silence after shorter ones."
        ]
        if others := {rate: many for rate, many in self.rates.items() if rate != self.rate}:
            said = listed([f"{many:,} of {rate:,} Hz" for rate, many in sorted(others.items())])
            notes.append(f"brought to {self.rate:,} Hz: {said}.")
        if cut := sum(n > length for n in lengths):
            notes.append(f"{count(cut, 'sound')} longer than that: the rest is not heard. `--data.seconds S` takes more.")
        return x, notes

    def _fill(self, row: np.ndarray, path: Path, about: tuple[int, int]) -> None:
        rate, frames = about
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

    def named(self, asked: str | None, option: str) -> np.ndarray:
        """The subfolder of each, or a part of its name."""
        if asked is None:
            return np.array([path.relative_to(self.root).parts[0] for path in self.paths], dtype=object)
        return np.array([name_part(path, asked, option) for path in self.paths], dtype=object)


def _lacking(path: Path) -> int:
    """Bytes of samples that a .wav announces and does not have; libsndfile takes what there is and says nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        while head[:4] == b"RIFF" and head[8:12] == b"WAVE" and len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                return max(0, file.tell() + length - size) if 0 < length < STREAMED else 0
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0


def _is_of_sounds(root: Path) -> bool:
    """Whether there are sounds below a folder, and no image."""
    found = False
    for _, _, names in os.walk(root):
        if any(name.lower().endswith(tuple(IMAGES)) for name in names):
            return False
        found = found or any(name.lower().endswith(ENDINGS) for name in names)
    return found


def _files(root: Path) -> Sequence[Path]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder) / name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
    return found


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise ImportError("sounds are read with soundfile, which is not there: pip install 'mixtrast[speech]'.") from error
    return soundfile
