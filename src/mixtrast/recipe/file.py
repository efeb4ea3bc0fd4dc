"""A recipe on disk, and what two of them differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mixtrast import whole
from mixtrast.recipe.check import SECTIONS


def read(path: Path) -> dict[str, Any]:
    """A recipe from a YAML file, unchecked. Raises ValueError where it is none."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotFoundError(f"the recipe {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"the recipe {path} is not YAML: it is no UTF-8 text.") from error
    try:
        if (name := _twice(yaml.compose(text, yaml.SafeLoader))) is not None:
            raise ValueError(f"the recipe {path} has {name}. Leave one out.")
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the recipe {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(loaded, dict):
        raise ValueError(f"the recipe {path} must be a mapping of {', '.join(SECTIONS)}, got {type(loaded).__name__}.")
    return loaded


def _twice(node: Any) -> str | None:
    """The first name that a mapping has twice, and where: YAML would take the last, and one of two cells of a grid be lost."""
    import yaml

    todo, done = [node], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in done:
            continue
        done.add(id(node))
        if isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                todo += [key, value]
                if not isinstance(key, yaml.ScalarNode):
                    continue
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    return f"{key.value!r} twice, in lines {lines[key.tag, key.value]} and {line}"
                lines[key.tag, key.value] = line
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
    return None


def portable(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run's recipe what was asked for: what was decided for its data (`why` says what) is decided anew for others."""
    kept = {key: dict(part) if isinstance(part, Mapping) else part for key, part in found.items() if key in SECTIONS}
    for key in found.get("why") or ():
        section, _, option = str(key).partition(".")
        if not option:
            kept.pop(section, None)
        elif isinstance(kept.get(section), dict):
            kept[section].pop(option, None)
    if isinstance(kept.get("data"), dict):
        kept["data"].pop("fingerprint", None)
    return kept


def merge(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given goes over what is in the base.

    The data and the training option by option (`steps` unsets `epochs`, and the other way); method, mixer and encoder too,
    while the name is the same: another name takes none of the other's options, and another method brings its own mixer.
    Views and evaluations are replaced as a whole.
    """
    merged, given = ({key: _named(key, part) for key, part in layer.items() if part is not None} for layer in (base, given))
    method = _name(merged.get("method"))
    if method is not None and _name(given.get("method")) not in (None, method):
        merged.pop("mixer", None)
    for key, value in given.items():
        before = merged.get(key)
        if not isinstance(before, Mapping) or not isinstance(value, Mapping) or key in ("views", "evaluation"):
            merged[key] = value
        elif key in ("data", "training"):
            other = {"steps": "epochs", "epochs": "steps"}
            unset = {other[option]: None for option in value if option in other and value[option] is not None}
            merged[key] = {**before, **(unset if key == "training" else {}), **value}
        else:
            same = _name(value) is None or _name(before) in (None, _name(value))
            merged[key] = {**before, **value} if same else value
    return merged


def _named(section: str, part: Any) -> Any:
    return {"name": part} if section in ("method", "mixer", "encoder") and isinstance(part, str) else part


def _name(part: Any) -> Any:
    return part.get("name") if isinstance(part, Mapping) else None


def write(recipe: Mapping[str, Any], path: Path) -> None:
    """As YAML; the file is there whole or not at all."""
    import yaml

    text = yaml.safe_dump(_plain(recipe), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    whole.write(path, text.encode())


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What two recipes train differently in, "training.lr: 0.1 and 0.2"; how it is evaluated is left out."""
    first, second = (dict(_flat({k: _plain(r[k]) for k in SECTIONS if k in r and k != "evaluation"})) for r in (one, other))
    keys = [*first, *(key for key in second if key not in first)]
    pairs = ((k, first.get(k), second.get(k)) for k in keys)
    unlike = [(k, a, b) for k, a, b in pairs if a != b and not (a != a and b != b)]  # NaN, which `mask` fills in, is NaN
    return [f"{k}: {a!r} and {b!r}" for k, a, b in unlike]


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _plain(value: Any) -> Any:
    """Only what YAML has: mappings, lists, numbers, strings; anything else by its repr."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, str | bool | int | float) else repr(value)
