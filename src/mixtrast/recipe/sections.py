"""Options by name become sections of a recipe: {"method": "imix", "method.temperature": 0.1, "lr": 0.01}."""

from collections.abc import Iterator, Mapping
from typing import Any

from mixtrast import views
from mixtrast.options import PARTS, SETTINGS, Values
from mixtrast.recipe.errors import RecipeError
from mixtrast.recipe.recipe import DEFAULT
from mixtrast.text import nearest

_SECTION = {option.name: option.section for option in SETTINGS} | {"seed": "seed"}
_MORE = {"training": "training", "options": "data"}  # mappings of the options that have no keyword of their own
_SEVERAL = ("views", "evaluation")  # several names, each with options


def sections(values: Values) -> dict[str, Any]:
    """Return the sections of a recipe that hold these options.

    Args:
        values: options of `mt.train` by name; None is left out. `training` and `options` are mappings of further ones.

    Raises: RecipeError with all options that there are not, and options of views that are not chosen.

    >>> sections({"method": "imix", "method.temperature": 0.1, "lr": 0.01})
    {'method': {'name': 'imix', 'temperature': 0.1}, 'training': {'lr': 0.01}}
    """
    chosen = {name: value for name, value in values.items() if value is not None}
    if problems := list(_unknown(chosen)):
        raise RecipeError(problems)
    found: dict[str, Any] = {}
    for name, value in chosen.items():
        if name in _MORE:
            found.setdefault(_MORE[name], {}).update(value)
        elif _SECTION.get(name) in ("data", "training"):
            found.setdefault(_SECTION[name], {})[name] = value
        elif "." not in name:
            found[name] = _mapping(name, value) if isinstance(value, str) else value
    for name, value in chosen.items():
        if "." in name:
            part, *path = name.split(".")
            inner = _mapping(part, found.get(part))
            if part == "views" and path[0] not in _views(inner):
                problems.append(f"--{name} is an option of a view; name the views too, as in --views mask+noise.")
            found[part] = _put(inner, path, value)
    if problems:
        raise RecipeError(problems)
    return found


def _unknown(values: Values) -> Iterator[str]:
    known = (*_SECTION, *_MORE)
    for name in values:
        first, dot, rest = name.partition(".")
        if dot and (first not in PARTS or not rest):
            yield f"there is no option {name!r}.{nearest(first, PARTS)} Options with a dot are those of {', '.join(PARTS)}."
        elif not dot and name not in known:
            yield f"there is no option {name!r}.{nearest(name, known)} There are: {', '.join(known)}."


def _mapping(part: str, value: Any) -> Values:
    """A part, by its bare name or a mapping, as a mapping to which options can be added."""
    if isinstance(value, Mapping):
        return dict(value)
    if part not in _SEVERAL:
        return {} if value is None else {"name": value}
    if value is None:
        return {DEFAULT: {}} if part == "evaluation" else {}  # options alone leave out no evaluation
    return {} if value == "none" else {name.strip(): {} for name in str(value).split("+")}


def _views(chosen: Values) -> set[str]:
    """The views that are chosen, and those of the pipelines among them."""
    return {view for name in chosen for view in (name, *views.PIPELINES.get(name, ()))}


def _put(found: Values, path: list[str], value: Any) -> Values:
    first, *rest = path
    inner = found.get(first)
    return {**found, first: _put(dict(inner) if isinstance(inner, Mapping) else {}, rest, value) if rest else value}
