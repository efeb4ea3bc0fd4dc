"""The check of a recipe: names, options, types and values, against the packages and their signatures; all mistakes at once."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, get_type_hints

import numpy as np
from torch import nn

from mixtrast import datasets, encoders, evaluation, methods, mixers, registry, views
from mixtrast.datasets import Reader
from mixtrast.mixers import Mixer, OneOf
from mixtrast.options import Values
from mixtrast.recipe.convert import convert, converted, typed
from mixtrast.recipe.errors import RecipeError, collected
from mixtrast.recipe.recipe import DEFAULT, OWN, DataSection, Options, Part, Request, Value
from mixtrast.recipe.training import Training
from mixtrast.text import closest, nearest
from mixtrast.views import View

SECTIONS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation", "seed")
RECORDED = ("version", "reasons", "versions")  # what else a file may hold
_PACKAGES = {"method": methods, "mixer": mixers, "encoder": encoders}
_OWN: dict[str, tuple[type, ...]] = {"mixer": (Mixer, OneOf), "encoder": (nn.Module,), "views": (View,)}
_BUILT = (mixers, views, evaluation)  # their parts are built to check the values: nothing of the data is needed


def check(sections: Values, base: Request | None = None) -> Request:
    """Return a request from the sections of a recipe, every option in its type. Nothing is decided yet.

    Args:
        sections: a part may be its bare name ("imix"), views a name, "a+b", "none", or a mapping.
        base: names the parts whose options come without a name.

    Raises: RecipeError with all problems: unknown sections, names and options with the nearest valid one, wrong types, values
        that a constructor refuses.
    """
    found = {key: native(value) for key, value in sections.items() if value is not None}
    names = {section: named.name if (named := getattr(base, section, None)) else "" for section in _PACKAGES}
    checks: dict[str, Callable[[], Any]] = {
        "sections": partial(_check_sections, sections),
        "data": lambda: _data(_mapping("data", found.get("data", {}))),
        "views": lambda: _views(found["views"]) if "views" in found else None,
        "training": lambda: _training(_mapping("training", found.get("training", {}))),
        "evaluation": lambda: _evaluations(found["evaluation"]) if "evaluation" in found else None,
        "seed": lambda: _seed(found.get("seed")),
    }
    for section, package in _PACKAGES.items():
        if section in found:
            checks[section] = partial(_part, section, package, found[section], names[section])
    checked = collected(checks)
    del checked["sections"]
    return Request(**checked)


def _check_sections(sections: Values) -> None:
    known, reasons = (*SECTIONS, *RECORDED), sections.get("reasons")
    problems = [
        f"a recipe has no section {key!r}.{_nearest_section(str(key))} It has: {', '.join(SECTIONS)}."
        for key in sections
        if key not in known
    ]
    for key in reasons if isinstance(reasons, Mapping) else ():
        if str(key).partition(".")[0] not in SECTIONS:
            problems.append(f"reasons of a recipe name {key!r}, which is no section.{nearest(str(key), SECTIONS)}")
    if problems:
        raise RecipeError(problems)


def _nearest_section(key: str) -> str:
    """The section that may be meant, or the section of an option by that name: `epochs` stands in `training`."""
    option = closest(key, registry.options(Training), 0.65)
    return nearest(key, SECTIONS) or (f" Did you mean {option!r} of training?" if option else "")


def _mapping(section: str, written: object) -> Values:
    if not isinstance(written, Mapping):
        raise ValueError(f"{section} of a recipe must be a mapping of its options, got {written!r}.")
    return {str(key): value for key, value in written.items()}


def _seed(seed: object) -> int | None:
    if seed is None or (isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0):
        return seed
    raise ValueError(f"`seed` must be an integer, 0 or more, got {seed!r}.")


def _training(options: Values) -> Options:
    found, problems = converted("training", Training, options)
    try:
        Training.of(found)
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise RecipeError(problems)
    return found


# --- data -----------------------------------------------------------------------------------------------------------------


def _data(written: Values) -> DataSection:
    """What every source has, and options of readers: which one reads the data is not known yet."""
    written = {name: value for name, value in written.items() if value is not None}
    own = {name: hint for name, hint in get_type_hints(DataSection).items() if name != "options"}
    checks = {name: partial(_of_data, name, own[name], value) for name, value in written.items() if name in own}
    checks["options"] = partial(_reader_options, {name: value for name, value in written.items() if name not in own})
    return DataSection(**collected(checks))


def _of_data(name: str, hint: Any, value: object) -> Any:
    try:
        return convert(hint, value)
    except ValueError as error:
        if name in ("labels", "examples"):
            return value  # DataSection says what these must be
        raise ValueError(f"`{name}` of data must be text, got {value!r}.") from error


def _reader_options(options: Values) -> dict[str, Value]:
    kinds = [datasets.find(name) for name in datasets.names()] if options else []
    return collected({option: partial(_reader_option, kinds, option, value) for option, value in options.items()})


def _reader_option(kinds: Sequence[type[Reader]], option: str, value: object) -> Value:
    """The value in the type of the first reader that has the option."""
    kind = next((kind for kind in kinds if option in registry.options(kind)), None)
    if kind is not None:
        return typed("data", kind, {option: value})[option]
    every = list(dict.fromkeys(name for kind in kinds for name in registry.options(kind)))
    raise ValueError(f"data has no option {option!r}.{nearest(option, every)} Its options are: {', '.join(every)}.")


# --- parts ----------------------------------------------------------------------------------------------------------------


def _part(section: str, package: ModuleType, written: Any, default: str) -> Part:
    """A part from its name, a mapping, or an object of the user's own; options without a name go to the default part."""
    if isinstance(written, _OWN.get(section, ())):
        return Part.of(written)
    if not isinstance(written, str | Mapping):
        raise ValueError(f"{section} of a recipe must be a name or a mapping of its options, got {written!r}.")
    options = {"name": written} if isinstance(written, str) else dict(written)
    name = str(options.pop("name", default))
    return part(section, package, name, options) if name and name != OWN else Part(name, options)


