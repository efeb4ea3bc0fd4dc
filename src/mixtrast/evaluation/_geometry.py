"""Geometry of embeddings: pure functions of tensors (N,D), without gradients; none forms an N x N matrix."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mixtrast.validation import describe

_BLOCK = 2**22  # pairs at a time
_EPSILON = 1e-7


@torch.no_grad()
def alignment(z1: Tensor, z2: Tensor) -> float:
    """mean_i |z1_i - z2_i|² of unit rows: 0 when two views of an example are equal, 2 when they are unrelated.

    z1, z2 (N,D): embeddings of two views of the same examples. Reference: Wang & Isola, 2020, arXiv:2005.10242, α = 2.
    """
    first, second = _checked("alignment", z1), _checked("alignment", z2)
    if first.shape != second.shape:
        raise ValueError(f"`z2` of alignment must have the shape of z1, {tuple(z1.shape)}, got {tuple(z2.shape)}.")
    return float((normalize(first) - normalize(second)).square().sum(1, dtype=torch.float64).mean())


@torch.no_grad()
def uniformity(z: Tensor) -> float:
    """log mean over pairs i ≠ j of exp(-2 |z_i - z_j|²) of unit rows: 0 when all are equal, near -4 when spread out.

    z (N,D), N of 2 or more. Reference: Wang & Isola, 2020, arXiv:2005.10242, t = 2.
    """
    z = normalize(_checked("uniformity", z, least=2))
    total = 0.0
    size = max(1, _BLOCK // len(z))
    for start in range(0, len(z), size):
        block = z[start : start + size]
        kernel = torch.exp(4 * (block @ z.T) - 4)  # |z_i - z_j|² = 2 - 2 <z_i, z_j>
        own = torch.arange(len(block))
        kernel[own, start + own] = 0
        total += float(kernel.sum(dtype=torch.float64))
    return math.log(total / (len(z) * (len(z) - 1)))


@torch.no_grad()
def rank(h: Tensor) -> float:
    """RankMe, the effective rank exp(-Σ p_k log p_k), p_k = σ_k / Σ σ + 1e-7, of the singular values of h: about 1 to min(N,D).

    h (N,D): features, neither centred nor normalised; where all are 0 the rank is 0.

    Reference: Garrido et al., RankMe, 2023, arXiv:2210.02885, eq. 1-2; Roy & Vetterli, EUSIPCO 2007.
    Differs: singular values come from the smaller Gram matrix in float64; those below 1e-8 of the largest are noise.
    """
    h = _checked("rank", h).double()
    gram = h.T @ h if h.shape[1] <= len(h) else h @ h.T
    sigma = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    if not float(sigma.sum()):
        return 0.0
    p = sigma / sigma.sum() + _EPSILON
    return math.exp(-float((p * p.log()).sum()))


@torch.no_grad()
def similarity(z: Tensor, label: Tensor) -> tuple[float | None, float | None]:
    """Mean cosine over the pairs of one class, and over the pairs of different classes; None where there is no such pair.

    From the sums S_c of the unit rows of each class, exactly and in O(N D): over the pairs i ≠ j of class c they add up to
    |S_c|² - Σ_{i in c} |z_i|², over those of different classes to |S|² - Σ_c |S_c|². Rows of negative label are left out.
    """
    z = _checked("similarity", z)
    if not isinstance(label, Tensor) or label.shape != z.shape[:1] or label.is_floating_point():
        raise TypeError(f"`label` of similarity must be integers, one for each of the {len(z)} rows, got {describe(label)}.")
    z, label = normalize(z[label >= 0].double()), label[label >= 0].long()
    if not len(z):
        return None, None
    count = torch.bincount(label).double()
    sums = torch.zeros(len(count), z.shape[1], dtype=torch.float64, device=z.device).index_add_(0, label, z)
    squares = float(sums.square().sum())
    same = float((count * (count - 1)).sum())
    other = len(z) * (len(z) - 1) - same
    within = (squares - float(z.square().sum())) / same if same else None
    between = (float(sums.sum(0).square().sum()) - squares) / other if other else None
    return within, between


def _checked(name: str, z: Tensor, least: int = 1) -> Tensor:
    """The finite rows (N,D), in float32 or wider."""
    if not isinstance(z, Tensor) or z.dim() != 2 or not z.is_floating_point() or len(z) < least:
        raise TypeError(f"{name} takes a floating tensor (N,D) of {least} or more rows, got {describe(z)}.")
    if not bool(z.isfinite().all()):
        raise ValueError(f"{name} takes finite rows, got NaN or infinity. Check whether training diverged.")
    return z.to(torch.promote_types(z.dtype, torch.float32))
