"""The losses of mixing and contrasting, all of them functions of two sets of rows and their labels.

**Mixing an example mixes its labels; a good representation makes the similarity of two examples follow the overlap of
their labels.** A `Mix` holds what was mixed, `Labels` the labels of rows (`labels.py`); `contrast` compares two sets of rows.

Notation
    R anchors, M candidates, D dimensions, K slots (ingredients) a row, B examples in a batch
    z_i (D)      anchor i, c_j (D) candidate j, not normalised here: methods L2-normalise once, before
    u_ia, v_jb   weight of slot a of anchor i, of slot b of candidate j; id_ia, id_jb the ids in these slots
    W_ij         Σ_ab u_ia v_jb [id_ia = id_jb], the affinity; 0 where j is excluded for i
    r_i          Σ_j W_ij, the mass of row i, and m_i = Σ_j W_ij c_j / r_i, its mean positive
    τ            temperature, log Z_i = log Σ_j exp(<z_i, c_j> / τ) over the candidates not excluded for i
    l_i          Σ_j W_ij (-log p_ij) = r_i (log Z_i - <z_i, m_i> / τ), the soft-target cross-entropy of row i

With identities for ids this is N-pair, SimCLR (`exclude` the row itself), MoCo (`paired` own key, a queue without ids), and,
once the anchors are mixed and their labels with them, i-Mix and MixCo; with classes it is SupCon and, mixed, MixSupCon;
without the partition term (`align`) it is BYOL; with a classifier's rows as candidates, mixup (`soft_cross_entropy`).

References
    Sohn, N-pair loss, NeurIPS 2016. van den Oord et al., CPC, arXiv:1807.03748. Chen et al., SimCLR, arXiv:2002.05709, eq. 1.
    He et al., MoCo, arXiv:1911.05722, eq. 1. Khosla et al., SupCon, arXiv:2004.11362, eq. 2 ("out"). Grill et al., BYOL,
    arXiv:2006.07733, eq. 2. Zhang et al., mixup, arXiv:1710.09412. Lee et al., i-Mix, arXiv:2010.08887, eq. 2-6.
    Kim et al., MixCo, arXiv:2010.06300, eq. 3-4.
Differs: SupContrast multiplies its loss by τ / 0.07; nothing here does. Affinities are row-normalised unless asked not to.

How it is computed: `_affinity.py` (W without an R x M matrix), `_formed.py` (W as a matrix, where it is small),
`_partition.py` (log Z and its gradient), `_autograd.py` (what of it goes forward and back).
"""

from typing import Literal

import torch
from torch import Tensor

from mixtrast.algebra._affinity import Affinity, affinity
from mixtrast.algebra._autograd import LogPartition, MeanPositive, WeightedLoss
from mixtrast.algebra._formed import Formed, Slots, entropy
from mixtrast.algebra._mask import Mask
from mixtrast.algebra._validation import NOBODY, check_exclude, check_rows, check_temperature, score_bound
from mixtrast.algebra.labels import Labels as Labels
from mixtrast.algebra.labels import Mix as Mix
from mixtrast.validation import check_choice, describe, on_cpu

Normalize = Literal["row", "total"]
Reduction = Literal["mean", "sum", "none"]


