from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch

from mixtrast.domains._assemble import Source, assemble
from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains._sheet import load_pandas
from mixtrast.domains._words import count
from mixtrast.domains.arrays import Arrays
from mixtrast.domains.sets._named import Named

ACTIVITIES = {
    1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling", 7: "nordic walking",
    12: "ascending stairs", 13: "descending stairs", 16: "vacuum cleaning", 17: "ironing", 24: "rope jumping",
}  # fmt: skip
COLUMNS = 54  # time, activity, heart rate, and 17 of each of three sensors
VALIDATES, TESTS = 105, 106


class Pamap2(Named):
    """PAMAP2: nine people with three motion sensors and a heart-rate belt at 100 Hz, twelve activities; windows of 3.2 s.

    Person 105 validates and 106 tests, all others train, as is usual; a window lies within one stretch of one activity. What
    is missing (heart rate comes nine times a second, packets are lost) is interpolated in time, and 0 where a sensor was
    silent for a whole stretch.

    Args:
        data_dir: a folder that has PAMAP2_Dataset, or has it in a folder `pamap2`. None: MIXTRAST_DATA, else the user's cache.
        window: rows of a window.
        stride: rows from the beginning of one to that of the next.

    Reference: Reiss, Stricker, ISWC 2012.
    Differs: from DABS, whose windows are drawn at random and may bridge two stretches; and whose person 106 is not used.
    """

    about: ClassVar[Set] = Set(
        "pamap2",
        ("pamap2", ""),
        (
            Remote(
                "PAMAP2_Dataset.zip",
                "https://archive.ics.uci.edu/dataset/231/pamap2+physical+activity+monitoring",
                None,
                688_000_000,
            ),
        ),
        "A. Reiss, DFKI; UCI repository, CC BY 4.0",
        ("PAMAP2_Dataset",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, window: int = 320, stride: int = 320) -> None:
        super().__init__(data_dir=data_dir)
        for name, value in (("window", window), ("stride", stride)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"`{name}` of Pamap2 must be a whole number of rows, 1 or more, got {value!r}.")
        self.window, self.stride = window, stride

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place("PAMAP2_Dataset/Protocol")
        windows, label, who = [], [], []
        for path in sorted(root.glob("subject1??.dat")):
            rows = load_pandas().read_csv(path, sep=r"\s+", header=None).to_numpy(np.float64)
            if rows.shape[1] != COLUMNS:
                raise ValueError(f"{path} must have {COLUMNS} columns, got {rows.shape[1]}. Get the set again.")
            for activity, part in _stretches(rows):
                begins = range(0, len(part) - self.window + 1, self.stride)
                windows += [part[begin : begin + self.window].T.astype(np.float32) for begin in begins]
                label += [ACTIVITIES[activity]] * len(begins)
                who += [int(path.stem.removeprefix("subject"))] * len(begins)
        if not windows:
            raise ValueError(f"{root} has no stretch of an activity of {count(self.window, 'row')}. Use a shorter `window`.")
        source = Source(
            x=np.stack(windows),
            label=np.array(label, dtype=object),
            groups=np.array([str(one) for one in who], dtype=object),
            where=lambda row: f"window {row + 1:,}",
            groups_name="people",
            notes=(f"{count(len(windows), 'window')} of {count(self.window, 'row')}, of {count(len(set(who)), 'person')}.",),
        )
        data = assemble(Arrays(), self.about.name, source, task="classes", like=like)
        person = torch.tensor(who)
        test, val = person == TESTS, person == VALIDATES
        return self.whole(data, test=test if test.any() else None, val=val if val.any() and test.any() else None)


def _stretches(rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(activity, rows of the 52 sensors without gaps) of each stretch of one known activity."""
    activity = rows[:, 1].astype(np.int64)
    edges = np.flatnonzero(np.r_[True, activity[1:] != activity[:-1], True])
    return [
        (int(activity[begin]), _filled(rows[begin:end, 2:]))
        for begin, end in pairwise(edges)
        if int(activity[begin]) in ACTIVITIES
    ]


def _filled(part: np.ndarray) -> np.ndarray:
    part, time = part.copy(), np.arange(len(part))
    for column in part.T:
        gone = np.isnan(column)
        if gone.any():
            column[gone] = np.interp(time[gone], time[~gone], column[~gone]) if not gone.all() else 0.0
    return part
