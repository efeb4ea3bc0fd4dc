"""Checks of the algebra's arguments. A message says what, got, allowed, and the way out.

Shapes, dtypes and devices are always checked; values only on a CPU, as reading them elsewhere is a sync.
"""

import math

import torch
from torch import Tensor

from mixtrast.validation import describe, is_number, on_cpu

NOBODY = -1  # the id that matches no id, not even itself
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_slots(owner: str, name: str, ids: Tensor, weight: Tensor) -> None:
    """Raise unless `ids` is int64 (R,K) and `weight` has its shape, finite and 0 or more."""
    if not isinstance(ids, Tensor) or ids.dim() != 2 or ids.dtype != torch.int64 or ids.shape[1] == 0:
        raise TypeError(f"`{name}` of {owner} must be an int64 tensor (R,K) with K of 1 or more, got {describe(ids)}.")
    if not isinstance(weight, Tensor) or weight.shape != ids.shape or not weight.is_floating_point():
        raise TypeError(f"`weight` of {owner} must be floating of shape {tuple(ids.shape)}, got {describe(weight)}.")
    if weight.device != ids.device:
        raise ValueError(f"`{name}` and `weight` of {owner} must be on one device, got {ids.device} and {weight.device}.")
    if on_cpu(weight) and weight.numel():
        low, high = (float(v) for v in weight.detach().aminmax())
        if not (low >= 0 and math.isfinite(high)):  # NaN fails both
            raise ValueError(f"`weight` of {owner} must be finite and 0 or more, got values from {low:g} to {high:g}.")


def check_rows(name: str, anchors: Tensor, candidates: Tensor, paired: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The rows in one dtype, float32 or wider; wrong shapes, dtypes and devices are errors."""
    kind = torch.float32
    others = [("candidates", candidates)] if candidates is not anchors else []
    for argument, rows in (("anchors", anchors), *others, *([] if paired is None else [("paired", paired)])):
        if not isinstance(rows, Tensor) or rows.dim() != 2 or not rows.is_floating_point():
            raise TypeError(f"`{argument}` of {name} must be a floating tensor of two dimensions, got {describe(rows)}.")
        if rows.shape[1] != anchors.shape[1] or rows.device != anchors.device:
            raise ValueError(
                f"`{argument}` of {name} must have the anchors' {anchors.shape[1]} dimensions and device {anchors.device}, "
                f"got {rows.shape[1]} on {rows.device}."
            )
        if rows.dtype != kind:
            kind = torch.promote_types(kind, rows.dtype)
    if paired is not None and len(paired) != len(anchors):
        raise ValueError(f"`paired` of {name} must have one row for each of the {len(anchors)} anchors, got {len(paired)}.")
    if not anchors.numel():
        raise ValueError(f"`anchors` of {name} must have rows and dimensions, got shape {tuple(anchors.shape)}.")
    z = anchors.to(kind)
    return z, z if candidates is anchors else candidates.to(kind), None if paired is None else paired.to(kind)


def check_temperature(name: str, temperature: float | Tensor, rows: Tensor) -> float | Tensor:
    """The temperature as a float or as a tensor of no dimensions (which does not widen the rows)."""
    if isinstance(temperature, Tensor):
        if temperature.numel() != 1 or not temperature.is_floating_point():
            raise TypeError(f"`temperature` of {name} must be a number or a scalar tensor, got {describe(temperature)}.")
        if temperature.device not in (rows.device, torch.device("cpu")):
            raise ValueError(f"`temperature` of {name} must be on {rows.device} or the CPU, got {temperature.device}.")
        temperature = temperature.reshape(())
        value = float(temperature.detach()) if on_cpu(temperature) else None
    elif not is_number(temperature):
        raise TypeError(f"`temperature` of {name} must be a number or a scalar tensor, got {describe(temperature)}.")
    else:
        value = temperature = float(temperature)
    if value is not None and not 0 < value < math.inf:
        raise ValueError(f"`temperature` of {name} must be > 0, got {value:g}. Usual values are 0.05 to 1.")
    return temperature


def check_exclude(name: str, exclude: Tensor | None, anchors: Tensor, candidates: Tensor) -> tuple[Tensor | None, bool]:
    """`exclude` as (R,E) without repeats, and whether it is the diagonal: row i excludes candidate i alone."""
    if exclude is None:
        return None, False
    rows, columns = len(anchors), len(candidates)
    if not isinstance(exclude, Tensor) or exclude.dtype != torch.int64 or exclude.dim() not in (1, 2) or len(exclude) != rows:
        raise TypeError(
            f"`exclude` of {name} must be int64 of shape ({rows},) or ({rows},E), candidate indices with -1 for none, "
            f"got {describe(exclude)}."
        )
    if exclude.device != anchors.device:
        raise ValueError(f"`exclude` of {name} must be on the rows' {anchors.device}, got {exclude.device}. Use `.to(device)`.")
    diagonal = _is_diagonal(exclude, columns)
    exclude = exclude[:, None] if exclude.dim() == 1 else exclude
    if diagonal or exclude.shape[1] == 0 or columns == 0:
        return (exclude, True) if diagonal else (None, False)
    if on_cpu(exclude):
        low, high = (int(v) for v in exclude.aminmax())
        if low < -1 or high >= columns:
            raise ValueError(
                f"`exclude` of {name} must hold candidate indices 0 to {columns - 1}, or -1 for none, got {low} to {high}."
            )
    if exclude.shape[1] > 1:  # a candidate named twice is excluded once
        exclude = exclude.sort(1).values
        again = torch.nn.functional.pad(exclude[:, 1:] == exclude[:, :-1], (1, 0))
        exclude = exclude.masked_fill(again, -1)
    return exclude, False


def _is_diagonal(exclude: Tensor, columns: int) -> bool:
    """Whether row i excludes candidate i and no other; False on other devices, where reading values is a sync."""
    if not on_cpu(exclude) or exclude.numel() != len(exclude) or len(exclude) > columns:
        return False
    return torch.equal(exclude.flatten(), torch.arange(len(exclude), device=exclude.device))


def score_bound(name: str, z: Tensor, c: Tensor, own: Tensor | None) -> float:
    """The longest anchor times the longest other row, a bound on all products; -1 on other devices, where it is a sync.

    Rows that are not finite are an error.
    """
    if not on_cpu(z):
        return -1.0
    anchor = _longest(name, "anchors", z)
    candidate = anchor if c is z else _longest(name, "candidates", c)
    return anchor * (candidate if own is None else max(candidate, _longest(name, "paired", own)))


def _longest(name: str, argument: str, rows: Tensor) -> float:
    """The largest norm of a row, 0 without rows."""
    norm = float(torch.linalg.vector_norm(rows.detach(), dim=1).amax()) if len(rows) else 0.0
    if not math.isfinite(norm):
        bad = (~torch.isfinite(rows)).any(1).nonzero()[:, 0].tolist()
        where = f"in {len(bad)} of {len(rows)} rows, first in row {bad[0]}" if bad else "in the squares of its values"
        raise ValueError(
            f"`{argument}` of {name} must be finite, got NaN or infinity {where}. Look at what made them: a loss that "
            "diverged before, a zero row that was normalised, missing values in the input."
        )
    return norm
