from __future__ import annotations

from typing import Any, ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.images import Memory
from mixtrast.domains.sets._photos import NamedPhotos


class CUB(NamedPhotos):
    """Caltech-UCSD Birds: 11,788 photographs of 200 species, in the owner's split, 5,994 to train and 5,794 to test.

    Args:
        data_dir: a folder that has CUB_200_2011, or has it in a folder `cub`. None: MIXTRAST_DATA, else the user's cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Wah et al., technical report CNS-TR-2011-001, Caltech, 2011.
    """

    about: ClassVar[Set] = Set(
        "cub",
        ("cub", ""),
        (Remote("CUB_200_2011.tgz", "https://data.caltech.edu/records/65de6-vp158", None, 1150585339),),
        "C. Wah et al., Caltech; the images are Flickr's, for research that earns nothing",
        ("CUB_200_2011",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, size: int | None = 32, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir, size=size, memory=memory)

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place("CUB_200_2011")
        path, kind, train, names = (
            dict(line.split(maxsplit=1) for line in self.lines(root / name))
            for name in ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
        )
        part = {"1": "train", "0": "test"}
        files = [
            (str(root / "images" / path[key].strip()), names[kind[key].strip()].strip(), part[train[key].strip()])
            for key in path
        ]
        return self.listed(root, files, like)
