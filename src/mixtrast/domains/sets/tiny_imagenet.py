from __future__ import annotations

from typing import Any, ClassVar

from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.images import Memory
from mixtrast.domains.sets._photos import NamedPhotos


class TinyImageNet(NamedPhotos):
    """Tiny ImageNet: 100,000 photographs of 64 × 64 in 200 classes; the 10,000 of validation test, as papers have it.

    Classes are called by their number in WordNet. The images of the owner's test set have no labels, and are left out.

    Args:
        data_dir: a folder that has tiny-imagenet-200, or has it in a folder `tiny-imagenet`. None: MIXTRAST_DATA, else the
            user's cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle
            taken; None: as they are.
        memory: see `Images`.

    Reference: Le, Yang, Tiny ImageNet visual recognition challenge, CS231n, 2015.
    """

    about: ClassVar[Set] = Set(
        "tiny-imagenet",
        ("tiny-imagenet", ""),
        (Remote("tiny-imagenet-200.zip", "http://cs231n.stanford.edu/tiny-imagenet-200.zip", None, 248100043),),
        "Stanford CS231n, of ImageNet's images; for research and teaching",
        ("tiny-imagenet-200",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, size: int | None = None, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir, size=size, memory=memory)

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place("tiny-imagenet-200")
        files = []
        for kind in self.lines(root / "wnids.txt"):
            files += [(str(path), kind, "train") for path in sorted((root / "train" / kind / "images").glob("*.JPEG"))]
        for line in self.lines(root / "val/val_annotations.txt"):
            name, kind, *_ = line.split("\t")
            files.append((str(root / "val/images" / name), kind, "test"))
        return self.listed(root, files, like)
