"""Domains: where examples come from. One file each; the file name is the name. Sets known by name are in `sets`.

    data = open("digits")                       or a path to .npz, .csv, ..., a folder of images; arrays; a DataFrame
    parts = split(data, seed=0)                 rows that train, validate, test
    mean, std = scaling(data, parts.train)      (x - mean) / std is what an encoder sees
    more = open("new.csv", like=data.facts)     the same columns and classes again

`open` asks every domain whether it takes the source; a new domain is a new file.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from mixtrast import registry
from mixtrast.domains import sets
from mixtrast.domains._data import Data as Data
from mixtrast.domains._data import Domain as Domain
from mixtrast.domains._data import Task as Task
from mixtrast.domains._files import Files as Files
from mixtrast.domains._refuse import refuse as _refuse
from mixtrast.domains._scaling import grant as grant
from mixtrast.domains._scaling import scaling as scaling
from mixtrast.domains._sets import data_folders as data_folders
from mixtrast.domains._split import Split as Split
from mixtrast.domains._split import split as split
from mixtrast.domains._words import size_of as size_of

_room = sys.modules[__name__]


def get(name: str, **options: Any) -> Domain:
    """The domain of that name."""
    domain: Domain = registry.make(*_place(name), options)
    return domain


def find(name: str) -> type[Domain]:
    """The class of a name."""
    found: type[Domain] = registry.find(*_place(name))
    return found


def _place(name: str) -> tuple[ModuleType, str]:
    """The room and the file of a name; those of sets may have hyphens."""
    file = name.replace("-", "_")
    return (sets, file) if file in registry.names(sets) else (_room, name)


def names() -> list[str]:
    """Of all domains: kinds of sources, and sets."""
    return sorted([*registry.names(_room), *(file.replace("_", "-") for file in registry.names(sets))])


def open(source: Any, *, test: Any = None, like: dict[str, Any] | None = None, **options: Any) -> Data:  # noqa: A001
    """Reads a source with the domain that takes it.

    Args:
        source: a built-in name, a path, arrays, a DataFrame.
        test: a source of the same kind, whose rows are the test set.
        like: the `facts` of earlier data. When their domain takes the source, it is made with their options, and `options`
            on top; another domain is made with `options`. In both cases the same columns and classes come out, or an error.
        options: of that domain's constructor.

    Raises: ValueError, FileNotFoundError, or TypeError for an unknown option or kind of source, with a sentence.
    """
    name = _taker(source, like, options)
    if like is not None and like.get("domain") == name:
        options = {**like["options"], **options}
    return get(name, **options).load(source, test=test, like=like)


def _taker(source: Any, like: dict[str, Any] | None, options: dict[str, Any]) -> str:
    """The domain that takes the source: a set of that name; one that an option chooses; that of `like`; the first that can."""
    kinds: dict[str, type[Domain]] = {name: find(name) for name in names()}
    room = sorted(kinds, key=lambda name: (not kinds[name].built_in, not kinds[name].first))
    for name in room:
        if kinds[name].built_in and kinds[name].takes(source):  # though there may be a folder that is called so
            return name
    for name in room:
        if any(options.get(option) not in (None, ()) for option in kinds[name].asked) and kinds[name].reads(source):
            return name
    before = None if like is None else like.get("domain")
    if before in kinds and kinds[before].reads(source):
        return str(before)
    for name in room:
        if kinds[name].takes(source):
            return name
    raise _refuse(source, [name for name in room if kinds[name].built_in])


def __getattr__(name: str) -> Any:
    try:
        return registry.attribute(sets, name)
    except AttributeError:
        return registry.attribute(_room, name)


def __dir__() -> list[str]:
    return [*globals(), *(find(name).__name__ for name in names())]
