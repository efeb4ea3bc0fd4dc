"""A run folder as one record. Files may be missing; only a folder that is no run at all is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mixtrast.records import folder as files
from mixtrast.records import recipe_file
from mixtrast.records._json import Json, mapping, number
from mixtrast.records.figures import Map, Missing, Strip, read_map, read_strip
from mixtrast.records.folder import read_results
from mixtrast.records.metrics import MetricsLine, read_metrics
from mixtrast.records.results import DataRecord, Results

CONTENT = (
    "A run folder has recipe.yaml, and in a finished run metrics.jsonl, results.json, figures/map.npz and figures/strip.npz."
)


@dataclass(frozen=True)
class RecipeRecord:
    """recipe.yaml as a report shows it; reasons: option -> why it was chosen automatically; versions: package -> version."""

    settings: dict[str, Json] = field(default_factory=dict)
    seed: int | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, written: Mapping[str, Json]) -> RecipeRecord:
        """From the content of recipe.yaml, in the keys of this version."""
        others = ("seed", "versions", "version", "out", "reasons")
        settings = {key: value for key, value in written.items() if key not in others}
        seed = number(written.get("seed"))
        reasons, versions = ({k: str(v) for k, v in mapping(written.get(name)).items()} for name in ("reasons", "versions"))
        return cls(settings, None if seed is None else int(seed), reasons, versions)

    @property
    def requested(self) -> dict[str, Json]:
        """The settings without training options that were chosen for the data: another seed may have other sizes."""
        training = self.settings.get("training")
        if not isinstance(training, Mapping):
            return self.settings
        chosen = {key: value for key, value in training.items() if f"training.{key}" not in self.reasons}
        return {**self.settings, "training": chosen}


@dataclass(frozen=True)
class RunRecord:
    """Everything that a run folder says of its run."""

    folder: Path
    recipe: RecipeRecord
    results: Results | Missing
    metrics: tuple[MetricsLine, ...] | Missing
    map: Map | Missing
    strip: Strip | Missing

    @property
    def seed(self) -> int | None:
        """Of the results, or else of the recipe."""
        seed = self.results.seed if isinstance(self.results, Results) else None
        return self.recipe.seed if seed is None else seed

    @property
    def data(self) -> DataRecord:
        """What the data are; their name alone, from the recipe, while there are no results."""
        if isinstance(self.results, Results):
            return self.results.data
        data = mapping(self.recipe.settings.get("data"))
        name, source = data.get("name"), data.get("source")
        return DataRecord(name=str(name or (Path(str(source)).stem if source else DataRecord.name)))


def read_run(folder: Path) -> RunRecord:
    """Read a run folder. Raises: ValueError where it is none, or where a file of it is damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. {CONTENT}")
    if not (folder / files.RECIPE).is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{files.RECIPE}"))
        hint = f" The folders {', '.join(inside)} in it are runs: give those." if inside else ""
        raise ValueError(f"{folder} is not a run: it has no {files.RECIPE}. {CONTENT}{hint}")
    try:
        recipe = RecipeRecord.from_dict({str(key): value for key, value in recipe_file.read(folder / files.RECIPE).items()})
    except ValueError as error:
        raise ValueError(f"{error} {CONTENT}") from error
    missing = Missing("This run has no results.json: it is not finished, or it was stopped.")
    results = read_results(folder) if (folder / files.RESULTS).is_file() else missing
    figures = read_map(folder / files.MAP), read_strip(folder / files.STRIP)
    return RunRecord(folder, recipe, results, _metrics(folder / files.METRICS), *figures)


def _metrics(path: Path) -> tuple[MetricsLine, ...] | Missing:
    if not path.is_file():
        return Missing("This run has no metrics.jsonl.")
    return tuple(read_metrics(path)) or Missing("Its metrics.jsonl has no line that can be read.")
