"""Datasets of photographs in files that a list names."""

from collections.abc import Sequence
from pathlib import Path

import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers._image_files import ImageFiles
from mixtrast.readers.images import Images, Memory


class PhotoDataset(NamedDataset):
    """Photographs in files, each of a class and of a part of the split.

    Args:
        data_dir: see `NamedDataset`.
        size: side of the square that each becomes, see `Images`; None: as they are.
        memory: see `Images`.
    """

    def __init__(self, *, data_dir: str | None = None, size: int | None = 32, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir)
        Images(size=size, memory=memory)  # checks them
        self.size, self.memory = size, memory

    def photos(
        self,
        root: Path,
        files: Sequence[tuple[str, str, str]],
        schema: Schema | None,
        groups: Sequence[str] | None = None,
    ) -> Dataset:
        """Return the dataset of (path, class, part of the split) for each file. Raises: FileNotFoundError if one is missing."""
        lacking = next((path for path, _, _ in files if not Path(path).is_file()), None)
        if lacking is not None:
            raise FileNotFoundError(f"{lacking} is missing, though {self.name} lists it. Unpack the dataset again.")
        if not files:
            raise FileNotFoundError(f"{root} lists no photograph of {self.name}. Unpack the dataset again.")
        paths, kinds, parts = (list(column) for column in zip(*files, strict=True))
        classes = tuple(sorted(set(kinds)))
        number = {kind: at for at, kind in enumerate(classes)}
        label = torch.tensor([number[kind] for kind in kinds])
        listed = ImageFiles(paths, label, parts, classes, None if groups is None else list(groups))
        images = Images(size=self.size, memory=self.memory)
        return self.named(images.load_files(self.name, listed, root, schema))
