"""The slow truth: every function of the algebra in plain Python loops over float64 numbers, written from the definitions."""

from __future__ import annotations

import math

from mixtrast import Labels

Rows = list[list[float]]


def affinity(anchors: Labels, candidates: Labels, exclude=None) -> Rows:
    """W_ij = Σ_ab u_ia v_jb [id_ia = id_jb], 0 where excluded; nobody matches no one."""
    w = []
    for i, (ids, u) in enumerate(zip(anchors.ids.tolist(), anchors.weight.tolist(), strict=True)):
        row = []
        for j, (theirs, v) in enumerate(zip(candidates.ids.tolist(), candidates.weight.tolist(), strict=True)):
            total = 0.0
            for a, ua in zip(ids, u, strict=True):
                for b, vb in zip(theirs, v, strict=True):
                    if a == b and a != -1:
                        total += ua * vb
            row.append(0.0 if j in hidden(exclude, i) else total)
        w.append(row)
    return w


def hidden(exclude, i: int) -> set[int]:
    if exclude is None:
        return set()
    row = exclude[i].tolist()
    return {j for j in (row if isinstance(row, list) else [row]) if j >= 0}


def dot(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def logsumexp(values: list[float]) -> float:
    if not values:
        return -math.inf
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def log_partition(anchors, candidates, *, temperature, exclude=None, paired=None, among=None) -> list[float]:
    out = []
    c = candidates.double().tolist()
    for i, z in enumerate(anchors.double().tolist()):
        scores = []
        for j, other in enumerate(c):
            if j in hidden(exclude, i):
                continue
            if among is not None and (among[0].ids[i, 0] != among[1].ids[j, 0] or among[0].ids[i, 0] == -1):
                continue
            scores.append(dot(z, other) / temperature)
        if paired is not None:
            scores.append(dot(z, paired[i].double().tolist()) / temperature)
        out.append(logsumexp(scores))
    return out


def terms(anchors, candidates, anchor_labels, candidate_labels, exclude, paired):
    """Per row: r_i and <z_i, Σ_j W_ij c_j>."""
    w = affinity(anchor_labels, candidate_labels, exclude)
    c = candidates.double().tolist()
    masses, pulls = [], []
    for i, z in enumerate(anchors.double().tolist()):
        mass = math.fsum(w[i])
        pull = math.fsum(w[i][j] * dot(z, c[j]) for j in range(len(c)))
        if paired is not None:
            mass += 1.0
            pull += dot(z, paired[i].double().tolist())
        masses.append(mass)
        pulls.append(pull)
    return masses, pulls


def reduce(rows: list[float], masses: list[float], normalize: str, reduction: str):
    """rows: l_i, not normalised."""
    if normalize == "row":
        rows = [value / mass if mass > 0 else 0.0 for value, mass in zip(rows, masses, strict=True)]
        return {"none": rows, "sum": math.fsum(rows), "mean": math.fsum(rows) / len(rows)}[reduction]
    total = math.fsum(masses)
    return {"none": rows, "sum": math.fsum(rows), "mean": math.fsum(rows) / total if total > 0 else 0.0}[reduction]


def contrast(
    anchors,
    candidates,
    anchor_labels,
    candidate_labels,
    *,
    temperature,
    exclude=None,
    paired=None,
    normalize="row",
    reduction="mean",
):
    masses, pulls = terms(anchors, candidates, anchor_labels, candidate_labels, exclude, paired)
    log_z = log_partition(anchors, candidates, temperature=temperature, exclude=exclude, paired=paired)
    rows = [m * lz - p / temperature if m > 0 else 0.0 for m, lz, p in zip(masses, log_z, pulls, strict=True)]
    return reduce(rows, masses, normalize, reduction)


def align(
    anchors, candidates, anchor_labels, candidate_labels, *, exclude=None, paired=None, normalize="row", reduction="mean"
):
    masses, pulls = terms(anchors, candidates, anchor_labels, candidate_labels, exclude, paired)
    rows = [2 * m - 2 * p if m > 0 else 0.0 for m, p in zip(masses, pulls, strict=True)]
    return reduce(rows, masses, normalize, reduction)


def soft_cross_entropy(logits, labels: Labels, reduction="mean"):
    rows = []
    for logit, ids, weight in zip(logits.double().tolist(), labels.ids.tolist(), labels.weight.tolist(), strict=True):
        log_z = logsumexp(logit)
        rows.append(math.fsum(w * (log_z - logit[k]) for k, w in zip(ids, weight, strict=True) if k >= 0 and w > 0))
    return {"none": rows, "sum": math.fsum(rows), "mean": math.fsum(rows) / len(rows)}[reduction]
