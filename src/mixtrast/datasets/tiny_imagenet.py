from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._photos import PhotoDataset
from mixtrast.readers.images import Memory


class TinyImageNet(PhotoDataset):
    """Tiny ImageNet: 100,000 photographs of 64 × 64 in 200 classes; the 10,000 of validation test, as papers have it.

    Classes are called by their number in WordNet. The images of the owner's test set have no labels, and are left out.

    Args:
        data_dir: a folder that has tiny-imagenet-200, or has it in a folder `tiny-imagenet`. None: MIXTRAST_DATA, else the
            cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle
            taken; None: as they are.
        memory: see `Images`.

    Reference: Le, Yang, Tiny ImageNet visual recognition challenge, CS231n, 2015.
    """

    info = DatasetInfo(
        "tiny-imagenet",
        ("tiny-imagenet", ""),
        (Remote("tiny-imagenet-200.zip", "http://cs231n.stanford.edu/tiny-imagenet-200.zip", 248_100_043),),
        "Stanford CS231n, of ImageNet's images; for research and teaching",
        ("tiny-imagenet-200",),
        unpack=True,
    )

    def __init__(self, *, data_dir: str | None = None, size: int | None = None, memory: Memory = "auto") -> None:
        super().__init__(data_dir=data_dir, size=size, memory=memory)

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("tiny-imagenet-200")
        files = []
        for kind in self.lines_of(root / "wnids.txt"):
            files += [(str(path), kind, "train") for path in sorted((root / "train" / kind / "images").glob("*.JPEG"))]
        for line in self.lines_of(root / "val/val_annotations.txt"):
            name, kind, *_ = line.split("\t")
            files.append((str(root / "val/images" / name), kind, "test"))
        return self.photos(root, files, schema)
