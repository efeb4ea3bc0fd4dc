"""Recipes of the literature, by name: `imix/cifar10-npair` is recipes/imix/cifar10-npair.yaml.

Each begins with comment lines: what it is, its Source, the number Expected, the Cost, and what Differs from the source.
"""

from pathlib import Path

from mixtrast.text import nearest

FOLDER = Path(__file__).parents[1] / "recipes"


def names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))


def find(name: str | Path) -> Path:
    """Return the file of a recipe, the user's own or one by name. Raises: FileNotFoundError with the nearest name."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    named = FOLDER / f"{name}.yaml"
    if named.is_file():
        return named
    raise FileNotFoundError(
        f"there is no recipe {str(name)!r}, neither a file nor a name.{nearest(str(name), names())} See: mixtrast list recipes."
    )


def header(name: str) -> list[str]:
    """Return its comment lines, without the marks."""
    lines = find(name).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#").strip() for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")]]
