"""Labels and Mix: what they hold and what they refuse."""

from __future__ import annotations

import pytest
import torch

import mixtrast as mt
from mixtrast import Labels, Mix
from support.rows import Y, Z


def test_plain_ids_may_stand_for_labels():
    y = torch.tensor([0, 0, 1, 1])
    assert mt.contrast(Z, Z, y, y, temperature=0.1) == mt.contrast(Z, Z, Y, Y, temperature=0.1)


def test_labels_and_mixes_say_what_they_are_and_refuse_what_they_are_not():
    assert repr(Y) == "Labels(4 rows, 1 slots, cpu)"
    assert repr(Mix.identity(3)) == "Mix(3 rows of 1 parents, cpu)"
    assert Y.to("cpu").ids.equal(Y.ids)
    with pytest.raises(TypeError, match="the Mix that a mixer returned, got torch"):
        Y.mix(torch.arange(4))
    with pytest.raises(ValueError, match="-1 or more where `instance` is given, got -5"):
        Labels.of(torch.tensor([-5, -1]), instance=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="`instance` must be 0 or more"):
        Labels.of(torch.tensor([0, -1]), instance=torch.tensor([0, -1]))
    with pytest.raises(ValueError, match="takes row 4, but there are labels for 4 rows"):
        Y.mix(Mix(torch.tensor([[4]]), torch.ones(1, 1)))
    with pytest.raises(ValueError, match="at least one set of rows"):
        Labels.cat()
    with pytest.raises(ValueError, match="rows that sum to 1"):
        Mix(torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.4]]))


def test_unlabelled_rows_are_classes_of_their_own():
    """Semi-supervised: both views of an unlabelled example are each other's only positive."""
    y, index = torch.tensor([0, 0, -1, -1]), torch.arange(4)
    labels = Labels.of(y.repeat(2), instance=index.repeat(2))
    mass = mt.row_mass(labels, labels, exclude=torch.arange(8))
    assert mass.tolist() == [3, 3, 1, 1, 3, 3, 1, 1]
