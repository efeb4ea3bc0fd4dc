from dataclasses import replace
from typing import Any

import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._named import check_same
from mixtrast.readers._reader import Reader
from mixtrast.spec import Image


class Digits(Reader):
    """1,797 handwritten digits of 8 × 8 pixels, 0 to 16, that come with scikit-learn: real data without a download.

    Reference: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998, its test set.
    """

    built_in = True

    @classmethod
    def takes(cls, source: object) -> bool:
        return isinstance(source, str) and source == "digits"

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (1797, 1, 8, 8), ten classes. `test` is refused: a test set is split off."""
        if test is not None:
            raise ValueError("digits has its own split and takes no `test`. Leave `test` out.")
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise ImportError(
                "digits comes with scikit-learn, which is not installed. Use `pip install scikit-learn`."
            ) from error
        pixels, digit = load_digits(return_X_y=True)
        x = torch.from_numpy(pixels).float().view(-1, 1, 8, 8)
        spec, classes = Image(1, 8, 8), tuple(str(number) for number in range(10))
        check_same("digits", spec, classes, schema)
        note = "1,797 digits of 8 × 8 pixels, 10 classes. Writers are not known, and one may be in several parts of a split."
        return Dataset(
            name="digits",
            reader=self.name,
            spec=spec,
            x=x,
            label=torch.from_numpy(digit).long(),
            task="classes",
            classes=classes,
            scaling="channel",
            views={"shift": {"pixels": 1}, "noise": {"scale": 0.3}},
            schema=replace(self.schema_of(spec), task="classes", classes=classes),
            notes=(note,),
        )
