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

from mixtrast.checks import NOBODY, on_cpu
from mixtrast.precision import exact

FORMED = 1 << 18  # products of slots up to which W is formed: measured faster than grouping up to here
_DELICATE = 2.0**-20  # below this share of the mass before exclusion a row is formed (CPU); above it 32 bits are good
_NOTHING = 2.0**-40  # and below this share nothing can be told from rounding (CUDA)
_FORMING = 1 << 20  # entries of W formed at a time for delicate rows
_PIECE = 1 << 16  # numbers widened to float64 at a time on a CPU: half a megabyte, which stays in its cache

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
        self.anchor_slots, self.candidate_slots = anchors, candidates
        self.exclude, self.itself = exclude, itself
        self._group()
        (_, u), (_, v) = anchors, candidates
        whole = self._of_group(v)
        count = ((u != 0) * self._of_group((v != 0).long())).sum(1)
        before = mass = (u * whole).sum(1)  # (R,)
        if exclude is not None:
            self.own, own_count = self._excluded(exclude)
            mass = (u * (whole - sum(self.own))).sum(1)
            count = count - own_count
        self.delicate: Tensor | None = None
        if exclude is not None and not on_cpu(mass):
            count = count * (mass > _NOTHING * before)
        elif exclude is not None:
            rows = ((count > 0) & (mass < _DELICATE * before)).nonzero()[:, 0]
            if len(rows):
                self.delicate = rows
                mass[rows] = torch.cat([self._form(part).sum(1) for part in self._parts()])
                u = u.index_fill(0, rows, 0.0)
        mass = torch.where(count > 0, mass, 0.0)
        self.mass = mass + 1.0 if paired else mass
        self.share = torch.where(self.mass > 0, 1 / self.mass, 0.0)
        self.u = u * self.share[:, None]  # (R,Ka), what a group weighs in the mean of row i
        self.v = v

    def _group(self) -> None:
        """Numbers the ids of the candidate slots; the last group holds nobody and always sums to 0."""
        (ids, _), (theirs, v) = self.anchor_slots, self.candidate_slots
        # On CUDA the number of live slots would be a sync: dead ones stay, with weight 0.
        self.live = v.flatten().nonzero()[:, 0] if on_cpu(v) else torch.arange(v.numel(), device=v.device)
        known, order = theirs.flatten()[self.live].sort()
        if not len(known):  # a queue of nobody
            self.groups = 0
            self.anchor_group, self.candidate_group = torch.zeros_like(ids), torch.zeros_like(theirs)
            return
        # Each slot of nobody by itself: on CUDA they are still here, and the rows of one group are added one after another.
        number = torch.cat([known.new_zeros(1), ((known[1:] != known[:-1]) | (known[1:] == NOBODY)).cumsum(0)])
        self.groups = int(number[-1]) + 1 if on_cpu(known) else len(known)
        candidate_group = torch.full_like(theirs.flatten(), self.groups)
        self.candidate_group = candidate_group.scatter_(0, self.live[order], number).view(theirs.shape)
        at = torch.searchsorted(known, ids.contiguous()).clamp_(max=len(known) - 1)
        self.anchor_group = torch.where(known[at] == ids, number[at], self.groups)

    def _of_group(self, slot_values: Tensor) -> Tensor:
        """Σ over the candidate slots of each anchor slot's group: (M,Kb) -> (R,Ka)."""
        sums = _sum_by(self.candidate_group.flatten()[self.live], slot_values.flatten()[self.live], self.groups + 1)
        return sums[self.anchor_group]

    def _excluded(self, exclude: Tensor) -> tuple[list[Tensor], Tensor]:
        """Per column of `exclude`, the mass (R,Ka) the hidden candidate adds to each slot, 0 for pads; and all their count."""
        (ids, u), (theirs, v) = self.anchor_slots, self.candidate_slots
        masses, count = [], torch.zeros_like(exclude[:, 0])
        for hidden in exclude.unbind(1):
            at = hidden.clamp(min=0)
            same = (ids[:, :, None] == theirs[at][:, None, :]) & (hidden >= 0)[:, None, None]  # (R,Ka,Kb)
            own = v[at][:, None, :] * same
            masses.append(own.sum(2))
            count = count + ((own != 0) & (u != 0)[:, :, None]).sum((1, 2))
        return masses, count

    def _parts(self) -> tuple[Tensor, ...]:
        """The delicate rows, a few at a time."""
        return () if self.delicate is None else self.delicate.split(max(1, _FORMING // len(self.candidate_slots[0])))

    def _form(self, part: Tensor) -> Tensor:
        ids, u = self.anchor_slots
        exclude = None if self.exclude is None else self.exclude[part]
        return _form((ids[part], u[part]), self.candidate_slots, exclude, False)

    def mean(self, candidates: Tensor) -> Tensor:
        k = self.v.shape[1]
        sums = self._collect(candidates, self.live.div(k, rounding_mode="floor"), self.candidate_group, self.v, self.live)
        out = candidates.new_empty(len(self.u), candidates.shape[1])
        for here in _pieces(out):
            total = self._left(sums, candidates, here, 0)
            for a in range(1, self.u.shape[1]):
                total.add_(self._left(sums, candidates, here, a))
            out[here] = total
        for part in self._parts():
            out[part] = ((self._form(part) * self.share[part, None]) @ candidates.double()).to(out.dtype)
        return out

    def _left(self, sums: Tensor, candidates: Tensor, here: slice, a: int) -> Tensor:
        """What slot a of these rows adds to their mean: its group's sum, less the excluded, by its weight."""
        left = sums[self.anchor_group[here, a]]
        for hidden, own in self._pairs():
            theirs = candidates[here] if hidden is None else candidates[hidden[here]]
            left.addcmul_(own[here, a, None], theirs.double(), value=-1)
        return left.mul_(self.u[here, a, None])

    def spread(self, rows: Tensor) -> Tensor:
        k = self.u.shape[1]
        every = torch.arange(self.u.numel(), device=rows.device)
        sums = self._collect(rows, every.div(k, rounding_mode="floor"), self.anchor_group, self.u, every)
        lost = [(hidden, (self.u * own).sum(1, keepdim=True)) for hidden, own in self._pairs()]
        away = None  # what excluded pairs take from candidates that are not the row itself
        for hidden, weight in lost:
            if hidden is not None:
                taken = _sum_by(hidden, rows.double() * weight, len(self.v))
                away = taken if away is None else away.add_(taken)
        out = rows.new_empty(len(self.v), rows.shape[1])
        for here in _pieces(out):
            total = sums[self.candidate_group[here, 0]].mul_(self.v[here, 0, None])
            for b in range(1, self.v.shape[1]):
                total.add_(sums[self.candidate_group[here, b]].mul_(self.v[here, b, None]))
            if away is not None:
                total -= away[here]
            elif lost:
                mine = rows[here].double()
                total[: len(mine)].addcmul_(lost[0][1][here], mine, value=-1)
            out[here] = total
        for part in self._parts():
            out += ((self._form(part) * self.share[part, None]).t() @ rows[part].double()).to(out.dtype)
        return out

    def _collect(self, x: Tensor, of: Tensor, group: Tensor, weight: Tensor, slots: Tensor) -> Tensor:
        """Σ by group of weight times the row of x, over these slots: (groups + 1, D) float64."""
        sums = torch.zeros(self.groups + 1, x.shape[1], dtype=torch.float64, device=x.device)
        group, weight = group.flatten()[slots], weight.flatten()[slots, None]
        for here in _pieces(x, len(slots)):
            _sum_into(sums, group[here], x[of[here]].double().mul_(weight[here]))
        return sums

    def _pairs(self) -> list[tuple[Tensor | None, Tensor]]:
        """(candidate index or None for "the row itself", mass (R,Ka)) per column of `exclude`; pads have mass 0."""
        if self.exclude is None:
            return []
        if self.itself:
            return [(None, self.own[0])]
        return [(hidden.clamp(min=0), own) for hidden, own in zip(self.exclude.unbind(1), self.own, strict=True)]


def entropy(anchors: Slots, candidates: Slots, exclude: Tensor | None, paired: bool) -> tuple[Tensor, Tensor]:
    """(H (R,), r (R,)) with H_i = -Σ_j T_ij log T_ij of the targets T = W / r, formed a few rows at a time; for a log."""
    anchors, candidates = _live(*anchors), _live(*candidates)
    found, masses = [], []
    for here in torch.arange(len(anchors[0]), device=anchors[0].device).split(max(1, _FORMING // max(1, len(candidates[0])))):
        rows = (anchors[0][here], anchors[1][here])
        w = _form(rows, candidates, None if exclude is None else exclude[here], False)
        own = w.new_full((len(w), int(paired)), 1.0)
        mass = w.sum(1) + own.sum(1)
        target = torch.cat([w, own], 1) / torch.where(mass > 0, mass, 1.0)[:, None]
        found.append(torch.special.entr(target).sum(1))
        masses.append(mass)
    return torch.cat(found), torch.cat(masses)


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
    return weight.shape[1] == 1 and on_cpu(weight) and bool((weight == 1).all())


def _live(ids: Tensor, weight: Tensor) -> Slots:
    """A slot of nobody weighs nothing."""
    return ids, torch.where(ids == NOBODY, 0.0, weight.double())


def _pieces(x: Tensor, rows: int | None = None) -> list[slice]:
    """Row ranges of x (or of so many rows of its width) whose float64 copy is small; one on CUDA."""
    rows = len(x) if rows is None else rows
    step = max(1, _PIECE // x.shape[1] if on_cpu(x) else rows)
    return [slice(start, min(rows, start + step)) for start in range(0, rows, step)]


def _sum_by(group: Tensor, values: Tensor, groups: int) -> Tensor:
    """Sums the rows of `values` by group."""
    return _sum_into(torch.zeros(groups, *values.shape[1:], dtype=values.dtype, device=values.device), group, values)


def _sum_into(sums: Tensor, group: Tensor, values: Tensor) -> Tensor:
    """Adds the rows of `values` to their groups in a fixed order: the same bits at every run."""
    if values.is_cuda:  # index_add_ would add in the order the threads come; index_put_ sorts first
        return sums.index_put_((group,), values, accumulate=True)
    return sums.index_add_(0, group, values)
