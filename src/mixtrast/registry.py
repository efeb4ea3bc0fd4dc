"""The folder is the registry: the files of a package are its names, on the command line, in recipes and in Python.

A file defines one class named like itself, and may have named sizes of it: `SIZES = {"resnet8": {"blocks": ...}}`. The
keyword-only parameters of the class are its options, each with a default. One without a default is required, and comes from the
data: `classes`.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mixtrast.text import nearest

Preset = dict[str, Any]  # options that a named size stands for
PARTS = ("mixer",)  # parameters that are parts of a recipe themselves, and no options
Value = None | bool | int | float | str | Sequence["Value"] | Mapping[Any, "Value"]  # what YAML and JSON hold
Options = Mapping[str, Value]


def names(package: ModuleType) -> list[str]:
    """Return the names in a package, sorted: its files, without packages and those that begin with an underscore."""
    found = pkgutil.iter_modules(package.__path__)
    return sorted(module.name for module in found if not module.name.startswith("_") and not module.ispkg)


def sizes(package: ModuleType) -> dict[str, tuple[str, Preset]]:
    """Return the named sizes of all files: size -> (file, options)."""
    found = {}
    for file in names(package):
        for size, preset in getattr(importlib.import_module(f"{package.__name__}.{file}"), "SIZES", {}).items():
            found[size] = (file, dict(preset))
    return found


def resolve(package: ModuleType, name: str) -> tuple[type[Any], Preset]:
    """Return the class of a name, and the options that a named size stands for. Raises: ValueError with all names."""
    name, known = str(name), names(package)
    if name in known:
        return _class(package, name), {}
    found = sizes(package)
    if name in found:
        file, preset = found[name]
        return _class(package, file), preset
    every = [*known, *sorted(found)]
    kind = package.__name__.rpartition(".")[2]
    raise ValueError(f"there is no {name!r} in {kind}.{nearest(name, every)} There are: {', '.join(every)}.")


def find(package: ModuleType, name: str) -> type[Any]:
    """Return the class of a name: `cutmix` -> mixtrast.mixers.cutmix.CutMix."""
    return resolve(package, name)[0]


def options(kind: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the options of a class: the keyword-only parameters that have a default, without `PARTS`."""
    return {name: p for name, p in _keywords(kind).items() if p.default is not p.empty and name not in PARTS}


def required(kind: type[Any]) -> list[str]:
    """Return the keyword-only parameters that have no default: what only the data can say."""
    return [name for name, p in _keywords(kind).items() if p.default is p.empty]


def takes(kind: type[Any], part: str) -> bool:
    """Return whether a class takes such a part, one of `PARTS`."""
    return part in _keywords(kind)


def type_text(kind: type[Any], option: str) -> str:
    """Return the type of an option in words: "float | None", "'mlp', 'linear' or 'none'"."""
    annotation = get_type_hints(kind.__init__)[option]
    if get_origin(annotation) is Literal:
        *first, last = map(repr, get_args(annotation))
        return f"{', '.join(first)} or {last}" if first else last
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def make(package: ModuleType, name: str, chosen: Mapping[str, object], *parts: Any, **data: Any) -> Any:
    """Build an instance by name.

    Args:
        chosen: options.
        parts: positional arguments: what it is built on.
        data: what the data say; those that the class requires are passed on.

    Raises: TypeError that names all wrong options.
    """
    kind, preset = resolve(package, name)
    known = list(options(kind))
    if unknown := [option for option in chosen if option not in (*known, *(p for p in PARTS if takes(kind, p)))]:
        allowed = ", ".join(known) or "none"
        raise TypeError(f"{name} has no option {', '.join(unknown)}.{nearest(unknown, known)} Its options are: {allowed}.")
    needed = {key: data[key] for key in required(kind) if key in data}
    return kind(*parts, **needed, **(preset | dict(chosen)))


def summary(kind: type[Any]) -> str:
    """Return the first sentence of a class's docstring."""
    return (inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]).replace("\n", " ")


def exports(name: str) -> tuple[Callable[[], list[str]], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `names`, `__getattr__` and `__dir__` for a package of named classes: `mixers.names()`, `mixers.CutMix`."""
    package = sys.modules[name]

    def names_() -> list[str]:
        return names(package)

    def getattr_(attribute: str) -> Any:
        return _attribute(package, attribute)

    def dir_() -> list[str]:
        return [*vars(package), *(find(package, file).__name__ for file in names(package))]

    return names_, getattr_, dir_


def _keywords(kind: type[Any]) -> dict[str, inspect.Parameter]:
    return {name: p for name, p in inspect.signature(kind).parameters.items() if p.kind is p.KEYWORD_ONLY}


def _attribute(package: ModuleType, name: str) -> Any:
    """Return the class of that name, whose file has it in small letters, for a package's `__getattr__`."""
    for file in names(package):
        if file.replace("_", "") == name.lower():
            found = find(package, file)
            if found.__name__ == name:
                return found
    raise AttributeError(f"{package.__name__} has no {name!r}; its files are {', '.join(names(package))}")


def _class(package: ModuleType, file: str) -> type[Any]:
    module = importlib.import_module(f"{package.__name__}.{file}")
    wanted = file.replace("_", "")
    for attribute, value in vars(module).items():
        if attribute.lower() == wanted and isinstance(value, type):
            return value
    raise ImportError(f"{module.__name__} must define a class that is named like the file, in any capitals, got none.")
