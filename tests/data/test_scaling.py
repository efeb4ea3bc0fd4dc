"""Scaling: fitted to training rows, exact for bytes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mixtrast import datasets, spec
from mixtrast.data.scaling import scaling
from support.images import pixels, write_folder
from support.messages import refused
from support.sources import MIXED, made

pytestmark = pytest.mark.usefixtures("no_network")


def test_scaling_is_of_what_is_there_and_leaves_codes(file):
    data = datasets.open(file(MIXED), label="kind")
    mean, std = datasets.scaling(data, torch.arange(4))
    assert mean.tolist() == pytest.approx([2.5, 0, 0])
    assert std.tolist() == pytest.approx([float(np.std([1.5, 2.5, 3.5])), 1, 1])
    series = torch.tensor([[[1.0, 3.0, float("nan")], [5.0, 5.0, float("nan")]]])
    made = dataclasses.replace(data, x=series, spec=spec.Series(2, 3, gaps=True), scaling="channel")
    mean, std = datasets.scaling(made, torch.arange(1))
    assert (mean.tolist(), std.tolist()) == ([[2.0], [5.0]], [[1.0], [1.0]])


@pytest.mark.parametrize(
    ("shape", "by", "axes"), [((50, 4), "feature", 0), ((50, 3, 7), "channel", (0, 2)), ((50, 3, 5, 4), "channel", (0, 2, 3))]
)
def test_scaling_gives_mean_0_and_spread_1_to_training_rows(shape, by, axes):
    x = np.random.default_rng(0).normal(1e4, 1e-1, shape).astype(np.float32)  # a sum of squares in float32 has no spread here
    rows = torch.arange(0, 50, 2)
    data = made(x=torch.from_numpy(x), scaling_by=by)
    mean, std = scaling(data, rows, chunk=7)
    assert mean.dtype == std.dtype == torch.float32
    train = x[::2].astype(np.float64)
    assert mean.flatten().numpy() == pytest.approx(train.mean(axes), rel=1e-7)
    assert std.flatten().numpy() == pytest.approx(train.std(axes), rel=1e-6)
    assert ((data.x - mean) / std).shape == shape
    assert mean.shape == std.shape == ((4,) if by == "feature" else (3, *(1 for _ in shape[2:])))
    changed = data.x.clone()
    changed[1::2] = 9e9
    assert scaling(made(x=changed, scaling_by=by), rows, chunk=7)[0].equal(mean)  # of training rows only


def test_scaling_leaves_what_cannot_be_scaled():
    x = torch.tensor(
        [[0, 0, 1, 7, 0.1, 2], [1, 0, 1, 7, 0.1, 0], [1, 0, 1, 7, 0.1, 1], [5, 5, 5, 5, 5, 5]], dtype=torch.float32
    )
    mean, std = scaling(made(x=x), torch.arange(3))
    assert mean.tolist() == [0, 0, 0, 7, torch.tensor(0.1).item(), 1]
    assert std[:5].tolist() == [1, 1, 1, 1, 1]
    assert std[5].item() == pytest.approx((2 / 3) ** 0.5)
    pixels = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])  # binary pictures are scaled: their channel is no one-hot column
    assert [value.item() for value in scaling(made(x=pixels, scaling_by="channel"), torch.arange(2))] == [0.5, 0.5]
    with refused("scaling needs training rows, got none"):
        scaling(made(x=x), torch.arange(0))


def test_arrays_of_images_in_bytes_stay_bytes(tmp_path):
    x = np.stack([pixels(seed) for seed in range(12)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 2)
    for source in (x, torch.from_numpy(x), tmp_path / "a.npz", x.transpose(0, 3, 1, 2)):
        data = datasets.open(source)
        assert data.x.dtype == torch.uint8
        assert data.x.is_contiguous()
        assert np.array_equal(data.x.numpy(), x.transpose(0, 3, 1, 2))
        assert data.schema.intensities is True
    frozen = x.copy()
    frozen.flags.writeable = False
    assert datasets.open(frozen).x.dtype == torch.uint8
    assert datasets.open(x, test=x[:3]).x.dtype == torch.uint8
    assert datasets.open(x[..., 0]).x.dtype == torch.float32  # series, and tables, are numbers
    assert datasets.open(x[:, 0, :, 0]).x.dtype == torch.float32
    with refused("must be uint8, as the training set is, got float32"):
        datasets.open(x.transpose(0, 3, 1, 2), test=x.transpose(0, 3, 1, 2) / 255)


def test_the_unit_of_an_image_is_kept():
    """Bytes are x / 255: other numbers in the place of such bytes would be 255 times too large, and nobody would see it."""
    x = np.stack([pixels(seed) for seed in range(12)]).transpose(0, 3, 1, 2)
    of_bytes, of_numbers = datasets.open(x), datasets.open(x.astype(np.float32))
    assert not of_numbers.schema.intensities
    assert datasets.open(x / 255, schema=of_bytes.schema).x.max() <= 1
    assert datasets.open(x / 255, schema=of_bytes.schema).schema == of_bytes.schema
    with refused(r"must be bytes \(uint8\), or numbers from 0 to 1, as the earlier images were, got \d+ to \d+\. Use"):
        datasets.open(x.astype(np.float32), schema=of_bytes.schema)
    again = datasets.open(x, schema=of_numbers.schema)
    assert (again.x.dtype, again.x.max()) == (torch.float32, x.max())


@pytest.mark.parametrize("shape", [(40, 3, 5, 7), (40, 1, 2, 2), (3, 2, 100, 80)])
def test_scaling_of_bytes_is_exact(shape):
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    rows = torch.arange(0, len(x), 2)
    mean, std = scaling(datasets.open(x), rows, chunk_bytes=200)
    used = x[::2].astype(np.float64) / 255
    assert mean.dtype == std.dtype == torch.float32
    assert mean.shape == std.shape == (shape[1], 1, 1)
    assert np.array_equal(mean.flatten().numpy(), used.mean((0, 2, 3)).astype(np.float32))
    assert np.abs(std.flatten().numpy() - used.std((0, 2, 3))).max() <= 6e-8  # one rounding to float32
    flat = scaling(datasets.open(np.full((4, 1, 2, 2), 51, np.uint8)), torch.arange(4))
    assert [each.item() for each in flat] == [pytest.approx(0.2, abs=1e-7), 1]  # a spread of 0 becomes 1


def test_scaling_looks_at_some_of_many_files(tmp_path):
    write_folder(tmp_path, {"a": 13})
    read, kept = datasets.open(tmp_path, memory="no"), datasets.open(tmp_path)
    for one, other in zip(scaling(read, torch.arange(13), most_files=5), scaling(kept, torch.arange(0, 13, 3)), strict=True):
        assert one.equal(other)
