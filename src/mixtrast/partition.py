"""log Z and its gradient, swept over blocks of scores: beyond one block nothing of size R x M exists.

    s_ij = f <a_i, c_j>,    log Z_i = log Σ_j exp s_ij,    p_ij = exp(s_ij) / Z_i        (j over what row i may see)
    ∂ Σ_i w_i log Z_i:    ∂a_i = f w_i Σ_j p_ij c_j,    ∂c_j = f Σ_i w_i p_ij a_i

A block holds whole rows, so its Z is known when its scores are, and with the row weights w known in advance one sweep
gives the value and both gradients: three matrix products and one exponential a score (`sweep`). Where the anchors are
the candidates s is symmetric, and a block above the diagonal serves both its rows and its columns: one half sweep for
Z, one for the gradient w_i p_ij + w_j p_ji, two products in all (`sweep_itself`). Where the candidates need no gradient (a
queue of keys) Σ_j exp(s_ij) c_j may be gathered before Z_i is known, and blocks are cut across the columns (`sweep_fixed`).

Exponentials are taken base 2, with log2(e) as the factor of the product: the same accuracy (7e-8), a third of the time on
a CPU, and the native instruction of a GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor

from mixtrast.checks import NOBODY
from mixtrast.precision import exact

# Scores in a block. On a CPU 8 MB of float32: smaller blocks read and write the gradients more often than their staying in a
# cache saves (measured, 2^16 to 2^22); a GPU wants enough rows to fill its processors.
BLOCK_CPU, BLOCK_CUDA = 1 << 21, 1 << 25
FIXED = 512  # rows of a block that is cut across the columns
_LOG2E, _LN2 = 1 / math.log(2), math.log(2)
_PAD = 16  # columns more in a row of the buffer: a power of two between rows lets them evict each other (10% measured)
# exp needs no shift for scores within +-60: 2^16 terms of e^60 are below 1e31, and e^-60 is above 1e-27, in float32.
CALM = 60.0
_LEAST = 1e-30  # of a Z with a term in it


@dataclass(frozen=True)
class Sight:
    """Which candidates a row may see. Hidden ones score -inf."""

    exclude: Tensor | None = None  # (R,E) int64; a pad is M, a column of the buffer that no one reads
    itself: bool = False  # exclude is [[0], [1], ...]: the diagonal
    among: tuple[Tensor, Tensor] | None = None  # ids (R,) and (M,): only candidates of the same id

    @classmethod
    def of(cls, exclude: Tensor | None, columns: int, itself: bool, among: tuple[Tensor, Tensor] | None = None) -> Sight:
        return cls(None if exclude is None or itself else torch.where(exclude < 0, columns, exclude), itself, among)

    @property
    def all(self) -> bool:
        """Whether no candidate is hidden from any row."""
        return self.exclude is None and not self.itself and self.among is None

    def hide(self, scores: Tensor, start: int) -> None:
        """Sets the hidden scores of rows start, start + 1, ... to -inf; scores (b, M + some)."""
        here = slice(start, start + len(scores))
        if self.itself:
            scores.diagonal(start).fill_(-math.inf)
        elif self.exclude is not None:
            scores.scatter_(1, self.exclude[here], -math.inf)
        if self.among is not None:
            ours, theirs = self.among[0][here, None], self.among[1]
            scores[:, : len(theirs)].masked_fill_((ours != theirs) | (ours == NOBODY), -math.inf)


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
    sight: Sight,
    factor: float,
    weight: Tensor | None = None,
    wanted: tuple[bool, bool, bool] = (False, False, False),
    target: Tensor | None = None,
    calm: bool = False,
) -> Swept:
    """One pass over row blocks. Each row's maximum is taken out, which is right at any temperature, unless all |s_ij| are known
    to be at most CALM (`calm`): two of the five passes over the scores less. No weight: values alone."""
    rows, columns = len(anchors), len(candidates)
    out = Swept(torch.empty_like(anchors[:, 0]))
    own = None if paired is None else (anchors * paired).sum(1).mul_(factor * _LOG2E)
    height = min(rows, max(16, (BLOCK_CUDA if anchors.is_cuda else BLOCK_CPU) // max(1, columns)))
    both = anchors is candidates and height == rows and paired is None  # one block: both sides in one product
    if weight is not None:
        weight = weight * factor
        out.anchors = torch.empty_like(anchors) if wanted[0] else None
        out.candidates = torch.zeros_like(candidates) if wanted[1] and not both else None
        out.paired = torch.empty_like(anchors) if wanted[2] else None
    pad = _PAD if sight.exclude is not None or columns >= 1024 else 0
    buffer = anchors.new_empty(height, columns + pad)
    for start in range(0, rows, height):
        here = slice(start, start + height)
        padded = buffer[: min(height, rows - start)]
        scores = _bits(anchors[here], candidates, factor, padded[:, :columns])
        pull = None if target is None else (scores * target[here]).sum(1)
        sight.hide(padded, start)
        top = scores.new_zeros(len(scores)) if calm else _top(scores, None if own is None else own[here])
        exps = (scores if calm else scores.sub_(top[:, None])).exp2_()  # (b,M)
        z = exps.sum(1)
        if own is not None:
            own_exp = (own[here] - top).exp2()
            z += own_exp
        out.log_z[here] = z.log().add_(top if pull is None else top - pull, alpha=_LN2)
        if weight is None:
            continue
        share = weight[here] / z.clamp_(min=_LEAST)  # below is 0 alone, of a row that sees nothing, whose weight is 0 too
        a = anchors[here]
        if target is None and not both:
            a = a * share[:, None]
        else:
            exps.mul_(share[:, None])
        if target is not None:
            exps.addcmul_(target[here], weight[here, None], value=-1)
        if both and out.anchors is not None:
            torch.mm(exps + exps.t(), candidates, out=out.anchors)
            break
        if out.candidates is not None:
            out.candidates.addmm_(exps.t(), a)
        if out.anchors is not None:
            torch.mm(exps, candidates, out=out.anchors[here])
            if target is None:
                out.anchors[here] *= share[:, None]
            if paired is not None:
                out.anchors[here] += paired[here] * (share * own_exp)[:, None]
        if out.paired is not None:
            out.paired[here] = anchors[here] * (share * own_exp)[:, None]
    return out


def sweep_fixed(
    anchors: Tensor,
    candidates: Tensor,
    paired: Tensor | None,
    factor: float,
    weight: Tensor | None,
    wanted: tuple[bool, bool, bool],
) -> Swept:
    """Of candidates without a gradient, none of them hidden, all |s_ij| <= CALM: each is read once for FIXED rows.

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
    """The symmetric form: candidates = anchors = rows (R,D), all |s_ij| <= CALM; the gradient is of both sides together."""
    n = len(rows)
    strips = _strips(n)
    buffer = rows.new_empty(2, max((stop - start) * (n - start) for start, stop in strips))

    def exps(start: int, stop: int) -> Tensor:
        """exp s of rows start..stop against columns start..n, the part on and above the diagonal."""
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
    """Each row's largest score (b,); 0 where it sees nothing, so that exp2(-inf - 0) = 0 and log Z = -inf."""
    top = scores.amax(1) if scores.shape[1] else scores.new_full(scores.shape[:1], -math.inf)
    top = top if own is None else torch.maximum(top, own)
    return top.masked_fill(top == -math.inf, 0.0)


