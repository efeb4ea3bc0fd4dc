"""Logistic regression with an L2 penalty, many fits at once: sets of rows, subsets of them, strengths of the penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mixtrast.evaluation._span import Span

_MEMORY = 5
_ACTIVE = 0.9  # with a smaller share of fits not converged, converged ones are put aside
_OVERSHOOT = 0.5  # of the slope before a step: it may rise by this much after it
NEGLIGIBLE = 1e-30  # smaller probabilities count as 0: denormal numbers made the products take four times as long


@dataclass(frozen=True, eq=False)
class Logistic:
    """P fits on each of B sets of rows: weight (B,P,D,C), bias (B,P,C), float32, converged (B,P) bool."""

    weight: Tensor
    bias: Tensor
    converged: Tensor

    def predict(self, x: Tensor) -> Tensor:
        """(N,D), or (B,N,D) with rows for each set -> (B,P,N) int64."""
        blocks = (block.unsqueeze(-3) @ self.weight + self.bias[:, :, None] for block in x.split(4096, -2))
        return torch.cat([block.argmax(3) for block in blocks], 2)


def logistic(
    x: Tensor,
    label: Tensor,
    strengths: Tensor,
    *,
    classes: int,
    used: Tensor | None = None,
    max_iter: int = 500,
    tolerance: float = 1e-4,
) -> Logistic:
    """Multinomial logistic regression, the bias free of penalty: P fits on each of B sets of rows, for p and in every set

        min over W, b of   1/n Σ_i used_ip CE(x_i W + b, y_i) + |W|² / (2 C_p n),   n = Σ_i used_ip

    Args:
        x: (B,N,D); label: (B,N) int64, classes 0..C-1; strengths: (P,) or (B,P), scikit-learn's C, larger is weaker.
        used: (B,N,P) bool, the rows that fit p uses, such as those of a fold. None: all.
        tolerance: a fit has converged when no entry of its gradient, in the principal axes, is larger. They concentrate what
            is spread over D features in few entries, so this is stricter than scikit-learn's, by up to √D.

    In the principal axes ½ scoresᵀ scores / n is a diagonal bound on the Hessian, whatever the weights: L-BFGS starts from it
    and rarely needs a line search. All fits share the two products of a step.

    Reference: L-BFGS: Nocedal & Wright, Numerical Optimization, 2006, algorithm 7.4. The bound: Böhning, Ann. Inst. Stat. Math.
        44, 1992.
    Differs: a step is judged by its slopes only: near the minimum float32 cannot tell values apart, and on a convex function a
        slope after the step that rises at most half as steeply as it fell before means that the value fell.
    """
    sets, rows, _ = x.shape
    span = Span.of(x)
    scores = torch.cat([span.scores(x).float(), torch.ones(sets, rows, 1)], 2)  # the last column is the bias
    strengths = strengths.float().expand(sets, strengths.shape[-1])[:, None, None]
    mask = torch.ones(sets, rows, strengths.shape[-1]) if used is None else used.float()
    count = mask.sum(1)[:, None, None]
    penalty = (1 / (strengths * count)).repeat(1, scores.shape[2], 1, 1)
    penalty[:, -1] = 0
    power = torch.cat([span.power, torch.full((sets, 1), float(rows), dtype=torch.float64)], 1).float()
    bound = 0.5 * power[:, :, None, None] / count + penalty
    problem = _Problem(scores, one_hot(label, classes).float(), mask[:, :, None] / count, penalty, bound)
    found, converged = _minimise(problem, max_iter, tolerance)
    weight = torch.einsum("bdr,brcp->bpdc", span.axes, found[:, :-1].double())
    bias = found[:, -1].double().mT - (span.centre[:, None] @ weight)[:, :, 0]
    return Logistic(weight.float(), bias.float(), converged)


@dataclass(frozen=True, eq=False)
class _Problem:
    """x (B,N,r), target (B,N,C); share (B,N,1,P) of each row; penalty and bound (B,r,1,P).

    Classes stand before fits, (B,r,C,P): a softmax along the last dimension of a few classes is slower than the products.
    """

    x: Tensor
    target: Tensor
    share: Tensor
    penalty: Tensor
    bound: Tensor

    def gradient(self, w: Tensor) -> Tensor:
        off = (self.x @ w.flatten(2)).view(*self.x.shape[:2], *w.shape[2:]).softmax(2)
        off = torch.threshold_(off, NEGLIGIBLE, 0.0).sub_(self.target[..., None]).mul_(self.share)
        return (self.x.mT @ off.flatten(2)).view_as(w).addcmul_(self.penalty, w)

    def of(self, keep: Tensor) -> _Problem:
        return _Problem(self.x, self.target, *(v[..., keep] for v in (self.share, self.penalty, self.bound)))


def _minimise(problem: _Problem, max_iter: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """From zero: weights (B,r,C,P) and which of (B,P) have converged. Converged fits do not change, and soon cost nothing.

    Fits do not wait for each other: in one round some take their step, others try a shorter one.
    """
    sets, width, _, fits = problem.penalty.shape
    found = torch.zeros(sets, width, problem.target.shape[2], fits)
    converged, live = torch.zeros(sets, fits, dtype=torch.bool), torch.arange(fits)
    w = found.clone()
    gradient = problem.gradient(w)
    downhill, step, scale = gradient / problem.bound, torch.ones(sets, fits), torch.ones(sets, fits)
    memory: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(max_iter):
        done = gradient.abs().amax((1, 2)) <= tolerance
        keep = ~done.all(0)
        if int(keep.sum()) < _ACTIVE * len(live):
            found[..., live], converged[:, live] = w, done
            if not keep.any():
                return found, converged
            live, problem, done = live[keep], problem.of(keep), done[:, keep]
            w, gradient, downhill, step, scale = (v[..., keep] for v in (w, gradient, downhill, step, scale))
            memory = [(s[..., keep], y[..., keep], curve[..., keep]) for s, y, curve in memory]
        new = torch.addcmul(w, _wide(step), downhill, value=-1)
        ahead = problem.gradient(new)
        before, after = _dot(downhill, gradient), _dot(downhill, ahead)
        far = after < -_OVERSHOOT * before
        taken = _wide(~(far | done))
        if not taken.all():
            new, ahead = torch.where(taken, new, w), torch.where(taken, ahead, gradient)
        s, y = new - w, ahead - gradient
        curve = _dot(s, y)
        w, gradient, memory = new, ahead, [*memory, (s, y, curve)][-_MEMORY:]
        scale = torch.where(curve > 0, curve / _dot(y, y / problem.bound), scale)
        downhill = torch.where(_wide(far), downhill, _direction(gradient, memory, _wide(scale) / problem.bound))
        step = torch.where(far, step * (before / (before - after)).clamp(min=0.1), 1.0)
    found[..., live], converged[:, live] = w, gradient.abs().amax((1, 2)) <= tolerance
    return found, converged


def _direction(gradient: Tensor, memory: list[tuple[Tensor, Tensor, Tensor]], inverse: Tensor) -> Tensor:
    """The inverse Hessian of the last steps, times the gradient: the two-loop recursion, without steps of no curvature."""
    q, shares = gradient.clone(), []
    for s, y, curve in reversed(memory):
        share = torch.where(curve > 0, _dot(s, q) / curve, 0.0)
        q.addcmul_(_wide(share), y, value=-1)
        shares.append(share)
    q *= inverse
    for (s, y, curve), share in zip(memory, reversed(shares), strict=True):
        q.addcmul_(_wide(share - torch.where(curve > 0, _dot(y, q) / curve, 0.0)), s)
    return torch.where(_wide(_dot(q, gradient)) > 0, q, gradient * inverse)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(B,r,C,P) twice -> (B,P)."""
    return (a * b).sum((1, 2))


def _wide(v: Tensor) -> Tensor:
    return v[:, None, None]
