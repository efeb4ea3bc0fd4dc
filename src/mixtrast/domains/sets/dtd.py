from __future__ import annotations

from typing import Any, ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.images import Memory
from mixtrast.domains.sets._photos import NamedPhotos


class DTD(NamedPhotos):
    """Describable textures: 5,640 photographs of 47 textures, in the first of the owner's ten splits, as DABS has it: its
    training and validation images train, its test images test.

    Args:
        data_dir: a folder that has dtd, or has it in a folder `dtd`. None: MIXTRAST_DATA, else the user's cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Cimpoi et al., Describing textures in the wild, CVPR 2014, arXiv:1311.3618.
    """

    about: ClassVar[Set] = Set(
        "dtd",
        ("dtd", ""),
        (Remote("dtd-r1.0.1.tar.gz", "https://www.robots.ox.ac.uk/~vgg/data/dtd/", None, 625239812),),
        "M. Cimpoi et al., Oxford; for research",
        ("dtd",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, size: int | None = 32, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir, size=size, memory=memory)

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place("dtd/labels/train1.txt", "labels/train1.txt").parents[1]
        files = []
        for name, part in (("train1", "train"), ("val1", "train"), ("test1", "test")):
            for line in self.lines(root / "labels" / f"{name}.txt"):
                files.append((str(root / "images" / line), line.split("/")[0], part))
        return self.listed(root, files, like)
