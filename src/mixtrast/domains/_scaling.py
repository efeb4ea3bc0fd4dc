"""What is learned from training rows before training: the scale of the input, and which labels are given."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains._data import Data
from mixtrast.domains._files import Files
from mixtrast.domains._split import GRANT, keys
from mixtrast.domains._words import count, listed
from mixtrast.spec import Spec, Table, is_plain

ROWS = 4096  # held in float64 at a time
BYTES = 1 << 22  # of images counted at a time: about a cache
LOOKED_AT = 10_000  # images on disk that are decoded for it: the mean of so many is right to a hundredth of the spread


def scaling(data: Data, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of the training rows, to be used as (x - mean) / std.

    In float64, of `rows` only, float32 at the end. By column, of shape (F,), when `data.scaling` is "feature"; by channel,
    (C,1) or (C,1,1), when it is "channel". A spread of 0 becomes 1. A column of zeros and ones alone is left as it is, mean 0
    and spread 1, as i-Mix did for the one-hot columns of CovType: how rare a thing is should not make it large.

    Of values that may be missing, those that are there; codes of categories and ids of tokens are left as they are.

    Images in bytes are taken as x / 255, and their sums are exact. Of images on disk at most 10,000 rows, evenly apart, are
    read. Where the data come with constants, those are given.

    Args:
        rows: (R,) int64, the training rows, 1 or more.
    """
    if not len(rows):
        raise ValueError("scaling needs training rows, got none.")
    if data.x.dtype == torch.int64:  # ids
        return torch.zeros(()), torch.ones(())
    if isinstance(data.x, Tensor) and not is_plain(data.spec):
        return _of_known(data.x, rows, data.spec)
    if data.constants is not None:
        mean, std = (torch.tensor(each).view(-1, *(1 for _ in data.x.shape[2:])) for each in data.constants)
        return mean, std
    if isinstance(data.x, Files):
        rows = rows[:: -(-len(rows) // LOOKED_AT)]
    if data.x.dtype == torch.uint8:
        return _of_bytes(data.x, rows)
    over = (0, *range(2, data.x.dim())) if data.scaling == "channel" else (0,)
    shape = data.x.shape[1:] if data.scaling == "feature" else (data.x.shape[1], *(1 for _ in data.x.shape[2:]))
    numbers = len(rows) * int(np.prod(data.x.shape[1:])) // int(np.prod(shape))
    low, high = (torch.full(shape, sign * torch.inf) for sign in (1, -1))
    binary = torch.full(shape, data.scaling == "feature")
    total, squares = (torch.zeros(shape, dtype=torch.float64) for _ in range(2))
    for some in rows.split(ROWS):
        x = data.x[some]
        low, high = torch.minimum(low, x.amin(over).view(shape)), torch.maximum(high, x.amax(over).view(shape))
        binary &= ((x == 0) | (x == 1)).all(0) if data.scaling == "feature" else False
        total += x.sum(over, dtype=torch.float64).view(shape)
    mean = total / numbers
    for some in rows.split(ROWS):  # again, around the mean: a sum of squares alone would lose a small spread on a large mean
        squares += (data.x[some] - mean).square().sum(over).view(shape)
    mean, std = mean.float(), (squares / numbers).sqrt().float()
    std[(low == high) | (std == 0)] = 1
    mean[low == high] = low[low == high]
    mean[binary], std[binary] = 0, 1
    return mean, std


def _of_known(x: Tensor, rows: Tensor, spec: Spec) -> tuple[Tensor, Tensor]:
    """Of the values that are there, by column or channel; codes of categories are left as they are."""
    over = (0,) if isinstance(spec, Table) else (0, 2)
    many, total, squares = (torch.zeros(x.shape[1], dtype=torch.float64) for _ in range(3))
    binary = torch.full((x.shape[1],), isinstance(spec, Table))
    for some in rows.split(ROWS):
        part = x[some].double()
        many += (~part.isnan()).sum(over)
        total += part.nansum(over)
        if isinstance(spec, Table):
            binary &= ((part == 0) | (part == 1) | part.isnan()).all(0)
    mean = total / many.clamp(min=1)
    for some in rows.split(ROWS):
        squares += (x[some].double() - (mean if isinstance(spec, Table) else mean[:, None])).square().nansum(over)
    std = (squares / many.clamp(min=1)).sqrt()
    if isinstance(spec, Table) and spec.levels:
        binary |= torch.tensor(spec.levels) > 0
    mean[binary], std[binary | (std < 1e-12 * mean.abs().clamp(min=1e-30))] = 0, 1
    mean, std = mean.float(), std.float()
    return (mean, std) if isinstance(spec, Table) else (mean[:, None], std[:, None])


def _of_bytes(x: Tensor | Files, rows: Tensor) -> tuple[Tensor, Tensor]:
    """By channel, from whole numbers: n Σx² - (Σx)² loses nothing, so that one look at the pixels is enough."""
    times = torch.zeros(x.shape[1], 256, dtype=torch.int64)  # how often each value is there
    for some in rows.split(max(1, BYTES // int(np.prod(x.shape[1:])))):
        pixels = x[some]
        for channel, counted in enumerate(times):
            counted += torch.bincount(pixels[:, channel].flatten(), minlength=256)
    value = torch.arange(256)
    total, squares = (times * value).sum(1), (times * value * value).sum(1)
    numbers = len(rows) * int(np.prod(x.shape[2:]))
    pairs = list(zip(total.tolist(), squares.tolist(), strict=True))
    mean = [first / numbers / 255 for first, _ in pairs]
    std = [max(0, numbers * second - first * first) ** 0.5 / numbers / 255 or 1.0 for first, second in pairs]
    return torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)


def grant(label: Tensor, rows: Tensor, per_class: int, seed: int) -> Tensor:
    """Labels of which only a few are given: `per_class` of each class among `rows`, drawn by `seed`.

    With the same seed, the labels given at 5 a class are among those given at 10.

    Args:
        label: (N,) int64, -1 where missing.
        rows: (R,) int64: where labels are taken away, usually the training rows; all others are left as they are.
        per_class: 1 or more.

    Returns: (N,) int64, a copy.
    Raises: ValueError when a class of `label` has fewer among `rows`.
    """
    if label.dtype != torch.int64 or label.dim() != 1:
        raise ValueError(f"`label` of grant must be int64 classes of shape (N,), got {label.dtype} of {tuple(label.shape)}.")
    if not isinstance(per_class, int) or isinstance(per_class, bool) or per_class < 1:
        raise ValueError(f"`per_class` of grant must be a whole number, 1 or more, got {per_class!r}.")
    here = label[rows].numpy()
    classes = np.unique(label[label >= 0].numpy())
    sizes = {int(kind): int((here == kind).sum()) for kind in classes}
    short = [f"class {kind} has {size:,}" for kind, size in sizes.items() if size < per_class]
    if short:
        raise ValueError(
            f"`per_class` of grant must be at most what every class has among the {count(len(rows), 'row')}, "
            f"{min(sizes.values()):,}, got {per_class:,}: {listed(short)}. Ask for fewer, or give more rows of them."
        )
    order = np.lexsort((keys(len(here), seed, GRANT), here))
    given = label.clone()
    given[rows] = -1
    for kind in classes:
        kept = rows[torch.from_numpy(order[here[order] == kind][:per_class])]
        given[kept] = int(kind)
    return given
