"""Recipes in YAML files, and what two of them differ in."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mixtrast.recipe.check import SECTIONS, check
from mixtrast.recipe.recipe import Recipe, Request, Value
from mixtrast.recipe.training import Training
from mixtrast.records import recipe_file


def load(path: Path) -> Recipe:
    """Return every setting of a run, from the recipe in its folder.

    Raises: FileNotFoundError; ValueError where it is no recipe; RecipeError with all mistakes in it.
    """
    written = recipe_file.read(path)
    request = check(written)
    if request.method is None or request.encoder is None:
        raise ValueError(f"{path} is not the recipe of a run, which names its method and its encoder.")
    return Recipe(
        data=request.data,
        method=request.method,
        mixer=request.mixer,
        encoder=request.encoder,
        views=request.views or {},
        training=Training.of(request.training),
        evaluation=request.evaluation or {},
        seed=request.seed or 0,
        reasons=_texts(written.get("reasons")),
        versions=_texts(written.get("versions")),
    )


def write(recipe: Recipe | Request, path: Path) -> None:
    """Write a recipe as YAML, atomically."""
    recipe_file.write(recipe.to_dict(), path)


def _texts(written: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in written.items()} if isinstance(written, Mapping) else {}


def differences(one: Recipe | Request, other: Recipe | Request) -> list[str]:
    """Return what two recipes train differently in, "training.lr: 0.1 and 0.2"; the evaluation is no difference."""
    first, second = (
        dict(
            _flat(
                {
                    key: recipe_file.plain(value)
                    for key, value in each.to_dict().items()
                    if key in SECTIONS and key != "evaluation"
                }
            )
        )
        for each in (one, other)
    )
    keys = [*first, *(key for key in second if key not in first)]
    pairs = ((key, first.get(key), second.get(key)) for key in keys)
    differ = [(key, a, b) for key, a, b in pairs if a != b and not (a != a and b != b)]  # NaN, which `mask` fills in, is NaN
    return [f"{key}: {a!r} and {b!r}" for key, a, b in differ]


def _flat(value: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, Value]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner
