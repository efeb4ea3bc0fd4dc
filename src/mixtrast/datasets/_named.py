"""Datasets known by name, read from the files of their owners."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from mixtrast.data import Dataset, Schema
from mixtrast.data.dataset import Constants
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.readers._reader import Reader
from mixtrast.registry import Options
from mixtrast.spec import Image
from mixtrast.text import count


class NamedDataset(Reader):
    """A dataset in a data folder, in the files and folders of its owner.

    Args:
        data_dir: a folder that has it, or has it in a folder of its name. None: MIXTRAST_DATA, else the cache.
    """

    built_in: ClassVar[bool] = True
    info: ClassVar[DatasetInfo]

    def __init__(self, *, data_dir: str | None = None) -> None:
        self.data_dir = data_dir

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.info.name

    @classmethod
    def takes(cls, source: object) -> bool:
        return isinstance(source, str) and source == cls.info.name

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read it. `test` is refused: the dataset has its own split."""
        if test is not None:
            raise ValueError(f"{self.name} has its own split and takes no `test`. Leave `test` out.")
        return self.read(schema)

    @abstractmethod
    def read(self, schema: Schema | None) -> Dataset:
        """Return the dataset."""

    def find(self, *names: str) -> Path:
        """Return the first of these files or folders that exists. Raises: FileNotFoundError that says what to put where."""
        found = self.info.find(names, self.data_dir)
        if found is None:
            partly = self.info.marks and self.info.find(self.info.marks, self.data_dir)
            raise FileNotFoundError(self.info.missing(self.data_dir, f" with {names[0]} in it" if partly else ""))
        return found

    def find_or_download(self, file: Remote, *others: str) -> Path:
        """Return the path of a file, or of one of the others that stand for it; it is downloaded where none exists."""
        return self.info.find((*others, file.name), self.data_dir) or self.info.download(file, self.data_dir)

    def lines_of(self, path: Path, encoding: str = "utf-8") -> list[str]:
        """Return the lines of a text file, without empty ones. Raises: FileNotFoundError."""
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: {self.name} is incomplete. Unpack it again.")
        return [line for line in path.read_text(encoding=encoding).splitlines() if line.strip()]

    def named(self, data: Dataset, *, test: Tensor | None = None, validation: Tensor | None = None) -> Dataset:
        """Return data under the name of the dataset, with its split and its licence."""
        return replace(
            data,
            name=self.name,
            reader=self.name,
            test_rows=data.test_rows if test is None else test,
            validation_rows=data.validation_rows if validation is None else validation,
            notes=(*data.notes, f"{self.info.licence}."),
        )

    def images(
        self,
        parts: Sequence[tuple[Tensor, Tensor]],
        classes: tuple[str, ...],
        views: Mapping[str, Options],
        *,
        schema: Schema | None,
        found: Path,
        constants: Constants | None = None,
    ) -> Dataset:
        """Return a dataset of images in memory, with its official split.

        Args:
            parts: pixels (N,C,H,W) uint8 and labels (N,) int64, of training and of test.
            found: where it was read from.
        """
        (x, label), (x_test, label_test) = parts
        spec = Image(*x.shape[1:])
        check_same(self.name, spec, classes, schema)
        size = f"{len(x):,} + {len(x_test):,} images of {spec.height} × {spec.width}"
        return Dataset(
            name=self.name,
            reader=self.name,
            spec=spec,
            x=torch.cat([x, x_test]),
            label=torch.cat([label, label_test]),
            task="classes",
            classes=classes,
            test_rows=torch.arange(len(x) + len(x_test)) >= len(x),
            scaling="channel",
            constants=constants,
            views=views,
            schema=replace(self.schema_of(spec), task="classes", classes=classes, intensities=True),
            notes=(f"{size}, {count(len(classes), 'class')}, from {found}; {self.info.licence}.",),
        )


def check_same(name: str, spec: Image, classes: tuple[str, ...], schema: Schema | None) -> None:
    """Raise ValueError unless a dataset has the spec and the classes of earlier data."""
    if schema is not None:
        schema.check(spec)
        if schema.task != "none" and schema.classes != classes:
            raise ValueError(f"{name} has other classes than the earlier data. Leave `schema` out.")
