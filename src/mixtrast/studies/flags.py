"""Flags of a configuration, in a text or in a grid file: name -> value, without dashes."""

import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mixtrast.options import SETTINGS
from mixtrast.records import yaml_file

Flags = Mapping[str, str | list[str]]
SEVERAL = tuple(option.flag[2:] for option in SETTINGS if option.many)
SWITCHES = tuple(option.flag[2:] for option in SETTINGS if option.switch)


def flags_in_text(text: str) -> Flags:
    """Read a text of flags.

    >>> flags_in_text("--method imix --lr=0.1 --encoder.widths 8,8 --drop a b")
    {'method': 'imix', 'lr': '0.1', 'encoder.widths': '8,8', 'drop': ['a', 'b']}

    Raises: ValueError.
    """
    words: dict[str, list[str]] = {}
    name = ""
    try:
        split = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{str(error).lower()}.") from error
    for word in split:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in SWITCHES:
                raise ValueError(f"--{name} is the same for all configurations. Put it outside of them.")
            words[name] = [value] if equals else []
        elif not name:
            raise ValueError(f"{word!r} is not understood. A configuration is flags of train: --method simclr --lr 0.1.")
        else:
            words[name].append(word)
    if empty := [name for name, values in words.items() if not any(values)]:
        raise ValueError(f"--{empty[0]} needs a value.")
    return {name: values if name in SEVERAL else " ".join(values) for name, values in words.items()}


def values_in_text(text: str) -> tuple[str, list[str]]:
    """Read a flag and its values, between commas that stand in no bracket.

    >>> values_in_text("encoder.widths=[64,64],[128]")
    ('encoder.widths', ['[64,64]', '[128]'])

    Raises: ValueError.
    """
    key, _, rest = text.lstrip("-").partition("=")
    values = [value.strip() for value in re.split(r",(?![^\[\(]*[\]\)])", rest)]
    if not all(values):
        raise ValueError(f"a flag and its values are needed, as in --vary method=simclr,imix, got {text!r}.")
    if len(set(values)) < len(values):
        raise ValueError(f"{key} has a value twice, got {rest!r}.")
    return key, values


def flags_in_file(path: Path) -> dict[str, Callable[[], Flags]]:
    """Read a grid file: a reader of each configuration, by name. Raises: ValueError where the file is none."""
    loaded: dict[str, Any] = dict(yaml_file.read(path, "the grid", "configurations by name"))
    return {str(name): partial(flags_in_text if isinstance(flags, str) else _flags, flags) for name, flags in loaded.items()}


def _flags(written: Any) -> Flags:
    """Flags from a mapping, as YAML has them."""
    if written is None:
        return {}
    if not isinstance(written, Mapping):
        raise ValueError(f"a configuration must be a mapping of flags, or a text of them, got {written!r}.")
    found: dict[str, str | list[str]] = {}
    for key, value in ((str(key).lstrip("-"), value) for key, value in written.items()):
        if key in SWITCHES:
            raise ValueError(f"--{key} is the same for all configurations. Put it on the command line.")
        if isinstance(value, Mapping) or value is None:
            raise ValueError(f"{key} needs a value, got {value!r}. Options of a part are flags: method.temperature: 0.1.")
        if isinstance(value, list):
            texts = [str(each) for each in value]
            found[key] = texts if key in SEVERAL else f"[{','.join(texts)}]"
        else:
            found[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
