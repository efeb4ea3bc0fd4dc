"""Splits: which rows train, validate and test, decided by a seed, the same on any machine."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from mixtrast.data.dataset import Dataset
from mixtrast.text import count

LEAST_ROWS = 10  # rows that can be split
TRAIN, VAL, TEST, UNUSED = 0, 1, 2, 3
SPLIT, LABELS = 0, 1  # purposes of random keys: one seed must not give related draws
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of each part, int64, ascending; no row is in two.

    Args:
        description: sizes, how rows were drawn and which were left out.
    """

    train: Tensor
    val: Tensor
    test: Tensor
    description: str


def split(data: Dataset, *, seed: int, test: float = 0.25, val: float = 0.15) -> Split:
    """Return the rows of training, validation and test.

    The shares are of the rows that can be split: those with a label, or all when the task is "none". Rows without a label
    train. Classes keep their shares as nearly as rows allow, and each keeps a row in training. Rows of one group stay in one
    part, and sizes and classes are then as near as groups allow; rows without a label whose group is in another part are left
    out. Where the dataset has `test_rows` or `validation_rows`, those with a label are that part, and rows whose group is in
    the test set are left out. For the task "none" only validation is split off.

    Args:
        seed: 0 or more; with the same data it gives the same split, on any machine.
        test, val: shares from 0 to below 1; 0 leaves the part empty.

    Raises: ValueError when there are too few rows, examples of a class, or groups.
    """
    if min(test, val) < 0 or not test + val < 1:
        raise ValueError(f"`test` and `val` of split must be shares, 0 or more, with a sum below 1, got {test:g} and {val:g}.")
    part, free = _fixed_parts(data)
    with_test = data.test_rows is None and data.task != "none"
    shares = {VAL: val if data.validation_rows is None else 0.0, TEST: test if with_test else 0.0}
    _check_rows(data, int(free.sum()))
    classes = _classes(data, free)
    if data.groups is None:
        part[free] = _deal_rows(classes, shares, seed)
    else:
        group = data.groups.numpy()
        part[free] = dealt = _deal_groups(group[free], classes, shares, seed)
        rest = (part == TRAIN) & ~free
        part[rest & np.isin(group, group[free][dealt != TRAIN])] = UNUSED
    _check_parts(part, shares, data)
    rows = [torch.from_numpy((part == which).nonzero()[0]) for which in (TRAIN, VAL, TEST)]
    return Split(train=rows[0], val=rows[1], test=rows[2], description=_describe(part, data, free, seed))


def keys(size: int, seed: int, purpose: int) -> np.ndarray:
    """Return (size,) uint64 that look random: the raw stream of a bit generator, which NumPy promises never to change."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"`seed` must be an integer, 0 or more, got {seed!r}.")
    raw: np.ndarray = np.random.PCG64([purpose, int(seed)]).random_raw(size)
    return raw


def _fixed_parts(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) the part of each row as the dataset fixes it, and (N,) bool: rows with a label that are to be dealt out."""
    part, free = np.full(len(data.x), TRAIN), _known(data)
    for name, which, mask in (("validation", VAL, data.validation_rows), ("test", TEST, data.test_rows)):
        if mask is None:
            continue
        rows = mask.numpy()
        part[rows] = np.where(free[rows], which, UNUSED)
        if not free[rows].any():
            raise ValueError(f"the {name} set has no row with a label. Label some, or leave the {name} set out.")
        free = free & ~rows
    if data.test_rows is not None and data.groups is not None:
        group = data.groups.numpy()
        taken = np.isin(group, group[part == TEST]) & ~data.test_rows.numpy()
        part[taken], free[taken] = UNUSED, False
    return part, free


def _check_rows(data: Dataset, free: int) -> None:
    """Raise ValueError where too few rows are left to split."""
    if free < LEAST_ROWS:
        sets = {"validation": data.validation_rows, "test": data.test_rows}
        names = [name for name, rows in sets.items() if rows is not None]
        outside = f" outside the {' and '.join(names)} set{'s' if len(names) > 1 else ''}" if names else ""
        labelled = "" if data.task == "none" else " with a label"
        raise ValueError(f"a split needs {LEAST_ROWS} or more rows{labelled}{outside}, got {free}. Use more rows.")


def _known(data: Dataset) -> np.ndarray:
    """Return (N,) bool: rows with a label, or all rows where there are no labels."""
    if data.label is None:
        return np.ones(len(data.x), dtype=bool)
    known: np.ndarray = ((data.label >= 0) if data.task == "classes" else ~data.label.isnan()).numpy()
    return known


