from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from mixtrast.checks import check_choice
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._sets import Remote, Set, made
from mixtrast.domains.images import default_views
from mixtrast.domains.sets._cifar import batch, contents, names_of

ARCHIVE = Remote(
    "cifar-100-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "eb9058c3a382ffc7106e4002c42a8d85",
    169_001_437,
)
SET = Set("cifar100", ("cifar100", ""), (ARCHIVE,), "A. Krizhevsky, V. Nair, G. Hinton; cite the report, no licence is given")
Constants = Literal["own", "image", "pixel"]
# Both are of the 50,000 training images, in units of x / 255.
CONSTANTS = {
    "image": ((0.5071, 0.4867, 0.4408), (0.2009, 0.1984, 0.2023)),
    "pixel": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


class Cifar100(Domain):
    """CIFAR-100: 60,000 photographs of 32 × 32 in 100 classes, of which 10,000 are the official test set.

    Reads the official Python version, as its folder `cifar-100-python` or as the archive, from a data folder; fetches the
    archive (169 MB) when it is not there. The files are pickles: nothing but arrays, lists and text is taken from them.

    Args:
        data_dir: a folder that has them, or has them in a folder `cifar100`. None: MIXTRAST_DATA, else the user's cache.
        coarse: whether the label is one of the 20 superclasses, instead of the 100 classes.
        constants: what pixels are scaled by: "own", mean and spread of the training rows; "image", the spread .2009 .1984
            .2023, which is the mean over images of the spread within each, as i-Mix has it; "pixel", .2675 .2565 .2761, the
            spread of all pixels, as SupContrast, which has the other kind for CIFAR-10.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, technical report, Toronto, 2009.
    """

    built_in: ClassVar[bool] = True
    about: ClassVar[Set] = SET

    def __init__(self, *, data_dir: str | None = None, coarse: bool = False, constants: Constants = "own") -> None:
        check_choice("constants", constants, get_args(Constants))
        self.data_dir, self.coarse, self.constants = data_dir, coarse, constants

    @staticmethod
    def takes(source: object) -> bool:
        return isinstance(source, str) and source == "cifar100"

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (60000, 3, 32, 32) in bytes. `test` is refused: the official one is."""
        place, (train, tested, meta) = contents(SET, "cifar-100-python", ("train", "test", "meta"), self.data_dir)
        kind, many = ("coarse", 20) if self.coarse else ("fine", 100)
        parts = [batch(each, f"{kind}_labels", many, place) for each in (train, tested)]
        classes, views = names_of(meta, f"{kind}_label_names", many, place), default_views(3)
        constants = CONSTANTS.get(self.constants)
        return made(self, parts, classes, views, test=test, like=like, about=SET, found=place, constants=constants)
