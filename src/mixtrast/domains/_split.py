"""Who trains, who validates, who tests: decided once, by a seed, the same on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from mixtrast.domains._data import Data
from mixtrast.domains._words import count

FEWEST = 10  # rows that can be split
TRAIN, VAL, TEST, NOWHERE = 0, 1, 2, 3
SPLIT, GRANT = 0, 1  # what random keys are drawn for: one seed must not give related draws
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of each part, int64, ascending; no row is in two."""

    train: Tensor
    val: Tensor
    test: Tensor
    says: str  # for people: sizes, how it was drawn, who was left out


def split(data: Data, *, seed: int, test: float = 0.25, val: float = 0.15) -> Split:
    """Splits off a test and a validation part.

    The shares are of all rows that can be split: those with a label, or all when the task is "none". Rows without a label
    train. Classes keep their shares as nearly as whole rows allow, and each keeps a row in training. Groups stay whole, and
    then sizes and classes are as near as groups allow; rows without a label whose group went elsewhere are left out. A test
    set that was given is the test part, without its unlabelled rows; validation is split off the others, without those whose
    group is in the test set. For the task "none" only validation is split off. A validation set that was given is the
    validation part, without its unlabelled rows.

    Args:
        seed: 0 or more; with the same data it gives the same split, on any machine.
        test, val: shares from 0 to below 1; 0 leaves the part empty.

    Raises: ValueError when there are too few rows, examples of a class, or groups.
    """
    if min(test, val) < 0 or not test + val < 1:
        raise ValueError(
            f"`test` and `val` of split must be shares that leave something to train on, got {test:g} and {val:g}."
        )
    part = np.full(len(data.x), TRAIN)
    free = _set_given_aside(data, part)
    split_off = data.given_test is None and data.task != "none"
    shares = {VAL: val if data.given_val is None else 0.0, TEST: test if split_off else 0.0}
    if free.sum() < FEWEST:
        raise ValueError(
            f"{count(int(free.sum()), 'row')} {'is' if free.sum() == 1 else 'are'} too few to split; there must be {FEWEST} or "
            f"more{'' if data.task == 'none' else ' with a label'}{_beside(data)}. "
            "Give more rows."
        )
    classes = _classes(data, free)
    if data.groups is None:
        part[free] = _deal_rows(classes, shares, seed)
    else:
        group = data.groups.numpy()
        part[free] = dealt = _deal_groups(group[free], classes, shares, seed)
        rest = (part == TRAIN) & ~free
        part[rest & np.isin(group, group[free][dealt != TRAIN])] = NOWHERE
    _check_parts(part, shares, data)
    rows = [torch.from_numpy((part == which).nonzero()[0]) for which in (TRAIN, VAL, TEST)]
    return Split(train=rows[0], val=rows[1], test=rows[2], says=_says(part, data, free, seed))


