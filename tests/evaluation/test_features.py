"""Features of the splits: what is dropped, standardised and refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mixtrast.evaluation import Features
from mixtrast.evaluation._features import statistics
from support.clouds import C, D, clouds


def test_rows_without_a_label_are_dropped_but_standardise():
    z, y = clouds(50, np.random.default_rng(0))
    y[20:30] = -1
    features = Features.of(train=(z, y), val=(z, np.full(50, -1)), test=(torch.tensor(z), torch.tensor(y)), classes=C)
    assert (len(features.train), len(features.val), len(features.test)) == (40, 0, 40)
    assert np.array_equal(features.test.features, z[y >= 0])
    assert np.array_equal(features.test.label, y[y >= 0])
    train, val, test = features.scaled()
    expected = (z[y >= 0] - z.mean(0, dtype=float)) / z.std(0, dtype=float)
    np.testing.assert_allclose(train.features, expected, atol=1e-5)
    assert np.array_equal(train.features, test.features)
    assert val.features.shape == (0, D)


def test_numbers_may_be_missing_too():
    z = np.random.default_rng(0).normal(size=(5, 2))
    y = torch.tensor([1.0, math.nan, 3, 4, math.nan])
    features = Features.of(train=(z, y), test=(z, y), classes=0)
    assert features.train.label.tolist() == [1, 3, 4]
    assert features.train.label.dtype == np.float64
    assert len(features.val) == 0


def test_a_constant_feature_has_spread_one():
    rows = np.full((7, 2), 0.1, np.float32)
    rows[:, 1] = np.arange(7)
    centre, spread = statistics(rows)
    assert spread.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(centre, [0.1, 3], atol=1e-7)


GOOD = clouds(12, np.random.default_rng(0))
BROKEN = GOOD[0].copy()
BROKEN[3, 1] = np.nan


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"train": (BROKEN, GOOD[1])}, "NaN or infinity in 1 of 12 rows, first in row 3"),
        ({"train": (GOOD[0], GOOD[1][:5])}, "12 rows and 5 labels"),
        ({"train": (GOOD[0], np.zeros(12, int))}, "2 or more classes, got 1"),
        ({"train": (GOOD[0], np.full(12, -1))}, "2 or more classes, got 0"),
        ({"train": (GOOD[0], GOOD[1] + 1)}, "classes 0 to 3, or -1 where missing, got 1 to 4"),
        ({"train": (GOOD[0], GOOD[1] * 1.0)}, "must be integers"),
        ({"train": (GOOD[0], GOOD[1][:, None])}, "one for each row"),
        ({"train": (GOOD[0][:, None], GOOD[1])}, r"must be \(N,D\)"),
        ({"val": (GOOD[0][:, :3], GOOD[1])}, "as many dimensions as train, 12, got 3"),
        ({"test": (GOOD[0], np.full(12, -1))}, "`test` must have labelled rows"),
        ({"classes": 1}, "`classes` must be 2 or more, or 0"),
        ({"classes": 0, "train": (GOOD[0], np.full(12, np.inf))}, "finite numbers"),
        ({"classes": 0, "train": (GOOD[0], np.ones(12))}, "2 or more different numbers"),
    ],
)
def test_wrong_features_are_refused(parts, sentence):
    given = {"train": GOOD, "val": GOOD, "test": GOOD, "classes": C} | parts
    with pytest.raises(ValueError, match=sentence):
        Features.of(**given)
