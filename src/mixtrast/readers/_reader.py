"""The contract of readers: a source in, a `Dataset` out."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from mixtrast.data import Dataset, Schema
from mixtrast.readers._packed import has_ending
from mixtrast.registry import Value
from mixtrast.spec import Spec


class Reader(ABC):
    """Reads one kind of source. The keyword-only parameters of the constructor are its options (`--data.KEY`).

    Attributes:
        sources: what it reads, for messages; empty for a named dataset.
        endings: of the files that it takes, where the ending decides.
        built_in: whether it is a dataset known by its name.
        first: whether it is tried before other readers that take the same kind of file.
        chosen_by: options that choose it among the readers that can read a source.
    """

    sources: ClassVar[str] = ""
    endings: ClassVar[tuple[str, ...]] = ()
    built_in: ClassVar[bool] = False
    first: ClassVar[bool] = False
    chosen_by: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def takes(cls, source: object) -> bool:
        """Return whether this is the reader of a source: a path, a name, or an object in memory."""
        return has_ending(source, cls.endings)

    @classmethod
    def reads(cls, source: object) -> bool:
        """Return whether it can read a source when an option or a schema chooses it."""
        return cls.takes(source)

    @abstractmethod
    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read and check everything, and say in notes what was found.

        Args:
            source: one that `reads` accepts.
            test: a second source of the same kind, whose rows are the test set.
            schema: of earlier data: same columns in the same order, same classes; a label is then optional.

        Raises: ValueError, FileNotFoundError or ImportError.
        """

    @property
    def name(self) -> str:
        """The name of the reader: its file."""
        return type(self).__module__.rpartition(".")[2]

    def options(self) -> dict[str, Value]:
        """Return the options it was made with, as JSON."""
        values = {option: getattr(self, option) for option in inspect.signature(type(self)).parameters}
        return {option: list(value) if isinstance(value, tuple) else value for option, value in values.items()}

    def schema_of(self, spec: Spec) -> Schema:
        """Return the schema of what it reads, without labels yet."""
        return Schema(reader=self.name, options=self.options(), spec=spec)

    def is_set(self, option: str, schema: Schema | None) -> bool:
        """Return whether an option was set now, and is not only remembered from the schema."""
        value = getattr(self, option)
        remembered = schema is not None and schema.reader == self.name and schema.options.get(option) == value
        return value is not None and not remembered

    def __repr__(self) -> str:
        values = ", ".join(f"{option}={getattr(self, option)!r}" for option in inspect.signature(type(self)).parameters)
        return f"{type(self).__name__}({values})"
