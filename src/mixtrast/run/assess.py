"""What a run has learned and what that is worth, as one record: results.json."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws, evaluate, mixers, spec
from mixtrast.domains import Files
from mixtrast.encoders import Encoder
from mixtrast.evaluate import Features
from mixtrast.export import embed
from mixtrast.methods import Batch, Loss, Method
from mixtrast.run.kept import kept
from mixtrast.run.prepare import Material, Prepared, _build
from mixtrast.training import read_metrics
from mixtrast.views import Scale

FEW = 10  # labels a class, at which few labels are judged
SHOWN = 8  # examples in the strip of views and mixtures
PLAIN = 32  # side of the grid to which larger pictures are averaged as raw input: 150,000 numbers an example fit no probe
LOOKED = (2_000, 500)  # training and validation examples of the looks on the way
BATCHES, AT_MOST = 8, 1_024  # batches of training examples, and examples in them, on which the objective is taken in the end


Tell = Callable[[str], None]


def silent(_: str) -> None:
    """Tells no one."""


def rows_of(material: Material, encoders: Mapping[str, Encoder], tell: Tell = silent) -> dict[str, Features]:
    """Features of train, val and test by row of the table: of each encoder, and the raw input. Empty without labels."""
    if material.label is None or not len(material.split.test):
        return {}
    parts = {name: getattr(material.split, name) for name in ("train", "val", "test")}
    found = {}
    for name in (*encoders, "raw"):
        tell(f"features, {name}")
        found[name] = _features(material, encoders.get(name), parts)
    return found


def _features(material: Material, encoder: Encoder | None, parts: Mapping[str, Tensor]) -> Features:
    """Features and labels of these rows; without an encoder the input itself."""
    assert material.label is not None
    found = {}
    for name, rows in parts.items():
        x, scale = material.data.x, material.scale
        z = _plain(x, scale, rows) if encoder is None else embed(encoder, x, scale, rows=rows)
        found[name] = (z, material.label[rows])
    return Features.of(**found, classes=len(material.data.classes))


def _plain(x: Tensor | Files, scale: Scale, rows: Tensor) -> Tensor:
    """The input as features: its numbers, and of pictures larger than 32 × 32 their means over a grid of that."""
    found = []
    for some in rows.split(1024):
        part = scale(x[some])
        if part.dim() == 4 and part.shape[2] * part.shape[3] > PLAIN**2:
            part = torch.nn.functional.adaptive_avg_pool2d(part, PLAIN)
        found.append(part.flatten(1))
    return torch.cat(found) if found else torch.empty(0, 1)


def tellings(encoders: Mapping[str, Encoder], chosen: Mapping[str, Any]) -> int:
    """How often the evaluation of these tells what it does."""
    rows = len(encoders) + 1
    return rows + rows * sum(name != "labels" for name in chosen) + 1


def probe(material: Material, rows: Mapping[str, Features], chosen: Mapping[str, Any], tell: Tell = silent) -> dict[str, Any]:
    """{probe: {row: scores}}, with the majority beside."""
    found = {}
    for name, options in chosen.items():
        if name == "labels":
            continue
        evaluation = evaluate.get(name, **options)
        assert isinstance(evaluation, evaluate.Evaluation)
        scores = {}
        for row, features in rows.items():
            tell(f"{name}, {row}")
            scores[row] = _scores(row, name, options, evaluation, material.seed, features)
        found[name] = {**scores, "majority": _majority(material)}
    return found


def _scores(
    row: str, name: str, options: Mapping[str, Any], evaluation: evaluate.Evaluation, seed: int, features: Features
) -> dict[str, Any]:
    """Of one row; those that training does not change may be known from another run."""
    if row not in ("untrained", "raw"):
        return evaluation(features, seed=seed)
    scores: dict[str, Any] = kept(name, options, seed, features, lambda: evaluation(features, seed=seed))
    return scores


def _majority(material: Material) -> dict[str, float]:
    """Of all labels of the training rows, granted or not: it stands for what costs nothing, and a balanced grant has none."""
    label, split = material.data.label, material.split
    assert label is not None
    parts = {name: (torch.zeros(len(rows), 1), label[rows]) for name, rows in (("train", split.train), ("test", split.test))}
    return evaluate.majority(Features.of(**parts, classes=len(material.data.classes)))


def efficiency(
    material: Material, rows: Mapping[str, Features], options: Mapping[str, Any], labels_seen: int
) -> dict[str, Any]:
    """The label-efficiency curve, or why it is withheld: an encoder that saw labels knows more than a point grants."""
    if labels_seen:
        return {
            "points": [],
            "withheld": f"the encoder saw all {labels_seen:,} labels, so fewer labels for the probe alone would flatter it. "
            "Train with few labels instead: --labels 10",
        }
    wanted = {name: features for name, features in rows.items() if name != "supervised"}
    found: dict[str, Any] = evaluate.get("labels", **options)(wanted, seed=material.seed)  # type: ignore[arg-type]
    withheld = None if found["points"] else found["skipped"]
    return {"points": found["points"], "withheld": withheld, "fewer": found["fewer"]}


# --- is it learning? ------------------------------------------------------------------------------------------------------


class Looker:
    """Looks at a run on its way, on validation examples: alignment, uniformity, effective rank, and kNN where labels are."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        train, val = (_some(prepared, rows, many) for rows, many in zip(_parts(prepared), LOOKED, strict=True))
        self.views = _views(prepared, val if len(val) > 1 else train, 2, "look")
        self.parts: dict[str, Tensor] = {}  # validation stands where test stands in the end: test is not touched on the way
        if prepared.label is not None and prepared.data.task == "classes" and prepared.granted is None:
            train, val = (
                _some(prepared, rows[prepared.target[rows] >= 0], many)
                for rows, many in zip(_parts(prepared), LOOKED, strict=True)
            )
            if len(val) and len(prepared.target[train].unique()) > 1:
                self.parts = {"train": train, "test": val}

    def __call__(self, method: Method, step: int) -> dict[str, Any]:
        seen = geometry(method, self.views)
        if self.parts:
            knn = evaluate.get("knn", neighbours=(min(20, len(self.parts["train"])),))
            features = _features(self.prepared, method.encoder, self.parts)
            seen["knn"] = knn(features, seed=0)["accuracy"]  # type: ignore[arg-type]
        return {name: round(value, 5) for name, value in seen.items()}


