"""Logistic regression with an L2 penalty, many fits at once: sets of rows, subsets of them, strengths of the penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mixtrast.evaluate._span import Span

_TOL = 1e-4  # of the gradient's largest entry, as scikit-learn's default
_LOOK = 5  # steps between looks at which fits are done


@dataclass(frozen=True, eq=False)
class Logistic:
    """P fits on each of B sets of rows: weight (B,P,D,C) and bias (B,P,C) float32, converged (B,P) bool."""

    weight: Tensor
    bias: Tensor
    converged: Tensor

    def predict(self, x: Tensor) -> Tensor:
        """(B,N,D) or (N,D) -> (B,P,N) int64, columns of the fitted classes."""
        found = [(block.unsqueeze(-3) @ self.weight + self.bias[:, :, None]).argmax(-1) for block in x.split(4096, -2)]
        return torch.cat(found, -1)


def logistic(
    x: Tensor,
    label: Tensor,
    strengths: Tensor,
    *,
    classes: int,
    used: Tensor | None = None,
    max_iter: int = 500,
) -> Logistic:
    """Multinomial logistic regression, C_p from `strengths`, the bias free of penalty. P fits on each of B sets of rows:

        min over W, b of   1/n Σ_i used_ip CE(x_i W + b, y_i) + |W|² / (2 C_p n),   n = Σ_i used_ip

    Args:
        x: (B,N,D); label: (B,N) int64, classes 0..C-1; strengths: (P,), scikit-learn's C, larger is weaker.
        used: (B,N,P) bool, the rows that fit p may see: a fold's, for one. None: all.
        max_iter: at most so many steps; the gradient's largest entry is then within 1e-4 of 0, or `converged` is False.

    In the principal axes of the rows ½ scoresᵀ scores / n bounds the Hessian whatever the weights, and is diagonal: every step
    is a gradient divided by the bound, needs no search along a line, and is accelerated; all fits share two products.

    Reference: the bound: Böhning, Ann. Inst. Stat. Math. 44, 1992. Acceleration: Beck & Teboulle, FISTA, SIAM J. Imaging Sci.
        2, 2009; with restarts by the gradient: O'Donoghue & Candès, 2012, arXiv:1204.3982.
    Differs: not L-BFGS, which probes usually run: the minimum is the same one.
    """
    sets, rows, _ = x.shape
    span = Span.of(x)
    scores = torch.cat([span.scores(x).float(), torch.ones(sets, rows, 1)], 2)  # the last column is the bias
    seen = torch.ones(sets, rows, len(strengths)) if used is None else used.float()
    seen = seen / seen.sum(1, keepdim=True)
    count = (seen > 0).sum(1).float()
    penalty = (1 / (strengths * count))[:, None, :, None].repeat(1, scores.shape[2], 1, 1)
    penalty[:, -1] = 0
    bound = torch.cat([span.power, torch.full((sets, 1), float(rows), dtype=torch.float64)], 1).float()
    bound = 0.5 * bound[:, :, None, None] / count[:, None, :, None] + penalty
    found, converged = _descend(scores, one_hot(label, classes).float(), seen, penalty, bound, max_iter)
    weight = torch.einsum("bdr,brpc->bpdc", span.axes, found[:, :-1].double())
    bias = found[:, -1].double() - (span.centre[:, None] @ weight)[:, :, 0]
    return Logistic(weight.float(), bias.float(), converged)


def _descend(x: Tensor, target: Tensor, seen: Tensor, penalty: Tensor, bound: Tensor, max_iter: int) -> tuple[Tensor, Tensor]:
    """Accelerated steps from zero: (B,r,P,C) and which of (B,P) are done. A fit that is done on all sets costs no more."""
    sets, rows, width = x.shape
    fits, classes = seen.shape[2], target.shape[2]
    found = torch.zeros(sets, width, fits, classes)
    converged = torch.zeros(sets, fits, dtype=torch.bool)
    live = torch.arange(fits)
    w, ahead, t = found.clone(), found.clone(), torch.ones(sets, fits)
    for step in range(1, max_iter + 1):
        logits = (x @ ahead.flatten(2)).view(sets, rows, len(live), classes)
        off = logits.softmax(3).sub_(target[:, :, None]).mul_(seen[..., None])
        gradient = (x.mT @ off.flatten(2)).view_as(ahead).addcmul_(penalty, ahead)
        new = torch.addcdiv(ahead, gradient, bound, value=-1)
        moved = new - w
        t = torch.where((gradient * moved).sum((1, 3)) > 0, 1.0, t)  # uphill: momentum has carried it too far
        t_next = (1 + (1 + 4 * t * t).sqrt()) / 2
        ahead, w = torch.addcmul(new, ((t - 1) / t_next)[:, None, :, None], moved), new
        t = t_next
        if step % _LOOK == 0 or step == max_iter:
            done = gradient.abs().amax((1, 3)) < _TOL
            found[:, :, live], converged[:, live] = w, done
            keep = ~done.all(0)
            if not keep.any():
                break
            if not keep.all():
                live, t, seen = live[keep], t[:, keep], seen[:, :, keep]
                w, ahead, penalty, bound = (v[:, :, keep] for v in (w, ahead, penalty, bound))
    return found, converged