def _strips(rows: int) -> list[tuple[int, int]]:
    """Row ranges whose part on and right of the diagonal is about a block, not over 512 rows (the diagonal is done twice)."""
    strips, start = [], 0
    while start < rows:
        stop = min(rows, start + min(512, max(32, BLOCK_CPU // (rows - start))))
        strips.append((start, stop))
        start = stop
    return strips


class LogPartition(torch.autograd.Function):
    """log Z (R,); the backward recomputes the scores and is right for any upstream gradient."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, paired: Tensor | None, sight: Sight, factor: float) -> Tensor:
        ctx.save_for_backward(anchors, candidates, paired)
        ctx.sight, ctx.factor = sight, factor
        with exact():
            return sweep(anchors, candidates, paired, sight, factor).log_z

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        anchors, candidates, paired = ctx.saved_tensors
        sight: Sight = ctx.sight
        (weight,) = upstream
        with torch.no_grad(), exact():
            out = sweep(anchors, candidates, paired, sight, ctx.factor, weight, ctx.needs_input_grad[:3])
        return (*_final((out.anchors, out.candidates, out.paired), weight, anchors, candidates), None, None)


class Excess(torch.autograd.Function):
    """Σ_i w_i (log Z_i - pull_i), a scalar; the gradient was gathered on the way and the backward only scales it.

    pull_i is given, (R,), or is Σ_j target_ij s_ij of a target (R,M), small enough to be formed.
    """

    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        candidates: Tensor,
        paired: Tensor | None,
        pull: Tensor | None,
        target: Tensor | None,
        weight: Tensor,
        sight: Sight,
        factor: float,
        calm: bool,
        symmetric: bool,
        grad: bool,
    ) -> Tensor:
        flat = weight.to(anchors.dtype)
        wanted: tuple[bool, bool, bool] = ctx.needs_input_grad[:3]
        with exact():
            if symmetric and grad:
                out = sweep_itself(anchors, flat, sight.itself, factor)
            elif calm and not wanted[1] and target is None and sight.all and len(anchors) * len(candidates) > BLOCK_CPU:
                out = sweep_fixed(anchors, candidates, paired, factor, flat if grad else None, wanted)
            else:
                out = sweep(anchors, candidates, paired, sight, factor, flat if grad else None, wanted, target, calm)
        # What needs no gradient is not held: a queue may be written to before the backward, keys may be of inference mode.
        sources = [t for t, needed in zip((anchors, candidates, paired), wanted, strict=True) if needed]
        ctx.save_for_backward(out.anchors, out.candidates, out.paired, flat, *sources)
        # A row of weight 0 may see nothing: 0 times -inf would be NaN. Rows are subtracted first, then summed in float64.
        excess = out.log_z if pull is None else out.log_z - pull
        return (torch.where(weight > 0, excess, 0.0).double() * weight).sum().to(anchors.dtype)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (*known, weight), sources = ctx.saved_tensors[:4], ctx.saved_tensors[4:]
        (scale,) = upstream
        with torch.no_grad():
            pull = -weight if ctx.needs_input_grad[3] else None
            gradients = tuple(None if g is None else g * scale for g in (*known, pull))
        return (*_final(gradients, scale, *sources), None, None, None, None, None, None, None)


class _Final(torch.autograd.Function):
    """A gradient that cannot be differentiated again, and says so."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> NoReturn:
        raise RuntimeError(
            "contrast and log_partition have a first derivative only: the scores are not kept, so a second derivative "
            "(create_graph=True, then backward) cannot be taken. Write the small dense form, "
            "torch.logsumexp(anchors @ candidates.T / temperature, 1), where you need one."
        )


def _final(gradients: tuple[Tensor | None, ...], *sources: Tensor) -> tuple[Tensor | None, ...]:
    """Under create_graph the gradients leave as functions of `sources` that refuse to be differentiated."""
    if not torch.is_grad_enabled():
        return gradients
    return tuple(None if g is None else _Final.apply(g, *sources) for g in gradients)
