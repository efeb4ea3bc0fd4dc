from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import torch

from mixtrast.checks import check_choice
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._sets import Remote, Set, made
from mixtrast.domains.images import default_views
from mixtrast.domains.sets._cifar import batch, contents, names_of

ARCHIVE = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    170_498_071,
)
SET = Set("cifar10", ("cifar10", ""), (ARCHIVE,), "A. Krizhevsky, V. Nair, G. Hinton; cite the report, no licence is given")
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
Constants = Literal["own", "image", "pixel"]
# Both are of the 50,000 training images, in units of x / 255.
CONSTANTS = {
    "image": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "pixel": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


class Cifar10(Domain):
    """CIFAR-10: 60,000 photographs of 32 × 32 in ten classes, of which 10,000 are the official test set.

    Reads the official Python version, as its folder `cifar-10-batches-py` or as the archive, from a data folder; fetches the
    archive (170 MB) when it is not there. The files are pickles: nothing but arrays, lists and text is taken from them.

    Args:
        data_dir: a folder that has them, or has them in a folder `cifar10`. None: MIXTRAST_DATA, else the user's cache.
        constants: what pixels are scaled by: "own", mean and spread of the training rows; "image", the spread .2023 .1994
            .2010, which is the mean over images of the spread within each, as SupContrast, i-Mix and mixup's code have it;
            "pixel", .2470 .2435 .2616, the spread of all pixels, as solo-learn and CutMix's code.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, technical report, Toronto, 2009.
    """

    built_in: ClassVar[bool] = True
    about: ClassVar[Set] = SET

    def __init__(self, *, data_dir: str | None = None, constants: Constants = "own") -> None:
        check_choice("constants", constants, get_args(Constants))
        self.data_dir, self.constants = data_dir, constants

    @staticmethod
    def takes(source: object) -> bool:
        return isinstance(source, str) and source == "cifar10"

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (60000, 3, 32, 32) in bytes. `test` is refused: the official one is."""
        place, found = contents(SET, "cifar-10-batches-py", (*BATCHES, "test_batch", "batches.meta"), self.data_dir)
        *training, tested = [batch(each, "labels", 10, place) for each in found[:-1]]
        classes = names_of(found[-1], "label_names", 10, place)
        train = torch.cat([x for x, _ in training]), torch.cat([label for _, label in training])
        constants, views = CONSTANTS.get(self.constants), default_views(3)
        return made(self, [train, tested], classes, views, test=test, like=like, about=SET, found=place, constants=constants)
