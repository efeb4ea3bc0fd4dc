"""What a finished training has learned: its loss, its objective on training and on other examples, and its geometry."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtrast import evaluation, rng
from mixtrast.encoders import Encoder
from mixtrast.inference import embed
from mixtrast.methods import Batch, Loss, Method
from mixtrast.records import Learning, MetricsLine, read_metrics
from mixtrast.records.folder import METRICS
from mixtrast.run.monitor import Monitor, geometry
from mixtrast.run.prepare import PreparedRun

BATCHES, MOST = 8, 1_024  # batches of training examples, and examples in them, at most
LEAST = 8  # examples of a batch


def learning(prepared: PreparedRun, initial: Method, untrained: Encoder, folder: Path) -> Learning:
    """Measure what training has learned since `initial` and its encoder `untrained`; the method is left in evaluation mode."""
    method = prepared.method.eval()
    # Until a queue holds no random vector any more, even an untrained encoder is above chance.
    waiting = -(-method.queue_length // (prepared.plan.training.batch or 1))
    found = _losses(read_metrics(folder / METRICS), waiting, prepared.plan.steps)
    views = Monitor(prepared).views
    measured: dict[str, Any] = {**geometry(method, views), "rank_untrained": evaluation.rank(embed(untrained, views[0]))}
    warned = tuple(note for note in prepared.notes if "identifier" in note)
    found = replace(found, **measured, dim=method.encoder.dim, warned=warned)
    if prepared.section.labels is None or not method.uses_labels:
        found = _gains(prepared, initial, found)
    rows = prepared.split.val if len(prepared.split.val) > 1 else prepared.split.train
    if prepared.one_class_each and prepared.label is not None:
        known = rows[prepared.label[rows] >= 0]
        if len(known) > 1:
            h = embed(method.encoder, prepared.dataset.x, prepared.scale, rows=known)
            within, between = evaluation.similarity(h, prepared.label[known])
            found = replace(found, within=within, between=between)
    return found


def _losses(lines: Sequence[MetricsLine], waiting: int, steps: int) -> Learning:
    """The losses, and the last accuracy of the online probe. `waiting`: steps whose loss is not called the first one."""
    online = [line.monitor["online"] for line in lines if "online" in line.monitor]
    found = Learning(steps=steps, online=online[-1] if online else None)
    lines = [line for line in lines if line.loss is not None]
    if not lines:
        return found
    last = lines[-max(1, len(lines) // 10) :]
    first = next((line for line in lines if line.step > waiting), lines[-1])
    loss, chance, floor = (_mean([getattr(line, name) for line in last]) for name in ("loss", "chance", "floor"))
    return replace(found, loss=loss, chance=chance, floor=floor, loss_first=first.loss, loss_last=lines[-1].loss)


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([np.nan if value is None else value for value in values]))


def _gains(prepared: PreparedRun, initial: Method, found: Learning) -> Learning:
    """How much better than chance the method is on batches of its training examples and on one of others, now and before.

    `gain_margin`: how far one more such batch may be from the mean of the training batches, in its gain or in what training
    added to it, whichever varies more: Student's t at 95 %. Nothing where there are too few examples.
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore] # scikit-learn brings it

    method = prepared.method
    ours, theirs = prepared.training_rows, prepared.split.val
    if method.uses_labels:  # all of the others have a label, and without labels the loss is another
        ours, theirs = (rows[prepared.target[rows] >= 0] for rows in (ours, theirs))
    size = min(prepared.plan.training.batch or 2, len(theirs), len(ours) // 3)
    if size < LEAST:
        return found
    many = max(3, min(BATCHES, MOST // size, len(ours) // size))
    parts = [*prepared.sample(ours, many * size).split(size), prepared.sample(theirs, size)]
    after, before = copy.deepcopy(method), initial.to(next(method.parameters()).device).eval()
    before.before_step(method.progress)  # what follows training, such as a schedule of `alpha`, is the same for both
    for each in (before, after):  # random keys, or the compared examples' own old ones, would differ by themselves
        _fill_queue(prepared, each, parts)
    losses = [objective(prepared, after, rows) for rows in parts]
    now, then = _gain(losses), _gain([objective(prepared, before, rows) for rows in parts])
    spread = max(each[:-1].std(ddof=1) for each in (now, now - then))
    return replace(
        found,
        train_loss=float(np.mean([float(loss.value) for loss in losses[:-1]])),
        val_loss=float(losses[-1].value),
        gain_train=float(now[:-1].mean()),
        gain_val=float(now[-1]),
        gain_train_before=float(then[:-1].mean()),
        gain_val_before=float(then[-1]),
        gain_margin=float(spread * np.sqrt(1 + 1 / many) * stdtrit(many - 1, 0.975)),
    )


def _gain(losses: Sequence[Loss]) -> NDArray[np.float64]:
    return np.array([float(loss.chance() - loss.value) for loss in losses])


def _fill_queue(prepared: PreparedRun, method: Method, parts: list[Tensor]) -> None:
    """Fill a queue with training examples that are in none of these parts."""
    others = prepared.training_rows[~torch.isin(prepared.training_rows, torch.cat(parts))]
    rows = prepared.sample(others if len(others) else prepared.training_rows, MOST)
    with torch.no_grad():
        method.remember(prepared.make_views(rows, 1, "earlier")[0].to(next(method.parameters()).device))


@torch.no_grad()
def objective(prepared: PreparedRun, method: Method, rows: Tensor) -> Loss:
    """The method's loss on these rows in evaluation mode, labels and all, with draws that are always the same."""
    device = next(method.parameters()).device
    views = tuple(view.to(device) for view in prepared.make_views(rows, method.views_needed, "objective"))
    label_sets = prepared.dataset.label_sets
    label = (prepared.target if label_sets is None else label_sets)[rows]
    batch = Batch(views, label.to(device), torch.arange(len(rows), device=device))
    loss: Loss = method(batch, rng.derived(prepared.seed, 0, "objective"))
    return loss
