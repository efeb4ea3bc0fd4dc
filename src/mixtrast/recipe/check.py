"""The check of a recipe: names, options and types, against the rooms and their signatures; all problems at once."""

from __future__ import annotations

import contextlib
import functools
import io
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from mixtrast import domains, encoders, methods, mixers, registry, views
from mixtrast.encoders import Encoder
from mixtrast.mixers import Mixer, OneOf
from mixtrast.recipe.training import Training
from mixtrast.spec import Series
from mixtrast.views import View

USUAL = "usual"  # of evaluations: all that suit the data
SECTIONS = ("data", "method", "mixer", "encoder", "views", "training", "evaluation", "seed")
BESIDE = ("source", "test", "domain", "labels", "examples", "fingerprint")  # of the data section, what is no option of a domain
_KEPT = ("why", "versions")  # written into a run's recipe beside the sections, and passed over when it is read


class RecipeError(ValueError):
    """Everything that is wrong with a recipe, one problem a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "" if len(problems) == 1 else f"{len(problems)} problems:\n"
        super().__init__(count + "\n".join(f"- {p}" if count else p for p in problems))


def check(given: Mapping[str, Any], evaluations: ModuleType) -> dict[str, Any]:
    """The recipe as given, in the types of the signatures. Nothing is decided yet.

    Args:
        given: sections; a part may be its bare name ("imix"), views a name, "a+b", "none", or a mapping.
        evaluations: the room that `evaluation` names.

    Raises: RecipeError with all problems: unknown sections, names and options (nearest named), wrong types, values that the
        constructors refuse.
    """
    problems: list[str] = []
    given = native(given)
    for key in given:
        if key not in (*SECTIONS, *_KEPT):
            problems.append(f"a recipe has no section {key!r}.{registry.near([key], SECTIONS)} It has: {', '.join(SECTIONS)}.")
    found: dict[str, Any] = {key: given[key] for key in SECTIONS if given.get(key) is not None}
    data = _mapping(found.get("data", {}), "data", problems)
    options = {key: value for key, value in data.items() if key not in BESIDE and value is not None}
    found["data"] = {key: value for key, value in data.items() if key in BESIDE}
    for key in ("labels", "examples"):
        if isinstance(found["data"].get(key), str) and found["data"][key].isdigit():
            found["data"][key] = int(found["data"][key])
    found["data"] |= _of_domains(options, problems)
    for section, room in (("method", methods), ("encoder", encoders), ("mixer", mixers)):
        if section in found and not isinstance(found[section], str | Mapping):
            if not isinstance(found[section], _own(section)):
                problems.append(f"{section} of a recipe must be a name or a mapping of its options, got {found[section]!r}.")
            continue
        if section in found:
            found[section] = part(section, room, found[section], problems)
    if "views" in found:
        found["views"] = _several("views", views, found["views"], problems)
    if "evaluation" in found:
        found["evaluation"] = _several("evaluation", evaluations, found["evaluation"], problems)
    options = _typed("training", Training, _mapping(found.get("training", {}), "training", problems), problems)
    _attempt("training", lambda: Training(**options), problems)
    found["training"] = options
    seed = found.setdefault("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        problems.append(f"`seed` must be a whole number, 0 or more, got {seed!r}.")
    if problems:
        raise RecipeError(problems)
    return found


def _own(section: str) -> tuple[type, ...]:
    """What of the user's own may stand for a part."""
    import torch

    kinds: dict[str, tuple[type, ...]] = {"mixer": (Mixer, OneOf), "encoder": (torch.nn.Module,), "views": (View,)}
    return kinds.get(section, ())


def part(section: str, room: ModuleType, value: Any, problems: list[str]) -> dict[str, Any]:
    """{"name": ..., options in their types}; a mapping without a name is kept for the default part to take."""
    value = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = value.pop("name", None)
    if name is None:
        return dict(value)
    if name == "own":
        problems.append(f"{section} was an object of your own, {value.get('made')}. Give it again: {section}=...")
        return {"name": name}
    try:
        parts = str(name).split("+") if section == "mixer" else [name]
        kinds = [registry.find(room, one.strip()) for one in parts]
    except ValueError as error:
        problems.append(f"{section}: {error}")
        return {"name": name}
    before = len(problems)
    typed: dict[str, Any] = {}
    for kind in kinds:
        typed = _typed(section, kind, value, problems, name)
    if len(problems) == before:
        _attempt(section, _maker(section, room, name, typed), problems)
    return {"name": name, **typed}


