"""What sets share that are not fetched but found: read as their owners give them out."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from mixtrast.domains._data import Data, Domain
from mixtrast.domains._sets import Set, absent, find


class Named(Domain):
    """A set that is read from a data folder, in the files and folders of its owner.

    Args:
        data_dir: a folder that has them, or has them in a folder called like the set. None: MIXTRAST_DATA, else the user's
            cache.
    """

    built_in: ClassVar[bool] = True
    about: ClassVar[Set]
    unpack: ClassVar[str] = ""  # what to do with the files, in the sentence about a set that is not there

    def __init__(self, *, data_dir: str | None = None) -> None:
        self.data_dir = data_dir

    @property
    def called(self) -> str:
        return self.about.name

    @classmethod
    def takes(cls, source: object) -> bool:
        return isinstance(source, str) and source == cls.about.name

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """`test` is refused: the set has its own split."""
        if test is not None:
            raise ValueError(f"{self.about.name} has a split of its own, and takes no `test`. Leave `test` out.")
        return self.read(like)

    @abstractmethod
    def read(self, like: dict[str, Any] | None) -> Data:
        """The whole set."""

    def place(self, *names: str) -> Path:
        """The first of these files or folders that is there. Raises: FileNotFoundError that says what to put where."""
        found = find(self.about, names, self.data_dir)
        if found is None:
            whole = find(self.about, self.about.marks, self.data_dir) if self.about.marks else None
            why = f" with {names[0]} in it" if whole is not None else ""
            raise FileNotFoundError(absent(self.about, self.data_dir, why, self.unpack))
        return found

    def lines(self, path: Path, encoding: str = "utf-8") -> list[str]:
        """Of a text file of the set, without empty ones. Raises: FileNotFoundError."""
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: {self.about.name} is not whole. Unpack it again.")
        return [line for line in path.read_text(encoding=encoding).splitlines() if line.strip()]

    def whole(
        self,
        data: Data,
        *,
        test: Tensor | None = None,
        val: Tensor | None = None,
        groups: Tensor | None = None,
        **more: Any,
    ) -> Data:
        """Under the set's name, with its split and its licence."""
        return replace(
            data,
            name=self.about.name,
            domain=self.called,
            given_test=data.given_test if test is None else test,
            given_val=data.given_val if val is None else val,
            groups=data.groups if groups is None else groups,
            notes=(*data.notes, f"{self.about.licence}."),
            **more,
        )