def _classes(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return the class, 0..C-1, of each of `rows`, whose shares the parts keep; one class where there are none."""
    if data.task != "classes" or data.label is None:
        return np.zeros(int(rows.sum()), dtype=np.int64)
    return np.unique(data.label.numpy()[rows], return_inverse=True)[1]


def _deal_rows(classes: np.ndarray, shares: dict[int, float], seed: int) -> np.ndarray:
    """Return (R,) the part of each row: the share of every class, one row of it left in training."""
    key = keys(len(classes), seed, SPLIT)
    order = np.lexsort((key, classes))  # by class, at random within it
    sizes = np.bincount(classes)
    spare = sizes - 1  # rows that may leave training
    part, begins = np.full(len(classes), TRAIN), np.cumsum(sizes) - sizes
    for which in (TEST, VAL):
        total = round(shares[which] * len(classes))
        taken = _apportion(sizes * shares[which], spare, total, tie=key)
        for begin, many in zip(begins, taken, strict=True):
            part[order[begin : begin + many]] = which
        begins, spare = begins + taken, spare - taken
    return part


def _apportion(quota: np.ndarray, most: np.ndarray, total: int, tie: np.ndarray) -> np.ndarray:
    """Return integers near the quotas, at most `most`, that sum to `total` if they can: largest remainders first."""
    found: np.ndarray = np.minimum(np.floor(quota).astype(np.int64), most)
    while (left := total - int(found.sum())) > 0 and (found < most).any():
        below = (found < most).nonzero()[0]
        first = below[np.lexsort((tie[below], (found - quota)[below]))][:left]
        found[first] += 1
    return found


def _deal_groups(group: np.ndarray, classes: np.ndarray, shares: dict[int, float], seed: int) -> np.ndarray:
    """Return (R,) the part of each row, groups undivided: large groups first, each where its classes are missing most."""
    names, number = np.unique(group, return_inverse=True)
    wanted = [TRAIN, *(which for which, share in shares.items() if share > 0)]
    if len(names) < len(wanted):
        parts = f"{len(wanted)} parts, {' and '.join(PARTS[which] for which in wanted)}"
        raise ValueError(
            f"{count(len(names), 'group')} cannot be split into {parts}. Use more groups, or leave `groups` out: then rows of "
            "one group may be in several parts."
        )
    sizes = np.zeros((len(names), int(classes.max()) + 1))
    np.add.at(sizes, (number, classes), 1)
    key = keys(len(names), seed, SPLIT)
    home = _cover(sizes, key)
    sizes = np.column_stack([sizes, sizes.sum(1)])  # (groups, classes + 1): the last column is their sum
    share = np.array([1 - sum(shares.values()), *(shares[which] for which in wanted[1:])])
    target = share[:, None] * sizes.sum(0)  # (parts, classes + 1)
    have = np.stack([sizes[home == TRAIN].sum(0), *(np.zeros_like(target[0]) for _ in wanted[1:])])
    waiting = [g for g in np.lexsort((key, -sizes[:, -1])) if home[g] != TRAIN]
    for left, g in zip(range(len(waiting), 0, -1), waiting, strict=True):
        # By how much Σ_c (have - target)² / target grows. A part without a group comes first when groups run out.
        cost = (sizes[g] * (sizes[g] + 2 * (have - target)) / np.maximum(target, 1)).sum(1)
        cost = cost.round(9)  # ties stay ties on any machine
        empty = have[:, -1] == 0
        at = int(np.where(empty | (left > empty.sum()), cost, np.inf).argmin())
        home[g], have[at] = wanted[at], have[at] + sizes[g]
    part: np.ndarray = home[number]
    return part


def _cover(sizes: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return (G,) TRAIN for the smallest groups that bring every class into training, UNUSED for the others."""
    home = np.full(len(sizes), UNUSED)
    for kind in np.lexsort((np.arange(sizes.shape[1]), (sizes > 0).sum(0))):  # rare classes first
        holders = (sizes[:, kind] > 0).nonzero()[0]
        if not (home[holders] == TRAIN).any():
            home[holders[np.lexsort((key[holders], sizes[holders].sum(1)))[0]]] = TRAIN
    return home


def _check_parts(part: np.ndarray, shares: dict[int, float], data: Dataset) -> None:
    """Raise ValueError where a part is empty that should not be."""
    for which, share in shares.items():
        if share > 0 and not (part == which).any():
            unit = "rows" if data.groups is None else "groups"
            few = f"there are too few {unit}"
            if data.task == "classes":
                few += ", or too few of each class: training keeps one of each"
            raise ValueError(f"the {PARTS[which]} part would be empty: {few}. Use more {unit}, or a share above {share:g}.")


def _describe(part: np.ndarray, data: Dataset, free: np.ndarray, seed: int) -> str:
    """Return "1,078 train, 270 validation, 449 test; random, stratified by class, seed 0", and what was left out."""
    sizes = ", ".join(f"{(part == which).sum():,} {PARTS[which]}" for which in (TRAIN, VAL, TEST))
    how = "random" if data.groups is None else "by group"
    if data.task == "classes":
        how += ", stratified by class" if data.groups is None else ", classes as even as groups allow"
    how += f", seed {seed}"
    if data.test_rows is not None and data.validation_rows is not None:
        how = "validation and test sets of the dataset"
    elif data.test_rows is not None:
        how = f"test set of the dataset, validation {how}"
    elif data.validation_rows is not None:
        how = "validation set of the dataset" + ("" if data.task == "none" else f", test {how}")
    more = []
    if unlabelled := int(((part == TRAIN) & ~free).sum()):
        more.append(f"{count(unlabelled, 'row')} of train without a label")
    if unused := int((part == UNUSED).sum()):
        more.append(f"{count(unused, 'row')} left out: without a label, or their group is in another part")
    return "; ".join([sizes, how, *more])
