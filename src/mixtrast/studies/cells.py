"""Cells of a grid: what differs between them, all combinations, and names that say it.

A cell is a mapping of train's flags without their dashes: {"method": "imix", "mixer.alpha": "0.5"}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

Flags = Mapping[str, str]
_BARE = ("method", "mixer", "encoder")  # a value that says by itself what it is
_LONGEST = 100  # characters of a folder's name: 255 bytes are allowed, and numbers may follow


def values(text: str) -> list[str]:
    """The values of --vary, between commas that stand in no bracket.

    >>> values("0.2,0.5, 1"), values("[64,64],[128]")
    (['0.2', '0.5', '1'], ['[64,64]', '[128]'])
    """
    return [value.strip() for value in re.split(r",(?![^\[\(]*[\]\)])", text)]


def multiplied(cells: Mapping[str, Flags], vary: Mapping[str, Sequence[str]]) -> list[tuple[str, dict[str, str]]]:
    """Each cell with every combination of the varied values: (name as given, flags). Without cells, the combinations alone.

    >>> multiplied({}, {"method": ["imix", "simclr"], "lr": ["1", "2"]})[1]
    ('', {'method': 'imix', 'lr': '2'})
    """
    combinations = [dict(zip(vary, chosen, strict=True)) for chosen in product(*vary.values())]
    return [(name, {**flags, **chosen}) for name, flags in (cells or {"": {}}).items() for chosen in combinations]


def named(cells: Sequence[tuple[str, Flags]]) -> dict[str, dict[str, str]]:
    """Cells by names made of what differs, in the order given; a cell with a name of its own keeps it.

    >>> list(named([("", {"method": "simclr"}), ("", {"method": "supervised", "mixer": "mixup"})]))
    ['simclr', 'supervised mixup']
    >>> list(named([("", {"method": "imix", "mixer.alpha": a}) for a in ("0.2", "0.5")]))
    ['mixer.alpha=0.2', 'mixer.alpha=0.5']
    """
    keys = list(dict.fromkeys(key for _, flags in cells for key in flags))
    differ = [key for key in keys if len({flags.get(key) for _, flags in cells}) > 1]
    differ = differ or keys  # one cell, or cells that are all the same
    found: dict[str, dict[str, str]] = {}
    own = [name for name, _ in cells]
    for name, flags in cells:
        told = differ if not name else []
        if name and own.count(name) > 1:  # a cell of its own name that was multiplied: what was varied tells them apart
            alike = [other for called, other in cells if called == name]
            told = [key for key in flags if len({other.get(key) for other in alike}) > 1]
        words = [name, *(flags[key] if key in _BARE else f"{key}={flags[key]}" for key in told if key in flags)]
        full = " ".join(word for word in words if word) or "default"
        found[_free(full, found)] = dict(flags)
    return found


def folders(names: Sequence[str]) -> dict[str, str]:
    """Name -> a folder's name: letters, digits and a few signs, short enough, and told apart where capitals are not.

    >>> folders(["supervised mixup", "a/b", "A b", "a b"])
    {'supervised mixup': 'supervised-mixup', 'a/b': 'a-b', 'A b': 'A-b-2', 'a b': 'a-b-3'}
    """
    made: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^\w.=+,]+", "-", name, flags=re.ASCII)[:_LONGEST].strip("-.") or "cell"
        taken = {folder.lower() for folder in made.values()}
        tries = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(names) + 2))
        made[name] = next(folder for folder in tries if folder.lower() not in taken)
    return made


def _free(name: str, taken: Mapping[str, object]) -> str:
    tries = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(each for each in tries if each not in taken)
