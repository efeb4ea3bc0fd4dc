"""One request over another: what a command line says goes over a recipe's file."""

from collections.abc import Mapping
from dataclasses import replace

from mixtrast.options import Values
from mixtrast.recipe.check import check
from mixtrast.recipe.errors import RecipeError
from mixtrast.recipe.recipe import DataSection, Options, Part, Request

_EXCLUSIVE = {"steps": "epochs", "epochs": "steps"}


def layered(*layers: Request | Values) -> Request:
    """Return the settings of several sources, later ones over earlier ones.

    Args:
        layers: requests that are checked, or sections of a recipe. Of a run's recipe only what was asked for counts.

    Raises: RecipeError with the problems of all layers.
    """
    found, problems = Request(), list[str]()
    for layer in layers:
        try:
            over = layer if isinstance(layer, Request) else _checked(layer, found)
            found = over if found == Request() else merge(found, over)
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(problems)
    return found


def _checked(sections: Values, base: Request) -> Request:
    reasons = sections.get("reasons")
    return check(sections, base).without(reasons if isinstance(reasons, Mapping) else ())


def merge(base: Request, over: Request) -> Request:
    """Return one request over another.

    Data and training go option by option (`steps` unsets `epochs`, and the other way), and so do method, mixer and encoder
    while the name is the same: another name takes none of the other's options, and another method has its own mixer. Views
    and evaluations are replaced together.
    """
    changed = base.method is not None and base.method.name and over.method is not None
    other_method = changed and over.method.name not in ("", base.method.name)  # type: ignore[union-attr]
    return Request(
        data=_data(base.data, over.data),
        method=_part(base.method, over.method),
        mixer=_part(None if other_method else base.mixer, over.mixer),
        encoder=_part(base.encoder, over.encoder),
        views=base.views if over.views is None else over.views,
        training=_training(base.training, over.training),
        evaluation=base.evaluation if over.evaluation is None else over.evaluation,
        seed=base.seed if over.seed is None else over.seed,
    )


def _part(base: Part | None, over: Part | None) -> Part | None:
    if base is None or over is None:
        return base if over is None else over
    if over.name and base.name and over.name != base.name:
        return over
    instance = base.instance if over.instance is None else over.instance
    return Part(over.name or base.name, {**base.options, **over.options}, instance)


def _data(base: DataSection, over: DataSection) -> DataSection:
    changes = {name: value for name, value in vars(over).items() if value not in (None, "") and name != "options"}
    return replace(base, **changes, options={**base.options, **over.options})


def _training(base: Options, over: Options) -> Options:
    unset = {_EXCLUSIVE[name] for name, value in over.items() if name in _EXCLUSIVE and value is not None}
    return {**{name: value for name, value in base.items() if name not in unset}, **over}
