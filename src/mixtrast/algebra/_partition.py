"""log Z and its gradient, computed over blocks of scores: beyond one block nothing of size R x M exists.

    s_ij = f <a_i, c_j>,    log Z_i = log Σ_j exp s_ij,    p_ij = exp(s_ij) / Z_i      (j over the candidates not hidden from i)
    ∂ Σ_i w_i log Z_i:    ∂a_i = f w_i Σ_j p_ij c_j,    ∂c_j = f Σ_i w_i p_ij a_i

A block holds whole rows, so its Z is known when its scores are, and with the row weights w known in advance one sweep
gives the value and both gradients: three matrix products and one exponential a score (`sweep`). Where the anchors are
the candidates s is symmetric, and a block above the diagonal serves both its rows and its columns: one half sweep for
Z, one for the gradient w_i p_ij + w_j p_ji, two products in all (`sweep_itself`). Where the candidates need no gradient (a
queue of keys) Σ_j exp(s_ij) c_j may be summed before Z_i is known, and blocks are cut across the columns (`sweep_fixed`).

Exponentials are taken base 2, with log2(e) as the factor of the product: the same accuracy (7e-8), a third of the time on
a CPU, and the native instruction of a GPU.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast.algebra._mask import Mask

# Scores in a block. On a CPU 8 MB of float32: smaller blocks read and write the gradients more often than their staying in a
# cache saves (measured, 2^16 to 2^22); a GPU wants enough rows to fill its processors.
BLOCK_CPU, BLOCK_CUDA = 1 << 21, 1 << 25
FIXED = 512  # rows of a block that is cut across the columns
_LOG2E, _LN2 = 1 / math.log(2), math.log(2)
_PAD = 16  # columns more in a row of the buffer: a power of two between rows lets them evict each other (10% measured)
_LEAST = 1e-30  # of a Z with a term in it
SAFE = 60.0  # exp needs no shift within ±60: 2^16 terms of e^60 are below 1e31, and e^-60 is above 1e-27, in float32


@dataclass
class Swept:
    """log Z (R,) and, where asked for, the gradient by the anchors, the candidates and the paired rows.

    With a target T (R,M), log_z is log Z_i - Σ_j T_ij s_ij instead, and the gradient is of that.
    """

    log_z: Tensor
    anchors: Tensor | None = None
    candidates: Tensor | None = None
    paired: Tensor | None = None


def sweep(
    anchors: Tensor,
    candidates: Tensor,
    paired: Tensor | None,
    mask: Mask,
    factor: float,
    weight: Tensor | None = None,
    wanted: tuple[bool, bool, bool] = (False, False, False),
    target: Tensor | None = None,
    shift: bool = True,
) -> Swept:
    """log Z, and with row weights the wanted gradients of Σ_i weight_i log Z_i, in one pass over blocks of rows.

    `shift` subtracts each row's maximum before the exponential: right at any temperature, for two passes over the scores
    more. Without it all |s_ij| must be at most SAFE.
    """
    rows, columns = len(anchors), len(candidates)
    height = min(rows, max(16, (BLOCK_CUDA if anchors.is_cuda else BLOCK_CPU) // max(1, columns)))
    gradients = None
    if weight is not None:
        joint = anchors is candidates and height == rows and paired is None
        gradients = _Gradients(anchors, candidates, paired, weight * factor, target, wanted, joint)
    own = None if paired is None else (anchors * paired).sum(1).mul_(factor * _LOG2E)
    pad = _PAD if mask.exclude is not None or columns >= 1024 else 0
    buffer, log_z = anchors.new_empty(height, columns + pad), []
    for start in range(0, rows, height):
        here = slice(start, start + height)
        padded = _rows(buffer, slice(0, rows - start))
        scores = _bits(_rows(anchors, here), candidates, factor, padded[:, :columns] if pad else padded)
        pull = None if target is None else (scores * _rows(target, here)).sum(1)
        mask.hide(padded, start)
        own_scores = None if own is None else _rows(own, here)
        top = _top(scores, own_scores) if shift else None
        exps = (scores if top is None else scores.sub_(top[:, None])).exp2_()  # (b,M)
        own_exps = None if own_scores is None else (own_scores if top is None else own_scores - top).exp2()
        z = exps.sum(1) if own_exps is None else exps.sum(1).add_(own_exps)
        log_z.append(_log(z, top, pull))
        if gradients is not None:
            gradients.add(here, exps, own_exps, z)
    rows_log_z = log_z[0] if len(log_z) == 1 else torch.cat(log_z)
    if gradients is None:
        return Swept(rows_log_z)
    return Swept(rows_log_z, gradients.anchors, gradients.candidates, gradients.paired)


class _Gradients:
    """The gradients of Σ_i w_i (log Z_i - Σ_j T_ij s_ij), added up over blocks of rows.

    `joint`: the candidates are the anchors, in one block, and one product gives the gradient of both.
    """

    def __init__(
        self,
        anchors: Tensor,
        candidates: Tensor,
        paired: Tensor | None,
        weight: Tensor,
        target: Tensor | None,
        wanted: tuple[bool, bool, bool],
        joint: bool,
    ) -> None:
        self.sources, self.weight, self.target, self.joint = (anchors, candidates, paired), weight, target, joint
        self.anchors = torch.empty_like(anchors) if wanted[0] else None
        self.candidates = torch.empty_like(candidates) if wanted[1] and not joint else None
        self.paired = torch.empty_like(anchors) if wanted[2] else None

    def add(self, here: slice, exps: Tensor, own_exps: Tensor | None, z: Tensor) -> None:
        """Add those of a block of rows, from its exponentials and their sums, which are overwritten."""
        anchors, candidates, paired = self.sources
        weight = _rows(self.weight, here)
        share = weight / z.clamp_(min=_LEAST)  # a smaller Z is 0, of a row without candidates, whose weight is 0 too
        scaled = self.joint or self.target is not None  # otherwise the rows are scaled, which are fewer numbers
        if self.joint:  # into rows that are not a power of two apart, whose transpose is read twice as fast
            exps = torch.mul(exps, share[:, None], out=exps.new_empty(len(exps), len(exps) + _PAD)[:, : len(exps)])
        elif scaled:
            exps.mul_(share[:, None])
        if self.target is not None:
            exps.addcmul_(_rows(self.target, here), weight[:, None], value=-1)
        if self.candidates is not None:
            a = _rows(anchors, here)
            self.candidates.addmm_(exps.t(), a if scaled else a * share[:, None], beta=0 if here.start == 0 else 1)
        if self.anchors is not None:
            out = torch.mm(exps + exps.t() if self.joint else exps, candidates, out=_rows(self.anchors, here))
            if not scaled:
                out *= share[:, None]
        if own_exps is not None and paired is not None:
            own_share = (share * own_exps)[:, None]
            if self.anchors is not None:
                self.anchors[here] += paired[here] * own_share
            if self.paired is not None:
                self.paired[here] = anchors[here] * own_share


def _log(z: Tensor, top: Tensor | None, pull: Tensor | None) -> Tensor:
    """log(z 2^top) less pull, which like top is in bits."""
    if top is None:
        return z.log() if pull is None else z.log().sub_(pull, alpha=_LN2)
    return z.log().add_(top if pull is None else top - pull, alpha=_LN2)


def _rows(x: Tensor, here: slice) -> Tensor:
    """x[here], without a view where that is all of x."""
    return x if here.start == 0 and here.stop >= len(x) else x[here]


def sweep_fixed(
    anchors: Tensor,
    candidates: Tensor,
    paired: Tensor | None,
    factor: float,
    weight: Tensor | None,
    wanted: tuple[bool, bool, bool],
) -> Swept:
    """`sweep` for candidates without a gradient, none hidden, all |s_ij| <= SAFE: each is read once for FIXED rows.

    Blocks of whole rows are low and wide where candidates are many, and a product packs all of these for 32 rows as for 256.
    """
    rows, columns = anchors.shape[0], candidates.shape[0]
    own = None if paired is None else (anchors * paired).sum(1).mul_(factor * _LOG2E).exp2_()
    z = torch.zeros_like(anchors[:, 0]) if own is None else own.clone()
    out = Swept(z, torch.zeros_like(anchors) if weight is not None and wanted[0] else None)
    height = min(rows, FIXED)
    width = min(columns, max(1, BLOCK_CPU // height))
    buffer = anchors.new_empty(height, width + _PAD)
    for start in range(0, rows, height):
        here = slice(start, start + height)
        for first in range(0, columns, width):
            c = candidates[first : first + width]
            exps = _bits(anchors[here], c, factor, buffer[: min(height, rows - start), : len(c)]).exp2_()
            z[here] += exps.sum(1)
            if out.anchors is not None:
                out.anchors[here].addmm_(exps, c)
    if weight is not None:
        share = (weight * factor / z)[:, None]
        if out.anchors is not None:
            out.anchors.mul_(share)
        if own is not None and paired is not None:
            share = share * own[:, None]
            out.anchors = None if out.anchors is None else out.anchors.addcmul_(share, paired)
            out.paired = share * anchors if wanted[2] else None
    z.log_()
    return out


def sweep_itself(rows: Tensor, weight: Tensor, itself: bool, factor: float) -> Swept:
    """`sweep` for candidates = anchors = rows (R,D), all |s_ij| <= SAFE; the gradient is of both sides together."""
    n = len(rows)
    strips = _strips(n)
    buffer = rows.new_empty(2, max((stop - start) * (n - start) for start, stop in strips))

    def exps(start: int, stop: int) -> Tensor:
        """exp s of rows start..stop and columns start..n, the part on and above the diagonal."""
        out = buffer[0, : (stop - start) * (n - start)].view(stop - start, n - start)
        _bits(rows[start:stop], rows[start:], factor, out).exp2_()
        if itself:
            out.fill_diagonal_(0.0)
        return out

    z = torch.zeros_like(rows[:, 0])
    for start, stop in strips:
        e = exps(start, stop)
        z[start:stop] += e.sum(1)
        z[stop:] += e[:, stop - start :].sum(0)
    share = weight * factor / z
    gradient = torch.zeros_like(rows)
    for start, stop in strips:
        e = exps(start, stop)
        both = torch.add(share[start:stop, None], share[start:], out=buffer[1, : e.numel()].view_as(e))
        e.mul_(both)
        gradient[start:stop].addmm_(e, rows[start:])
        gradient[stop:].addmm_(e[:, stop - start :].t(), rows[start:stop])
    return Swept(z.log_(), gradient)


def _bits(anchors: Tensor, candidates: Tensor, factor: float, out: Tensor) -> Tensor:
    """Scores in bits, log2(e) s_ij; with beta = 0 what was in `out` does not matter."""
    return torch.addmm(out, anchors, candidates.t(), beta=0, alpha=factor * _LOG2E, out=out)


def _top(scores: Tensor, own: Tensor | None) -> Tensor:
    """Each row's largest score (b,); 0 where all are hidden, so that exp2(-inf - 0) = 0 and log Z = -inf."""
    top = scores.amax(1) if scores.shape[1] else scores.new_full(scores.shape[:1], -math.inf)
    top = top if own is None else torch.maximum(top, own)
    return top.masked_fill(top == -math.inf, 0.0)


def _strips(rows: int) -> list[tuple[int, int]]:
    """Row ranges whose part on and right of the diagonal is about a block, at most 512 rows (the diagonal is done twice)."""
    strips, start = [], 0
    while start < rows:
        stop = min(rows, start + min(512, max(32, BLOCK_CPU // (rows - start))))
        strips.append((start, stop))
        start = stop
    return strips
