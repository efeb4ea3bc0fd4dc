"""Data that were read, split and scaled, and who may see which label: what a run is made of, before its method is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast import domains, draws
from mixtrast.domains import Data, Split
from mixtrast.export import Kept
from mixtrast.recipe import BESIDE
from mixtrast.views import Scale


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """Data that were read, split and scaled, and who may see which label.

    Args:
        section: the data section of the recipe, with a fingerprint of what was read.
        scale: from examples as read to what an encoder sees, by training rows.
        label: what probes see: (N,) int64 or float32; None where there is nothing to tell. Of training rows only granted ones.
        target: (N,) int64, the class (or bin of a number) of every row, -1 where unknown.
        seen: (N,) int64, what training sees of it: -1 outside the training rows, and where it was not granted.
        classes: how many training tells apart.
        notes: sentences for the user.
    """

    section: dict[str, Any]
    seed: int
    data: Data
    split: Split
    scale: Scale
    label: Tensor | None
    target: Tensor
    seen: Tensor
    classes: int
    notes: tuple[str, ...]

    @property
    def shown(self) -> Tensor:
        """What training sees of every row: (N,) `seen`, or (N,K) where examples have several labels."""
        several = self.data.several
        return self.seen if several is None else torch.where(self.seen[:, None] >= 0, several, -1)

    @property
    def granted(self) -> int | None:
        """Labels of each class that the whole run may see, or None for all."""
        granted: int | None = self.section.get("labels")
        return granted


def read(section: Mapping[str, Any], seed: int, bins: int, source: Any = None, test: Any = None) -> Material:
    """The data of a recipe, or others: read, split by the seed, scaled by training rows, labels granted.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence.
    """
    section = dict(section)
    if source is not None and section.get("source", said(source)) != said(source):
        section = {key: value for key, value in section.items() if key not in ("test", "fingerprint")}  # those of other data
    source = section.get("source") if source is None else source
    test = section.get("test") if test is None else test
    if source is None:
        raise ValueError("no data were given. Name a file or a built-in set: mixtrast train digits.")
    if isinstance(source, str) and source.startswith("<") and source.endswith(" in memory>"):
        raise ValueError(f"the data of this run were {source[1:-1]}, and are not kept. Give them again: data=...")
    labels = section.get("labels")
    if labels is not None and (not isinstance(labels, int) or isinstance(labels, bool) or labels < 1):
        got = repr(labels) if isinstance(labels, int | float | str) else type(labels).__name__
        raise ValueError(
            f"`labels` must be how many labels of each class may be seen, 1 or more, got {got}. The labels are `label`."
        )
    examples = section.get("examples")
    if examples is not None and (not isinstance(examples, int) or isinstance(examples, bool) or examples < 2):
        raise ValueError(f"`examples` must be how many training examples to use, 2 or more, got {examples!r}.")
    options = _given({key: value for key, value in section.items() if key not in BESIDE})
    data = domains.open(source, test=test, **options)
    split = _some(domains.split(data, seed=seed), data, examples, seed)
    label, target, seen, classes, notes = _labels(data, split, labels, bins, seed)
    print_ = _fingerprint(data)
    if section.get("fingerprint") not in (None, print_):
        raise ValueError(
            f"{data.name} is not what it was when this run began: its content has changed. Start in another --out."
        )
    told = {
        "source": said(source),
        **({"test": said(test)} if test is not None else {}),
        "domain": data.domain,
        **options,
        **({"labels": labels} if labels is not None else {}),
        **({"examples": examples} if examples is not None else {}),
        "fingerprint": print_,
    }
    return Material(
        section=told,
        seed=seed,
        data=data,
        split=split,
        scale=Scale(*domains.scaling(data, split.train)),
        label=label,
        target=target,
        seen=seen,
        classes=classes,
        notes=(*data.notes, *notes),
    )


def elsewhere(kept: Kept, seed: int, bins: int, source: Any, test: Any, options: Mapping[str, Any]) -> Material:
    """Other data, read as those of a run were and scaled as its encoder knows it, with labels and a split of their own.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence.
    """
    facts = {key: fact for key, fact in kept.facts.items() if key != "several"} | {"task": "none", "classes": [], "split": True}
    data = domains.open(source, test=test, like=facts, **_given(options))
    split = domains.split(data, seed=seed)
    label, target, seen, classes, notes = _labels(data, split, None, bins, seed)
    return Material(
        section={"source": said(source), "fingerprint": _fingerprint(data)},
        seed=seed,
        data=data,
        split=split,
        scale=kept.scale,
        label=label,
        target=target,
        seen=seen,
        classes=classes,
        notes=(*data.notes, *notes),
    )


def _some(split: Split, data: Data, examples: int | None, seed: int) -> Split:
    """The split with so many training examples, classes in proportion, and validation cut by the same share; all of test.

    With the same seed, the examples of a smaller number are among those of a larger one.
    """
    if examples is None:
        return split
    if examples > len(split.train):
        raise ValueError(f"`examples` asks for {examples:,} training examples, and there are {len(split.train):,}.")
    val = max(1, round(len(split.val) * examples / len(split.train)))
    train, val_rows = (_first(rows, many, data, seed) for rows, many in ((split.train, examples), (split.val, val)))
    says = f"{split.says}; of these {examples:,} train and {val:,} validation examples are used"
    return replace(split, train=train, val=val_rows, says=says)


def _first(rows: Tensor, many: int, data: Data, seed: int) -> Tensor:
    """So many of these rows: shuffled within each class, then by the place in it as a share of it."""
    rows = rows[torch.randperm(len(rows), generator=draws.derived(seed, 0, "examples"))]
    kinds = data.label[rows].long() if data.label is not None and data.task == "classes" else torch.zeros(len(rows)).long()
    by_class = kinds.argsort(stable=True)
    counts = torch.bincount(kinds - kinds.min())
    place = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[(kinds - kinds.min())[by_class]]
    share = (place + 0.5) / counts[(kinds - kinds.min())[by_class]]
    chosen: Tensor = rows[by_class[share.argsort(stable=True)[:many]]]
    return chosen.sort().values


Labelled = tuple[Tensor | None, Tensor, Tensor, int, tuple[str, ...]]


def _labels(data: Data, split: Split, granted: int | None, bins: int, seed: int) -> Labelled:
    """Labels for the probes, targets, what training sees of them, how many classes it tells apart, and what to say of it."""
    nothing = torch.full((len(data.x),), -1)
    if data.label is None or data.task == "none":
        if granted is not None:
            raise ValueError(f"`labels` grants {granted} labels of each class, but there is no label. Name it: --label.")
        return (
            None,
            nothing,
            nothing,
            0,
            ("There is no label: nothing can be probed, and the loss is all there is to look at.",),
        )
    if data.several is not None and granted is not None:
        raise ValueError("`labels` grants labels class by class, but an example has several here. Leave it out.")
    if data.task == "number" and granted is not None:
        raise ValueError("`labels` grants labels class by class, but this label is a number. Leave it out, or --task classes.")
    target, notes = _bins(data, split, bins) if data.task == "number" else (data.label.long(), ())
    ours = split.train[target[split.train] >= 0]
    kinds = len(target[ours].unique() if data.several is None else data.several[ours].unique(dim=0))
    if kinds < 2:
        only = "All labels of the training examples are the same: there is nothing to tell apart, and nothing is probed."
        return None, target, _in_training(target, split), kinds, (only,)
    label = data.label
    if granted is not None:
        label = domains.grant(label, split.train, granted, seed).clone()
        label[split.val] = -1  # validation labels were not granted either
        target = label
        notes = (f"Only {granted} labels of each class are seen, by training and by the probes; the rest count as unknown.",)
    return label, target, _in_training(target, split), len(data.classes) or kinds, notes


def _in_training(target: Tensor, split: Split) -> Tensor:
    """The targets of the training rows, -1 elsewhere."""
    seen = torch.full_like(target, -1)
    seen[split.train] = target[split.train]
    return seen


def _bins(data: Data, split: Split, bins: int) -> tuple[Tensor, tuple[str, ...]]:
    """Quantile bins of a number, by the training rows; those that ties leave empty are not counted."""
    assert data.label is not None
    known = ~data.label.isnan()
    ours = data.label[split.train][known[split.train]].double()
    edges = torch.quantile(ours, torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]).unique()
    used = torch.bucketize(ours, edges).unique()
    binned = torch.searchsorted(used, torch.bucketize(data.label.double(), edges)).clamp(max=len(used) - 1)
    note = f"The label is a number: probes predict it (R², MAE); methods that use labels see its {len(used)} quantile bins."
    return binned.masked_fill(~known, -1), (note,)


def _fingerprint(data: Data) -> str:
    """Of all that decides who is in which split: another one is another data set."""
    digest = hashlib.blake2b(repr(tuple(data.x.shape)).encode(), digest_size=8)
    if isinstance(data.x, domains.Files):
        digest.update(data.x.identity())
    several = () if data.several is None else (data.several,)
    for part in (data.x, data.label, *several, data.groups, data.given_val, data.given_test):
        if isinstance(part, Tensor):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        digest.update(b"|")
    return digest.hexdigest()


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, ())}


def said(source: Any) -> str:
    """A path or a name as it is; anything in memory by what it is."""
    return str(source) if isinstance(source, str | Path) else f"<{type(source).__name__} in memory>"


def trained_on(own: Material, other: Material) -> int:
    """How many test examples of other data trained a run: where they are its own data once more, split in another way."""
    ours, theirs = own.data.x, other.data.x
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        same = torch.equal(torch.nan_to_num(ours), torch.nan_to_num(theirs))
    else:
        same = isinstance(ours, domains.Files) and isinstance(theirs, domains.Files) and ours.paths == theirs.paths
    return int(torch.isin(other.split.test, own.split.train).sum()) if same else 0
