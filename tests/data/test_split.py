"""Splits: no example is in two parts and none is lost; classes and groups keep their shares."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtrast import datasets
from mixtrast.data.dataset import Dataset
from mixtrast.data.split import split
from support.messages import refused
from support.sources import made

pytestmark = pytest.mark.usefixtures("no_network")

PINNED = [[0, 4, 5, 6, 7, 9, 10], [1, 8], [2, 3, 11]]
PINNED_GROUPS = [[4, 5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23], [2, 3, 20, 21], [0, 1, 6, 7, 10, 11]]


@st.composite
def data_sets(draw):
    rows = draw(st.integers(12, 80))
    task = draw(st.sampled_from(["classes", "number", "none"]))
    label = None
    if task == "classes":
        label = draw(st.lists(st.integers(-1, draw(st.integers(0, 5))), min_size=rows, max_size=rows))
        label[0] = max(label[0], 0)
    elif task == "number":
        label = draw(st.lists(st.sampled_from([0.5, 2.0, float("nan")]), min_size=rows, max_size=rows))
    many = draw(st.integers(2, 20))
    groups = draw(st.none() | st.lists(st.integers(0, many), min_size=rows, max_size=rows))
    test_rows = draw(st.none() | st.lists(st.booleans(), min_size=rows, max_size=rows))
    return made(rows, label, task, groups, test_rows)


def known(data: Dataset) -> np.ndarray:
    if data.label is None:
        return np.ones(len(data.x), dtype=bool)
    return ((data.label >= 0) if data.task == "classes" else ~data.label.isnan()).numpy()


@settings(max_examples=300, deadline=None)
@given(data_sets(), st.integers(0, 2**40))
def test_no_example_in_two_parts_and_none_lost(data, seed):
    try:
        parts = split(data, seed=seed)
    except ValueError as error:
        reasons = ("10 or more", "too few", "cannot be split", "no row with a label")
        assert any(reason in str(error) for reason in reasons)  # noqa: PT017
        return
    rows = [part.tolist() for part in (parts.train, parts.val, parts.test)]
    flat = [row for part in rows for row in part]
    assert len(set(flat)) == len(flat)
    assert all(part == sorted(part) for part in rows)
    assert parts.train.dtype == parts.val.dtype == parts.test.dtype == torch.int64
    labelled = known(data)
    groups = data.groups if data.groups is not None else torch.arange(len(data.x))
    homes = [set(groups[part].tolist()) for part in (parts.train, parts.val, parts.test)]
    assert not homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2]
    given = torch.zeros(len(data.x), dtype=torch.bool) if data.test_rows is None else data.test_rows
    lost = set(range(len(data.x))) - set(flat)
    for row in lost:  # only those that the docstring of split says
        elsewhere = int(groups[row]) in homes[1] | homes[2]
        assert (not labelled[row] and bool(given[row])) or (elsewhere and (not labelled[row] or not given[row]))
    assert (f"{len(lost):,} row" in parts.description) == bool(lost) or not lost
    assert ("left out" in parts.description) == bool(lost)
    assert all(labelled[row] for row in rows[1] + rows[2])
    assert rows[1]
    assert data.task != "none" or data.test_rows is not None or not rows[2]
    if data.test_rows is not None:
        assert rows[2] == [row for row in given.nonzero()[:, 0].tolist() if labelled[row]]
    if data.task == "classes":
        validated = set(data.label[parts.val].tolist())
        assert validated <= set(data.label[parts.train].tolist())
        if data.test_rows is None:
            assert set(data.label[parts.test].tolist()) <= set(data.label[parts.train].tolist())
    again = split(data, seed=seed)
    assert again.description == parts.description
    assert all(getattr(again, part).equal(getattr(parts, part)) for part in ("train", "val", "test"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(5, 60), min_size=1, max_size=6), st.integers(0, 99))
def test_classes_keep_their_shares(sizes, seed):
    label = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(label)
    if rows < 10:
        return
    parts = split(made(rows, label.tolist(), "classes"), seed=seed)
    assert (len(parts.test), len(parts.val)) == (round(0.25 * rows), round(0.15 * rows))
    for part, share in ((parts.test, 0.25), (parts.val, 0.15)):
        counts = np.bincount(label[part], minlength=len(sizes))
        assert (np.abs(counts - share * np.array(sizes)) < 1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=25, max_size=60), st.integers(0, 99), st.integers(1, 3))
def test_groups_are_dealt_evenly(sizes, seed, kinds):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    label = np.random.default_rng(seed).integers(0, kinds, len(groups))
    parts = split(made(len(groups), label.tolist(), "classes", groups.tolist()), seed=seed)
    for part, share in ((parts.test, 0.25), (parts.val, 0.15)):
        assert abs(len(part) - share * len(groups)) <= max(sizes)
        counts = np.bincount(label[part], minlength=kinds)
        assert np.abs(counts - share * np.bincount(label, minlength=kinds)).max() <= 2 * max(sizes)


def test_the_split_is_the_same_on_any_machine():
    parts = split(made(12, [0, 1] * 6, "classes"), seed=0)
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == PINNED
    parts = split(made(24, [0, 1] * 12, "classes", [row // 2 for row in range(24)]), seed=0)
    assert [part.tolist() for part in (parts.train, parts.val, parts.test)] == PINNED_GROUPS
    assert not split(made(200), seed=1).val.equal(split(made(200), seed=2).val)


def test_which_rows_is_chance():
    times = Counter(
        row for seed in range(400) for row in split(made(20, [0] * 10 + [1] * 10, "classes"), seed=seed).test.tolist()
    )
    assert len(times) == 20
    assert all(60 < many < 140 for many in times.values())  # 100 ± 4.6 σ


def test_tiny_classes_stay_in_training():
    label = [0] * 20 + [1, 2, 2, 3, 3, 3]
    for seed in range(20):
        train = split(made(26, label, "classes"), seed=seed).train
        assert {0, 1, 2, 3} == {label[row] for row in train.tolist()}


def test_what_the_split_says():
    label = [0, 1] * 20
    assert (
        split(made(40, label, "classes"), seed=3).description
        == "24 train, 6 validation, 10 test; random, stratified by class, seed 3"
    )
    assert split(made(40), seed=3).description == "34 train, 6 validation, 0 test; random, seed 3"
    assert split(made(40, [0.5] * 40, "number"), seed=3).description == "24 train, 6 validation, 10 test; random, seed 3"
    says = split(made(40, label, "classes", test_rows=[0] * 30 + [1] * 10), seed=3).description
    assert says == "26 train, 4 validation, 10 test; test set of the dataset, validation random, stratified by class, seed 3"
    says = split(made(40, [-1] * 20 + [0, 1] * 10, "classes"), seed=3).description
    assert says == "32 train, 3 validation, 5 test; random, stratified by class, seed 3; 20 rows of train without a label"
    says = split(made(40, label, "classes", groups=[row // 2 for row in range(40)]), seed=3).description
    assert says == "24 train, 6 validation, 10 test; by group, classes as even as groups allow, seed 3"
    says = split(made(40, [0, -1] * 20, "classes", groups=[row // 2 for row in range(40)]), seed=3).description
    assert "left out: without a label, or their group is in another part" in says
    assert split(made(40, label, "classes"), seed=0, test=0, val=0).description.startswith("40 train, 0 validation, 0 test")


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (made(9), {}, "a split needs 10 or more rows, got 9. Use more rows"),
        (made(20, [0] * 9 + [-1] * 11, "classes"), {}, "a split needs 10 or more rows with a label, got 9"),
        (made(20, test_rows=[1] * 15 + [0] * 5), {}, "a split needs 10 or more rows outside the test set, got 5"),
        (
            made(12, list(range(12)), "classes"),
            {},
            "the validation part would be empty.*too few of each class: training keeps one",
        ),
        (made(12), {"val": 0.01}, "the validation part would be empty: .* a share above 0.01"),
        (made(12, [0, 1] * 6, "classes"), {"test": 0.01}, "the test part would be empty"),
        (
            made(12, [0, 1] * 6, "classes", groups=[0, 1] * 6),
            {},
            "2 groups cannot be split into 3 parts, train and validation and test",
        ),
        (made(12, groups=[1] * 12), {}, "1 group cannot be split into 2 parts, train and validation.*leave `groups` out"),
        (
            made(12, [0, 1, 2, 3] * 3, "classes", groups=[0, 1, 2, 3] * 3),
            {},
            "would be empty: there are too few groups, or too few of",
        ),
        (made(12), {"test": 0.5, "val": 0.5}, "shares, 0 or more, with a sum below 1, got 0.5 and 0.5"),
        (made(12), {"test": -0.1}, "must be shares"),
        (made(12), {"val": float("nan")}, "must be shares"),
        (
            made(20, [0] * 15 + [-1] * 5, "classes", test_rows=[0] * 15 + [1] * 5),
            {},
            "the test set has no row with a label. Label some",
        ),
        (made(12), {"seed": -1}, "`seed` must be an integer, 0 or more, got -1"),
        (made(12), {"seed": 0.5}, "`seed` must be an integer"),
    ],
)
def test_splits_that_are_refused(data, options, sentence):
    with refused(sentence):
        split(data, **{"seed": 0, **options})


def test_a_given_validation_set_needs_labels():
    data = datasets.open((np.ones((30, 2)), np.arange(30) % 2))
    given = torch.arange(30) >= 25
    label = data.label.clone()
    label[26] = -1
    made = datasets.Dataset(**{**vars(data), "validation_rows": given, "label": label})
    parts = split(made, seed=0)
    assert parts.val.tolist() == [25, 27, 28, 29]
    assert 26 not in torch.cat([parts.train, parts.test]).tolist()
    label[given] = -1
    with refused("the validation set has no row with a label"):
        split(made, seed=0)
    with refused("a split needs 10 or more rows with a label outside the validation set, got 5"):
        split(datasets.Dataset(**{**vars(data), "validation_rows": torch.arange(30) >= 5}), seed=0)