def keys(size: int, seed: int, purpose: int) -> np.ndarray:
    """(size,) uint64 that look random: the raw stream of a bit generator, which NumPy promises never to change."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"`seed` must be a whole number, 0 or more, got {seed!r}.")
    raw: np.ndarray = np.random.PCG64([purpose, int(seed)]).random_raw(size)
    return raw


def _set_given_aside(data: Data, part: np.ndarray) -> np.ndarray:
    """Puts the sets that were given where they belong, in `part`; (N,) bool: the rows with a label that are to be dealt out."""
    known = _known(data)
    if data.given_val is not None:
        given = data.given_val.numpy()
        part[given] = np.where(known[given], VAL, NOWHERE)
        if not known[given].any():
            raise ValueError("the validation set that was given has no row with a label. Label some, or leave it out.")
        known = known & ~given
    if data.given_test is None:
        return known
    given = data.given_test.numpy()
    part[given] = np.where(known[given], TEST, NOWHERE)
    if not known[given].any():
        raise ValueError("the test set that was given has no row with a label. Label some, or leave `test` out.")
    free: np.ndarray = known & ~given
    if data.groups is not None:
        group = data.groups.numpy()
        taken = np.isin(group, group[part == TEST]) & ~given
        part[taken], free[taken] = NOWHERE, False
    return free


def _beside(data: Data) -> str:
    given = {"validation": data.given_val, "test": data.given_test}
    names = [name for name, rows in given.items() if rows is not None]
    return f" beside the {' and '.join(names)} set{'s' if len(names) > 1 else ''}" if names else ""


def _known(data: Data) -> np.ndarray:
    """(N,) bool: rows with a label; all, when there are no labels."""
    if data.label is None:
        return np.ones(len(data.x), dtype=bool)
    known: np.ndarray = ((data.label >= 0) if data.task == "classes" else ~data.label.isnan()).numpy()
    return known


def _classes(data: Data, rows: np.ndarray) -> np.ndarray:
    """What to keep the shares of, 0..C-1 for each of `rows`: one class when there are none."""
    if data.task != "classes" or data.label is None:
        return np.zeros(int(rows.sum()), dtype=np.int64)
    return np.unique(data.label.numpy()[rows], return_inverse=True)[1]


def _deal_rows(classes: np.ndarray, shares: dict[int, float], seed: int) -> np.ndarray:
    """(R,) parts: of every class its share, in whole rows, one left in training."""
    key = keys(len(classes), seed, SPLIT)
    order = np.lexsort((key, classes))  # by class, in each at random
    sizes = np.bincount(classes)
    spare = sizes - 1  # that may leave training
    part, begins = np.full(len(classes), TRAIN), np.cumsum(sizes) - sizes
    for which in (TEST, VAL):
        total = round(shares[which] * len(classes))
        takes = _apportion(sizes * shares[which], spare, total, tie=key)
        for begin, many in zip(begins, takes, strict=True):
            part[order[begin : begin + many]] = which
        begins, spare = begins + takes, spare - takes
    return part


def _apportion(quota: np.ndarray, most: np.ndarray, total: int, tie: np.ndarray) -> np.ndarray:
    """Whole numbers near the quotas, at most `most`, that sum to `total` if they can: largest remainders first."""
    takes: np.ndarray = np.minimum(np.floor(quota).astype(np.int64), most)
    while (left := total - int(takes.sum())) > 0 and (takes < most).any():
        open_ = (takes < most).nonzero()[0]
        first = open_[np.lexsort((tie[open_], (takes - quota)[open_]))][:left]
        takes[first] += 1
    return takes


def _deal_groups(group: np.ndarray, classes: np.ndarray, shares: dict[int, float], seed: int) -> np.ndarray:
    """(R,) parts, whole groups: large groups first, each where its classes are missing most."""
    names, number = np.unique(group, return_inverse=True)
    wanted = [TRAIN, *(which for which, share in shares.items() if share > 0)]
    if len(names) < len(wanted):
        raise ValueError(
            f"{count(len(names), 'group')} cannot be split into {len(wanted)} parts, "
            f"{' and '.join(PARTS[which] for which in wanted)}. Give more groups, or leave `groups` out: then rows of one "
            "group will be in several parts."
        )
    sizes = np.zeros((len(names), int(classes.max()) + 1))
    np.add.at(sizes, (number, classes), 1)
    key = keys(len(names), seed, SPLIT)
    home = _cover(sizes, key)
    sizes = np.column_stack([sizes, sizes.sum(1)])  # classes, and all of them together
    share = np.array([1 - sum(shares.values()), *(shares[which] for which in wanted[1:])])
    target = share[:, None] * sizes.sum(0)  # (parts, classes + 1)
    have = np.stack([sizes[home == TRAIN].sum(0), *(np.zeros_like(target[0]) for _ in wanted[1:])])
    order = np.lexsort((key, -sizes[:, -1]))
    waiting = [g for g in order if home[g] != TRAIN]
    for left, g in zip(range(len(waiting), 0, -1), waiting, strict=True):
        # Σ_c (have - target)² / target, by how much it grows; a part without a group comes first when groups run out
        cost = (
            (sizes[g] * (sizes[g] + 2 * (have - target)) / np.maximum(target, 1)).sum(1).round(9)
        )  # ties stay ties on any machine
        empty = have[:, -1] == 0
        at = int(np.where(empty | (left > empty.sum()), cost, np.inf).argmin())
        home[g], have[at] = wanted[at], have[at] + sizes[g]
    part: np.ndarray = home[number]
    return part


def _cover(sizes: np.ndarray, key: np.ndarray) -> np.ndarray:
    """(G,) TRAIN for the groups that give every class a home in training, the smallest that do, NOWHERE for the others."""
    home = np.full(len(sizes), NOWHERE)
    for kind in np.lexsort((np.arange(sizes.shape[1]), (sizes > 0).sum(0))):  # rare classes leave no choice
        holders = (sizes[:, kind] > 0).nonzero()[0]
        if not (home[holders] == TRAIN).any():
            home[holders[np.lexsort((key[holders], sizes[holders].sum(1)))[0]]] = TRAIN
    return home


def _check_parts(part: np.ndarray, shares: dict[int, float], data: Data) -> None:
    for which, share in shares.items():
        if share > 0 and not (part == which).any():
            unit = "rows" if data.groups is None else "groups"
            why = f"there are too few {unit}" + (
                ", or too few of each class: training keeps one of each" if data.task == "classes" else ""
            )
            raise ValueError(
                f"the {PARTS[which]} part would be empty: {why}. Give more {unit}, or a larger share than {share:g}."
            )


def _says(part: np.ndarray, data: Data, free: np.ndarray, seed: int) -> str:
    """ "1,078 train, 270 validation, 449 test; random, stratified by class, seed 0", and who was left out."""
    sizes = ", ".join(f"{(part == which).sum():,} {PARTS[which]}" for which in (TRAIN, VAL, TEST))
    how = "random" if data.groups is None else "whole groups"
    if data.task == "classes":
        how += ", stratified by class" if data.groups is None else ", classes as even as they allow"
    how += f", seed {seed}"
    if data.given_test is not None and data.given_val is not None:
        how = "validation and test sets as they were given"
    elif data.given_test is not None:
        how = f"the test set as it was given, validation {how}"
    elif data.given_val is not None:
        how = "the validation set as it was given" + ("" if data.task == "none" else f", test {how}")
    more = []
    if unlabelled := int(((part == TRAIN) & ~free).sum()):
        more.append(f"{count(unlabelled, 'row')} of train without a label")
    if out := int((part == NOWHERE).sum()):
        more.append(f"{count(out, 'row')} left out: without a label, or their group is in another part")
    return "; ".join([sizes, how, *more])
