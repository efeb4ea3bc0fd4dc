"""The configurations of a comparison: from Python, or from --configuration, --vary and --grid, named by what differs.

Words and files hold flags of `mixtrast train` without their dashes: {"method": "imix", "mixer.alpha": "0.5"}. A grid file:

    common: {epochs: 30}                                         flags of all configurations
    plain:  {method: simclr}
    warm:   "--method simclr --method.temperature 0.8"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from mixtrast import recipe, run
from mixtrast.options import RUN, Values
from mixtrast.process import free_name
from mixtrast.recipe import Request
from mixtrast.studies.flags import Flags, flags_in_file, flags_in_text, values_in_text

T = TypeVar("T")
FOR_ALL = (*(option.name for option in RUN), "test", "seeds", "workers", "against")
_PLAIN = ("method", "mixer", "encoder")  # a value that says by itself what it is
_LONGEST = 100  # characters of a folder's name: 255 bytes are allowed, and numbers may follow


@dataclass(frozen=True)
class Grid:
    """Configurations by name, and everything that is wrong with them."""

    configurations: Mapping[str, Request] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, configurations: Mapping[str, Values], *common: Values) -> Grid:
        """The options of each configuration over common ones, later layers over earlier ones.

        >>> found = Grid.of({"a": {"method": "simclr"}}, {"method": "imix", "method.temperature": 0.1, "epochs": 5})
        >>> found.configurations["a"].method, found.configurations["a"].training
        (Part(name='simclr', options={}), {'epochs': 5})
        """
        _, wrong = _each([("all configurations", partial(_request, common))])
        shared = () if wrong else common
        found, problems = _each((name, partial(_request, (*shared, own))) for name, own in configurations.items())
        return cls(dict(found), (*wrong, *problems))

    @classmethod
    def read(
        cls, texts: Sequence[str] = (), vary: Sequence[str] = (), file: Path | None = None, common: Values | None = None
    ) -> Grid:
        """Read configurations from a command line.

        Args:
            texts: flags of one configuration each, "--method simclr --lr 0.1".
            vary: a flag and its values, "mixer.alpha=0.2,0.5": all configurations get each combination of them.
            file: a grid file. Raises: ValueError where it cannot be read.
            common: options of all configurations.
        """
        listed, problems = _each((f"--configuration {text!r}", partial(flags_in_text, text)) for text in texts)
        written, more = _each([] if file is None else flags_in_file(file).items())
        varied, wrong = _each(("--vary", partial(values_in_text, text)) for text in vary)
        in_file = dict(written)
        layers = (common or {}, in_file.pop("common", {}))
        configurations: list[tuple[str, Flags]] = [("", flags) for _, flags in listed]
        configurations += in_file.items()
        if configurations or varied:
            values = dict(values for _, values in varied)
            configurations = [one for each in configurations or [("", {})] for one in multiplied(each, values)]
        found = cls.of(named(configurations), *layers)
        return cls(found.configurations, (*problems, *more, *wrong, *found.problems))


def _each(readers: Iterable[tuple[str, Callable[[], T]]]) -> tuple[list[tuple[str, T]], list[str]]:
    """What every reader returns, by its name, and the problems of those that fail."""
    found, problems = [], []
    for name, reader in readers:
        try:
            found.append((name, reader()))
        except ValueError as error:
            problems += [f"{name}: {problem}" for problem in getattr(error, "problems", [str(error)])]
    return found, problems


def _request(layers: Sequence[Values]) -> Request:
    """Raises: ValueError, RecipeError."""
    request, values = Request(), dict[str, Any]()
    for layer in layers:
        own = {name.replace("-", "_"): value for name, value in layer.items() if value is not None}
        if wrong := [name for name in own if name in FOR_ALL]:
            raise ValueError(f"{wrong[0]} is the same for all configurations. Name it once, outside of them.")
        own = _with_lists(values, own)
        request = recipe.merge(request, recipe.check(recipe.sections(own), request))
        values |= own
    parts = (request.mixer, request.encoder, *(request.views or {}).values())
    if built := [type(part.instance).__name__ for part in parts if part is not None and part.instance is not None]:
        raise ValueError(f"{built[0]} is an object, but each run is a process of its own. Use a name and options.")
    return request


def _with_lists(common: Values, own: dict[str, Any]) -> dict[str, Any]:
    """Own options with the common ones of views and evaluations that stay: they are named together or not at all."""
    found = dict(own)
    for section in ("views", "evaluation"):
        options = {name: value for name, value in common.items() if name.startswith(f"{section}.")}
        if section in own:
            named = run.views_section(own[section])
            names = [name.strip() for name in named.split("+")] if isinstance(named, str) else named
            stay = {name: value for name, value in options.items() if name.split(".")[1] in names}
            found = {**stay, **found, section: named}
        elif any(name.startswith(f"{section}.") for name in own):
            found = {**({section: common[section]} if section in common else {}), **options, **found}
    return found


def multiplied(configuration: tuple[str, Flags], values: Mapping[str, Sequence[str]]) -> list[tuple[str, Flags]]:
    """A configuration with every combination of the varied values, under its own name.

    >>> multiplied(("", {"lr": "1"}), {"method": ["imix", "simclr"]})
    [('', {'lr': '1', 'method': 'imix'}), ('', {'lr': '1', 'method': 'simclr'})]
    """
    name, flags = configuration
    return [(name, {**flags, **dict(zip(values, chosen, strict=True))}) for chosen in product(*values.values())]


def named(configurations: Sequence[tuple[str, Flags]]) -> dict[str, Flags]:
    """Configurations by names made of what differs, in the order given; one with a name of its own keeps it.

    >>> list(named([("", {"method": "simclr"}), ("", {"method": "supervised", "mixer": "mixup"})]))
    ['simclr', 'supervised mixup']
    >>> list(named([("", {"method": "imix", "mixer.alpha": a}) for a in ("0.2", "0.5")]))
    ['mixer.alpha=0.2', 'mixer.alpha=0.5']
    """
    keys = list(dict.fromkeys(key for _, flags in configurations for key in flags))
    differ = _differing(keys, configurations) or keys  # one configuration, or all are the same
    found: dict[str, Flags] = {}
    for name, flags in configurations:
        same_name = [each for each in configurations if each[0] == name]
        said = differ if not name else _differing(list(flags), same_name)  # one that was multiplied: what was varied
        words = [name, *(str(flags[key]) if key in _PLAIN else f"{key}={flags[key]}" for key in said if key in flags)]
        full = " ".join(word for word in words if word) or "default"
        found[free_name(full, found.__contains__, "{} ({})")] = flags
    return found


def _differing(keys: Sequence[str], configurations: Sequence[tuple[str, Flags]]) -> list[str]:
    return [key for key in keys if len({str(flags.get(key)) for _, flags in configurations}) > 1]


def folders(names: Sequence[str]) -> dict[str, str]:
    """Name -> a folder's name: letters, digits and a few signs, short enough, and different where capitals do not count.

    >>> folders(["supervised mixup", "a/b", "A b", "a b"])
    {'supervised mixup': 'supervised-mixup', 'a/b': 'a-b', 'A b': 'A-b-2', 'a b': 'a-b-3'}
    """
    made: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^\w.=+,]+", "-", name, flags=re.ASCII)[:_LONGEST].strip("-.") or "configuration"
        taken = {folder.lower() for folder in made.values()}
        made[name] = free_name(stem, lambda folder: folder.lower() in taken)  # noqa: B023 - called at once
    return made
