"""What must not change a loss: order, names, lengths, which view is first."""

from __future__ import annotations

import pytest
import torch

from mixtrast.methods import Batch
from support.generators import seeded
from support.methods import FULLY, PARTLY, Given, N, batch, cases, method, twin, value
from support.tolerances import F64

ORDERED = [
    ("npair", {}),
    ("simclr", {}),
    ("supcon", {}),
    ("supervised", {}),
    *[(name, {"depth": depth}) for name in ("imix", "mixsupcon") for depth in (0, 1)],
    ("mixsupcon", {"reading": "B"}),
    ("supervised", {"mixer": "mixup"}),
]


@cases(ORDERED)
@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_order_of_the_batch_does_not_matter(name, options, norm):
    """Partners and shares go with the examples."""
    options, order, given = dict(options), torch.randperm(N, generator=seeded(5)), batch(FULLY)
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    rows, of = (torch.cat([order, N + order]), 2 * N) if name == "mixsupcon" else (order, N)
    first = torch.arange(of)
    parents = torch.stack([first, torch.randperm(of, generator=seeded(6))], 1)
    weight = torch.rand(of, generator=seeded(7), dtype=torch.float64)
    mixes = name in ("imix", "mixsupcon") or options.pop("mixer", None)
    one, other = ({"mixer": Given(*told)} if mixes else {} for told in (
        (parents, weight), (rows.argsort()[parents[rows]], weight[rows])
    ))  # fmt: skip
    made = method(name, norm=norm, **options, **one)
    torch.testing.assert_close(value(twin(made, name, **options, **other), moved), value(made, given), **F64)


@pytest.mark.parametrize("name", ["supcon", "mixsupcon"])
def test_the_names_of_classes_and_examples_do_not_matter(name):
    made = method(name)
    renamed = torch.where(PARTLY < 0, PARTLY, torch.tensor([17, 5, 0])[PARTLY])
    other = batch(renamed, index=torch.randperm(1_000, generator=seeded(3))[:N])
    torch.testing.assert_close(value(made, batch()), value(made, other), **F64)


@pytest.mark.parametrize("name", ["simclr", "supcon"])
def test_the_views_may_be_swapped(name):
    made, given = method(name), batch()
    swapped = Batch(given.views[::-1], given.label, given.index)
    torch.testing.assert_close(value(made, given), value(made, swapped), **F64)


@pytest.mark.parametrize("name", ["npair", "simclr", "supcon", "imix", "mixsupcon"])
def test_the_length_of_a_vector_does_not_matter(name):
    """Vectors are unit vectors: the last layer may be scaled."""
    made = method(name)
    before = value(made, batch())
    with torch.no_grad():
        made.projector[-1].weight.mul_(7)
        made.projector[-1].bias.mul_(7)
    torch.testing.assert_close(value(made, batch()), before, **F64)
