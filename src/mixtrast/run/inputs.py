"""What a run is made of before its method is: a dataset that was read, split and scaled, and the labels it may use."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtrast import datasets, rng
from mixtrast.data.dataset import Dataset
from mixtrast.data.split import Split
from mixtrast.inference import TrainedEncoder
from mixtrast.recipe import DataSection, Options
from mixtrast.run.targets import Targets, targets
from mixtrast.views import Scale

IN_MEMORY = " in memory>"  # how the source ends of data that were objects


@dataclass(frozen=True, eq=False, kw_only=True)
class Inputs:
    """A dataset that was read, split and scaled, and the labels that may be used.

    Args:
        section: of the recipe, with a fingerprint of what was read.
        scale: from examples as read to the input of an encoder, by training rows.
        label: of the probes: (N,) int64 or float32; None where there is nothing to predict. In training rows only allowed ones.
        target: (N,) int64, the class (or bin of a number) of every row, -1 where unknown.
        visible: (N,) int64, the targets that training may use: -1 outside the training rows, and where not allowed.
        classes: how many of them there are for training.
    """

    section: DataSection
    seed: int
    dataset: Dataset
    split: Split
    scale: Scale
    label: Tensor | None
    target: Tensor
    visible: Tensor
    classes: int
    notes: tuple[str, ...]

    @property
    def training_labels(self) -> Tensor:
        """The labels that training may use of every row: (N,) `visible`, or (N,K) where examples have several labels."""
        label_sets = self.dataset.label_sets
        return self.visible if label_sets is None else torch.where(self.visible[:, None] >= 0, label_sets, -1)

    @property
    def parts(self) -> dict[str, Tensor]:
        """The rows of each split."""
        return {"train": self.split.train, "val": self.split.val, "test": self.split.test}

    @property
    def one_class_each(self) -> bool:
        """Whether an example has one class: not a number, and not several labels."""
        return self.dataset.task == "classes" and self.dataset.label_sets is None


class ReadOnce:
    """`read` that opens a dataset once for the same source and options, whatever the seed."""

    def __init__(self) -> None:
        self._opened: tuple[str, Any, Any, Dataset] | None = None

    def __call__(self, section: DataSection, seed: int, bins: int, source: Any = None, test: Any = None) -> Inputs:
        """As `read`."""
        return read(section, seed, bins, source, test, open_dataset=self._open)

    def _open(self, source: Any, test: Any, options: Options) -> Dataset:
        key = repr(sorted(options.items()))
        if self._opened is None or self._opened[0] != key or not _same(self._opened[1:3], (source, test)):
            self._opened = None  # one at a time in memory
            self._opened = (key, source, test, _open(source, test, options))
        return self._opened[3]


def _same(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Whether these are the same paths, names or objects."""
    return all(a is b or (isinstance(a, str | Path) and type(a) is type(b) and a == b) for a, b in zip(one, other, strict=True))


def _open(source: Any, test: Any, options: Options) -> Dataset:
    named: dict[str, Any] = dict(options)
    return datasets.open(source, test=test, **named)


def read(
    section: DataSection,
    seed: int,
    bins: int,
    source: Any = None,
    test: Any = None,
    *,
    open_dataset: Callable[[Any, Any, Options], Dataset] = _open,
) -> Inputs:
    """Read the data of a recipe, or others: split by the seed, scaled by training rows, with the labels that are allowed.

    Raises: ValueError, TypeError or FileNotFoundError with a sentence.
    """
    if source is not None and section.source not in (None, source_name(source)):
        section = replace(section, test=None, fingerprint="")  # those of other data
    source = section.source if source is None else source
    test = section.test if test is None else test
    _check_section(section, source)
    options = _set(section.options)
    dataset = open_dataset(source, test, options)
    split = _first_examples(datasets.split(dataset, seed=seed), dataset, section.examples, seed)
    found = targets(dataset, split, section.labels, bins, seed)
    digest = fingerprint(dataset)
    if section.fingerprint not in ("", digest):
        raise ValueError(
            f"{dataset.name} is not what it was when this run began: its content has changed. Start in another --out."
        )
    names: dict[str, Any] = {"source": source_name(source), "test": None if test is None else source_name(test)}
    section = replace(section, **names, reader=dataset.reader, fingerprint=digest, options=options)
    return _inputs(section, seed, dataset, split, Scale(*datasets.scaling(dataset, split.train)), found)


