"""The digits of scikit-learn."""

from __future__ import annotations

import numpy as np

from mixtrast import datasets, spec
from mixtrast.data.split import split
from support.messages import refused
from support.sources import X


def test_digits():
    from sklearn.datasets import load_digits

    data = datasets.open("digits")
    assert data.x.shape == (1797, 1, 8, 8)
    assert (data.x.min(), data.x.max()) == (0, 16)
    assert data.spec == spec.Image(1, 8, 8)
    assert data.scaling == "channel"
    assert data.classes == tuple("0123456789")
    assert (data.x[:, 0].numpy() == load_digits().images).all()
    assert (data.label.numpy() == load_digits().target).all()
    assert data.views == {"shift": {"pixels": 1}, "noise": {"scale": 0.3}}
    assert split(data, seed=0).description == "1,078 train, 270 validation, 449 test; random, stratified by class, seed 0"


def test_digits_refuses():
    with refused("takes no `test`"):
        datasets.open("digits", test="digits")
    with refused("must look like those of the earlier data, a table of 3 columns, got an image of 1 channel, 8 × 8"):
        datasets.open("digits", schema=datasets.open(X).schema)
    with refused("has other classes than the earlier data"):
        datasets.open("digits", schema=datasets.open((np.ones((2, 1, 8, 8)), ["a", "b"])).schema)
    own = datasets.open(
        np.ones((2, 1, 8, 8)), schema=datasets.open("digits").schema
    )  # another domain, the same kind of example
    assert (own.task, own.schema.reader, own.schema.classes) == ("none", "arrays", tuple("0123456789"))
