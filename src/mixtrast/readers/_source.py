"""One source as read, and checks that readers share."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixtrast.data import Schema
from mixtrast.data.cells import Where
from mixtrast.registry import Options
from mixtrast.spec import Spec
from mixtrast.text import count, nearest


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """One source as read: a file, a folder, or arrays in memory.

    Args:
        x: (N, *spec.shape).
        schema: how it was read; task and classes are still open.
        where: how messages call a row.
        label, groups: (N,) as written.
        label_name, groups_name: how messages call them.
        notes: sentences for the user.
        views: default views, where they are not those of the spec.
        encoder: name and options of the default encoder, where it is not that of the spec.
    """

    x: np.ndarray
    schema: Schema
    where: Where
    label: np.ndarray | None = None
    groups: np.ndarray | None = None
    label_name: str = "the label"
    groups_name: str = "the groups"
    notes: tuple[str, ...] = ()
    views: Mapping[str, Options] | None = None
    encoder: tuple[str, Options] | None = None

    def __post_init__(self) -> None:
        for values, name in ((self.label, self.label_name), (self.groups, self.groups_name)):
            if values is not None and len(values) != len(self.x):
                raise ValueError(f"{name} must have as many entries as x, {count(len(self.x), 'row')}, got {len(values):,}.")

    @property
    def spec(self) -> Spec:
        """What one example looks like."""
        return self.schema.spec


def is_frame(source: object) -> bool:
    """Return whether a source is a pandas DataFrame."""
    pandas = sys.modules.get("pandas")  # without it there are no frames
    return pandas is not None and isinstance(source, pandas.DataFrame)


def is_path(source: object) -> bool:
    """Return whether a source is a path or a name."""
    return isinstance(source, (str, Path))


def existing_file(source: object) -> Path:
    """Return the path of a file. Raises: ValueError or FileNotFoundError where it is none."""
    if "://" in str(source):
        raise ValueError(f"{source} is an address, and nothing is downloaded. Save the file, and give its path.")
    path = Path(str(source)).expanduser()
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give one file.")
    if not path.exists():
        others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise FileNotFoundError(f"there is no file {path}.{nearest(path.name, others)}")
    return path


def finite(x: np.ndarray, *, owner: str, where: Where, rows: str = "row") -> np.ndarray:
    """Return numbers (N, *shape) as float32. Raises: ValueError for NaN and infinity, with the first place."""
    with np.errstate(over="ignore"):
        x = np.require(x, dtype=np.float32, requirements=["C", "W"])
    fine = np.isfinite(x)
    if not fine.all():
        bad = (~fine).nonzero()
        index = tuple(int(axis[0]) for axis in bad)
        place = f"column {index[1]}" if x.ndim == 2 else f"index {index[1:]}"
        raise ValueError(
            f"{owner} must be finite and fit float32, got NaN, infinity or more than 3.4e38 in {len(np.unique(bad[0])):,} of "
            f"{count(len(x), rows)}, first in {where(index[0])} at {place}. Leave those rows out, or fill them in."
        )
    return x
