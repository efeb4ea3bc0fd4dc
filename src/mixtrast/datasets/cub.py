from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._photos import PhotoDataset


class CUB(PhotoDataset):
    """Caltech-UCSD Birds: 11,788 photographs of 200 species, in the owner's split, 5,994 to train and 5,794 to test.

    Args:
        data_dir: a folder that has CUB_200_2011, or has it in a folder `cub`. None: MIXTRAST_DATA, else the cache.
        size: side of the square that each becomes: the shorter side is scaled to it, the middle taken.
        memory: see `Images`.

    Reference: Wah et al., technical report CNS-TR-2011-001, Caltech, 2011.
    """

    info = DatasetInfo(
        "cub",
        ("cub", ""),
        (Remote("CUB_200_2011.tgz", "https://data.caltech.edu/records/65de6-vp158", 1_150_585_339),),
        "C. Wah et al., Caltech; the images are Flickr's, for non-commercial research",
        ("CUB_200_2011",),
        unpack=True,
    )

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find("CUB_200_2011")
        path, kind, train, names = (
            dict(line.split(maxsplit=1) for line in self.lines_of(root / name))
            for name in ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
        )
        part = {"1": "train", "0": "test"}
        files = [
            (str(root / "images" / path[key].strip()), names[kind[key].strip()].strip(), part[train[key].strip()])
            for key in path
        ]
        return self.photos(root, files, schema)
