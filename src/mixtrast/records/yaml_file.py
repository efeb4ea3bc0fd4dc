"""YAML files: read with every key once, written atomically."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixtrast import atomic
from mixtrast.records._json import Json


def read(path: Path, what: str, content: str) -> dict[str, Json]:
    """Return the mapping in a YAML file; messages call it `what`, "the recipe", and say that it is a mapping of `content`.

    Raises: FileNotFoundError where it cannot be read; ValueError where it is no YAML, has a key twice or is no mapping.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotFoundError(f"{what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} {path} is not YAML: it is no UTF-8 text.") from error
    try:
        if (key := _repeated(yaml.compose(text, yaml.SafeLoader))) is not None:
            raise ValueError(f"{what} {path} has {key}. Leave one out.")
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{what} {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(loaded, dict):
        raise ValueError(f"{what} {path} must be a mapping of {content}, got {type(loaded).__name__}.")
    return loaded


def _repeated(node: Any) -> str | None:
    """The first key that a mapping has twice, with its lines: YAML would take the last, and one of two settings be lost."""
    import yaml

    todo, done = [node], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in done:
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                todo += [key, value]
                if not isinstance(key, yaml.ScalarNode):
                    continue
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    return f"{key.value!r} twice, in lines {lines[key.tag, key.value]} and {line}"
                lines[key.tag, key.value] = line
    return None


def write(values: Mapping[str, Json], path: Path) -> None:
    """Write a mapping as YAML, atomically."""
    import yaml

    text = yaml.safe_dump(plain(values), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    atomic.write(path, text.encode())


def plain(value: Any) -> Any:
    """Return only what YAML has: mappings, lists, numbers and text; anything else as its repr."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | bool | int | float) else repr(value)
