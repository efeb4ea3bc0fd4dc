"""The affinity W of two labelled sets, without an R x M matrix wherever that would be large.

    W_ij = Σ_ab u_ia v_jb [id_ia = id_jb],     0 where candidate j is excluded for anchor i
    r_i  = Σ_j W_ij (+ 1 for a paired positive),     m_i = Σ_j W_ij c_j / r_i,  the mean positive of row i

A small W is formed by its definition. A large one is held as a sparse product: slots with the same id form a group, so with
P_g = Σ_(j,b) in g v_jb c_j the sum Σ_j W_ij c_j is K rows of P less the excluded pairs, linear in R and M. Three measures
make that exact:

* Masses and sums are float64, and a row is empty when the *integer* count of its matching slots is 0: what is left of a
  float32 mass after its own term is subtracted is rounding, and would be normalised into a full-size garbage gradient.
* The subtraction is made slot by slot, so a group of one leaves exactly 0.
* Where it would still lose digits (the excluded pair outweighs the rest a million times: λ drawn at a small α does that)
  the row is *delicate*. On a CPU its row of W is formed by itself; on CUDA, where finding it would be a sync, a row with
  less than 2^-40 of its mass left counts as empty.
"""

from typing import Protocol

import torch
from torch import Tensor

from mixtrast.algebra._formed import FORMING, Formed, Slots, form, mass_and_share
from mixtrast.algebra._validation import NOBODY
from mixtrast.algebra.labels import Labels
from mixtrast.validation import on_cpu

FORMED = 1 << 18  # products of slots up to which W is formed: measured faster than grouping up to here
_DELICATE = 2.0**-20  # below this share of the mass before exclusion a row is formed (CPU); above it 32 bits are good
_NOTHING = 2.0**-40  # and below this share nothing can be told from rounding (CUDA)
_PIECE = 1 << 16  # numbers widened to float64 at a time on a CPU: half a megabyte, which stays in its cache


class Affinity(Protocol):
    """W between anchors and candidates, as its row sums and two products."""

    mass: Tensor  # r (R,) float64, 0 for an empty row
    share: Tensor  # 1 / r, 0 for an empty row

    def mean(self, candidates: Tensor) -> Tensor:
        """m = W C / r: (M,D) -> (R,D), 0 for an empty row."""

    def spread(self, rows: Tensor) -> Tensor:
        """Its transpose, Wᵀ (Y / r): (R,D) -> (M,D)."""


def affinity(
    anchors: Labels,
    candidates: Labels,
    exclude: Tensor | None,
    *,
    itself: bool,
    paired: bool,
    dtype: torch.dtype = torch.float64,
) -> Affinity:
    """W between two sets of labels less the pairs in `exclude` (R,E), unique, -1 pads; `itself`: that is the diagonal.

    `dtype` is that of the rows W will be multiplied by.
    """
    ours = Slots.of(anchors)
    theirs = ours if candidates is anchors else Slots.of(candidates)
    if ours.ids.numel() * theirs.ids.numel() <= FORMED:
        return Formed(ours, theirs, exclude, itself, paired, dtype)
    return Grouped(ours, theirs, exclude, itself, paired)


class Grouped:
    """W as (anchor slot -> group) times (group <- candidate slot), less the excluded pairs."""

    def __init__(self, anchors: Slots, candidates: Slots, exclude: Tensor | None, itself: bool, paired: bool) -> None:
        self.anchor_slots, self.candidate_slots = anchors, candidates
        self.exclude, self.itself = exclude, itself
        self._group()
        u, v = anchors.weight, candidates.weight
        group_mass = self._of_group(v)
        count = ((u != 0) * self._of_group((v != 0).long())).sum(1)
        before = mass = (u * group_mass).sum(1)  # (R,)
        if exclude is not None:
            self.own, own_count = self._excluded(exclude)
            mass = (u * (group_mass - sum(self.own))).sum(1)
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
        self.mass, self.share = mass_and_share(torch.where(count > 0, mass, 0.0), paired)
        self.u = u * self.share[:, None]  # (R,Ka), what a group weighs in the mean of row i
        self.v = v

    def _group(self) -> None:
        """Number the ids of the candidate slots; the last group is for ids without a candidate and always sums to 0."""
        ids, theirs, v = self.anchor_slots.ids, self.candidate_slots.ids, self.candidate_slots.weight
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
        """Per column of `exclude`, the mass (R,Ka) its candidates add to each slot, 0 for pads; and the count of all."""
        ids, u = self.anchor_slots.ids, self.anchor_slots.weight
        theirs, v = self.candidate_slots.ids, self.candidate_slots.weight
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
        return () if self.delicate is None else self.delicate.split(max(1, FORMING // len(self.candidate_slots.ids)))

    def _form(self, part: Tensor) -> Tensor:
        """These rows of W."""
        return form(
            self.anchor_slots.at(part), self.candidate_slots, None if self.exclude is None else self.exclude[part], False
        )

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


def _pieces(x: Tensor, rows: int | None = None) -> list[slice]:
    """Row ranges of x (or of so many rows of its width) whose float64 copy is small; one on CUDA."""
    rows = len(x) if rows is None else rows
    step = max(1, _PIECE // x.shape[1] if on_cpu(x) else rows)
    return [slice(start, min(rows, start + step)) for start in range(0, rows, step)]


def _sum_by(group: Tensor, values: Tensor, groups: int) -> Tensor:
    """The sum of the rows of `values` by group."""
    return _sum_into(torch.zeros(groups, *values.shape[1:], dtype=values.dtype, device=values.device), group, values)


def _sum_into(sums: Tensor, group: Tensor, values: Tensor) -> Tensor:
    """Add the rows of `values` to their groups in a fixed order: the same bits at every run."""
    if values.is_cuda:  # index_add_ would add in the order the threads come; index_put_ sorts first
        return sums.index_put_((group,), values, accumulate=True)
    return sums.index_add_(0, group, values)
