"""Open a source: a dataset by its name, or whatever a reader takes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mixtrast import readers, registry
from mixtrast.data import Dataset, Schema
from mixtrast.readers._packed import PACKED
from mixtrast.readers._reader import Reader
from mixtrast.text import nearest


def open(source: Any, *, test: Any = None, schema: Schema | None = None, **options: Any) -> Dataset:  # noqa: A001
    """Return the dataset of a source, read by the reader that takes it.

    Args:
        source: the name of a dataset, a path, arrays, a DataFrame.
        test: a source of the same kind, whose rows are the test set.
        schema: of earlier data: the same columns and classes come out, or an error. Where its reader reads this source too, the
            options are those of the schema, with `options` on top.
        options: of the reader.

    Raises: ValueError, FileNotFoundError, or TypeError for an unknown option or kind of source.
    """
    if schema is not None and not isinstance(schema, Schema):
        got = type(schema).__name__
        raise TypeError(f"`schema` must be the schema of a dataset, got {got}. Use `dataset.schema` or `Schema.from_dict`.")
    name = _reader_for(source, schema, options)
    if schema is not None and schema.reader == name:
        options = {**schema.options, **options}
    return get(name, **options).load(source, test=test, schema=schema)


def get(name: str, **options: Any) -> Reader:
    """Return the reader or dataset of a name."""
    reader: Reader = registry.make(*_module(name), options)
    return reader


def find(name: str) -> type[Reader]:
    """Return the class of a reader or dataset."""
    found: type[Reader] = registry.find(*_module(name))
    return found


def names() -> list[str]:
    """Return the names of all readers and datasets."""
    return sorted([*registry.names(readers), *(file.replace("_", "-") for file in registry.names(_package()))])


def _reader_for(source: Any, schema: Schema | None, options: dict[str, Any]) -> str:
    """Return the name of the reader of a source.

    A named dataset comes first, though there may be a folder of that name; then a reader that an option chooses, then that of
    the schema, then the others, with `first` before those without.
    """

    def rank(name: str) -> tuple[int, bool, str]:
        chosen = any(options.get(option) not in (None, ()) for option in kinds[name].chosen_by)
        remembered = schema is not None and schema.reader == name
        return 0 if kinds[name].built_in else 1 if chosen else 2 if remembered else 3, not kinds[name].first, name

    kinds = {name: find(name) for name in names()}
    ranks = sorted(rank(name) for name in kinds)
    for place, _, name in ranks:
        if (kinds[name].reads if place in (1, 2) else kinds[name].takes)(source):
            return name
    built_in = [name for name in kinds if kinds[name].built_in]
    raise _refused(source, built_in, [kind.sources for kind in kinds.values() if kind.sources])


def _module(name: str) -> tuple[ModuleType, str]:
    """Return the package and the file of a name; names of datasets may have hyphens."""
    file = name.replace("-", "_")
    return (_package(), file) if file in registry.names(_package()) else (readers, name)


def _package() -> ModuleType:
    return sys.modules["mixtrast.datasets"]


def _refused(source: object, named: Sequence[str], readable: Sequence[str]) -> Exception:
    """Return the error to raise: what the source is, what can be read, and the nearest name.

    Args:
        named: datasets known by name.
        readable: what readers take.
    """
    kinds = f"Sources are the names of `mixtrast list datasets`, and {'; '.join(readable)}."
    if not isinstance(source, (str, Path)):
        way = " Make it an array with `numpy.asarray`." if isinstance(source, (list, tuple)) else ""
        got = type(source).__name__
        return TypeError(f"a source of data must be a name, a path, arrays or a DataFrame, got {got}.{way} {kinds}")
    if "://" in str(source):
        return ValueError(f"{source} is an address, and nothing is downloaded. Save the file, and give its path.")
    path = Path(source).expanduser()
    ending = "".join(path.suffixes[-2:]) if path.suffix.lower() in PACKED else path.suffix
    if path.exists():
        what = f"no reader for its ending {ending!r}" if ending else "no reader for files without an ending"
        return ValueError(f"{path} cannot be read: there is {what}. {kinds}")
    near = nearest(str(source), named)
    if ending or len(path.parts) > 1:
        return FileNotFoundError(f"there is no file {path}.{near} {kinds}")
    return ValueError(f"there is no dataset {str(source)!r}, and no file.{near} {kinds}")
