"""recipe.yaml: one way to read and write it, and the first edition's in the keys of today."""

from collections.abc import Mapping
from pathlib import Path

from mixtrast.records import yaml_file
from mixtrast.records._json import Json

VERSION = 2
_NAMES = {"data": {"domain": "reader"}, "training": {"beside": "baseline"}, "evaluation": {"usual": "default"}}  # 1 -> 2
plain, write = yaml_file.plain, yaml_file.write


def read(path: Path) -> dict[str, Json]:
    """Return the sections of a recipe's file in the keys of this version. Raises: FileNotFoundError, ValueError."""
    written = yaml_file.read(path, "the recipe", "data, method, mixer, encoder, views, training, evaluation, seed")
    version = written.get("version", 1)
    if version not in (1, VERSION):
        raise ValueError(f"the recipe {path} has version {version!r}, but must have 1 or {VERSION}. Install a newer mixtrast.")
    return written if version == VERSION else migrated(written)


def migrated(written: Mapping[str, Json]) -> dict[str, Json]:
    """Return a recipe of version 1 in the keys and names of version 2; what version 1 did not have stays as it is."""
    found = {"reasons" if key == "why" else key: value for key, value in written.items()}
    for section, names in _NAMES.items():
        if isinstance(part := found.get(section), Mapping):
            found[section] = {names.get(key, key): value for key, value in part.items()}
    if isinstance(part := found.get("data"), Mapping) and part.get("task") == "several":
        found["data"] = {**part, "task": "multilabel"}
    if isinstance(part := found.get("views"), Mapping):  # a view that the caller built was text
        found["views"] = {k: {"name": "own", "made": view} if isinstance(view, str) else view for k, view in part.items()}
    if isinstance(chosen := found.get("evaluation"), str):
        found["evaluation"] = "+".join("default" if name.strip() == "usual" else name for name in chosen.split("+"))
    return found
