"""Dataclasses from JSON and to JSON: `read` is tolerant of values, `unknown_keys` is strict about names."""

import dataclasses
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from mixtrast.text import nearest

if TYPE_CHECKING:
    Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
else:
    Json = object  # fields of this type take any value
T = TypeVar("T")
Migration = Callable[[Mapping[str, Json]], Mapping[str, Json]]


class _Absent:
    """No value of the wanted type."""


ABSENT = _Absent()
_KNOWN: dict[object, dict[str, object]] = {}  # type -> the types of its fields


def number(value: object) -> float | None:
    """A finite number as it is, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def mapping(value: object) -> Mapping[str, Json]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Json]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def read(kind: type[T], written: Mapping[str, Json]) -> T:
    """A dataclass from a mapping. A value that is missing or of another type leaves the default of its field."""
    fields = {field.name for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    values = {name: _value(hint, written[name]) for name, hint in _hints(kind).items() if name in fields and name in written}
    return kind(**{name: value for name, value in values.items() if value is not ABSENT})


def read_version(kind: type[T], written: Mapping[str, Json], newest: int, migrated: Migration, file: str) -> T:
    """A dataclass from the content of a file, whose key "version" says how to read it: 1 is migrated, and may have other keys.

    Raises: ValueError where the version is newer than `newest`, or a key is not known.
    """
    version, content = number(written.get("version")) or 1, {key: value for key, value in written.items() if key != "version"}
    if version == 1:
        return read(kind, migrated(content))
    if version != newest:
        raise ValueError(f"{file} has version {version:g}, but must have 1 or {newest}. Install a newer mixtrast.")
    if problems := list(unknown_keys(kind, content)):
        raise ValueError(f"{file}: {' '.join(problems)}")
    return read(kind, content)


def unknown_keys(kind: object, written: object, place: str = "") -> Iterator[str]:
    """A sentence for each key of `written` that is no field, at every level."""
    if isinstance(written, Mapping) and dataclasses.is_dataclass(kind) and not hasattr(kind, "from_json"):
        known = _hints(kind)
        for key, value in written.items():
            if key in known:
                yield from unknown_keys(known[key], value, f"{place}{key}.")
            else:
                yield f"{place}{key} is not known.{nearest(str(key), known)}"
    elif isinstance(written, Mapping) and get_origin(kind) is dict:
        for key, value in written.items():
            yield from unknown_keys(get_args(kind)[1], value, f"{place}{key}.")
    elif isinstance(written, list) and get_origin(kind) is tuple:
        for at, value in enumerate(written):
            yield from unknown_keys(get_args(kind)[0], value, f"{place}{at}.")


def write(record: object) -> Json:
    """JSON of a record: fields that are None or not finite are null, and a `to_json` of its own goes first."""
    if hasattr(record, "to_json"):
        return plain(record.to_json())
    if dataclasses.is_dataclass(record):
        return {field.name: write(getattr(record, field.name)) for field in dataclasses.fields(record) if field.compare}
    if isinstance(record, Mapping):
        return {str(key): write(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [write(value) for value in record]
    return plain(record)


def plain(value: object) -> Json:
    """Without NaN and infinity, which JSON does not have."""
    if isinstance(value, Mapping | list | tuple):
        return write(value)
    return None if isinstance(value, float) and not math.isfinite(value) else cast("Json", value)


def _hints(kind: object) -> dict[str, object]:
    if kind not in _KNOWN:
        _KNOWN[kind] = get_type_hints(kind)
    return _KNOWN[kind]


def _value(hint: object, written: object) -> object:
    """`written` as a value of the type `hint`, or ABSENT."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and type(None) in inner and len(inner) == 2:
        return None if written is None else _value(inner[0], written)
    if origin is tuple:
        return _tuple(inner[0], written if isinstance(written, list | tuple) else ())
    if origin is dict:
        found = {str(key): _value(inner[1], each) for key, each in mapping(written).items()}
        return {key: value for key, value in found.items() if value is not ABSENT}
    if hasattr(hint, "from_json"):
        return hint.from_json(written) if isinstance(written, Mapping) else ABSENT
    if dataclasses.is_dataclass(hint):
        return read(cast("type", hint), mapping(written))
    return _simple(hint, written)


def _tuple(hint: object, written: Sequence[object]) -> tuple[object, ...]:
    """Numbers keep their places: what is no number is NaN, and of whole numbers all or none are there."""
    values = [_value(hint, each) for each in written]
    if hint is float:
        return tuple(math.nan if value is ABSENT else value for value in values)
    if hint is int and ABSENT in values:
        return ()
    return tuple(value for value in values if value is not ABSENT)


def _simple(hint: object, written: object) -> object:
    if hint is str:
        return ABSENT if written is None or isinstance(written, list | tuple | Mapping) else str(written).strip()
    if hint is bool:
        return written if isinstance(written, bool) else ABSENT
    if hint in (int, float):
        found = number(written)
        return ABSENT if found is None else int(found) if hint is int else found
    return written