def read_for(encoder: TrainedEncoder, seed: int, bins: int, source: Any, test: Any, options: Mapping[str, Any]) -> Inputs:
    """Read other data for a trained encoder: read and scaled as its own were, with labels and a split of their own."""
    dataset = datasets.open(source, test=test, schema=encoder.schema.without_labels(), **_set(options))
    split = datasets.split(dataset, seed=seed)
    section = DataSection(source_name(source), fingerprint=fingerprint(dataset))
    return _inputs(section, seed, dataset, split, encoder.scale, targets(dataset, split, None, bins, seed))


def _inputs(section: DataSection, seed: int, dataset: Dataset, split: Split, scale: Scale, found: Targets) -> Inputs:
    labels = {**vars(found), "notes": (*dataset.notes, *found.notes)}
    return Inputs(section=section, seed=seed, dataset=dataset, split=split, scale=scale, **labels)


def _check_section(section: DataSection, source: Any) -> None:
    if source is None:
        raise ValueError("no data were given. Name a file or a built-in set: mixtrast train digits.")
    if isinstance(source, str) and source.startswith("<") and source.endswith(IN_MEMORY):
        raise ValueError(f"the data of this run were {source[1:-1]}, which a run does not store. Give them again: data=...")


def _first_examples(split: Split, dataset: Dataset, examples: int | None, seed: int) -> Split:
    """The split with that many training examples, classes in proportion, and validation cut by the same share; all of test.

    With the same seed, the examples of a smaller number are among those of a larger one.
    """
    if examples is None:
        return split
    if examples > len(split.train):
        raise ValueError(f"`examples` asks for {examples:,} training examples, and there are {len(split.train):,}.")
    val = max(1, round(len(split.val) * examples / len(split.train)))
    train, val_rows = (_first(rows, many, dataset, seed) for rows, many in ((split.train, examples), (split.val, val)))
    description = f"{split.description}; of these {examples:,} train and {val:,} validation examples are used"
    return replace(split, train=train, val=val_rows, description=description)


def _first(rows: Tensor, many: int, dataset: Dataset, seed: int) -> Tensor:
    """That many of these rows: shuffled within each class, then by the place in it as a share of it."""
    rows = rows[torch.randperm(len(rows), generator=rng.derived(seed, 0, "examples"))]
    label = dataset.label if dataset.task == "classes" else None
    kinds = torch.zeros(len(rows)).long() if label is None else label[rows].long()
    kinds = kinds - kinds.min()
    by_class, counts = kinds.argsort(stable=True), torch.bincount(kinds)
    place = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[kinds[by_class]]
    share = (place + 0.5) / counts[kinds[by_class]]
    chosen: Tensor = rows[by_class[share.argsort(stable=True)[:many]]]
    return chosen.sort().values


def fingerprint(dataset: Dataset) -> str:
    """A digest of all that decides which example is in which split: another digest is another dataset."""
    digest = hashlib.blake2b(repr(tuple(dataset.x.shape)).encode(), digest_size=8)
    if isinstance(dataset.x, datasets.Files):
        digest.update(dataset.x.identity())
    label_sets = () if dataset.label_sets is None else (dataset.label_sets,)
    for part in (dataset.x, dataset.label, *label_sets, dataset.groups, dataset.validation_rows, dataset.test_rows):
        if isinstance(part, Tensor):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        digest.update(b"|")
    return digest.hexdigest()


def _set(options: Mapping[str, Any]) -> Options:
    return {key: value for key, value in options.items() if value not in (None, ())}


def source_name(source: Any) -> str:
    """A path or a name as it is; anything in memory by its type."""
    return str(source) if isinstance(source, str | Path) else f"<{type(source).__name__}{IN_MEMORY}"


def trained_on(own: Inputs, other: Inputs) -> int:
    """How many test examples of `other` trained a run on `own`, where both are the same data, split in another way."""
    ours, theirs = own.dataset.x, other.dataset.x
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        same = torch.equal(torch.nan_to_num(ours), torch.nan_to_num(theirs))
    else:
        same = isinstance(ours, datasets.Files) and isinstance(theirs, datasets.Files) and ours.paths == theirs.paths
    return int(torch.isin(other.split.test, own.split.train).sum()) if same else 0
