"""Methods as loops, written from their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mixtrast.methods import Batch, Method
from support import oracle
from support.generators import seeded
from support.methods import CLASSES, N
from support.oracle import Rows

NAN, INF = math.nan, math.inf


def unit(made: Method, x: Tensor, start: int = 0) -> Rows:
    """projector(stages after `start`) / |...|, by hand."""
    for stage in list(made.encoder.stages)[start:]:
        x = stage(x)
    rows = made.projector(x).tolist()
    return [[number / math.sqrt(oracle.dot(row, row)) for number in row] for row in rows]


def log_p(anchors: Rows, candidates: Rows, tau: float, itself: bool = False) -> Rows:
    """log softmax over the candidates, without the row itself if they are the anchors."""
    out = []
    for i, z in enumerate(anchors):
        scores = [-INF if itself and i == j else oracle.dot(z, c) / tau for j, c in enumerate(candidates)]
        log_z = oracle.logsumexp([s for s in scores if s > -INF])
        out.append([s - log_z for s in scores])
    return out


def share(weights: list[float], parents: list[int], of: int) -> float:
    return math.fsum(w for w, parent in zip(weights, parents, strict=True) if parent == of)


def two(given: Batch, made: Method, depth: int) -> tuple[Tensor, Tensor]:
    """Both views at this depth, each by itself."""
    return tuple(made.encoder.run(view, 0, depth) for view in given.views)  # type: ignore[return-value]


def names(given: Batch) -> list[tuple[str, int]]:
    """Who each of the 2N views is: of its class, or, without a label, of its example."""
    labels, index = given.label.tolist(), given.index.tolist()
    return [("class", y) if y >= 0 else ("example", i) for y, i in zip(labels, index, strict=True)] * 2


def npair(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z, c = (unit(made, view) for view in given.views)
    return [[float(i == j) for j in range(N)] for i in range(N)], log_p(z, c, made.temperature)


def simclr(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z = unit(made, given.views[0]) + unit(made, given.views[1])
    return [[float(i != j and i % N == j % N) for j in range(2 * N)] for i in range(2 * N)], log_p(z, z, made.temperature, True)


def supcon(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    z, who = unit(made, given.views[0]) + unit(made, given.views[1]), names(given)
    w = [[float(i != j and who[i] == who[j]) for j in range(2 * N)] for i in range(2 * N)]
    return w, log_p(z, z, made.temperature, True)


def imix(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,) = made.depth
    first, second = two(given, made, depth)
    mixed, mix = made.mixer(first, seeded(seed))
    parents, weights = mix.parents.tolist(), mix.weight.tolist()
    w = [[share(weights[i], parents[i], j) for j in range(N)] for i in range(N)]
    return w, log_p(unit(made, mixed, depth), unit(made, second, depth), made.temperature)


def mixsupcon(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,) = made.depth
    generator, pool = seeded(seed), torch.cat(two(given, made, depth))
    parents = made.parents(N, generator)
    mixed, mix = made.mixer(pool, generator, parents=parents)
    assert mix.parents.equal(parents)
    who, mixtures = names(given), []
    for row, weights in zip(parents.tolist(), mix.weight.tolist(), strict=True):
        label: dict[tuple[str, int], float] = {}
        for parent, weight in zip(row, weights, strict=True):
            label[who[parent]] = label.get(who[parent], 0.0) + weight
        mixtures.append(label)
    w = [
        [0.0 if k == m else math.fsum(weight * theirs.get(name, 0.0) for name, weight in ours.items())
         for m, theirs in enumerate(mixtures)]
        for k, ours in enumerate(mixtures)
    ]  # fmt: skip
    z = unit(made, mixed, depth)
    return w, log_p(z, z, made.temperature, True)


def supervised(made: Method, given: Batch, seed: int) -> tuple[Rows, Rows]:
    (depth,), h = made.depth, given.views[0]
    h = made.encoder.run(h, 0, depth)
    parents, weights = [[i] for i in range(N)], [[1.0]] * N
    if made.mixer is not None:
        h, mix = made.mixer(h, seeded(seed))
        parents, weights = mix.parents.tolist(), mix.weight.tolist()
    logits = made.classifier(made.encoder.run(h, depth)).tolist()
    y = given.label.tolist()
    w = [[share(weights[i], [y[p] for p in parents[i]], c) for c in range(CLASSES)] for i in range(N)]
    return w, [[logit - oracle.logsumexp(row) for logit in row] for row in logits]


TRUTH: dict[str, Callable[[Method, Batch, int], tuple[Rows, Rows]]] = {
    "npair": npair,
    "simclr": simclr,
    "supcon": supcon,
    "imix": imix,
    "mixsupcon": mixsupcon,
    "supervised": supervised,
}


def averaged(made: Method, rows: list[float], masses: list[float]) -> float:
    """All rows alike; by their mass in reading B."""
    if getattr(made, "reading", "C") == "C":
        return math.fsum(rows) / len(rows)
    return math.fsum(m * row for m, row in zip(masses, rows, strict=True)) / math.fsum(masses)


def cross_entropies(targets: Rows, log_p: Rows) -> tuple[list[float], list[float]]:
    """-Σ_j T_ij log p_ij with T = W / r, 0 for a row without a positive; and r."""
    rows, masses = [], [math.fsum(w) for w in targets]
    for w, logs, mass in zip(targets, log_p, masses, strict=True):
        rows.append(-math.fsum(t * log / mass for t, log in zip(w, logs, strict=True) if t > 0))
    return rows, masses


def entropies(targets: Rows) -> tuple[list[float], list[float]]:
    masses = [math.fsum(w) for w in targets]
    rows = [-math.fsum(t / m * math.log(t / m) for t in w if t > 0) for w, m in zip(targets, masses, strict=True)]
    return rows, masses


def one_answer(made: Method, logits: list[float]) -> None:
    """The classifier says this, whatever it sees."""
    nn.init.zeros_(made.classifier.weight)
    made.classifier.bias.data = torch.tensor(logits, dtype=torch.float64)


def equal_vectors(made: Method, given: Batch, monkeypatch) -> None:
    """Nothing learned: every example has the same unit vector, or the same logits, the logs of the batch's mean label."""
    if hasattr(made, "classifier"):
        targets, _ = TRUTH["supervised"](made, given, 1)
        one_answer(made, [math.log(math.fsum(column) / N + 1e-300) for column in zip(*targets, strict=True)])
    else:
        monkeypatch.setattr(made, "embed", lambda x, start=0: torch.full((len(x), 4), 0.5, dtype=torch.float64))
