"""What tables known by name share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch

from mixtrast.checks import check_choice
from mixtrast.domains._data import Data
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains.sets._named import Named
from mixtrast.domains.tabular import Tabular


class NamedTable(Named):
    """A table without a header, read as `tabular` reads it, whose label is the first or the last column.

    Args:
        data_dir: see `Named`.
        task: what the label is.
    """

    label: ClassVar[str] = "last"

    def __init__(self, *, data_dir: str | None = None, task: Asked = "classes") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("task", task, ASKED)
        self.task = task

    def read(self, like: dict[str, Any] | None) -> Data:
        return self.parted(self.table(self.place(*self.names()), like))

    def names(self) -> tuple[str, ...]:
        """Of the file, packed or not."""
        name = self.about.files[0].name
        return (name.removesuffix(".gz"), name)

    def table(self, source: Path | Any, like: dict[str, Any] | None) -> Data:
        """The file, or a DataFrame, as it is."""
        return Tabular(label=self.label, task=self.task, header="no" if isinstance(source, Path) else "auto").load(
            source, like=like
        )

    def parted(self, data: Data) -> Data:
        """With the split of the set; here one is split off, as there is none that papers agree on."""
        return self.whole(data)


def last(rows: int, many: int) -> torch.Tensor:
    """(N,) bool, the last of these rows."""
    return torch.arange(rows) >= rows - many
