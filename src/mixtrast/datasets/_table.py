"""Datasets that are one table."""

from pathlib import Path
from typing import Any, ClassVar

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers._layout import Header
from mixtrast.readers.tabular import Tabular
from mixtrast.validation import check_choice


class TableDataset(NamedDataset):
    """A table without a header, read as `tabular` reads it, whose label is the first or the last column.

    Args:
        data_dir: see `NamedDataset`.
        task: what the label is.
    """

    label: ClassVar[str] = "last"

    def __init__(self, *, data_dir: str | None = None, task: TaskOption = "classes") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("task", task, TASKS)
        self.task = task

    def read(self, schema: Schema | None) -> Dataset:
        name = self.info.files[0].name
        return self.with_split(self.table(self.find(name.removesuffix(".gz"), name), schema))

    def table(self, source: Path | Any, schema: Schema | None) -> Dataset:
        """Return the file, or a DataFrame, as `tabular` reads it."""
        header: Header = "no" if isinstance(source, Path) else "auto"
        return Tabular(label=self.label, task=self.task, header=header).load(source, schema=schema)

    def with_split(self, data: Dataset) -> Dataset:
        """Return data with the split of the dataset; without one here, as papers agree on none."""
        return self.named(data)
