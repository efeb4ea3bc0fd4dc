"""Features on disk, for whatever comes after."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.domains import Data
from mixtrast.run import Run


def write(run: Run, data: Any, out: Path) -> tuple[int, int]:
    """Features of `data` as .npz (z; y and the classes' names, where there is a label), .csv or .parquet (z0, z1, ..., label).

    Returns: rows and columns.

    Raises: FileExistsError, ValueError for another ending; the file is whole or not there.
    """
    endings = (".npz", ".csv", ".parquet")
    if out.suffix not in endings:
        raise ValueError(f"features are written as {', '.join(endings)}, got {out.name!r}.")
    if out.exists():
        raise FileExistsError(f"{out} exists already, and nothing is overwritten. Choose another -o.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into. Make it first.")
    if out.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ImportError("writing .parquet needs pyarrow: pip install 'mixtrast[parquet]'. Or write .npz or .csv.")
    z, read = run.embed(data)
    label = None if read.label is None else (read.label if read.several is None else read.several).numpy()
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        if out.suffix == ".npz":
            arrays: dict[str, Any] = {"z": z.numpy()} if label is None else {"z": z.numpy(), "y": label}
            if label is not None and read.classes:
                arrays["classes"] = np.array(read.classes)  # class k of y is called classes[k]
            np.savez_compressed(partial, **arrays)
        else:
            import pandas

            frame = pandas.DataFrame(z.numpy(), columns=[f"z{k}" for k in range(z.shape[1])])
            if label is not None:
                frame["label"] = _named(read) if read.classes else label
            frame.to_csv(partial, index=False) if out.suffix == ".csv" else frame.to_parquet(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return len(z), z.shape[1]


def _named(read: Data) -> list[str | None]:
    """Classes by their names, several of an example between semicolons."""
    assert read.label is not None
    label = read.label[:, None] if read.several is None else read.several
    return [";".join(read.classes[k] for k in row if k >= 0) or None for row in label.tolist()]
