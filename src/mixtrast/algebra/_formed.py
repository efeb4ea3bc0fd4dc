"""W formed by its definition: the matrix itself where it is small, or a few of its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from mixtrast.algebra._validation import NOBODY
from mixtrast.algebra.labels import Labels
from mixtrast.validation import on_cpu

FORMING = 1 << 20  # entries of W formed at a time


@dataclass(frozen=True)
class Slots:
    """Labels as the affinity needs them: ids (N,K), and weights (N,K) in float64 that are 0 for nobody.

    On a CPU it is known whether there is but one slot a row, of weight 1 (`hard`), and the largest |id|. Elsewhere finding
    out would be a sync.
    """

    ids: Tensor
    weight: Tensor
    hard: bool = False
    largest: int | None = None

    @classmethod
    def of(cls, labels: Labels) -> Slots:
        """The slots of labels."""
        ids, weight = labels.ids, labels.weight.double()
        if not on_cpu(ids) or not ids.numel():
            return cls(ids, weight.masked_fill(ids == NOBODY, 0.0))
        low, high = (int(v) for v in ids.aminmax())
        if low <= NOBODY <= high:
            weight = weight.masked_fill(ids == NOBODY, 0.0)
        hard = ids.shape[1] == 1 and all(float(v) == 1 for v in weight.aminmax())
        return cls(ids, weight, hard, max(-low, high))

    def at(self, rows: Tensor) -> Slots:
        """The slots of these rows."""
        return replace(self, ids=self.ids[rows], weight=self.weight[rows])


class Formed:
    """The target T = W / r as an (R,M) matrix: nothing is subtracted, so nothing cancels."""

    def __init__(
        self, anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, paired: bool, dtype: torch.dtype
    ) -> None:
        w = form(anchors, candidates, exclude, itself, dtype)
        self.mass, self.share = mass_and_share(w.sum(1).double(), paired)
        self.target = w.mul_(self.share.to(w.dtype)[:, None]).to(dtype)

    def mean(self, candidates: Tensor) -> Tensor:
        return self.target @ candidates

    def spread(self, rows: Tensor) -> Tensor:
        return self.target.t() @ rows


def form(anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, dtype: torch.dtype = torch.float64) -> Tensor:
    """W (R,M) by its definition: in float64, or, where it is only 0 and 1, in `dtype`."""
    ones = anchors.hard and candidates.hard
    dtype = dtype if ones else torch.float64
    ids, theirs = _comparable(anchors, candidates, dtype)

    def overlap(a: int, b: int) -> Tensor:
        """u_ia v_jb [id_ia = id_jb] of two slots."""
        same = torch.empty(len(ids), len(theirs), dtype=dtype, device=ids.device)
        torch.eq(ids[:, a, None], theirs[:, b], out=same)
        if not ones:
            same.mul_(anchors.weight[:, a, None])
        return same if candidates.hard else same.mul_(candidates.weight[:, b])

    w = overlap(0, 0)
    for a, b in list(product(range(ids.shape[1]), range(theirs.shape[1])))[1:]:
        w += overlap(a, b)
    if itself:
        w.fill_diagonal_(0.0)
    elif exclude is not None:
        keep = torch.ones(len(w), w.shape[1] + 1, dtype=w.dtype, device=w.device)  # one column more, for the pads
        w *= keep.scatter_(1, torch.where(exclude < 0, w.shape[1], exclude), 0.0)[:, :-1]
    return w


def _comparable(anchors: Slots, candidates: Slots, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The ids in `dtype` if that holds each of them exactly: numbers of the dtype of W compare several times as fast."""
    ids, theirs, exact_to = anchors.ids, candidates.ids, 2 / torch.finfo(dtype).eps
    if anchors.largest is None or candidates.largest is None or max(anchors.largest, candidates.largest) > exact_to:
        return ids, theirs
    numbers = ids.to(dtype)
    return numbers, numbers if theirs is ids else theirs.to(dtype)


def entropy(anchors: Slots, candidates: Slots, exclude: Tensor | None, paired: bool) -> tuple[Tensor, Tensor]:
    """(H (R,), r (R,)) with H_i = -Σ_j T_ij log T_ij of the targets T = W / r, formed a few rows at a time."""
    found, masses = [], []
    rows = torch.arange(len(anchors.ids), device=anchors.ids.device)
    for here in rows.split(max(1, FORMING // max(1, len(candidates.ids)))):
        w = form(anchors.at(here), candidates, None if exclude is None else exclude[here], False)
        own = w.new_full((len(w), int(paired)), 1.0)
        mass = w.sum(1) + own.sum(1)
        target = torch.cat([w, own], 1) / torch.where(mass > 0, mass, 1.0)[:, None]
        found.append(torch.special.entr(target).sum(1))
        masses.append(mass)
    return torch.cat(found), torch.cat(masses)


def mass_and_share(mass: Tensor, paired: bool) -> tuple[Tensor, Tensor]:
    """r and 1 / r (0 for an empty row), with the paired positive."""
    mass = mass + 1.0 if paired else mass
    return mass, mass.reciprocal().nan_to_num_(posinf=0.0)
