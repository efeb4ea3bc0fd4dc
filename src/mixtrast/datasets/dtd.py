from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._photos import PhotoDataset


class DTD(PhotoDataset):
    """Describable textures: 5,640 photographs of 47 textures, in the first of the owner's ten splits, as DABS has it: its
    training and validation images train, its test images test.

    Args:
        data_dir: a folder that has dtd, or has it in a folder `dtd`. None: MIXTRAST_DATA, else the cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Cimpoi et al., Describing textures in the wild, CVPR 2014, arXiv:1311.3618.
    """

    info = DatasetInfo(
        "dtd",
        ("dtd", ""),
        (Remote("dtd-r1.0.1.tar.gz", "https://www.robots.ox.ac.uk/~vgg/data/dtd/", 625_239_812),),
        "M. Cimpoi et al., Oxford; for research",
        ("dtd",),
        unpack=True,
    )

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("dtd/labels/train1.txt", "labels/train1.txt").parents[1]
        files = []
        for name, part in (("train1", "train"), ("val1", "train"), ("test1", "test")):
            for line in self.lines_of(root / "labels" / f"{name}.txt"):
                files.append((str(root / "images" / line), line.split("/")[0], part))
        return self.photos(root, files, schema)
