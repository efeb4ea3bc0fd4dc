"""What sets of photographs share: files that are listed, not folders that are looked through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mixtrast.domains._data import Data
from mixtrast.domains.images import Images, Memory, Rows
from mixtrast.domains.sets._named import Named


class NamedPhotos(Named):
    """Photographs in files, each of a class and of a part of the split.

    Args:
        data_dir: see `Named`.
        size: side of the square that each becomes, see `Images`; None: as they are.
        memory: see `Images`.
    """

    def __init__(self, *, data_dir: str | None = None, size: int | None = None, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir)
        Images(size=size, memory=memory)  # checks them
        self.size, self.memory = size, memory

    def listed(
        self,
        root: Path,
        files: Sequence[tuple[str, str, str]],
        like: dict[str, Any] | None,
        groups: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> Data:
        """Of (path, class, part of the split) of each file. Raises: FileNotFoundError where one is not there."""
        lacking = next((path for path, _, _ in files if not Path(path).is_file()), None)
        if lacking is not None:
            raise FileNotFoundError(f"{lacking} is not there, though {self.about.name} lists it. Unpack the set again.")
        classes = sorted({kind for _, kind, _ in files})
        number = {kind: at for at, kind in enumerate(classes)}
        label = torch.tensor([number[kind] for _, kind, _ in files])
        rows = Rows(
            [path for path, _, _ in files], label, [part for *_, part in files], None if groups is None else list(groups)
        )
        images = Images(size=self.size, memory=self.memory)
        return self.whole(images.made(self.about.name, rows, classes, root, like, list(notes)))