def contrast(
    anchors: Tensor,
    candidates: Tensor,
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    *,
    temperature: float | Tensor,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
    normalize: Normalize = "row",
    reduction: Reduction = "mean",
) -> Tensor:
    """Soft-target cross-entropy of anchors against candidates, with the overlap of their labels as the target.

        l_i = r_i log Z_i - <z_i, Σ_j W_ij c_j> / τ          (a paired row p_i is one more candidate, with W = 1)

    W_ij is the overlap of the labels of i and j (the sum over equal ids of the products of their weights), r_i = Σ_j W_ij.
    Nothing is excluded by default: where anchors are the candidates, every row without `exclude=torch.arange(R)` is its own
    best positive. Rows are not normalised.

    Args:
        anchors: (R,D) floating, used as they are. May be the candidates themselves: both gradients add, and it is faster.
        candidates: (M,D).
        anchor_labels, candidate_labels: of R and M rows; integers (R,) stand for `Labels.of` them.
        temperature: τ > 0, a number or a scalar tensor, which may need a gradient.
        exclude: (R,) or (R,E) int64: candidates that do not count for row i, in W and in Z; -1 pads.
            `torch.arange(R)` is SimCLR's and SupCon's "not itself".
        paired: (R,D), a positive of weight 1 for row i alone: MoCo's own key.
        normalize: "row": every row counts the same, l_i / r_i, and a row without a positive gives 0. "total": rows count by
            their mass: elements are l_i, and their mean is Σ l_i / Σ r_i (0 where Σ r_i is 0).
        reduction: "mean" (over all R rows for "row"; over the mass for "total"), "sum", or "none" (R,).

    Returns: the loss, in float32 or wider.

    Memory is linear in R + M. Arithmetic is 3 R M D multiply-adds with the gradient; 2 on a CPU where anchors are the
    candidates, nothing but the diagonal is excluded and max|z|²/τ is at most 60; 4 for `reduction="none"`, whose weights are
    not known in advance. There is no second derivative; asking for one is an error.

    Raises: TypeError or ValueError for wrong dtypes, shapes or devices, on a CPU also for wrong values.
    """
    z, c, own, factor, mask, w, bound = _prepare(
        "contrast", anchors, candidates, anchor_labels, candidate_labels, temperature, exclude, paired
    )
    check_choice("normalize", normalize, ("row", "total"))
    check_choice("reduction", reduction, ("mean", "sum", "none"))
    if reduction == "none":
        rows = LogPartition.apply(z, c, own, mask, factor) - _pull(z, c, own, w, factor)
        scale = 1.0 if normalize == "row" else w.mass.to(rows.dtype)
        return torch.where(w.mass > 0, rows, 0.0) * scale
    target = w.target if isinstance(w, Formed) and own is None else None
    pull = _pull(z, c, own, w, factor) if target is None else None
    weight = _row_weight(w.mass, normalize, reduction)
    grad = torch.is_grad_enabled() and (z.requires_grad or c.requires_grad or (own is not None and own.requires_grad))
    loss: Tensor = WeightedLoss.apply(z, c, own, pull, target, weight, mask, factor, bound, grad)
    return loss


def align(
    anchors: Tensor,
    candidates: Tensor,
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    *,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
    normalize: Normalize = "row",
    reduction: Reduction = "mean",
) -> Tensor:
    """The attraction alone, 2 - 2 <z_i, m_i> a row: BYOL's loss for unit rows (|z_i - m_i|² where m_i is a unit row too).

    Arguments and reductions as in `contrast`; rows without a positive give 0, and "total" weighs rows by r_i.
    """
    z, c, own, _, _, w, _ = _prepare("align", anchors, candidates, anchor_labels, candidate_labels, 1.0, exclude, paired)
    check_choice("normalize", normalize, ("row", "total"))
    check_choice("reduction", reduction, ("mean", "sum", "none"))
    rows = torch.where(w.mass > 0, 2 - 2 * _pull(z, c, own, w), 0.0)
    if reduction == "none":
        return rows if normalize == "row" else rows * w.mass.to(rows.dtype)
    return (rows.double() * _row_weight(w.mass, normalize, reduction)).sum().to(rows.dtype)


def log_partition(
    anchors: Tensor,
    candidates: Tensor,
    *,
    temperature: float | Tensor,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
    among: tuple[Labels | Tensor, Labels | Tensor] | None = None,
) -> Tensor:
    """log Z_i = log Σ_j exp(<z_i, c_j> / τ) over the candidates not excluded for row i: (R,), -inf where none is left.

    `among` = (anchor labels, candidate labels), hard ones, leaves only the candidates of the row's own id. So, with r =
    `row_mass(...)` the number of positives: solo-learn's SupCon is `log_partition(...) - log_partition(..., among=...)`,
    SupCon's "in" form adds log r, and one partition for the whole batch (`reading="A"` of MixSupCon) is their `logsumexp`.
    The other arguments are those of `contrast`.
    """
    ids = None
    if among is not None:
        among = (_labels(among[0]), _labels(among[1]))
        for labels, rows, name in zip(among, (anchors, candidates), ("anchors", "candidates"), strict=True):
            if labels.ids.shape != (len(rows), 1) or labels.ids.device != rows.device:
                raise ValueError(
                    f"`among` of log_partition needs hard labels, one id for each of the {len(rows)} {name}, got ids of shape "
                    f"{tuple(labels.ids.shape)} on {labels.ids.device}. Use `Labels.of(ids)`."
                )
        first, second = (torch.where(labels.weight > 0, labels.ids, NOBODY)[:, 0] for labels in among)
        ids = (first, second)
    z, c, own = check_rows("log_partition", anchors, candidates, paired)
    exclude, diagonal = check_exclude("log_partition", exclude, z, c)
    temperature = check_temperature("log_partition", temperature, z)
    score_bound("log_partition", z, c, own)
    mask = Mask.of(exclude, len(c), diagonal, ids)
    z, c, own, factor = _scaled(z, c, own, temperature)
    out: Tensor = LogPartition.apply(z, c, own, mask, factor)
    return out


