"""The folder is the registry: the files of a room are its names, on the command line, in recipes and in Python.

A file defines one class called like itself, and may offer named sizes beside its name: `SIZES = {"resnet8": {"blocks": ...}}`.
The keyword-only parameters of the class are its options; what only the data can say is in its `FROM_DATA`, and is no option.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints


def names(room: ModuleType) -> list[str]:
    """The names in a room, sorted: its files, but for those that begin with an underscore or are rooms themselves."""
    found = pkgutil.iter_modules(room.__path__)
    return sorted(module.name for module in found if not module.name.startswith("_") and not module.ispkg)


def sizes(room: ModuleType) -> dict[str, tuple[str, dict[str, Any]]]:
    """Named sizes -> (file, options)."""
    found = {}
    for file in names(room):
        for size, preset in getattr(importlib.import_module(f"{room.__name__}.{file}"), "SIZES", {}).items():
            found[size] = (file, dict(preset))
    return found


def resolve(room: ModuleType, name: str) -> tuple[type[Any], dict[str, Any]]:
    """The class behind a name, and the options that the name stands for. An unknown name is an error that lists the room."""
    name, known = str(name), names(room)
    if name in known:
        return _class(room, name), {}
    small = sizes(room)
    if name in small:
        file, preset = small[name]
        return _class(room, file), preset
    kind = room.__name__.rpartition(".")[2]
    every = [*known, *sorted(small)]
    raise ValueError(f"there is no {name!r} in {kind}.{near([name], every)} There are: {', '.join(every)}.")


def find(room: ModuleType, name: str) -> type[Any]:
    """The class of a name: `cutmix` -> mixtrast.mixers.cutmix.CutMix."""
    return resolve(room, name)[0]


def options(kind: type[Any]) -> dict[str, inspect.Parameter]:
    """What can be configured: the keyword-only parameters of the constructor, by name."""
    facts = getattr(kind, "FROM_DATA", ())
    parameters = inspect.signature(kind).parameters
    return {k: p for k, p in parameters.items() if p.kind is p.KEYWORD_ONLY and k not in facts}


def hint(kind: type[Any], option: str) -> str:
    """The type of an option, for people: "float | None", "'mlp', 'linear' or 'none'"."""
    annotation = get_type_hints(kind.__init__)[option]
    if get_origin(annotation) is Literal:
        *first, last = map(repr, get_args(annotation))
        return f"{', '.join(first)} or {last}" if first else last
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def make(room: ModuleType, name: str, given: dict[str, Any], *parts: Any, **facts: Any) -> Any:
    """An instance by name: `parts` are what it is built on, `facts` what the data say, as far as it asks for them.

    All wrong options are named at once.
    """
    kind, preset = resolve(room, name)
    known = list(options(kind))
    unknown = [option for option in given if option not in known]
    if unknown:
        allowed = ", ".join(known) or "none"
        raise TypeError(f"{name} has no option {', '.join(unknown)}.{near(unknown, known)} Its options are: {allowed}.")
    asked = {fact: value for fact, value in facts.items() if fact in getattr(kind, "FROM_DATA", ())}
    return kind(*parts, **asked, **(preset | given))


def near(wrong: Iterable[str], known: Iterable[str]) -> str:
    """ " Did you mean 'x'?" for the names that come nearest, or nothing."""
    known = list(known)
    matches = [match for name in wrong for match in difflib.get_close_matches(name, known, 1)]
    return f" Did you mean {', '.join(map(repr, matches))}?" if matches else ""


def summary(kind: type[Any]) -> str:
    """The first sentence of its docstring."""
    return (inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]).replace("\n", " ")


def attribute(room: ModuleType, name: str) -> Any:
    """`room.CutMix`, for a room's __getattr__: the class whose file has that name in small letters."""
    for file in names(room):
        if file.replace("_", "") == name.lower():
            found = find(room, file)
            if found.__name__ == name:
                return found
    raise AttributeError(f"{room.__name__} has no {name!r}; its files are {', '.join(names(room))}")


def _class(room: ModuleType, file: str) -> type[Any]:
    module = importlib.import_module(f"{room.__name__}.{file}")
    wanted = file.replace("_", "")
    for attribute_name, value in vars(module).items():
        if attribute_name.lower() == wanted and isinstance(value, type):
            return value
    raise ImportError(f"{module.__name__} must define a class that is called like the file, in any capitals, got none.")
