"""The affinity W of two labelled sets, without an R x M matrix wherever that would be large.

    W_ij = Σ_ab u_ia v_jb [id_ia = id_jb],     0 where candidate j is excluded for anchor i
    r_i  = Σ_j W_ij (+ 1 for a paired positive),     m_i = Σ_j W_ij c_j / r_i,  the mean positive of row i

A small W is formed as it is defined. A large one is kept as a sparse product: slots that share an id form a group, so with
P_g = Σ_(j,b) in g v_jb c_j the sum Σ_j W_ij c_j is K gathers from P less the excluded pairs, linear in R and M. Three cares
make that exact:

* Masses and sums are float64, and a row is empty when the *integer* count of its matching slots is 0: what is left of a
  float32 mass after its own term is subtracted is rounding, and would be normalised into a full-size garbage gradient.
* The subtraction is made slot by slot, so a group of one leaves exactly 0.
* Where it would still lose digits (the excluded pair outweighs the rest a million times: λ drawn at a small α does that)
  the row is *delicate*. On a CPU its row of W is formed by itself; on CUDA, where looking would be a sync, a row with
  less than 2^-40 of its mass left counts as empty.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from mixtrast.checks import NOBODY
from mixtrast.precision import exact

FORMED = 1 << 18  # products of slots up to which W is formed: measured faster than grouping up to here
_DELICATE = 2.0**-20  # below this share of the mass before exclusion a row is formed (CPU); above it 32 bits are good
_NOTHING = 2.0**-40  # and below this share nothing can be told from rounding (CUDA)
_CHUNK = 1 << 20  # entries of W formed at a time for delicate rows

Slots = tuple[Tensor, Tensor]  # ids (N,K) int64 and weight (N,K)


class Affinity(Protocol):
    mass: Tensor  # r (R,) float64, 0 for an empty row
    share: Tensor  # 1 / r, 0 for an empty row

    def mean(self, candidates: Tensor) -> Tensor:
        """m = W C / r: (M,D) -> (R,D), 0 for an empty row."""

    def spread(self, rows: Tensor) -> Tensor:
        """Its transpose, Wᵀ (Y / r): (R,D) -> (M,D)."""


def affinity(
    anchors: Slots, candidates: Slots, exclude: Tensor | None, *, itself: bool, paired: bool, dtype: torch.dtype
) -> Affinity:
    """W between anchor and candidate slots less the pairs in `exclude` (R,E), unique, -1 pads; `itself`: the diagonal."""
    same = candidates[0] is anchors[0] and candidates[1] is anchors[1]
    anchors = _live(*anchors)
    candidates = anchors if same else _live(*candidates)
    if anchors[0].numel() * candidates[0].numel() <= FORMED:
        return Formed(anchors, candidates, exclude, itself, paired, dtype)
    return Grouped(anchors, candidates, exclude, itself, paired)


class Formed:
    """The target T = W / r as an (R,M) matrix: nothing is subtracted, so nothing cancels."""

    def __init__(
        self, anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, paired: bool, dtype: torch.dtype
    ) -> None:
        w = _form(anchors, candidates, exclude, itself, dtype)
        mass = w.sum(1).double()
        self.mass = mass + 1.0 if paired else mass
        self.share = torch.where(self.mass > 0, 1 / self.mass, 0.0)
        self.target = w.mul_(self.share.to(w.dtype)[:, None]).to(dtype)

    def mean(self, candidates: Tensor) -> Tensor:
        return self.target @ candidates

    def spread(self, rows: Tensor) -> Tensor:
        return self.target.t() @ rows


class Grouped:
    """W as (anchor slot -> group) times (group <- candidate slot), less the excluded pairs."""

    def __init__(self, anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, paired: bool) -> None:
        (self.anchor_ids, self.u), (self.candidate_ids, self.v) = self.anchors, self.candidates = anchors, candidates
        self.exclude, self.itself = exclude, itself
        self._group()
        before = mass = (self.u * self._of_group(self.v)).sum(1)  # (R,)
        count = ((self.u != 0) * self._of_group((self.v != 0).long())).sum(1)
        if exclude is not None:
            self.own, own_count = self._excluded(exclude)
            mass = (self.u * (self._of_group(self.v) - sum(self.own))).sum(1)
            count = count - own_count
        self.delicate: Tensor | None = None
        if exclude is not None and mass.is_cuda:
            count = count * (mass > _NOTHING * before)
        elif exclude is not None:
            rows = ((count > 0) & (mass < _DELICATE * before)).nonzero()[:, 0]
            if len(rows):
                self.delicate = rows
                mass[rows] = torch.cat([self._form(part).sum(1) for part in self._parts()])
        mass = torch.where(count > 0, mass, 0.0)
        self.mass = mass + 1.0 if paired else mass
        self.share = torch.where(self.mass > 0, 1 / self.mass, 0.0)

    def _group(self) -> None:
        """Numbers the ids of the candidate slots; the last group holds nobody and always sums to 0."""
        slots = self.v.flatten()
        # On CUDA the number of live slots would be a sync: dead ones stay, with weight 0.
        self.slots = torch.arange(slots.numel(), device=slots.device) if slots.is_cuda else slots.nonzero()[:, 0]
        self.slot_rows = self.slots.div(self.v.shape[1], rounding_mode="floor")
        self.slot_weight = slots[self.slots]
        ids, order = self.candidate_ids.flatten()[self.slots].sort()
        if not len(ids):  # a queue of nobody
            self.groups, self.slot_group = 0, self.slots
            self.anchor_group = torch.zeros_like(self.anchor_ids)
            return
        number = torch.cat([ids.new_zeros(1), (ids[1:] != ids[:-1]).cumsum(0)])
        self.groups = len(ids) if ids.is_cuda else int(number[-1]) + 1
        self.slot_group = torch.empty_like(order).scatter_(0, order, number)
        at = torch.searchsorted(ids, self.anchor_ids.contiguous()).clamp_(max=len(ids) - 1)
        self.anchor_group = torch.where(ids[at] == self.anchor_ids, number[at], self.groups)

    def _of_group(self, slot_values: Tensor) -> Tensor:
        """Σ over the candidate slots of each anchor slot's group: (M,Kb) -> (R,Ka)."""
        return _sum_by(self.slot_group, slot_values.flatten()[self.slots], self.groups + 1)[self.anchor_group]

    def _excluded(self, exclude: Tensor) -> tuple[list[Tensor], Tensor]:
        """Per column of `exclude`, the mass (R,Ka) the hidden candidate adds to each slot, 0 for pads; and all their count."""
        masses, count = [], torch.zeros_like(exclude[:, 0])
        for hidden in exclude.unbind(1):
            at = hidden.clamp(min=0)
            same = self.anchor_ids[:, :, None] == self.candidate_ids[at][:, None, :]  # (R,Ka,Kb)
            same = same & (hidden >= 0)[:, None, None]
            v = self.v[at][:, None, :] * same
            masses.append(v.sum(2))
            count = count + ((v != 0) & (self.u != 0)[:, :, None]).sum((1, 2))
        return masses, count

    def _parts(self) -> tuple[Tensor, ...]:
        """The delicate rows, a few at a time."""
        return () if self.delicate is None else self.delicate.split(max(1, _CHUNK // len(self.v)))

    def _form(self, part: Tensor) -> Tensor:
        exclude = None if self.exclude is None else self.exclude[part]
        return _form((self.anchor_ids[part], self.u[part]), self.candidates, exclude, False)

    def mean(self, candidates: Tensor) -> Tensor:
        c = candidates.double()
        sums = _sum_by(self.slot_group, c[self.slot_rows].mul_(self.slot_weight[:, None]), self.groups + 1)
        out = torch.zeros(len(self.u), c.shape[1], dtype=c.dtype, device=c.device)
        for a in range(self.u.shape[1]):
            left = sums[self.anchor_group[:, a]]
            for hidden, own in self._pairs():
                left -= own[:, a, None] * (c[: len(own)] if hidden is None else c[hidden])
            out += left.mul_(self.u[:, a, None])
        for part in self._parts():
            out[part] = self._form(part) @ c
        return out.mul_(self.share[:, None]).to(candidates.dtype)

    def spread(self, rows: Tensor) -> Tensor:
        whole = y = rows.double() * self.share[:, None]
        if self.delicate is not None:
            y = y.index_fill(0, self.delicate, 0.0)
        sums = torch.zeros(self.groups + 1, y.shape[1], dtype=y.dtype, device=y.device)
        for a in range(self.u.shape[1]):
            sums += _sum_by(self.anchor_group[:, a], y * self.u[:, a, None], self.groups + 1)
        back = sums[self.slot_group].mul_(self.slot_weight[:, None])
        every = self.v.shape[1] == 1 and len(back) == len(self.v)  # one slot each, all alive: already in the candidates' order
        out = back if every else _sum_by(self.slot_rows, back, len(self.v))
        for hidden, own in self._pairs():
            lost = y * (self.u * own).sum(1, keepdim=True)
            if hidden is None:
                out[: len(lost)] -= lost
            else:
                out -= _sum_by(hidden, lost, len(self.v))
        for part in self._parts():
            out += self._form(part).t() @ whole[part]
        return out.to(rows.dtype)

    def _pairs(self) -> list[tuple[Tensor | None, Tensor]]:
        """(candidate index or None for "the row itself", mass (R,Ka)) per column of `exclude`; pads have mass 0."""
        if self.exclude is None:
            return []
        if self.itself:
            return [(None, self.own[0])]
        return [(hidden.clamp(min=0), own) for hidden, own in zip(self.exclude.unbind(1), self.own, strict=True)]


class MeanPositive(torch.autograd.Function):
    """m = W C / r, linear in C."""

    @staticmethod
    def forward(ctx: Any, candidates: Tensor, w: Affinity) -> Tensor:
        ctx.w = w
        with exact():
            return w.mean(candidates)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        with exact():
            return ctx.w.spread(upstream[0]), None


def _form(
    anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, dtype: torch.dtype = torch.float64
) -> Tensor:
    """W (R,M) as it is defined: in float64, or, where it is only 0 and 1, in the narrower dtype."""
    (ids, u), (theirs, v) = anchors, candidates
    if _hard(u) and (v is u or _hard(v)):
        w = (ids == theirs.t()).to(dtype)
    else:
        w = torch.zeros(len(u), len(v), dtype=u.dtype, device=u.device)
        for a in range(u.shape[1]):
            for b in range(v.shape[1]):
                w += (u[:, a, None] * v[:, b]).mul_(ids[:, a, None] == theirs[:, b])
    if itself:
        w.fill_diagonal_(0.0)
    elif exclude is not None:
        keep = torch.ones(len(w), w.shape[1] + 1, dtype=w.dtype, device=w.device)  # one column more, for the pads
        w *= keep.scatter_(1, torch.where(exclude < 0, w.shape[1], exclude), 0.0)[:, :-1]
    return w


def _hard(weight: Tensor) -> bool:
    """One slot a row, of weight 1; not looked at on CUDA, where looking is a sync."""
    return weight.shape[1] == 1 and not weight.is_cuda and bool((weight == 1).all())


def _live(ids: Tensor, weight: Tensor) -> Slots:
    """A slot of nobody weighs nothing."""
    return ids, torch.where(ids == NOBODY, 0.0, weight.double())


def _sum_by(group: Tensor, values: Tensor, groups: int) -> Tensor:
    """Sums the rows of `values` by group, in a fixed order: the same bits at every run."""
    out = torch.zeros(groups, *values.shape[1:], dtype=values.dtype, device=values.device)
    if values.is_cuda:  # index_add_ would add in the order the threads come; index_put_ sorts first
        return out.index_put_((group,), values, accumulate=True)
    return out.index_add_(0, group, values)
