from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.readers._assemble import assemble
from mixtrast.readers._folder import find_parts
from mixtrast.readers._reader import Reader
from mixtrast.readers._sounds import Sounds, is_of_sounds
from mixtrast.readers._source import Source, is_path
from mixtrast.spec import Series
from mixtrast.validation import check_choice


class Speech(Reader):
    """A folder of sounds (.wav, .flac, .ogg) without images: one subfolder a class, or labels in the names of the files.

    Sounds are made mono and converted to one rate and one length: shorter ones end in silence, longer ones are cut at the end.
    A folder with `train` and `test` in it has its own test set.

    Args:
        label: None: the subfolder; else a part of the file name, between _ and -: "first", "last", or its number, 1 and up. Of
            7_jackson_32.wav "first" is 7.
        groups: likewise, what stays in one split: "2" is the second part of the name, here jackson, the speaker.
        rate: samples a second; None: the rate of most files.
        seconds: length of an example; None: the length of 95 % of the sounds, at most 10.
        task: what the label is; "auto" decides by its values, with a note.
    """

    sources = "folders of sounds"
    first = True

    def __init__(
        self,
        *,
        label: str | None = None,
        groups: str | None = None,
        rate: int | None = None,
        seconds: float | None = None,
        task: TaskOption = "auto",
    ) -> None:
        check_choice("task", task, TASKS)
        for name, value in (("rate", rate), ("seconds", seconds)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                raise ValueError(f"`{name}` must be above 0, got {value!r}.")
        self.label, self.groups, self.rate, self.seconds, self.task = label, groups, rate, seconds, task

    @classmethod
    def takes(cls, source: object) -> bool:
        path = Path(str(source)).expanduser() if is_path(source) else None
        return path is not None and path.is_dir() and is_of_sounds(path)

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,1,L) float32, from -1 to 1."""
        root = Path(str(source)).expanduser()
        folders, notes = find_parts(root, test)
        if "val" in folders:
            notes.append(f"not read: {folders['val'].name}; validation examples are split off the training set.")
        test = folders.get("test", test)
        sounds = self.sounds_in(folders["train"], schema)
        first = self._source(sounds, self._length(sounds, schema), lenient=schema is not None)
        second = None
        if test is not None:
            second = self._source(Sounds(Path(str(test)).expanduser(), sounds.rate), first.spec.shape[1], lenient=False)
        first = replace(first, notes=(*notes, *first.notes))
        return assemble(root.name, first, test=second, task=self.task, schema=schema)

    def sounds_in(self, root: Path, schema: Schema | None, keep: Callable[[Path], bool] = lambda path: True) -> Sounds:
        """Return the sounds below a folder, at the rate of the earlier data."""
        return Sounds(root, self.rate if schema is None or schema.rate is None else schema.rate, keep)

    def load_labelled(
        self, name: str, sounds: Sounds, label: Sequence[str], groups: Sequence[str], schema: Schema | None
    ) -> Dataset:
        """Return a dataset of sounds whose labels and groups are known from elsewhere."""
        found = {"label": np.array(label, dtype=object), "groups": np.array(groups, dtype=object)}
        source = self._of(sounds, self._length(sounds, schema), found)
        return assemble(name, source, task=self.task, schema=schema)

    def _length(self, sounds: Sounds, schema: Schema | None) -> int | None:
        """Return the samples of an example: those of the earlier data, or of `seconds`."""
        if schema is not None and isinstance(schema.spec, Series):
            return schema.spec.length
        return None if self.seconds is None else max(1, round(self.seconds * sounds.rate))

    def _source(self, sounds: Sounds, length: int | None, *, lenient: bool) -> Source:
        """Return sounds as a source, with label and groups by their names. `lenient`: these may be missing."""
        found = {}
        for option in ("label", "groups"):
            position = getattr(self, option)
            if position is not None or (option == "label" and sounds.in_classes):
                try:
                    found[option] = sounds.names(position, option)
                except ValueError:
                    if not lenient:
                        raise
        return self._of(sounds, length, found)

    def _of(self, sounds: Sounds, length: int | None, found: Mapping[str, np.ndarray]) -> Source:
        """Return sounds as a source, with these labels and groups."""
        x, notes = sounds.read(length)
        return Source(
            x=x,
            schema=replace(self.schema_of(Series(1, x.shape[2])), rate=sounds.rate),
            where=sounds.where,
            label=found.get("label"),
            groups=found.get("groups"),
            notes=tuple(notes),
            views={"shift": {"pixels": max(1, x.shape[2] // 10)}, "noise": {"scale": 0.05}},
            encoder=("logmel", {"rate": sounds.rate}),
        )
