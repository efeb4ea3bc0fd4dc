"""Labels: what are classes and what are numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtrast.data.labels import encode
from support.messages import refused
from support.sources import schema

NUMBER = schema("number")


def classes(*names: str):
    return schema("classes", *names)


def labels(values, **options):
    values = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    return encode(values, name="`y`", where="row {}".format, **options)


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (["b", None, "a", "", float("nan"), " nan ", "NA", pd.NA, pd.NaT], ("a", "b"), [1, -1, 0, -1, -1, -1, -1, -1, -1]),
        (np.array(["10", "9", "-1", "b", "2.5"]), ("-1", "2.5", "9", "10", "b"), [3, 2, 0, 4, 1]),
        (np.array([b"b", b"a"]), ("a", "b"), [1, 0]),
        (np.array([True, False]), ("False", "True"), [1, 0]),
        ([True, None, False], ("False", "True"), [1, -1, 0]),
        (np.array([10, 9, 10, 9, -1]), ("9", "10"), [1, 0, 1, 0, -1]),
        (np.array([1.0, np.nan, 2.0, 1.0]), ("1", "2"), [0, -1, 1, 0]),
        ([3, None, 4, 3, 4], ("3", "4"), [0, -1, 1, 0, 1]),
        (np.array([7, 7, 7]), ("7",), [0, 0, 0]),
        (np.array([2**62, 2**62 + 1] * 2), (str(2**62), str(2**62 + 1)), [0, 1, 0, 1]),
    ],
)
def test_what_are_classes(values, classes, codes):
    found = labels(values)
    assert (found.task, found.classes, found.label.tolist()) == ("classes", classes, codes)
    assert found.label.dtype == torch.int64


@pytest.mark.parametrize(
    ("values", "task", "why"),
    [
        (np.arange(50).repeat(2), "classes", "50 classes: its values are integers, 50 different. `--task number`"),
        (np.arange(51).repeat(2), "number", "integers, but it has 51 different values. `--task classes`"),
        (np.arange(3), "number", "integers, but it has 3 different values in 3 rows"),
        (np.array([4, 9]), "classes", "2 classes: 4, 9. `--task number` predicts"),
        (np.array([0.5, 1, 1]), "number", "a number to predict: it has fractions. `--task classes`"),
        (np.array([-2, -1, 0, 1, 2] * 9), "number", "some are negative"),
        (np.array([-3, 3] * 9), "number", "some are negative"),
    ],
)
def test_the_decision_is_said_with_its_reason_and_can_be_overruled(values, task, why):
    found = labels(values)
    assert found.task == task
    assert why in " ".join(found.notes)
    for asked in ("classes", "number"):
        if asked == "number" or values.min() >= 0:
            forced = labels(values, task=asked)
            assert forced.task == asked
            assert "--task" not in " ".join(forced.notes)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e30, 1e30)), min_size=1).filter(lambda v: any(x is not None for x in v)))
def test_numbers_to_predict_come_back(values):
    found = labels(np.array([np.nan if v is None else v for v in values]), task="number").label
    expected = torch.tensor([float("nan") if v is None else v for v in values], dtype=torch.float64).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9), st.just(-1))).filter(lambda v: any(x not in (None, -1) for x in v)))
def test_whole_classes_come_back_by_name(values):
    values = values * 2  # none of them once in ten rows or more: that would be an identifier
    found = labels(np.array([np.nan if v is None else v for v in values]), task="classes")
    named = [None if code < 0 else int(found.classes[code]) for code in found.label.tolist()]
    assert named == [None if v in (None, -1) else v for v in values]
    assert list(found.classes) == sorted(set(found.classes), key=int)


def test_a_number_of_minus_one_is_a_number():
    assert labels(np.array([-1, 0.5])).label.tolist() == [-1, 0.5]
    assert labels(np.array([-1, 1, 1, -1]), task="number").label.tolist() == [-1, 1, 1, -1]
    assert labels(np.array([True, False]), task="number").label.tolist() == [1, 0]
    assert labels(np.array(["1.5", "2", ""]), task="number").label[:2].tolist() == [1.5, 2]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (np.array([1, -1, 1]), "-1 means missing, which leaves one class; write the two classes as 0 and 1"),
        (["a", "a", None], "`y` is missing in 1 of 3 rows"),
        (["a", "a", "b", "c"], "2 classes have a single example, which stays in training: b, c"),
        (["a", "a", "b"], "1 class has a single example"),
        (["a", "a"], "one class only, 'a'"),
        (["a", "-1", "a", "-1"], "'-1' is text and so a class"),
        (["a", "None", "a", "?"], "'?' or 'None' counts as missing. If it is a class, rename it"),
    ],
)
def test_notes_on_labels(values, note):
    assert note in " ".join(labels(values).notes)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.arange(2001) / 2, {"task": "classes"}, "at most 1,000 different values to be classes, got 2,001 with fractions"),
        (["1", "two"], {"task": "number"}, "must hold numbers for the task 'number', got 'two' in row 1"),
        (np.array([-2, -1, 0]), {"task": "classes"}, "-1, which means a missing class, and also the negative -2"),
        (np.array([-1, -1]), {}, "is missing in all 2 rows"),
        ([None, ""], {}, "is missing in all 2 rows"),
        (
            ["a", "x", "x"],
            {"schema": classes("a", "b")},
            "has 'x' in 2 rows, first in row 1, and the earlier data have the classes a, b only",
        ),
        (
            [0, 5],
            {"schema": classes("0", "1")},
            "has '5' in 1 row, first in row 1, and the earlier data have the classes 0, 1 only",
        ),
        (["a"], {"schema": NUMBER}, "must hold numbers"),
    ],
)
def test_labels_that_are_refused(values, options, sentence):
    with refused(sentence):
        labels(values, **options)


def test_labels_like_others():
    earlier = classes("2", "10", "x")
    assert labels(["10", "x", "2.0", None], schema=earlier).label.tolist() == [1, 2, 0, -1]
    assert labels(np.array([10.0, -1.0, 2.0]), schema=earlier).label.tolist() == [1, -1, 0]
    assert labels([None, None], schema=earlier).label.tolist() == [-1, -1]
    assert labels(["-1"], schema=classes("-1", "a")).label.tolist() == [0]
    assert labels(np.array([1, 2]), schema=NUMBER).label.dtype == torch.float32
    assert labels(["a", "b"], schema=schema()).classes == ("a", "b")