def _of_domains(options: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Options of the data, each in the type of a domain that has it: which one reads the data is not known yet."""
    kinds = [domains.find(name) for name in domains.names()]
    typed: dict[str, Any] = {}
    unknown = {}
    for option, value in options.items():
        kind = next((kind for kind in kinds if option in registry.options(kind)), None)
        if kind is None:
            unknown[option] = value
        else:
            typed |= _typed("data", kind, {option: value}, problems)
    if unknown:
        every = list(dict.fromkeys(option for kind in kinds for option in registry.options(kind)))
        for option in unknown:
            allowed = ", ".join(every)
            problems.append(f"data has no option {option!r}.{registry.near([option], every)} Its options are: {allowed}.")
    return typed


def _several(section: str, room: ModuleType, value: Any, problems: list[str]) -> dict[str, Any]:
    """{name: options}: from a name, "a+b", "none", or a mapping of such."""
    if isinstance(value, str):
        value = {} if value == "none" else {name.strip(): {} for name in value.split("+")}
    found: dict[str, Any] = {}
    for name, options in _unfolded(_mapping(value, section, problems)).items():
        if section == "evaluation" and name == USUAL:  # which these are, the data say
            found[name] = {}
            continue
        if not isinstance(options, Mapping | None):
            if not isinstance(options, _own(section)):
                problems.append(f"{name} of {section} must be a mapping of its options, got {options!r}.")
            found[name] = options
            continue
        one = part(section, room, {"name": name, **(options or {})}, problems)
        found[one.pop("name")] = one
    return found


def _unfolded(given: Mapping[str, Any]) -> dict[str, Any]:
    """The names of pipelines become their views, in their place; options given beside go first."""
    found: dict[str, Any] = {}
    for name, options in given.items():
        if name in views.PIPELINES and not options:
            found |= {view: {**preset, **(found.get(view) or {})} for view, preset in views.pipeline(name).items()}
        else:
            found[name] = {**found[name], **options} if isinstance(options, Mapping) and name in found else options
    return found


def _maker(section: str, room: ModuleType, name: str, options: dict[str, Any]) -> Callable[[], Any]:
    """Builds the part on stand-ins, to hear what its constructor says of the values."""
    if section == "mixer":
        return lambda: mixers.get(name, **options)
    if section == "encoder":
        kind, _ = registry.resolve(encoders, name)
        known = {key: value for key, value in options.items() if key not in kind.of_data}  # the data say what they may be
        return lambda: encoders.get(name, kind.tried, **known)
    if section == "method":
        shallow = {key: value for key, value in options.items() if key != "depth"}  # the real encoder knows its depths
        return lambda: methods.get(name, _stand_in(registry.find(methods, name)), classes=2, **shallow)
    return lambda: room.get(name, **options)


def _stand_in(method: type[Any]) -> Encoder:
    """The smallest encoder that such a method stands on."""
    import torch

    if method.of_tokens:
        return encoders.get("transformer", Series(1, 4), dim=4, layers=1, heads=1)
    return Encoder([torch.nn.Identity()], 4)


def _attempt(section: str, make: Callable[[], Any], problems: list[str]) -> None:
    import torch

    try:
        with torch.device("meta"):  # no memory, no time, and no random number drawn
            make()
    except (ValueError, TypeError) as error:
        problems.append(f"{section}: {error}")


def _typed(
    section: str, kind: type[Any], given: Mapping[str, Any], problems: list[str], name: str | None = None
) -> dict[str, Any]:
    """Options in the types that the signature says; strings from a command line become numbers where numbers are wanted."""
    known = [option for option in registry.options(kind) if option != "mixer"]
    wrong = [option for option in given if option not in known]
    who = f"{section} {name}" if name else section
    for option in wrong:
        allowed = ", ".join(known) or "none"
        problems.append(f"{who} has no option {option!r}.{registry.near([option], known)} Its options are: {allowed}.")
    typed = {}
    for option in [option for option in given if option in known]:
        try:
            typed[option] = _in_type(kind, option, given[option])
        except ValueError as error:
            problems.append(f"{who}: {error}")
    return typed


def _in_type(kind: type[Any], option: str, value: Any) -> Any:
    from jsonargparse import ArgumentError

    if isinstance(value, str) and _is_name(kind, option) and not value.startswith("["):
        return value  # a column may be called "#1" or "null", which YAML takes for nothing
    parser = _parser(kind, option)  # type: ignore[arg-type]  # classes have hashes
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            try:
                return parser.parse_object({option: value})[option]
            except (ArgumentError, ValueError, TypeError, KeyError):
                if isinstance(value, Mapping | list | tuple):
                    raise
                return parser.parse_object({option: f"[{value}]"})[option]  # one number where several may stand
        except (ArgumentError, ValueError, TypeError, KeyError) as error:
            default = registry.options(kind)[option].default
            raise ValueError(
                f"`{option}` must be {registry.hint(kind, option)}, got {value!r}. Its default is {default!r}."
            ) from error


@functools.lru_cache(maxsize=1024)
def _parser(kind: type[Any], option: str) -> Any:
    """Of one option; a comparison asks for the same ones in every cell."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skip = {name for name in _parameters(kind) if name != option}
        parser.add_class_arguments(kind, None, skip=skip, fail_untyped=False)
    return parser


def _is_name(kind: type[Any], option: str) -> bool:
    """Whether any text is a value of it."""
    wanted = typing.get_type_hints(kind.__init__).get(option)
    return str in (typing.get_args(wanted) or (wanted,))


def _parameters(kind: type[Any]) -> Iterator[str]:
    import inspect

    yield from inspect.signature(kind).parameters


def _mapping(value: Any, section: str, problems: list[str]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    problems.append(f"{section} of a recipe must be a mapping of its options, got {value!r}.")
    return {}


def native(value: Any) -> Any:
    """NumPy's numbers and strings as Python's own, all the way down; what is neither is left as it is."""
    if isinstance(value, Mapping):
        return {key: native(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(native, value))
    return value.item() if isinstance(value, np.generic) else value
