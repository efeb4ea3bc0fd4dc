"""Bad input to the algebra is one clear error."""

from __future__ import annotations

import math

import pytest
import torch

import mixtrast as mt
from mixtrast import Labels
from support.rows import Y, Z, rows, soft


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"temperature": 0.0}, ValueError, "`temperature` of contrast must be > 0, got 0"),
        ({"temperature": -1}, ValueError, "must be > 0"),
        ({"temperature": float("nan")}, ValueError, "must be > 0, got nan"),
        ({"temperature": torch.tensor(-0.1)}, ValueError, "must be > 0"),
        ({"temperature": torch.ones(2)}, TypeError, "scalar tensor"),
        ({"temperature": "0.1"}, TypeError, "a number or a scalar tensor, got str"),
        ({"anchors": Z[0]}, TypeError, "`anchors` of contrast must be a floating tensor of two dimensions"),
        ({"anchors": Z.long()}, TypeError, "int64"),
        ({"anchors": Z[:0], "anchor_labels": Labels.nobody(0)}, ValueError, "must have rows"),
        ({"candidates": rows(4, 6)}, ValueError, "5 dimensions"),
        ({"anchor_labels": Labels.of(torch.arange(3))}, ValueError, "one row for each of the 4 anchors"),
        ({"candidate_labels": Labels.of(torch.arange(5))}, ValueError, "one row for each of the 4 candidates"),
        ({"exclude": torch.arange(3)}, TypeError, r"shape \(4,\) or \(4,E\)"),
        ({"exclude": torch.arange(4.0)}, TypeError, "int64"),
        ({"exclude": torch.tensor([0, 1, 2, 4])}, ValueError, "0 to 3, or -1"),
        ({"exclude": torch.tensor([0, 1, 2, -2])}, ValueError, "got -2"),
        ({"paired": rows(3)}, ValueError, "one row for each of the 4 anchors"),
        ({"normalize": "rows"}, ValueError, "'row', 'total', got 'rows'"),
        ({"reduction": "avg"}, ValueError, "'mean', 'sum', 'none'"),
        (
            {"anchors": Z.clone().index_fill_(0, torch.tensor([2]), math.nan)},
            ValueError,
            "NaN or infinity in 1 of 4 rows, first in row 2",
        ),
        ({"candidates": Z.clone().fill_(math.inf)}, ValueError, "`candidates` of contrast must be finite"),
        ({"paired": Z.clone().fill_(math.nan)}, ValueError, "`paired` of contrast must be finite"),
    ],
)
def test_bad_input_is_one_clear_error(change, error, says):
    good = {"anchors": Z, "candidates": rows(4, seed=1), "anchor_labels": Y, "candidate_labels": Y, "temperature": 0.1}
    mt.contrast(**good)
    with pytest.raises(error, match=says):
        mt.contrast(**(good | change))


def test_among_needs_hard_labels():
    with pytest.raises(ValueError, match="needs hard labels, one id for each of the 4 anchors"):
        mt.log_partition(Z, Z, temperature=0.1, among=(soft(4, 2, 3), Y))


def test_classes_outside_the_logits_are_refused():
    with pytest.raises(ValueError, match="class 1, but the logits have classes 0 to 0"):
        mt.soft_cross_entropy(torch.zeros(4, 1), Y)
    with pytest.raises(TypeError, match="floating tensor"):
        mt.soft_cross_entropy(torch.zeros(4), Y)
