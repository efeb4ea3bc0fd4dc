"""The labels of a run: what probes predict, what training may use, and how many classes there are."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mixtrast import datasets
from mixtrast.data.dataset import Dataset
from mixtrast.data.split import Split


@dataclass(frozen=True, eq=False)
class Targets:
    """Fields as of `Inputs`; `notes` are those about labels."""

    label: Tensor | None
    target: Tensor
    visible: Tensor
    classes: int
    notes: tuple[str, ...]


def targets(dataset: Dataset, split: Split, per_class: int | None, bins: int, seed: int) -> Targets:
    """The labels of a dataset, or `per_class` labels of each class in its training rows and none in validation."""
    if dataset.label is None or dataset.task == "none":
        if per_class is not None:
            raise ValueError(f"`labels` allows {per_class} labels of each class, but there is no label. Name it: --label.")
        nothing = torch.full((len(dataset.x),), -1)
        note = "There is no label: nothing can be probed, and only the loss shows whether training works."
        return Targets(None, nothing, nothing, 0, (note,))
    if dataset.label_sets is not None and per_class is not None:
        raise ValueError("`labels` allows labels class by class, but an example has several here. Leave it out.")
    if dataset.task == "number" and per_class is not None:
        raise ValueError("`labels` allows labels class by class, but this label is a number. Leave it out, or --task classes.")
    target, notes = _bins(dataset, split, bins) if dataset.task == "number" else (dataset.label.long(), ())
    labelled = split.train[target[split.train] >= 0]
    kinds = len(target[labelled].unique() if dataset.label_sets is None else dataset.label_sets[labelled].unique(dim=0))
    if kinds < 2:
        note = "All labels of the training examples are the same, so there is nothing to predict and nothing is probed."
        return Targets(None, target, _in_training(target, split), kinds, (note,))
    label = dataset.label
    if per_class is not None:
        label = datasets.limit_labels(label, split.train, per_class, seed).clone()
        label[split.val] = -1  # validation labels are not allowed either
        target = label
        notes = (f"Training and probes use only {per_class} labels of each class; the others count as unknown.",)
    return Targets(label, target, _in_training(target, split), len(dataset.classes) or kinds, notes)


def _in_training(target: Tensor, split: Split) -> Tensor:
    """The targets of the training rows, -1 elsewhere."""
    visible = torch.full_like(target, -1)
    visible[split.train] = target[split.train]
    return visible


def _bins(dataset: Dataset, split: Split, bins: int) -> tuple[Tensor, tuple[str, ...]]:
    """Quantile bins of a number, by the training rows; those that ties leave empty are not counted."""
    assert dataset.label is not None
    known = ~dataset.label.isnan()
    ours = dataset.label[split.train][known[split.train]].double()
    edges = torch.quantile(ours, torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]).unique()
    used = torch.bucketize(ours, edges).unique()
    binned = torch.searchsorted(used, torch.bucketize(dataset.label.double(), edges)).clamp(max=len(used) - 1)
    note = f"The label is a number: probes predict it (R², MAE), and methods that use labels get its {len(used)} quantile bins."
    return binned.masked_fill(~known, -1), (note,)
