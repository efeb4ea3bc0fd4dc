"""Settings of recipes as a report shows them: flat, in words, with the reason of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixtrast.records import Json, RunRecord


@dataclass(frozen=True)
class Setting:
    """An option with its value, and why it was chosen where that was automatic."""

    key: str
    value: str
    reason: str


def flat(settings: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """Nested settings under dotted names."""
    found: dict[str, Json] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def in_words(value: Json) -> str:
    """A setting as people write it, not as Python does."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else "not finite"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(item)}" for key, item in value.items()) or "none"
    return str(value)


def settings_of(runs: Sequence[RunRecord]) -> list[Setting]:
    """Every setting of a recipe, then the seeds."""
    values = flat(runs[0].recipe.settings)
    reasons = {_owner(name, values): reason for name, reason in runs[0].recipe.reasons.items()}
    found = [Setting(key, in_words(value), reasons.pop(key, "")) for key, value in values.items()]
    found += [Setting(name, "–", reason) for name, reason in reasons.items()]
    seeds = ", ".join(str(run.seed) for run in runs if run.seed is not None)
    return [*found, Setting("seed", seeds, "")] if seeds else found


def versions_of(runs: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Package and version; where runs differ, all versions."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in run.recipe.versions.items():
            found.setdefault(name, {})[version] = None
    return [(name, " and ".join(versions)) for name, versions in found.items()]


def _owner(name: str, settings: Mapping[str, Json]) -> str:
    """The setting that a reason belongs to: of that name, or the first of a section ("views"), or one that ends so."""
    fits = (
        *(key for key in settings if key in (name, f"{name}.name")),
        *(key for key in settings if key.startswith(f"{name}.")),
        *(key for key in settings if key.endswith(f".{name}")),
    )
    return fits[0] if fits else name
