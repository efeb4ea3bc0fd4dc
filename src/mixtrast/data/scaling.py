"""Scaling of the input: mean and standard deviation of the training rows."""

from math import prod

import torch
from torch import Tensor

from mixtrast.data.dataset import Dataset
from mixtrast.data.files import Files
from mixtrast.spec import Spec, Table, is_plain


def scaling(
    data: Dataset, rows: Tensor, *, chunk: int = 4096, chunk_bytes: int = 1 << 22, most_files: int = 10_000
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the training rows, for (x - mean) / std.

    Computed in float64, returned in float32. By column, of shape (F,), when `data.scaling` is "feature"; by channel, (C,1) or
    (C,1,1), when it is "channel". A deviation of 0 becomes 1. Columns of zeros and ones alone stay as they are (mean 0,
    deviation 1), as in i-Mix's one-hot columns of CovType: how rare a value is should not make it large. So do codes of
    categories and ids of tokens. Missing values are left out.

    Images in bytes are taken as x / 255, and their sums are exact. Where the dataset has `constants` (a published mean and
    deviation), those are returned.

    Args:
        rows: (R,) int64, the training rows, 1 or more.
        chunk: rows held in float64 at a time.
        chunk_bytes: bytes of images counted at a time: about a cache.
        most_files: images on disk that are decoded, evenly apart. The mean of 10,000 is right to a hundredth of the deviation.
    """
    if not len(rows):
        raise ValueError("scaling needs training rows, got none.")
    if data.x.dtype == torch.int64:  # ids of tokens
        return torch.zeros(()), torch.ones(())
    if isinstance(data.x, Tensor) and not is_plain(data.spec):
        return _of_known(data.x, rows.split(chunk), data.spec)
    if data.constants is not None:
        mean, std = (torch.tensor(each).view(-1, *(1 for _ in data.x.shape[2:])) for each in data.constants)
        return mean, std
    if isinstance(data.x, Files):
        rows = rows[:: -(-len(rows) // most_files)]
    if data.x.dtype == torch.uint8:
        return _of_bytes(data.x, rows.split(max(1, chunk_bytes // prod(data.x.shape[1:]))))
    return _of_numbers(data.x, rows.split(chunk), by_feature=data.scaling == "feature")


def _of_numbers(x: Tensor | Files, chunks: tuple[Tensor, ...], *, by_feature: bool) -> tuple[Tensor, Tensor]:
    """Return the scaling of numbers of which none is missing."""
    over = (0,) if by_feature else (0, *range(2, x.dim()))
    shape = x.shape[1:] if by_feature else (x.shape[1], *(1 for _ in x.shape[2:]))
    numbers = sum(map(len, chunks)) * prod(x.shape[1:]) // prod(shape)
    low, high = (torch.full(shape, sign * torch.inf) for sign in (1, -1))
    binary = torch.full(shape, by_feature)
    total, squares = (torch.zeros(shape, dtype=torch.float64) for _ in range(2))
    for rows in chunks:
        part = x[rows]
        low, high = torch.minimum(low, part.amin(over).view(shape)), torch.maximum(high, part.amax(over).view(shape))
        binary &= ((part == 0) | (part == 1)).all(0) if by_feature else False
        total += part.sum(over, dtype=torch.float64).view(shape)
    mean = total / numbers
    for rows in chunks:  # again, around the mean: a sum of squares alone would lose a small deviation beside a large mean
        squares += (x[rows] - mean).square().sum(over).view(shape)
    mean, std = mean.float(), (squares / numbers).sqrt().float()
    std[(low == high) | (std == 0)] = 1
    mean[low == high] = low[low == high]
    mean[binary], std[binary] = 0, 1
    return mean, std


def _of_known(x: Tensor, chunks: tuple[Tensor, ...], spec: Spec) -> tuple[Tensor, Tensor]:
    """Return the scaling of the values that are not missing, by column or channel; codes of categories stay as they are."""
    over = (0,) if isinstance(spec, Table) else (0, 2)
    known, total, squares = (torch.zeros(x.shape[1], dtype=torch.float64) for _ in range(3))
    binary = torch.full((x.shape[1],), isinstance(spec, Table))
    for rows in chunks:
        part = x[rows].double()
        known += (~part.isnan()).sum(over)
        total += part.nansum(over)
        if isinstance(spec, Table):
            binary &= ((part == 0) | (part == 1) | part.isnan()).all(0)
    mean = total / known.clamp(min=1)
    for rows in chunks:
        squares += (x[rows].double() - (mean if isinstance(spec, Table) else mean[:, None])).square().nansum(over)
    std = (squares / known.clamp(min=1)).sqrt()
    if isinstance(spec, Table) and spec.levels:
        binary |= torch.tensor(spec.levels) > 0
    mean[binary], std[binary | (std < 1e-12 * mean.abs().clamp(min=1e-30))] = 0, 1
    mean, std = mean.float(), std.float()
    return (mean, std) if isinstance(spec, Table) else (mean[:, None], std[:, None])


def _of_bytes(x: Tensor | Files, chunks: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return the scaling of images by channel, from integers: n Σx² - (Σx)² is exact, so that one pass is enough."""
    counts = torch.zeros(x.shape[1], 256, dtype=torch.int64)  # of each value
    for rows in chunks:
        pixels = x[rows]
        for channel, times in enumerate(counts):
            times += torch.bincount(pixels[:, channel].flatten(), minlength=256)
    value = torch.arange(256)
    total, squares = (counts * value).sum(1), (counts * value * value).sum(1)
    numbers = sum(map(len, chunks)) * prod(x.shape[2:])
    pairs = list(zip(total.tolist(), squares.tolist(), strict=True))
    mean = [first / numbers / 255 for first, _ in pairs]
    std = [max(0, numbers * second - first * first) ** 0.5 / numbers / 255 or 1.0 for first, second in pairs]
    return torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)
