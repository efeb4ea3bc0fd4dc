"""From what one or two sources hold to `Data`: labels encoded, groups numbered, the test set appended, facts collected."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixtrast import spec as specs
from mixtrast.domains._data import Data, Domain, Task
from mixtrast.domains._labels import Asked, Encoded, encode, group_names
from mixtrast.domains._words import Where, count, listed, nearest
from mixtrast.spec import Image, Series, Spec, Table, Tokens, is_plain


@dataclass(frozen=True, eq=False)
class Source:
    """One source as read: a file, or arrays in memory."""

    x: np.ndarray  # (N, *shape) float32, finite; or uint8 (N,C,H,W)
    label: np.ndarray | None  # (N,) as written
    groups: np.ndarray | None  # (N,) as written
    where: Where
    label_name: str = "the label"
    groups_name: str = "the groups"
    facts: dict[str, Any] = field(default_factory=dict)  # what only this kind of source has to remember: its columns
    notes: tuple[str, ...] = ()
    views: dict[str, dict[str, Any]] | None = None  # other than the usual ones
    encoder: tuple[str, dict[str, Any]] | None = None  # likewise
    spec: Spec = None  # type: ignore[assignment] # of numbers of the shape of x, where it is not said

    def __post_init__(self) -> None:
        if self.spec is None:
            object.__setattr__(self, "spec", specs.of(self.x.shape[1:]))


def assemble(
    domain: Domain, name: str, source: Source, *, test: Source | None = None, task: Asked = "auto", like: dict[str, Any] | None
) -> Data:
    """Joins what was read; checks that the test set, or what the data must be like, fits.

    Raises: ValueError when shapes or labels do not fit each other.
    """
    if like is not None and like.get("spec") and not getattr(source.spec, "gaps", True):
        wanted = specs.from_dict(like["spec"])
        if isinstance(source.spec, Table | Series) and replace(source.spec, gaps=True) == wanted:
            source = replace(source, spec=wanted)  # nothing is missing here, where it might be
    check_like(source.spec, like)
    if test is not None:
        _check_test(source, test)
    if source.label is None and task != "auto" and like is None:
        raise ValueError(f"task {task!r} needs a label, got none. Name it with `--label`, or leave the task out.")
    labels = _encoded(source, task, like)
    label = None if labels is None else labels.label
    several = None if labels is None else labels.several
    chosen: Task = "none" if labels is None else labels.task
    classes = () if labels is None else labels.classes
    notes = [*source.notes, *(labels.notes if labels else ())]
    x, given_test = source.x, None
    if test is not None:
        x = np.concatenate([source.x, test.x])
        given_test = torch.arange(len(x)) >= len(source.x)
        theirs = _encoded(test, "auto", {"task": chosen, "classes": list(classes), "several": several is not None})
        label = None if label is None or theirs is None else torch.cat([label, theirs.label])
        if several is not None and theirs is not None and theirs.several is not None:
            several = _joined(several, theirs.several)
        notes += [f"test set: {note}" for note in (*test.notes, *(theirs.notes if theirs else ()))]
    groups = _groups(source, test, notes)
    if groups is not None and label is not None and chosen == "classes" and several is None:
        notes += _constant(label, groups, source.label_name)
    facts = facts_of(domain, source.spec, chosen, classes) | source.facts | ({"several": True} if several is not None else {})
    if like is not None and labels is None:  # the next may have labels again
        facts |= {key: like[key] for key in ("task", "classes", "several") if key in like}
    return Data(
        name=name,
        domain=domain.called,
        spec=source.spec,
        x=torch.from_numpy(x),
        label=label,
        task=chosen,
        classes=classes,
        several=several,
        groups=groups,
        given_test=given_test,
        scaling="feature" if isinstance(source.spec, Table) else "channel",
        views=default_views(source.spec) if source.views is None else source.views,
        encoder=source.encoder,
        facts=facts,
        notes=tuple(notes),
    )


def _joined(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(N,K) and (M,L) below each other, filled with -1."""
    wide = max(one.shape[1], other.shape[1])
    return torch.cat([torch.nn.functional.pad(each, (0, wide - each.shape[1]), value=-1) for each in (one, other)])


