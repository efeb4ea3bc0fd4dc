from typing import get_args

import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._cifar import ScalingChoice, batch, contents, names_of
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers._image_files import photo_views
from mixtrast.validation import check_choice

ARCHIVE = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    170_498_071,
    "c58f30108f718f92721af3b95e74349a",
)
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
# Both are of the 50,000 training images, in units of x / 255.
CONSTANTS = {
    "image": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "pixel": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


class Cifar10(NamedDataset):
    """CIFAR-10: 60,000 photographs of 32 × 32 in ten classes, of which 10,000 are the official test set.

    Reads the official Python version, as its folder `cifar-10-batches-py` or as the archive, from a data folder; downloads the
    archive (170 MB) where it is missing. The files are pickles: only arrays, lists and text are read from them.

    Args:
        data_dir: a folder that has them, or has them in a folder `cifar10`. None: MIXTRAST_DATA, else the cache.
        constants: what pixels are scaled by: "own", mean and deviation of the training rows; "image", the deviation .2023 .1994
            .2010, which is the mean over images of the deviation within each, as in SupContrast, i-Mix and the code of mixup;
            "pixel", .2470 .2435 .2616, the deviation of all pixels, as in solo-learn and the code of CutMix.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, technical report, Toronto, 2009.
    """

    info = DatasetInfo(
        "cifar10", ("cifar10", ""), (ARCHIVE,), "A. Krizhevsky, V. Nair, G. Hinton; cite the report, no licence is given"
    )

    def __init__(self, *, data_dir: str | None = None, constants: ScalingChoice = "own") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("constants", constants, get_args(ScalingChoice))
        self.constants = constants

    def read(self, schema: Schema | None) -> Dataset:
        path, files = contents(self, "cifar-10-batches-py", (*BATCHES, "test_batch", "batches.meta"))
        *training, tested = [batch(each, "labels", 10, path) for each in files[:-1]]
        classes = names_of(files[-1], "label_names", 10, path)
        train = torch.cat([x for x, _ in training]), torch.cat([label for _, label in training])
        constants = CONSTANTS.get(self.constants)
        return self.images((train, tested), classes, photo_views(3), schema=schema, found=path, constants=constants)
