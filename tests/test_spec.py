"""Specs: the shapes of examples."""

from __future__ import annotations

import pytest
import torch

from mixtrast import spec
from mixtrast.spec import Image, Series, Table


@pytest.mark.parametrize("shape", [Table(9), Series(2, 5), Image(3, 8, 7)], ids=str)
def test_a_spec_is_its_shape_and_survives_a_file(shape):
    assert spec.of(shape.shape) == shape
    assert spec.from_dict(spec.to_dict(shape)) == shape
    assert spec.numbers(shape) == torch.zeros(shape.shape).numel()


@pytest.mark.parametrize("shape", [(), (1, 2, 3, 4), (0,), (3, 0), (2, -1)], ids=str)
def test_what_is_no_example_is_refused(shape):
    with pytest.raises(ValueError, match="Reshape the array"):
        spec.of(shape)