def facts_of(domain: Domain, spec: Spec, task: Task, classes: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """What every domain remembers, JSON-able."""
    return {
        "domain": domain.called,
        "options": domain.options(),
        "spec": specs.to_dict(spec),
        "task": task,
        "classes": list(classes),
    }


def check_like(spec: Spec, like: dict[str, Any] | None) -> None:
    """Whether examples look as those that the facts `like` are of."""
    if like is None:
        return
    lacking = sorted({"spec", "task", "classes"} - set(like))
    if lacking:
        raise ValueError(
            f"`like` must be the `facts` of Data that was read before, got a dictionary without {listed(lacking)}."
        )
    wanted = specs.from_dict(like["spec"])
    if spec != wanted:
        way = ""
        if isinstance(spec, Table) and isinstance(wanted, Table):
            way = " Give the same columns in the same order, without the label, which can be named with `--label`."
        raise ValueError(f"examples must look as those before, {shown(wanted)}, got {shown(spec)}.{way or ' Reshape them.'}")


def is_asked(domain: Domain, option: str, like: dict[str, Any] | None) -> bool:
    """Whether an option was given, and not only remembered from the data to be like."""
    value = getattr(domain, option)
    remembered = like is not None and like.get("domain") == domain.called and like["options"].get(option) == value
    return value is not None and not remembered


def shown(spec: Spec) -> str:
    """ "a table of 54 columns", for sentences."""
    match spec:
        case Table(features, levels, gaps):
            kinds = f", {sum(many > 0 for many in levels)} of categories" if any(levels) else ""
            return f"a table of {count(features, 'column')}{kinds}{', with missing values' if gaps else ''}"
        case Series(channels, length, gaps):
            return f"a series of {count(channels, 'channel')} and length {length:,}{', with missing values' if gaps else ''}"
        case Image(channels, height, width):
            return f"an image of {count(channels, 'channel')}, {height:,} × {width:,}"
        case Tokens(length, vocab):
            return f"a sequence of {length:,} tokens out of {vocab:,}"


def default_views(spec: Spec) -> dict[str, dict[str, Any]]:
    """Views that rarely change what an example is: mild noise, and some features hidden, a small shift, or values of others.

    Ids have none: what makes two passes differ is dropout.
    """
    if isinstance(spec, Tokens):
        return {}
    if isinstance(spec, Table) and not is_plain(spec):  # noise has no meaning for codes, and 0 is one
        return {"swap": {"p": 0.2}, "mask": {"p": 0.1, "fill": math.nan}}
    if isinstance(spec, Series) and spec.gaps:
        return {"noise": {"scale": 0.1}}
    if isinstance(spec, Image):
        return {"shift": {"pixels": max(1, min(spec.height, spec.width) // 8)}, "noise": {"scale": 0.1}}
    return {"mask": {"p": 0.2}, "noise": {"scale": 0.1}}


def finite(x: np.ndarray, *, owner: str, where: Where, rows: str = "row") -> np.ndarray:
    """(N, *shape) of numbers -> float32; NaN and infinity are errors that say where."""
    with np.errstate(over="ignore"):
        x = np.require(x, dtype=np.float32, requirements=["C", "W"])
    fine = np.isfinite(x)
    if not fine.all():
        at = (~fine).nonzero()
        index = tuple(int(axis[0]) for axis in at)
        place = f"column {index[1]}" if x.ndim == 2 else f"index {index[1:]}"
        raise ValueError(
            f"{owner} must be finite and fit float32, got NaN, infinity or more than 3.4e38 in {len(np.unique(at[0])):,} of "
            f"{count(len(x), rows)}, first in {where(index[0])} at {place}. Leave those rows out, or fill them in."
        )
    return x


def existing(source: object) -> Path:
    """The file, or a sentence that says what is there instead."""
    if "://" in str(source):
        raise ValueError(f"{source} is an address, and nothing is downloaded. Save the file, and give its path.")
    path = Path(str(source)).expanduser()
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give one file.")
    if not path.exists():
        others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise FileNotFoundError(f"there is no file {path}.{nearest(path.name, others)}")
    return path


def is_frame(source: object) -> bool:
    pandas = sys.modules.get("pandas")  # without it there are no frames
    return pandas is not None and isinstance(source, pandas.DataFrame)


def is_path(source: object) -> bool:
    return isinstance(source, (str, Path))


def _encoded(source: Source, task: Asked, like: dict[str, Any] | None) -> Encoded | None:
    if source.label is None:
        return None
    _check_rows(source.label, source.label_name, source.x)
    return encode(source.label, name=source.label_name, where=source.where, task=task, like=like)


def _check_rows(values: np.ndarray, name: str, x: np.ndarray) -> None:
    if len(values) != len(x):
        raise ValueError(f"{name} must have one entry for each of the {count(len(x), 'row')} of x, got {len(values):,}.")


def _check_test(source: Source, test: Source) -> None:
    if source.spec != test.spec:
        raise ValueError(f"the test set must look as the training set, {shown(source.spec)}, got {shown(test.spec)}.")
    if source.x.dtype != test.x.dtype:
        raise ValueError(
            f"the test set must be of bytes or of numbers as the training set, {source.x.dtype}, got {test.x.dtype}: images in "
            "bytes stand for x / 255. Convert one of them."
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


def _constant(label: torch.Tensor, groups: torch.Tensor, name: str) -> list[str]:
    """What to say where all of a group have one label."""
    known = label >= 0
    pairs = torch.unique(torch.stack([groups[known], label[known]]), dim=1)
    many = len(groups[known].unique())
    if pairs.shape[1] > many or many == int(known.sum()):
        return []
    return [
        f"{name} is the same throughout each group: it tells {count(many, 'group')} apart, and scores are no more certain than "
        "those of so many examples."
    ]


def _groups(source: Source, test: Source | None, notes: list[str]) -> torch.Tensor | None:
    """Groups numbered over both sets, so that one who is in both is seen to be."""
    if source.groups is None:
        return None
    names = []
    for each in (source, test):
        if each is not None and each.groups is not None:
            _check_rows(each.groups, each.groups_name, each.x)
            names.append(group_names(each.groups, name=each.groups_name, where=each.where))
    kinds, number = np.unique(np.concatenate(names), return_inverse=True)
    notes.append(f"{source.groups_name}: {count(len(kinds), 'group')}, each of which stays in one split.")
    both = set(names[0].tolist()) & set(names[1].tolist()) if len(names) == 2 else set()
    if both:
        notes.append(f"{count(len(both), 'group')} of the test set in training too: a split leaves their training rows out.")
    return torch.from_numpy(number.astype(np.int64))
