"""Batch norm in parts."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
from mixtrast.encoders import merge_norms, split_norms
from support.generators import seeded
from support.methods import SHAPE, encoder
from support.momentum import K
from support.tolerances import F64

# --- batch norm in parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "table"])
def test_batch_norm_in_parts_is_batch_norm_of_each_part(kind):
    shape, splits = ((12, 3, 4, 5), 3) if kind == "image" else ((12, 3), 3)
    norm = (nn.BatchNorm2d if kind == "image" else nn.BatchNorm1d)(3).double()
    nn.init.normal_(norm.weight, generator=seeded(1))
    plain, x = copy.deepcopy(norm), torch.randn(shape, generator=seeded(0), dtype=torch.float64)
    held = nn.Sequential(norm)
    split_norms(held, splits)
    out = held(x)
    remembered = []
    for part in range(splits):
        alone = copy.deepcopy(plain)
        torch.testing.assert_close(out[part::splits], alone(x[part::splits]), **F64)
        remembered.append((alone.running_mean, alone.running_var))
    torch.testing.assert_close(held[0].running_mean, torch.stack([m for m, _ in remembered]).mean(0), **F64)
    torch.testing.assert_close(held[0].running_var, torch.stack([v for _, v in remembered]).mean(0), **F64)
    assert int(held[0].num_batches_tracked) == 1
    plain.load_state_dict(held[0].state_dict())  # the names have stayed
    torch.testing.assert_close(held.eval()(x), plain.eval()(x), **F64)


def test_batch_norm_in_parts_keeps_the_order_in_memory():
    held = split_norms(nn.Sequential(nn.BatchNorm2d(4)), 2)
    x = torch.randn(8, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    assert held(x).is_contiguous(memory_format=torch.channels_last)


def test_a_batch_that_parts_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"batch norm in 4 parts .* got 6\. Use another `batch`, or fewer `splits`"):
        split_norms(nn.Sequential(nn.BatchNorm1d(3)), 4)(torch.randn(6, 3))


def test_keys_are_normalised_with_others_than_their_queries():
    """With parts, the order of the keys is drawn; they come back in the order of the batch."""
    x = torch.randn(12, 1, 8, 8, generator=seeded(2), dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = mt.methods.get("moco", encoder(norm=True), queue=K, splits=3, dim=4).double()
    k = made.keys(x, seeded(4))
    order = torch.randperm(12, generator=seeded(4))
    expected = made.keys.target(x[order])
    torch.testing.assert_close(k[order], expected, **F64)
    assert not torch.allclose(k, made.keys.target(x))


# --- a run ---------------------------------------------------------------------------------------------------------------


def test_parts_are_undone_with_weights_and_statistics():
    plain = encoder(norm=True)
    held = split_norms(copy.deepcopy(plain), 3)
    held(torch.randn(12, *SHAPE, dtype=torch.float64))
    again = merge_norms(copy.deepcopy(held))
    assert [type(part) for part in again.modules()] == [type(part) for part in plain.modules()]
    assert all(value.equal(held.state_dict()[key]) for key, value in again.state_dict().items())
    assert list(again.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("momentum", [0.0, 0.3, None])
def test_what_batch_norm_in_parts_remembers(momentum):
    """Of equal parts the mean is that of the whole; its share of each batch is plain batch norm's."""
    plain = nn.BatchNorm1d(3, momentum=momentum).double()
    held = nn.Sequential(copy.deepcopy(plain))
    split_norms(held, 2)
    for seed in range(3):
        x = torch.randn(8, 3, generator=seeded(seed), dtype=torch.float64)
        plain(x)
        held(x)
    torch.testing.assert_close(held[0].running_mean, plain.running_mean, **F64)
    assert held[0].num_batches_tracked.equal(plain.num_batches_tracked)


class Activated(nn.BatchNorm1d):
    """A batch norm that does more."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


@pytest.mark.parametrize("norm", [Activated(3), nn.BatchNorm3d(3), nn.BatchNorm1d(3, track_running_stats=False)])
def test_a_batch_norm_that_would_lose_something_is_refused(norm):
    with pytest.raises(ValueError, match=r"`splits` takes BatchNorm1d and BatchNorm2d with running statistics, got .* Use"):
        split_norms(nn.Sequential(norm), 2)


@pytest.mark.parametrize(("name", "options"), [("byol", {}), ("imix", {"base": "byol"})])
def test_the_predictor_is_in_parts_too(name, options):
    made = mt.methods.get(name, encoder(norm=True), splits=2, dim=4, **options)
    norms = {at for at, part in made.named_modules() if type(part).__name__ == "SplitNorm"}
    assert {"predictor.1", "projector.1", "encoder.stages.0.2", "keys.target.projector.1"} <= norms
    assert not any(isinstance(part, nn.BatchNorm1d) for part in made.modules())
