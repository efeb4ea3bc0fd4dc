from __future__ import annotations

from typing import Any, ClassVar

import torch

from mixtrast.domains._assemble import check_like, facts_of
from mixtrast.domains._data import Data, Domain
from mixtrast.spec import Image


class Digits(Domain):
    """1,797 handwritten digits of 8 × 8 pixels, 0 to 16, that come with scikit-learn: real data without a download.

    Reference: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998, its test set.
    """

    built_in: ClassVar[bool] = True

    @staticmethod
    def takes(source: object) -> bool:
        return isinstance(source, str) and source == "digits"

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (1797, 1, 8, 8), ten classes. `test` is refused: the split is of our own making."""
        if test is not None:
            raise ValueError("digits has a test set split off by its own seed, and takes no `test`. Leave `test` out.")
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise ImportError("digits comes with scikit-learn, which is not installed: `pip install scikit-learn`.") from error
        pixels, digit = load_digits(return_X_y=True)
        x = torch.from_numpy(pixels).float().view(-1, 1, 8, 8)
        spec = Image(1, 8, 8)
        classes = tuple(str(number) for number in range(10))
        check_like(spec, like)
        if like is not None and like["task"] != "none" and tuple(like["classes"]) != classes:
            raise ValueError("digits has the classes 0 to 9, other than the data that it must be like. Leave `like` out.")
        return Data(
            name="digits",
            domain=self.called,
            spec=spec,
            x=x,
            label=torch.from_numpy(digit).long(),
            task="classes",
            classes=classes,
            scaling="channel",
            views={"shift": {"pixels": 1}, "noise": {"scale": 0.3}},
            facts=facts_of(self, spec, "classes", classes),
            notes=(
                "1,797 digits of 8 × 8 pixels, 10 classes. Who wrote which is not known: writers may be in several splits.",
            ),
        )
