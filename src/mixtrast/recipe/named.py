"""Recipes of the literature, by name: `imix/cifar10-npair` is recipes/imix/cifar10-npair.yaml.

Each begins with comment lines: what it is, its Source, the number Expected, the Cost, and what Differs from the source.
"""

from __future__ import annotations

from pathlib import Path

from mixtrast import registry

ROOM = Path(__file__).parents[1] / "recipes"


def names() -> list[str]:
    return sorted(path.relative_to(ROOM).with_suffix("").as_posix() for path in ROOM.rglob("*.yaml"))


def find(given: str | Path) -> Path:
    """The file of a recipe: one of the user's own, or one by name. Raises FileNotFoundError, nearest names told."""
    path = Path(given).expanduser()
    if path.is_file():
        return path
    named = ROOM / f"{given}.yaml"
    if named.is_file():
        return named
    raise FileNotFoundError(
        f"there is no recipe {str(given)!r}, neither a file nor a name.{registry.near([str(given)], names())} "
        "See: mixtrast list recipes."
    )


def header(name: str) -> list[str]:
    """Its comment lines, without the marks."""
    lines = find(name).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#").strip() for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")]]
