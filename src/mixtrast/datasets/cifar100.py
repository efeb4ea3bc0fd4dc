from typing import get_args

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._cifar import ScalingChoice, batch, contents, names_of
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers._image_files import photo_views
from mixtrast.validation import check_choice

ARCHIVE = Remote(
    "cifar-100-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    169_001_437,
    "eb9058c3a382ffc7106e4002c42a8d85",
)
# Both are of the 50,000 training images, in units of x / 255.
CONSTANTS = {
    "image": ((0.5071, 0.4867, 0.4408), (0.2009, 0.1984, 0.2023)),
    "pixel": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


class Cifar100(NamedDataset):
    """CIFAR-100: 60,000 photographs of 32 × 32 in 100 classes, of which 10,000 are the official test set.

    Reads the official Python version, as its folder `cifar-100-python` or as the archive, from a data folder; downloads the
    archive (169 MB) where it is missing. The files are pickles: only arrays, lists and text are read from them.

    Args:
        data_dir: a folder that has them, or has them in a folder `cifar100`. None: MIXTRAST_DATA, else the cache.
        coarse: whether the label is one of the 20 superclasses, instead of the 100 classes.
        constants: what pixels are scaled by: "own", mean and deviation of the training rows; "image", the deviation .2009 .1984
            .2023, which is the mean over images of the deviation within each, as in i-Mix; "pixel", .2675 .2565 .2761, the
            deviation of all pixels, as in SupContrast, which uses the other kind for CIFAR-10.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, technical report, Toronto, 2009.
    """

    info = DatasetInfo(
        "cifar100", ("cifar100", ""), (ARCHIVE,), "A. Krizhevsky, V. Nair, G. Hinton; cite the report, no licence is given"
    )

    def __init__(self, *, data_dir: str | None = None, coarse: bool = False, constants: ScalingChoice = "own") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("constants", constants, get_args(ScalingChoice))
        self.coarse, self.constants = coarse, constants

    def read(self, schema: Schema | None) -> Dataset:
        path, (train, tested, meta) = contents(self, "cifar-100-python", ("train", "test", "meta"))
        kind, many = ("coarse", 20) if self.coarse else ("fine", 100)
        parts = [batch(each, f"{kind}_labels", many, path) for each in (train, tested)]
        classes = names_of(meta, f"{kind}_label_names", many, path)
        constants = CONSTANTS.get(self.constants)
        return self.images(parts, classes, photo_views(3), schema=schema, found=path, constants=constants)
