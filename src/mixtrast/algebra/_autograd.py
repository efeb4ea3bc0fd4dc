"""The autograd functions of the algebra: what goes forward, what comes back, and that there is no second derivative."""

from typing import Any, NoReturn

import torch
from torch import Tensor

from mixtrast.algebra import _partition as partition
from mixtrast.algebra._affinity import Affinity
from mixtrast.algebra._mask import Mask
from mixtrast.algebra._partition import Swept
from mixtrast.algebra._precision import exact

Gradients = tuple[Tensor | None, ...]


class MeanPositive(torch.autograd.Function):
    """m = W C / r (R,D), linear in the candidates C."""

    @staticmethod
    def forward(ctx: Any, candidates: Tensor, w: Affinity) -> Tensor:
        ctx.w = w
        with exact(candidates.device.type):
            return w.mean(candidates)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        with exact(upstream[0].device.type):
            return ctx.w.spread(upstream[0]), None


class LogPartition(torch.autograd.Function):
    """log Z (R,); the backward computes the scores again and is right for any upstream gradient."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, paired: Tensor | None, mask: Mask, factor: float) -> Tensor:
        ctx.save_for_backward(anchors, candidates, paired)
        ctx.mask, ctx.factor = mask, factor
        with exact(anchors.device.type):
            return partition.sweep(anchors, candidates, paired, mask, factor).log_z

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        anchors, candidates, paired = ctx.saved_tensors
        (weight,) = upstream
        with torch.no_grad(), exact(anchors.device.type):
            out = partition.sweep(anchors, candidates, paired, ctx.mask, ctx.factor, weight, ctx.needs_input_grad[:3])
        return (*_final((out.anchors, out.candidates, out.paired), weight, anchors, candidates), None, None)


class WeightedLoss(torch.autograd.Function):
    """Σ_i w_i (log Z_i - pull_i), a scalar; the forward computes the gradient too, and the backward only scales it.

    pull_i is an argument, (R,), or is Σ_j target_ij s_ij of a target (R,M), small enough to be formed. `bound` is on all
    |s_ij|, -1 if unknown. `grad` says whether there will be a backward.
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
        mask: Mask,
        factor: float,
        bound: float,
        grad: bool,
    ) -> Tensor:
        row_weight = weight.to(anchors.dtype)
        wanted: tuple[bool, bool, bool] = ctx.needs_input_grad[:3]
        with exact(anchors.device.type):
            out = _sweep(anchors, candidates, paired, mask, factor, row_weight if grad else None, wanted, target, bound)
        # What needs no gradient is not saved: a queue may be written to before the backward, keys may be of inference mode.
        sources = [t for t, needed in zip((anchors, candidates, paired), wanted, strict=True) if needed]
        ctx.save_for_backward(out.anchors, out.candidates, out.paired, row_weight, *sources)
        # Rows are subtracted first, then summed in float64. One of weight 0 may have no candidate: 0 times -inf would be NaN.
        rows = out.log_z if pull is None else out.log_z - pull
        return (rows.masked_fill_(weight == 0, 0.0) * weight).sum().to(anchors.dtype)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        (*known, weight), sources = ctx.saved_tensors[:4], ctx.saved_tensors[4:]
        (scale,) = upstream
        with torch.no_grad():
            pull = -weight if ctx.needs_input_grad[3] else None
            gradients = tuple(None if g is None else g * scale for g in (*known, pull))
        return (*_final(gradients, scale, *sources), *(None,) * 6)


def _sweep(
    anchors: Tensor,
    candidates: Tensor,
    paired: Tensor | None,
    mask: Mask,
    factor: float,
    weight: Tensor | None,
    wanted: tuple[bool, bool, bool],
    target: Tensor | None,
    bound: float,
) -> Swept:
    """The cheapest sweep for these arguments."""
    safe = 0 <= bound <= partition.SAFE
    if safe and target is None and mask.diagonal and len(anchors) * len(candidates) > partition.BLOCK_CPU:
        if weight is not None and anchors is candidates and paired is None:
            return partition.sweep_itself(anchors, weight, mask.itself, factor)
        if not wanted[1] and not mask.itself:
            return partition.sweep_fixed(anchors, candidates, paired, factor, weight, wanted)
    return partition.sweep(anchors, candidates, paired, mask, factor, weight, wanted, target, not safe)


class _Final(torch.autograd.Function):
    """The identity for a gradient that cannot be differentiated again, which raises an error that says so."""

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


def _final(gradients: Gradients, *sources: Tensor) -> Gradients:
    """The gradients; under create_graph as functions of `sources` that raise when they are differentiated."""
    if not torch.is_grad_enabled():
        return gradients
    return tuple(None if g is None else _Final.apply(g, *sources) for g in gradients)
