from itertools import pairwise

import numpy as np
import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers._assemble import assemble
from mixtrast.readers._sheet import load_pandas
from mixtrast.readers._source import Source
from mixtrast.readers.arrays import Arrays
from mixtrast.spec import of
from mixtrast.text import count
from mixtrast.validation import check_whole

ACTIVITIES = {
    1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling", 7: "nordic walking",
    12: "ascending stairs", 13: "descending stairs", 16: "vacuum cleaning", 17: "ironing", 24: "rope jumping",
}  # fmt: skip
COLUMNS = 54  # time, activity, heart rate, and 17 of each of three sensors
VALIDATES, TESTS = 105, 106


class Pamap2(NamedDataset):
    """PAMAP2: nine people with three motion sensors and a heart-rate belt at 100 Hz, twelve activities; windows of 3.2 s.

    Person 105 validates and 106 tests, all others train, as is usual; a window is within one stretch of one activity.
    Missing values (heart rate comes nine times a second, packets are lost) are interpolated in time, and 0 where a sensor was
    silent for a complete stretch.

    Args:
        data_dir: a folder that has PAMAP2_Dataset, or has it in a folder `pamap2`. None: MIXTRAST_DATA, else the cache.
        window: rows of a window.
        stride: rows from the beginning of one to that of the next.

    Reference: Reiss, Stricker, ISWC 2012.
    Differs: from DABS, whose windows are drawn at random and may bridge two stretches; and whose person 106 is not used.
    """

    info = DatasetInfo(
        "pamap2",
        ("pamap2", ""),
        (
            Remote(
                "PAMAP2_Dataset.zip",
                "https://archive.ics.uci.edu/dataset/231/pamap2+physical+activity+monitoring",
                688_000_000,
            ),
        ),
        "A. Reiss, DFKI; UCI repository, CC BY 4.0",
        ("PAMAP2_Dataset",),
        unpack=True,
    )

    def __init__(self, *, data_dir: str | None = None, window: int = 320, stride: int = 320) -> None:
        super().__init__(data_dir=data_dir)
        check_whole("Pamap2", window=window, stride=stride)
        self.window, self.stride = window, stride

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("PAMAP2_Dataset/Protocol")
        windows, label, people = [], [], []
        for path in sorted(root.glob("subject1??.dat")):
            rows = load_pandas().read_csv(path, sep=r"\s+", header=None).to_numpy(np.float64)
            if rows.shape[1] != COLUMNS:
                raise ValueError(f"{path} must have {COLUMNS} columns, got {rows.shape[1]}. Get the dataset again.")
            for activity, part in _stretches(rows):
                begins = range(0, len(part) - self.window + 1, self.stride)
                windows += [part[begin : begin + self.window].T.astype(np.float32) for begin in begins]
                label += [ACTIVITIES[activity]] * len(begins)
                people += [int(path.stem.removeprefix("subject"))] * len(begins)
        if not windows:
            raise ValueError(f"{root} has no stretch of an activity of {count(self.window, 'row')}. Use a shorter `window`.")
        x = np.stack(windows)
        source = Source(
            x=x,
            schema=Arrays().schema_of(of(x.shape[1:])),
            label=np.array(label, dtype=object),
            groups=np.array([str(one) for one in people], dtype=object),
            where=lambda row: f"window {row + 1:,}",
            groups_name="people",
            notes=(f"{count(len(windows), 'window')} of {count(self.window, 'row')}, of {count(len(set(people)), 'person')}.",),
        )
        found = assemble(self.name, source, task="classes", schema=schema)
        person = torch.tensor(people)
        test, val = person == TESTS, person == VALIDATES
        return self.named(found, test=test if test.any() else None, validation=val if val.any() and test.any() else None)


def _stretches(rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return (activity, rows of the 52 sensors without gaps) for each stretch of one known activity."""
    activity = rows[:, 1].astype(np.int64)
    edges = np.flatnonzero(np.r_[True, activity[1:] != activity[:-1], True])
    return [
        (int(activity[begin]), _filled(rows[begin:end, 2:]))
        for begin, end in pairwise(edges)
        if int(activity[begin]) in ACTIVITIES
    ]


def _filled(part: np.ndarray) -> np.ndarray:
    """Return the rows with missing values interpolated in time."""
    part, time = part.copy(), np.arange(len(part))
    for column in part.T:
        missing = np.isnan(column)
        if missing.any():
            column[missing] = np.interp(time[missing], time[~missing], column[~missing]) if not missing.all() else 0.0
    return part
