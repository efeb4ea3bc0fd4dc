"""examples.npz: the score of each test example, for tests that compare two rows example by example."""

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mixtrast import atomic
from mixtrast.records.results import Results
from mixtrast.records.scores import ExampleScores, LabelPoint, Score

Arrays = Mapping[str, NDArray[np.float32]]


def write(path: Path, results: Results) -> None:
    """Write the scores of each test example, named "linear/trained/accuracy"; without any, no file is left."""
    places = {"": results.probes, **{f"other.{at}/": other.probes for at, other in enumerate(results.other_data.values())}}
    arrays = {
        f"{place}{probe}/{row}/{metric}": values
        for place, probes in places.items()
        for probe, rows in probes.items()
        for row, score in rows.items()
        for metric, values in score.examples.items()
    }
    for at, point in enumerate(results.labels.points):
        arrays |= {f"labels.{at}/{row}": values for row, values in point.examples.items()}
    if not arrays:
        path.unlink(missing_ok=True)
        return
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **{name: np.asarray(each, np.float32) for name, each in arrays.items()})
    atomic.write(path, content.getvalue())


def attached(path: Path, results: Results) -> Results:
    """The results with the scores of each example; a file that is missing or damaged leaves them without."""
    arrays = read_arrays(path)
    if not arrays:
        return results
    own = _with(arrays, "", results.probes)
    others = {
        key: replace(other, probes=_with(arrays, f"other.{at}/", other.probes))
        for at, (key, other) in enumerate(results.other_data.items())
    }
    points = tuple(_point(arrays, at, point) for at, point in enumerate(results.labels.points))
    return replace(results, probes=own, other_data=others, labels=replace(results.labels, points=points))


def read_arrays(path: Path) -> dict[str, NDArray[np.float32]]:
    """The one-dimensional arrays of the file by name."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        return {}
    return {name: values for name, values in arrays.items() if values.ndim == 1 and values.size and np.isfinite(values).all()}


def _with(arrays: Arrays, place: str, probes: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Score]]:
    return {
        probe: {
            row: replace(score, examples=_of(arrays, f"{place}{probe}/{row}/", score.values)) for row, score in rows.items()
        }
        for probe, rows in probes.items()
    }


def _point(arrays: Arrays, at: int, point: LabelPoint) -> LabelPoint:
    means = {row: sum(draws) / len(draws) for row, draws in point.rows.items() if draws}
    return replace(point, examples=_of(arrays, f"labels.{at}/", means))


def _of(arrays: Arrays, place: str, means: Mapping[str, float]) -> ExampleScores:
    """Those whose mean is the score that results.json holds: others belong to an older file."""
    found = {key: arrays[place + key] for key in means if place + key in arrays}
    mean = {key: float(values.mean(dtype=np.float64)) for key, values in found.items()}
    return {key: values for key, values in found.items() if math.isclose(mean[key], means[key], rel_tol=1e-4, abs_tol=1e-5)}
