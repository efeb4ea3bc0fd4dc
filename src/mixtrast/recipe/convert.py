"""Options in the types of a signature: words of a command line and values of YAML become what a constructor takes."""

import functools
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mixtrast import registry
from mixtrast.options import Values
from mixtrast.recipe.errors import RecipeError
from mixtrast.recipe.recipe import Value
from mixtrast.text import nearest

_WHOLE, _DECIMAL = re.compile(r"[+-]?\d+"), re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?\.(inf|nan)")
_NUMBERS = re.compile(r"[\d.eE+-]+(,[\d.eE+-]+)+")  # 64,64 is a list
_NAMES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None}


def typed(who: str, kind: type[Any], options: Values) -> dict[str, Value]:
    """Return the options of a class in the types of its signature.

    Args:
        who: what the messages call it: "method imix".

    Raises: RecipeError with all names that are unknown and all values of another type.
    """
    found, problems = converted(who, kind, options)
    if problems:
        raise RecipeError(problems)
    return found


def converted(who: str, kind: type[Any], options: Values) -> tuple[dict[str, Value], list[str]]:
    """Return the options that can be converted, and the problems of the others; arguments as of `typed`."""
    found, problems = dict[str, Value](), list[str]()
    for option, value in options.items():
        try:
            found[option] = _typed(who, kind, option, value)
        except ValueError as error:
            problems.append(str(error))
    return found, problems


def _typed(who: str, kind: type[Any], option: str, value: object) -> Any:
    known = registry.options(kind)
    if option not in known:
        allowed = ", ".join(known) or "none"
        raise ValueError(f"{who} has no option {option!r}.{nearest(option, known)} Its options are: {allowed}.")
    try:
        return convert(_hints(kind.__init__)[option], value)
    except ValueError as error:
        wanted, default = registry.type_text(kind, option), known[option].default
        raise ValueError(f"{who}: `{option}` must be {wanted}, got {value!r}. Its default is {default!r}.") from error


@functools.cache
def _hints(constructor: Callable[..., None]) -> dict[str, Any]:
    return get_type_hints(constructor)


def convert(hint: Any, value: object) -> Any:
    """Return the value as the type `hint`. Text is read as YAML would read it. Raises: ValueError where it is none."""
    origin: Any = get_origin(hint)
    inner = get_args(hint)
    if origin in (Union, types.UnionType):
        return _first(inner, value)
    if origin is Literal and isinstance(value, str) and value in inner:
        return value
    if origin in (tuple, dict) and isinstance(value, str) and value.startswith(("[", "{")):
        value = _parsed(value)
    if origin is tuple:
        return _tuple(inner, value)
    if origin is dict and isinstance(value, Mapping):
        return {convert(inner[0], key): convert(inner[1], each) for key, each in value.items()}
    return _scalar(hint, value)


def _first(hints: Sequence[Any], value: object) -> Any:
    """The value as the first type that takes it; "[a, b]" is a sequence before it is text."""
    if isinstance(value, str) and value.startswith("["):
        hints = sorted(hints, key=lambda hint: not str(hint).startswith("tuple"))
    for hint in hints:
        try:
            return convert(hint, value)
        except ValueError:
            continue
    raise ValueError


def _tuple(inner: tuple[Any, ...], value: object) -> tuple[Any, ...]:
    """One value is enough where there may be any number."""
    if isinstance(value, str) and inner[0] is not str and _NUMBERS.fullmatch(value):
        value = value.split(",")
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * len(values)
    if len(values) != len(inner):
        raise ValueError
    return tuple(convert(hint, each) for hint, each in zip(inner, values, strict=True))


def _parsed(text: str) -> object:
    """YAML whose scalars stay text: each is converted to its own type."""
    import yaml

    try:
        return yaml.load(text, yaml.BaseLoader)  # makes text, lists and mappings only
    except yaml.YAMLError as error:
        raise ValueError from error


def _scalar(hint: Any, value: object) -> Any:
    if hint is not str and isinstance(value, str):
        value = _number_or_name(value)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise ValueError


def _number_or_name(text: str) -> object:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return _NAMES.get(text.lower(), text)
