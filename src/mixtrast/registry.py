"""The folder is the registry: the files of a room are its names, on the command line, in recipes and in Python."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any


def names(room: ModuleType) -> list[str]:
    """The names in a room, sorted: its files, but for those that begin with an underscore."""
    return sorted(module.name for module in pkgutil.iter_modules(room.__path__) if not module.name.startswith("_"))


def find(room: ModuleType, name: str) -> type[Any]:
    """The class of a file: `cutmix` -> mixtrast.mixers.cutmix.CutMix. An unknown name is an error that lists the room."""
    name, known = str(name), names(room)
    kind = room.__name__.rpartition(".")[2]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no {name!r} in {kind}.{hint} There are: {', '.join(known)}.")
    module = importlib.import_module(f"{room.__name__}.{name}")
    wanted = name.replace("_", "")
    for attribute, value in vars(module).items():
        if attribute.lower() == wanted and isinstance(value, type):
            return value
    raise ImportError(f"{module.__name__} must define a class that is called like the file, in any capitals, got none.")


def make(room: ModuleType, name: str, options: dict[str, Any]) -> Any:
    """An instance by name. The constructor's signature is what can be configured; all wrong options are named at once."""
    kind = find(room, name)
    known = list(inspect.signature(kind).parameters)
    unknown = [option for option in options if option not in known]
    if unknown:
        near = [match for option in unknown for match in difflib.get_close_matches(option, known, 1)]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise TypeError(f"{name} has no option {', '.join(unknown)}.{hint} Its options are: {', '.join(known) or 'none'}.")
    return kind(**options)


def attribute(room: ModuleType, name: str) -> Any:
    """`room.CutMix`, for a room's __getattr__: the class whose file has that name in small letters."""
    for file in names(room):
        if file.replace("_", "") == name.lower():
            found = find(room, file)
            if found.__name__ == name:
                return found
    raise AttributeError(f"{room.__name__} has no {name!r}; its files are {', '.join(names(room))}")