def part(section: str, package: ModuleType, name: str, options: Values) -> Part:
    """Return a part with its options in their types. Raises: RecipeError, ValueError with the problems of name and options."""
    try:
        kinds = [registry.find(package, one.strip()) for one in (name.split("+") if package is mixers else [name])]
    except ValueError as error:
        raise ValueError(f"{section}: {error}") from error
    every = collected({kind.__name__: partial(typed, f"{section} {name}", kind, options) for kind in kinds})
    found = next(reversed(every.values()))
    if package in _BUILT:
        try:
            package.get(name, **found)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{section}: {error}") from error
    return Part(name, found)


def _views(written: object) -> dict[str, Part]:
    return collected({name: partial(_view, name, options) for name, options in _unfolded(_named("views", written)).items()})


def _view(name: str, options: object) -> Part:
    if isinstance(options, View):
        return Part.of(options)
    if not isinstance(options, Mapping | None):
        raise ValueError(f"{name} of views must be a mapping of its options, got {options!r}.")
    if options and options.get("name") == OWN:
        return Part(OWN, {key: value for key, value in options.items() if key != "name"})
    return part("views", views, name, options or {})


def _evaluations(written: object) -> dict[str, Options]:
    named = _named("evaluation", written)
    return collected({name: partial(_evaluation, name, options) for name, options in named.items()})


def _evaluation(name: str, options: object) -> Options:
    if not isinstance(options, Mapping | None):
        raise ValueError(f"{name} of evaluation must be a mapping of its options, got {options!r}.")
    if name == DEFAULT:  # which these are depends on the data
        return {}
    return part("evaluation", evaluation, name, options or {}).options


def _named(section: str, written: object) -> Values:
    """{name: options}: from a name, "a+b", "none", or a mapping of such."""
    if isinstance(written, str):
        return {} if written == "none" else {name.strip(): {} for name in written.split("+")}
    if not isinstance(written, Mapping):
        raise ValueError(f"{section} of a recipe must be a mapping of its options, got {written!r}.")
    return {str(name): options for name, options in written.items()}


def _unfolded(named: Values) -> Values:
    """The names of pipelines become their views, in their place; options of one of these views go over the pipeline's."""
    found: dict[str, Any] = {}
    for name, options in named.items():
        if name in views.PIPELINES and not options:
            found |= {view: {**preset, **(found.get(view) or {})} for view, preset in views.pipeline(name).items()}
        else:
            found[name] = {**found[name], **options} if isinstance(options, Mapping) and name in found else options
    return found


def native(value: Any) -> Any:
    """Return NumPy's numbers and text as Python's own, all the way down; anything else as it is."""
    if isinstance(value, Mapping):
        return {key: native(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(native, value))
    return value.item() if isinstance(value, np.generic) else value