def soft_cross_entropy(logits: Tensor, labels: Labels | Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy of logits with soft labels: l_i = -Σ_k weight_ik log softmax(logits_i)[ids_ik].

    It is `contrast` with the classifier's rows as candidates.

    Args:
        logits: (R,C) floating.
        labels: ids are classes 0..C-1; a negative one (unlabelled) adds 0, and its row still counts in the mean.
        reduction: "mean" over the R rows, "sum" or "none".

    Reference: the mixup criterion λ CE(y_a) + (1 - λ) CE(y_b), Zhang et al., arXiv:1710.09412, is `Labels.of(y).mix(mix)`.
    """
    check_choice("reduction", reduction, ("mean", "sum", "none"))
    if not isinstance(logits, Tensor) or logits.dim() != 2 or not logits.is_floating_point() or not logits.numel():
        raise TypeError(f"`logits` of soft_cross_entropy must be a floating tensor (R,C), not empty, got {describe(logits)}.")
    labels = _labels(labels)
    _check_labels("soft_cross_entropy", "labels", labels, logits, "logits")
    if on_cpu(logits):
        highest = int(torch.where(labels.weight > 0, labels.ids, NOBODY).max())
        if highest >= logits.shape[1]:
            raise ValueError(f"`labels` name class {highest}, but the logits have classes 0 to {logits.shape[1] - 1}.")
        if bool(logits.detach().isnan().any()):
            raise ValueError(
                "`logits` of soft_cross_entropy must not be NaN. Look at what made them: a loss that diverged before."
            )
    log_p = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), 1)
    weight = torch.where(labels.ids < 0, 0.0, labels.weight).to(log_p.dtype)
    # 0 * -inf: a class that is impossible (logit -inf) and weighs nothing must cost nothing.
    rows = -torch.where(weight > 0, log_p.gather(1, labels.ids.clamp(0, logits.shape[1] - 1)) * weight, 0.0).sum(1)
    return rows if reduction == "none" else rows.mean() if reduction == "mean" else rows.sum()


def row_mass(
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    *,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
) -> Tensor:
    """The mass of each row, r_i = Σ_j W_ij (+ 1 with `paired`), float64 (R,): exactly 0 for a row without a positive."""
    anchor_labels, candidate_labels = _labels(anchor_labels), _labels(candidate_labels)
    exclude, diagonal = check_exclude("row_mass", exclude, anchor_labels.ids, candidate_labels.ids)
    return affinity(anchor_labels, candidate_labels, exclude, itself=diagonal, paired=paired is not None).mass


def chance(
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    *,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
    normalize: Normalize = "row",
) -> Tensor:
    """The value of `contrast` when all embeddings are equal, as before anything is learned: a float64 scalar.

    All p_ij are then one over the number of candidates of row i, so it is the weighted mean of the log of that number.
    """
    anchor_labels, candidate_labels = _labels(anchor_labels), _labels(candidate_labels)
    check_choice("normalize", normalize, ("row", "total"))
    exclude, diagonal = check_exclude("chance", exclude, anchor_labels.ids, candidate_labels.ids)
    mass = affinity(anchor_labels, candidate_labels, exclude, itself=diagonal, paired=paired is not None).mass
    visible = torch.full_like(mass, len(candidate_labels.ids) + (paired is not None))
    if exclude is not None:
        visible -= (exclude >= 0).sum(1)
    return (_row_weight(mass, normalize, "mean") * visible.clamp(min=1).log()).sum()


def floor(
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    *,
    exclude: Tensor | None = None,
    paired: Tensor | None = None,
    normalize: Normalize = "row",
) -> Tensor:
    """The lowest value that `contrast` can take for these labels: the mean entropy of its targets, a float64 scalar.

    0 for one positive a row, log(positives) for several, and more the more labels are mixed: compare losses at different α by
    their distance to this. Unit rows at a high temperature stay above it: p_ij <= 1 / (1 + (M-2) e^(-2/τ)).
    """
    anchor_labels, candidate_labels = _labels(anchor_labels), _labels(candidate_labels)
    check_choice("normalize", normalize, ("row", "total"))
    exclude, _ = check_exclude("floor", exclude, anchor_labels.ids, candidate_labels.ids)
    rows, mass = entropy(Slots.of(anchor_labels), Slots.of(candidate_labels), exclude, paired is not None)
    return (_row_weight(mass, normalize, "mean") * rows).sum()


# --- shared by the functions --------------------------------------------------------------------------------------------


def _prepare(
    name: str,
    anchors: Tensor,
    candidates: Tensor,
    anchor_labels: Labels | Tensor,
    candidate_labels: Labels | Tensor,
    temperature: float | Tensor,
    exclude: Tensor | None,
    paired: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor | None, float, Mask, Affinity, float]:
    """Check the arguments of a loss; the rows, the factor of their scores, mask, W, and a bound on |scores| (-1: unknown)."""
    z, c, own = check_rows(name, anchors, candidates, paired)
    exclude, diagonal = check_exclude(name, exclude, z, c)
    temperature = check_temperature(name, temperature, z)
    ours = _labels(anchor_labels)
    theirs = ours if candidate_labels is anchor_labels else _labels(candidate_labels)
    _check_labels(name, "anchor_labels", ours, z, "anchors")
    _check_labels(name, "candidate_labels", theirs, c, "candidates")
    bound = score_bound(name, z, c, own)
    w = affinity(ours, theirs, exclude, itself=diagonal, paired=own is not None, dtype=z.dtype)
    z, c, own, factor = _scaled(z, c, own, temperature)
    if bound >= 0:
        bound /= temperature if isinstance(temperature, float) else float(temperature.detach())
    return z, c, own, factor, Mask.of(exclude, len(c), diagonal), w, bound


def _scaled(
    z: Tensor, c: Tensor, own: Tensor | None, temperature: float | Tensor
) -> tuple[Tensor, Tensor, Tensor | None, float]:
    """The rows and a factor with scores = factor <z_i, c_j>: a number is a factor of the product and costs nothing.

    A tensor goes into the rows, so that autograd gives τ its gradient: 1/τ into the anchors, or, where they are the
    candidates, τ^-1/2 into both, which stay one tensor, and the scores symmetric.
    """
    if not isinstance(temperature, Tensor):
        return z, c, own, 1 / temperature
    temperature = temperature.to(z.dtype)  # a bfloat16 one would be rounded again at each step
    if z is c:
        y = z * temperature**-0.5
        return y, y, None if own is None else own * temperature**-0.5, 1.0
    return z / temperature, c, own, 1.0


def _pull(z: Tensor, c: Tensor, own: Tensor | None, w: Affinity, factor: float = 1.0) -> Tensor:
    """factor <z_i, m_i> (R,), 0 for a row without a positive."""
    mean: Tensor = MeanPositive.apply(c, w)
    if own is not None:
        mean = mean + own * w.share[:, None].to(own.dtype)
    return (z * mean).sum(1) * factor


def _row_weight(mass: Tensor, normalize: Normalize, reduction: Reduction) -> Tensor:
    """ω_i with loss = Σ_i ω_i (l_i / r_i), float64, 0 for empty rows; it depends on labels alone, so it is known in advance."""
    if normalize == "row":
        return mass.sign() / (len(mass) if reduction == "mean" else 1)
    if reduction == "sum":
        return mass
    total = mass.sum()
    return mass / torch.where(total > 0, total, 1.0)


def _labels(labels: Labels | Tensor) -> Labels:
    return labels if isinstance(labels, Labels) else Labels.of(labels)


def _check_labels(name: str, argument: str, labels: Labels, rows: Tensor, of: str) -> None:
    if len(labels.ids) != len(rows) or labels.ids.device != rows.device:
        raise ValueError(
            f"`{argument}` of {name} must have one row for each of the {len(rows)} {of}, on {rows.device}, got "
            f"{len(labels.ids)} on {labels.ids.device}. Labels of mixtures are `labels.mix(mix)`; move them with `.to(device)`."
        )
