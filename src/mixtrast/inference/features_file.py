"""Features of a dataset as a file: .npz, .csv or .parquet."""

import importlib.util
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mixtrast.data.dataset import Dataset

ENDINGS = (".npz", ".csv", ".parquet")


def check(out: Path) -> None:
    """Raise FileExistsError, FileNotFoundError, ValueError or ImportError where no features can be written to `out`."""
    if out.suffix not in ENDINGS:
        raise ValueError(f"features are written as {', '.join(ENDINGS)}, got {out.name!r}.")
    if out.exists():
        raise FileExistsError(f"{out} exists already, and nothing is overwritten. Choose another -o.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into. Make it first.")
    if out.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ImportError("writing .parquet needs pyarrow: pip install 'mixtrast[parquet]'. Or write .npz or .csv.")


def write(out: Path, features: Tensor, dataset: Dataset) -> None:
    """Write features atomically: z, y and classes in .npz; columns z0, z1, ..., label in .csv and .parquet.

    Args:
        features: (N,D), of the examples of `dataset`; its labels go along where it has any.

    Raises: as `check`.
    """
    check(out)
    labels = dataset.label if dataset.label_sets is None else dataset.label_sets
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        if out.suffix == ".npz":
            arrays: dict[str, NDArray[np.generic]] = {"z": features.numpy()}
            if labels is not None:
                arrays["y"] = labels.numpy()
                if dataset.classes:
                    arrays["classes"] = np.array(dataset.classes)  # class k of y is called classes[k]
            np.savez_compressed(partial, **arrays)  # type: ignore[arg-type, unused-ignore]
        else:
            import pandas

            frame = pandas.DataFrame(features.numpy(), columns=[f"z{k}" for k in range(features.shape[1])])
            if labels is not None:
                frame["label"] = _names(labels, dataset.classes) if dataset.classes else labels.numpy()
            frame.to_csv(partial, index=False) if out.suffix == ".csv" else frame.to_parquet(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def _names(labels: Tensor, classes: tuple[str, ...]) -> list[str | None]:
    """Names of the classes of each example, several of them joined by semicolons."""
    rows = labels[:, None] if labels.dim() == 1 else labels
    return [";".join(classes[k] for k in row if k >= 0) or None for row in rows.tolist()]
