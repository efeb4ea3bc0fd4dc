"""The files of a run folder, and the one way to write and read its results."""

import json
from collections.abc import Mapping
from pathlib import Path

from mixtrast import atomic
from mixtrast.records import examples
from mixtrast.records._json import Json, plain
from mixtrast.records.results import Results

RECIPE, RESULTS, METRICS, PAGE = "recipe.yaml", "results.json", "metrics.jsonl", "report.html"
EXAMPLES = "examples.npz"  # the scores of each test example
FIGURES = "figures"
MAP, STRIP = f"{FIGURES}/map.npz", f"{FIGURES}/strip.npz"
CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.pt", "checkpoint.before.pt"
ENCODER, ENCODER_OPTIONS, UNTRAINED = "encoder.safetensors", "encoder.json", "untrained.safetensors"
SUPERVISED = "supervised"  # a folder: the supervised baseline


def write_results(folder: Path, results: Results) -> None:
    """Write results.json and examples.npz into the folder of a run, each atomically."""
    examples.write(folder / EXAMPLES, results)
    write_json(folder / RESULTS, results.to_dict())


def read_results(folder: Path) -> Results:
    """Read the results of a run, with the scores of each test example where they are stored.

    Raises: FileNotFoundError; ValueError where results.json is damaged, or has keys that are not known.
    """
    path = Path(folder) / RESULTS
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{folder} is not finished: it has no {RESULTS}. Continue it with --resume.") from error
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON ({error}).") from error
    if not isinstance(written, Mapping):
        raise ValueError(f"{path} must be an object, got {type(written).__name__}. Give a folder that mixtrast train made.")
    return examples.attached(Path(folder) / EXAMPLES, Results.from_dict(written))


def write_json(path: Path, values: Mapping[str, Json]) -> None:
    """Write a JSON file atomically; NaN and infinity become null."""
    atomic.write(path, json.dumps(plain(values), indent=1).encode())
