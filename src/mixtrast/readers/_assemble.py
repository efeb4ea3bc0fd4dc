"""From a source as read to a `Dataset`: labels encoded, groups numbered, the test set appended."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mixtrast.data import Dataset, Schema, TaskOption
from mixtrast.data.labels import encode, group_names
from mixtrast.readers._source import Source
from mixtrast.registry import Options
from mixtrast.spec import Image, Series, Spec, Table, Tokens, describe, is_plain
from mixtrast.text import count


def assemble(
    name: str, source: Source, *, test: Source | None = None, task: TaskOption = "auto", schema: Schema | None = None
) -> Dataset:
    """Return the dataset of a source and its test set.

    Raises: ValueError when shapes or labels do not fit each other, or the schema of earlier data.
    """
    if schema is not None:
        source, test = _with_gaps(source, schema), None if test is None else _with_gaps(test, schema)
        schema.check(source.spec)
    if test is not None:
        _check_test(source, test)
    if source.label is None and task != "auto" and schema is None:
        raise ValueError(f"task {task!r} needs a label, got none. Name it with `--label`, or leave the task out.")
    own, label, label_sets, notes = _labels(source, test, task, schema)
    groups, group_notes = _groups(source, test)
    notes += group_notes
    if groups is not None and label is not None and own.task == "classes" and label_sets is None:
        notes += _constant_note(label, groups, source.label_name)
    x = source.x if test is None else np.concatenate([source.x, test.x])
    return Dataset(
        name=name,
        reader=own.reader,
        spec=own.spec,
        x=torch.from_numpy(x),
        label=label,
        task="none" if label is None else own.task,
        classes=() if label is None else own.classes,
        label_sets=label_sets,
        groups=groups,
        test_rows=None if test is None else torch.arange(len(x)) >= len(source.x),
        scaling="feature" if isinstance(own.spec, Table) else "channel",
        views=default_views(own.spec) if source.views is None else source.views,
        encoder=source.encoder,
        schema=own,
        notes=tuple(notes),
    )


def _with_gaps(source: Source, schema: Schema) -> Source:
    """Return the source with missing values allowed where the earlier data allow them."""
    spec = source.spec
    if isinstance(spec, Table | Series) and not spec.gaps and replace(spec, gaps=True) == schema.spec:
        return replace(source, schema=replace(source.schema, spec=schema.spec))
    return source


def _labels(
    source: Source, test: Source | None, task: TaskOption, schema: Schema | None
) -> tuple[Schema, Tensor | None, Tensor | None, list[str]]:
    """Return the schema with task and classes, labels and label sets of all rows, and all notes on the sources."""
    own, notes = source.schema, list(source.notes)
    if source.label is None:
        if schema is not None:  # the next data may have labels again
            own = replace(own, task=schema.task, classes=schema.classes, multilabel=schema.multilabel)
        return own, None, None, notes + [f"test set: {note}" for note in (test.notes if test else ())]
    first = encode(source.label, name=source.label_name, where=source.where, task=task, schema=schema)
    own = replace(own, task=first.task, classes=first.classes, multilabel=first.label_sets is not None)
    notes += first.notes
    if test is None or test.label is None:
        return own, first.label, first.label_sets, notes
    second = encode(test.label, name=test.label_name, where=test.where, schema=own)
    notes += [f"test set: {note}" for note in (*test.notes, *second.notes)]
    sets = [each.label_sets for each in (first, second) if each.label_sets is not None]
    return own, torch.cat([first.label, second.label]), _joined(sets) if sets else None, notes


def _joined(sets: list[Tensor]) -> Tensor:
    """Return label sets (N,K) below each other, the narrower ones filled with -1."""
    width = max(each.shape[1] for each in sets)
    return torch.cat([pad(each, (0, width - each.shape[1]), value=-1) for each in sets])


def _check_test(source: Source, test: Source) -> None:
    """Raise ValueError where the test set does not fit the training set."""
    if source.spec != test.spec:
        raise ValueError(f"the test set must look like the training set, {describe(source.spec)}, got {describe(test.spec)}.")
    if source.x.dtype != test.x.dtype:
        raise ValueError(
            f"the test set must be {source.x.dtype}, as the training set is, got {test.x.dtype}: bytes of images stand for "
            "x / 255. Convert one of them."
        )
    has = {
        "a label": (source.label is not None, test.label is not None),
        "groups": (source.groups is not None, test.groups is not None),
    }
    for what, (first, second) in has.items():
        if first != second:
            raise ValueError(
                f"the {'training' if first else 'test'} set has {what}, the other has none. Both must, or neither."
            )


def _constant_note(label: Tensor, groups: Tensor, name: str) -> list[str]:
    """Return a note where all rows of a group have one label."""
    known = label >= 0
    pairs = torch.unique(torch.stack([groups[known], label[known]]), dim=1)
    many = len(groups[known].unique())
    if pairs.shape[1] > many or many == int(known.sum()):
        return []
    return [
        f"{name} is the same throughout each group: scores are only as certain as those of {count(many, 'example')}, one for "
        "each group."
    ]


def _groups(source: Source, test: Source | None) -> tuple[Tensor | None, list[str]]:
    """Return groups numbered over both sets, and notes."""
    if source.groups is None:
        return None, []
    sources = [each for each in (source, test) if each is not None]
    names = [group_names(each.groups, name=each.groups_name, where=each.where) for each in sources if each.groups is not None]
    kinds, number = np.unique(np.concatenate(names), return_inverse=True)
    notes = [f"{source.groups_name}: {count(len(kinds), 'group')}, each of which stays in one part of the split."]
    both = set(names[0].tolist()) & set(names[1].tolist()) if len(names) == 2 else set()
    if both:
        notes.append(f"{count(len(both), 'group')} of the test set in training too: a split leaves their training rows out.")
    return torch.from_numpy(number.astype(np.int64)), notes


def default_views(spec: Spec) -> Mapping[str, Options]:
    """Return the default views of a spec. Tokens have none: two passes differ by dropout."""
    if isinstance(spec, Tokens):
        return {}
    if isinstance(spec, Table) and not is_plain(spec):  # noise has no meaning for codes, and 0 is one of them
        return {"swap": {"p": 0.2}, "mask": {"p": 0.1, "fill": math.nan}}
    if isinstance(spec, Series) and spec.gaps:
        return {"noise": {"scale": 0.1}}
    if isinstance(spec, Image):
        return {"shift": {"pixels": max(1, min(spec.height, spec.width) // 8)}, "noise": {"scale": 0.1}}
    return {"mask": {"p": 0.2}, "noise": {"scale": 0.1}}
