"""Which labels training may see."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtrast.data.visibility import limit_labels
from support.messages import refused


@settings(deadline=None)
@given(
    st.lists(st.integers(-1, 3), min_size=20, max_size=60).map(lambda v: [0, 1, 2, 3] * 4 + v),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_limit_labels_leaves_that_many_labels(values, per_class, seed):
    label = torch.tensor(values)
    rows = torch.cat([torch.arange(16), torch.arange(18, len(values), 2)])
    before = label.clone()
    given = limit_labels(label, rows, per_class, seed)
    assert label.equal(before)
    kept = given[rows]
    assert torch.bincount(kept[kept >= 0], minlength=4).tolist() == [per_class] * 4
    assert ((kept == label[rows]) | (kept == -1)).all()
    others = torch.ones(len(label), dtype=torch.bool)
    others[rows] = False
    assert given[others].equal(label[others])
    assert given.equal(limit_labels(label, rows, per_class, seed))
    if per_class > 1:
        fewer = limit_labels(label, rows, per_class - 1, seed)[rows]
        assert (kept[fewer >= 0] >= 0).all()


def test_limit_labels_refuses():
    label = torch.tensor([0, 0, 1, 2, -1])
    with refused("at most what every class has among the 4 rows, 0, got 2: class 1 has 1, class 2 has 0"):
        limit_labels(label, torch.tensor([0, 1, 2, 4]), 2, 0)
    for wrong in (0, 1.5, True):
        with refused("`per_class` of limit_labels must be a whole number above 0"):
            limit_labels(label, torch.arange(5), wrong, 0)
    with refused(r"`label` must be int64 classes of shape \(N,\), got torch.float32"):
        limit_labels(label.float(), torch.arange(5), 1, 0)