def _parts(prepared: Prepared) -> tuple[Tensor, Tensor]:
    return prepared.split.train, prepared.split.val


def _some(prepared: Prepared, rows: Tensor, many: int) -> Tensor:
    """At most so many of these rows, at random but always the same: a file may be sorted by class."""
    return rows[torch.randperm(len(rows), generator=draws.derived(prepared.seed, 0, "some"))[:many]]


def geometry(method: Method, views: tuple[Tensor, ...]) -> dict[str, float]:
    """Alignment and uniformity of the embeddings (of the features, for a method without a projector), rank of the features."""
    h = embed(method.encoder, torch.cat(views))
    device = next(method.parameters()).device
    with torch.no_grad():
        projector = getattr(method, "projector", None)
        z = h if projector is None else projector(h.to(device)).float().cpu()
    z1, z2 = z.chunk(2)
    return {
        "alignment": evaluate.alignment(z1, z2),
        "uniformity": evaluate.uniformity(z1),
        "rank": evaluate.rank(h.chunk(2)[0]),
    }


def learning(prepared: Prepared, method: Method, untrained: Encoder, folder: Path) -> dict[str, Any]:
    """Loss beside chance and floor, the method's objective on training and on other examples, and the geometry."""
    lines = [line for line in read_metrics(folder) if "loss" in line]
    last = lines[-max(1, len(lines) // 10) :]
    found: dict[str, Any] = {
        key: float(np.mean([line[key] for line in last])) if last else None for key in ("loss", "chance", "floor")
    }
    begins = [line for line in lines if line["step"] > _waiting(prepared, method)] or lines[-1:]
    found.update(loss_first=begins[0]["loss"] if lines else None, loss_last=lines[-1]["loss"] if lines else None)
    found.update(steps=prepared.plan.steps)
    if warned := [note for note in prepared.notes if "identifier" in note]:
        found.update(warned=warned)
    looker = Looker(prepared)
    method.eval()
    found.update(geometry(method, looker.views), dim=method.encoder.dim)
    found.update(rank_untrained=evaluate.rank(embed(untrained, looker.views[0])))
    if prepared.granted is None or not method.uses_labels:
        found.update(_gains(prepared, method, untrained))
    rows = prepared.split.val if len(prepared.split.val) > 1 else prepared.split.train
    if prepared.data.task == "classes" and prepared.label is not None:
        known = rows[prepared.label[rows] >= 0]
        if len(known) > 1:
            h = embed(method.encoder, prepared.data.x, prepared.scale, rows=known)
            within, between = evaluate.similarity(h, prepared.label[known])
            found.update(within=within, between=between)
    return found


def _waiting(prepared: Prepared, method: Method) -> int:
    """Steps until a queue holds no random vector any more: against those even an untrained encoder is above chance."""
    queue = getattr(getattr(method, "keys", None), "queue", None)
    return 0 if queue is None else -(-len(queue.keys) // (prepared.plan.training.batch or 1))


def _gains(prepared: Prepared, method: Method, untrained: Encoder) -> dict[str, float]:
    """How much better than chance the method is on batches of its training examples and on as many others, now and before.

    `gain_margin`: how far one more such batch may be from the mean of the training batches, in its gain or in what training
    added to it, whichever varies more: Student's t at 95 %. The others are one batch. Nothing where there are too few.
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore] # scikit-learn brings it

    ours, theirs = prepared.rows, prepared.split.val
    if method.uses_labels:  # of the others all have one, and without labels the loss is another
        ours, theirs = (rows[prepared.target[rows] >= 0] for rows in (ours, theirs))
    size = min(prepared.plan.training.batch or 2, len(theirs), len(ours) // 3)
    if size < 8:
        return {}
    many = max(3, min(BATCHES, AT_MOST // size, len(ours) // size))
    parts = [*_some(prepared, ours, many * size).split(size), _some(prepared, theirs, size)]
    first, method = _before(prepared, method, untrained), copy.deepcopy(method)
    for each in (first, method):  # random keys, or the compared examples' own old ones, would tell the two apart by themselves
        _remember(prepared, each, parts)
    losses = [objective(prepared, method, rows) for rows in parts]
    now, before = (
        np.array([float(loss.chance() - loss.value) for loss in each])
        for each in (losses, [objective(prepared, first, rows) for rows in parts])
    )
    spread = max(each[:-1].std(ddof=1) for each in (now, now - before))
    return {
        "train_loss": float(np.mean([float(loss.value) for loss in losses[:-1]])),
        "val_loss": float(losses[-1].value),
        "gain_train": float(now[:-1].mean()),
        "gain_val": float(now[-1]),
        "gain_train_before": float(before[:-1].mean()),
        "gain_val_before": float(before[-1]),
        "gain_margin": float(spread * np.sqrt(1 + 1 / many) * stdtrit(many - 1, 0.975)),
    }


def _remember(prepared: Prepared, method: Method, parts: list[Tensor]) -> None:
    """Earlier batches are of training examples that are in none of these."""
    away = prepared.rows[~torch.isin(prepared.rows, torch.cat(parts))]
    rows = _some(prepared, away if len(away) else prepared.rows, AT_MOST)
    device = next(method.parameters()).device
    with torch.no_grad():
        method.remember(_views(prepared, rows, 1, "earlier")[0].to(device))


def _before(prepared: Prepared, method: Method, untrained: Encoder) -> Method:
    """The method before training: built again, as its seed made it."""
    part = prepared.recipe["encoder"]
    recipe = {**prepared.recipe, "mixer": getattr(method, "mixer", None)}  # it may be one of the user's own
    found = _build(
        recipe, prepared.data.spec, prepared.classes, copy.deepcopy(untrained) if part.get("name") == "own" else part
    )
    found.encoder.load_state_dict(untrained.state_dict())
    return found.to(next(method.parameters()).device).eval()


@torch.no_grad()
def objective(prepared: Prepared, method: Method, rows: Tensor) -> Loss:
    """The method's loss on these rows in evaluation mode, labels and all, with draws that are always the same."""
    device = next(method.parameters()).device
    seen = tuple(view.to(device) for view in _views(prepared, rows, method.needs, "objective"))
    batch = Batch(seen, prepared.target[rows].to(device), torch.arange(len(rows), device=device))
    loss: Loss = method(batch, draws.derived(prepared.seed, 0, "objective"))
    return loss


def _views(prepared: Prepared, rows: Tensor, many: int, role: str) -> tuple[Tensor, ...]:
    found = []
    for number in range(many):
        generator = draws.derived(prepared.seed, 0, f"{role} {number}")
        found.append(prepared.scale(prepared.data.x[rows], prepared.plan.views, generator))
    return tuple(found)


# --- for the report -------------------------------------------------------------------------------------------------------


def figures(prepared: Prepared, rows: Mapping[str, Features], folder: Path, *, maps: bool) -> None:
    """What pictures are drawn from: figures/strip.npz and figures/map.npz."""
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "strip.npz", **_strip(prepared))
    if maps and rows:
        index, trained = evaluate.tsne(rows["trained"].test.features, seed=prepared.seed)
        _, raw = evaluate.tsne(rows["raw"].test.features[index], seed=prepared.seed)
        label = rows["trained"].test.label[index]
        np.savez_compressed(folder / "map.npz", index=index, trained=trained, raw=raw, label=label)


def _strip(prepared: Prepared) -> dict[str, Any]:
    """Some examples, two views of each, and their mixtures at the input, with the share of the first."""
    rows = prepared.rows[torch.randperm(len(prepared.rows), generator=draws.derived(prepared.seed, 0, "strip"))[:SHOWN]]
    one, two = _views(prepared, rows, 2, "strip")
    found = {"x": prepared.scale(prepared.data.x[rows]), "view1": one, "view2": two}
    mixer = getattr(prepared.method, "mixer", None)
    if isinstance(mixer, mixers.Mixer | mixers.OneOf) and 0 in getattr(prepared.method, "depth", (0,)):
        try:
            mixed, mix = mixer(one, draws.derived(prepared.seed, 0, "strip mix"))
            first, second = (one[mix.parents[:, k]] for k in (0, 1))
            found |= {"mixed": mixed, "first": first, "second": second, "weight": mix.weight[:, 0]}
        except ValueError:  # a mixer that works on another kind of input
            pass
    return {name: value.numpy() for name, value in found.items()}


def data_record(prepared: Prepared, labels_seen: int) -> dict[str, Any]:
    """The facts of the data, for results.json."""
    data, split, label = prepared.data, prepared.split, prepared.label
    parts = {"train": split.train, "val": split.val, "test": split.test}
    counts: dict[str, list[int]] = {}
    unlabelled = 0
    if label is not None and data.task == "classes":
        counts = {
            name: torch.bincount(label[rows][label[rows] >= 0], minlength=len(data.classes)).tolist()
            for name, rows in parts.items()
        }
        unlabelled = int((label[split.train] < 0).sum())
    elif label is not None:
        unlabelled = int(label[split.train].isnan().sum())
    return {
        "name": data.name,
        "spec": spec.to_dict(data.spec),
        "examples": len(data.x),
        **{name: len(rows) for name, rows in parts.items()},
        "task": data.task,
        "classes": list(data.classes),
        "counts": counts,
        "unlabelled": unlabelled,
        "labels_granted": prepared.granted,
        "labels_seen": labels_seen,
        "split": split.says,
        "notes": list(prepared.notes),
    }


def verdicts(
    learned: Mapping[str, Any], probes: Mapping[str, Any], labels: Mapping[str, Any], tested: int
) -> list[dict[str, str]]:
    """The numbers in words."""
    metric = "accuracy" if any("accuracy" in p["trained"] for p in probes.values()) else "r2"
    short = {
        name: {"metric": metric, "n_test": tested, **{row: scores.get(metric) for row, scores in table.items()}}
        for name, table in probes.items()
    }
    points = {point["per_class"]: point["rows"] for point in labels.get("points", ())}
    middle = max((n for n in points if n <= FEW), default=None)
    few = None if middle is None else {"per_class": middle, **points[middle]}
    return evaluate.diagnose({**learned, "probes": short, "few": few})
