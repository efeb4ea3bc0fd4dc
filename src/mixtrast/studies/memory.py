"""Data in memory as files that other processes can read."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast import recipe, run
from mixtrast.records import ComparisonRecord


@dataclass(frozen=True)
class FileForm:
    """How data are stored: the ending of the file, the name of its label where it had none, and what writes the file."""

    ending: str
    label: str | None
    write: Callable[[Path], None]

    def store(self, path: Path) -> None:
        """Write the file, complete or not at all."""
        partial = path.with_name(f"{path.stem}.partial{self.ending}")
        self.write(partial)
        os.replace(partial, path)


def store(folder: Path, record: ComparisonRecord, data: Any, test: Any) -> ComparisonRecord:
    """Write data in memory into the folder of a comparison, once. Returns the plan with their paths.

    Raises: ValueError where the files do not hold what was checked; they are then removed.
    """
    paths, written = dict[str, str](), list[Path]()
    for key, stem, each in (("source", "data", data), ("test", "test", test)):
        if not in_memory(each):
            continue
        form = file_form(each)
        path = folder / (stem + form.ending)
        paths[key] = str(path)
        if not path.exists():
            form.store(path)
            written.append(path)
    record = replace(record, data=replace(record.data, **paths))
    if written and _fingerprint(record) != record.data.fingerprint:
        for path in written:
            path.unlink()
        raise ValueError(
            "the data in memory are not the same once they are written to a file and read again, as every run does. Save "
            "them as a file, look at what `mixtrast train` says of it, and name its path."
        )
    return record


def _fingerprint(record: ComparisonRecord) -> str:
    """Of the data as the runs read them."""
    settings = next(iter(record.configurations.values())).settings
    section = recipe.check({"data": settings["data"]}).data
    return run.read(section, record.seeds[0], 2, record.data.source, record.data.test).section.fingerprint


def in_memory(data: Any) -> bool:
    """Whether it is neither a path nor a name."""
    return data is not None and not isinstance(data, str | Path)


def is_table(data: Any) -> bool:
    """Whether it is a DataFrame, alone or with its labels."""
    return hasattr(data[0] if isinstance(data, tuple) and data else data, "columns")


def file_form(data: Any) -> FileForm:
    """The form for a DataFrame, one and its labels, arrays, (x, y), (x, y, groups), or a mapping of arrays.

    Raises: TypeError for anything else.
    """
    if is_table(data):
        frame, label = data, None
        if isinstance(data, tuple):
            label = next(name for name in ("label", "label_", "label__") if name not in data[0].columns)
            frame = data[0].assign(**{label: np.asarray(data[1])})
        return FileForm(".csv", label, lambda path: frame.to_csv(path, index=False))
    parts = data if isinstance(data, tuple) else (data,)
    arrays = data if isinstance(data, Mapping) else dict(zip(("x", "y", "groups"), parts, strict=False))
    plain = {name: _plain(array) for name, array in arrays.items() if array is not None or isinstance(data, Mapping)}
    return FileForm(".npz", None, lambda path: np.savez(path, **plain))  # type: ignore[arg-type]


def _plain(array: Any) -> np.ndarray:
    """A NumPy array; names in an array of objects become text, since no file of ours executes code."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array  # NumPy has no bfloat16
    plain = np.asarray(array)
    if plain.dtype == object:
        plain = np.array([str(value) for value in plain.ravel()]).reshape(plain.shape)
    return plain
