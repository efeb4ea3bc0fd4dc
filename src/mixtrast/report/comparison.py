"""Recipes side by side: one line each, and whether the best is ahead by more than the spread."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterator, Sequence

from mixtrast.report.groups import Group
from mixtrast.report.results import Data
from mixtrast.report.spread import Spread, difference, figures, fixed, percent, spread
from mixtrast.report.tables import (
    ROWS,
    Cell,
    Column,
    Held,
    Line,
    Place,
    Table,
    columns_for,
    held,
    labels_in_words,
    mark,
    marked,
    points,
    typical,
)

ALIKE = "they do not share their data, split or granted labels, so their scores are not comparable as they stand."


def ranking(groups: Sequence[Group]) -> str:
    """Which recipe scores highest, and whether that is more than the spread."""
    if not _alike(groups):
        return f"No recipe here can be called better than another: {ALIKE}"
    data = _data(groups)
    column = next(iter(_columns(data)), None)
    scores = {group.name: held(group.results, column, "trained") for group in groups} if column else {}
    means = {name: found for name, values in scores.items() if (found := spread(values.values()))}
    if column is None or len(means) < 2:
        return "Fewer than two of these recipes have scores, so they cannot be ranked."
    first, second = sorted(means, key=lambda name: -means[name].mean)[:2]
    said = f"{first} reaches {column.text(means[first])} on {data.name} ({column.title}), the most of {len(means)} recipes; "
    said += f"{second} reaches {column.text(means[second])}."
    gain = difference(scores[first], scores[second])
    if gain is None:
        return f"{said} They have no seed in common, so it cannot be told whether that is more than chance."
    points_of = (
        f"{percent(gain, unit=False, signed=True)} points"
        if column.shown == "percent"
        else f"{fixed(gain, 3, signed=True)} of R²"
    )
    pairs = (
        f"Seed by seed that is a difference of {points_of}"
        if gain.n > 1
        else f"On one seed that is a difference of {points_of}"
    )
    return f"{said} {pairs}{_clear(column, scores[first], scores[second], data, gain)}"


def _clear(column: Column, first: Held, second: Held, data: Data, gain: Spread) -> str:
    found = column.clarity(first, second, data)
    if found == "better":
        return "."
    if found == "unknown":
        return ", and from one seed it cannot be told whether that is more than chance."
    return ", which is no more than " + ("the spread." if gain.n > 1 else "the choice of test examples alone makes.")


def comparison(groups: Sequence[Group], keys: Sequence[str]) -> Table:
    """One line a recipe.

    Args:
        groups: the recipes.
        keys: where the details of each stand.
    """
    data = _data(groups)
    shown = [*_few(groups, data), *_full(groups, data)]
    seconds = {
        each.name: spread(result.cost["seconds"] for result in each.results if "seconds" in result.cost) for each in groups
    }
    if any(seconds.values()):
        shown.append(("training, seconds", {name: Cell(figures(value, 3)) for name, value in seconds.items()}))
    if not _alike(groups):  # none is the best of a column that is not one
        shown = [(title, {name: Cell(cell.text) for name, cell in cells.items()}) for title, cells in shown]
    lines = tuple(
        Line(key, each.name, (Cell(str(len(each.runs))), *(cells[each.name] for _, cells in shown)))
        for key, each in zip(keys, groups, strict=True)
    )
    return Table(("recipe", "seeds", *(title for title, _ in shown)), lines, tuple(_caveats(groups, lines)))


def _data(groups: Sequence[Group]) -> Data:
    return next((each.results[0].data for each in groups if each.results), Data())


def _alike(groups: Sequence[Group]) -> bool:
    """Whether runs of one seed saw the same data, split in the same way; a split may follow the seed."""
    common = {(r.data.name, r.data.sizes.get("test"), r.data.labels_granted) for each in groups for r in each.results}
    splits = {(r.seed, r.data.split) for each in groups for r in each.results}
    return len(common) < 2 and len(splits) == len({seed for seed, _ in splits})


def _columns(data: Data) -> list[Column]:
    """One a probe: the balanced accuracy where classes are unbalanced."""
    key = {"number": "r2", "classes": "balanced_accuracy" if data.unbalanced else "accuracy"}.get(data.task)
    return [column for column in columns_for(data) if column.key == key]


def _full(groups: Sequence[Group], data: Data) -> Iterator[tuple[str, dict[str, Cell]]]:
    """What every recipe reaches with all labels, then what it has to beat."""
    columns = _columns(data)
    for row, chosen in (("trained", columns), ("untrained", columns[:1]), ("raw", columns[:1])):
        for column in chosen:
            values = {each.name: held(each.results, column, row) for each in groups}
            if any(values.values()):
                plain = {name: Cell(column.text(spread(scores.values()))) for name, scores in values.items()}
                yield f"{ROWS[row]}, {column.title}", marked(values, column, data) if row == "trained" else plain


def _few(groups: Sequence[Group], data: Data) -> Iterator[tuple[str, dict[str, Cell]]]:
    """The scores with few labels, at the place that stands for the curve, if any recipe has it."""
    curves = {each.name: points(each.results) for each in groups}
    place: Place | None = next((found for curve in curves.values() if (found := typical(curve))), None)
    column = next(iter(_columns(data)), None)
    if place is None or column is None:
        return
    pairs = {name: curve.get(place, {}).get("trained", {}) for name, curve in curves.items()}
    by_seed: dict[str, Held] = {}
    for name, scores in pairs.items():
        seeds: dict[Hashable, list[float]] = {}
        for (seed, _), score in scores.items():
            seeds.setdefault(seed, []).append(score)
        by_seed[name] = {seed: statistics.fmean(values) for seed, values in seeds.items()}
    marks = mark(by_seed, column, data)
    yield (
        f"these features, {labels_in_words(place)}",
        {name: Cell(column.text(spread(scores.values())), marks[name]) for name, scores in pairs.items()},
    )


def _caveats(groups: Sequence[Group], lines: Sequence[Line]) -> Iterator[str]:
    yield (
        "Mean ± sample s.d. on the test set, over seeds (with few labels over draws of labels × seeds); one seed has no spread."
    )
    marks = {cell.mark for line in lines for cell in line.cells}
    near = " ≈ is not clearly worse: its paired difference to the best is within its s.d." if "near" in marks else ""
    if "best" in marks:
        yield f"Bold is the best of its column.{near} The best of several on one test set is partly luck of that test set."
    if not _alike(groups):
        yield ALIKE[0].upper() + ALIKE[1:]
    if any(not each.results for each in groups):
        yield "Recipes without numbers have no results.json yet."
