"""Libraries that are imported when they are needed."""

from importlib import import_module
from typing import Any


def optional(name: str, extra: str) -> Any:
    """Return a module. Raises: ImportError that says how to install it, where it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        way = f"`pip install 'mixtrast[{extra}]'`" if extra else f"`pip install {name}`"
        raise ImportError(f"this kind of data is read with {name}, which is not installed. Use {way}.") from error
