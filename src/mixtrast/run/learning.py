"""Whether a run is learning: its loss beside chance and floor, on its own examples and on others, and its geometry."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast import draws, evaluate
from mixtrast.encoders import Encoder
from mixtrast.export import embed
from mixtrast.methods import Batch, Loss, Method
from mixtrast.run import assess
from mixtrast.run.online import Online
from mixtrast.run.prepare import Prepared, _build
from mixtrast.training import read_metrics

LOOKED = (2_000, 500)  # training and validation examples of the looks on the way
BATCHES, AT_MOST = 8, 1_024  # batches of training examples, and examples in them, on which the objective is taken in the end


class Looker:
    """Looks at a run on its way, on validation examples: alignment, uniformity, effective rank, and kNN where labels are."""

    def __init__(self, prepared: Prepared, online: Online | None = None) -> None:
        self.prepared, self.online = prepared, online
        train, val = (_some(prepared, rows, many) for rows, many in zip(_parts(prepared), LOOKED, strict=True))
        self.views = prepared.seen_as(val if len(val) > 1 else train, 2, "look")
        self.parts: dict[str, Tensor] = {}  # validation stands where test stands in the end: test is not touched on the way
        if prepared.label is not None and _one_class_each(prepared) and prepared.granted is None:
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
            assert isinstance(knn, evaluate.Evaluation)
            features = assess.features_of(self.prepared, method.encoder, self.parts)
            seen["knn"] = knn(features, seed=0)["accuracy"]
        if self.online is not None:
            seen |= self.online.look(method.encoder)
        return {name: round(value, 5) for name, value in seen.items()}


def _one_class_each(prepared: Prepared) -> bool:
    return prepared.data.task == "classes" and prepared.data.several is None


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
    looks = [line["look"] for line in read_metrics(folder) if "online" in line.get("look", {})]
    found.update({"online": looks[-1]["online"]} if looks else {})
    if warned := [note for note in prepared.notes if "identifier" in note]:
        found.update(warned=warned)
    looker = Looker(prepared)
    method.eval()
    found.update(geometry(method, looker.views), dim=method.encoder.dim)
    found.update(rank_untrained=evaluate.rank(embed(untrained, looker.views[0])))
    if prepared.granted is None or not method.uses_labels:
        found.update(_gains(prepared, method, untrained))
    rows = prepared.split.val if len(prepared.split.val) > 1 else prepared.split.train
    if _one_class_each(prepared) and prepared.label is not None:
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
        method.remember(prepared.seen_as(rows, 1, "earlier")[0].to(device))


def _before(prepared: Prepared, method: Method, untrained: Encoder) -> Method:
    """The method before training: built again, as its seed made it."""
    part = prepared.recipe["encoder"]
    mixer = None if prepared.recipe["mixer"] is None else getattr(method, "mixer", None)  # it may be one of the user's own
    recipe = {**prepared.recipe, "mixer": mixer}
    found = _build(
        recipe, prepared.data.spec, prepared.classes, copy.deepcopy(untrained) if part.get("name") == "own" else part
    )
    found.encoder.load_state_dict(untrained.state_dict())
    return found.to(next(method.parameters()).device).eval()


@torch.no_grad()
def objective(prepared: Prepared, method: Method, rows: Tensor) -> Loss:
    """The method's loss on these rows in evaluation mode, labels and all, with draws that are always the same."""
    device = next(method.parameters()).device
    seen = tuple(view.to(device) for view in prepared.seen_as(rows, method.needs, "objective"))
    told = prepared.target if prepared.data.several is None else prepared.data.several
    batch = Batch(seen, told[rows].to(device), torch.arange(len(rows), device=device))
    loss: Loss = method(batch, draws.derived(prepared.seed, 0, "objective"))
    return loss
