"""The tables of a report as plain cells: the honest rows of one recipe, and recipes side by side."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mixtrast.report.records import Data, Group, Point, Results, parse
from mixtrast.report.spread import (
    MISSING,
    Spread,
    clarity,
    difference,
    figures,
    fixed,
    percent,
    plural,
    sampling_error,
    spread,
)

ROWS = {
    "trained": "these features",
    "untrained": "the same encoder, untrained",
    "raw": "raw input",
    "supervised": "the same encoder, trained with plain labels",
    "majority": "no features at all",
}
PROBES = {"linear": "linear probe", "knn": "kNN"}
MAJORITY = {"classes": "always the most frequent class", "number": "always the mean of the training set"}
Held = dict[Hashable, float]  # seed -> a number
Pairs = dict[tuple[Hashable, int], float]  # (seed, draw of labels) -> a score
Place = tuple[float | None, float | None]  # labels per class, or else labels


@dataclass(frozen=True)
class Column:
    """What one column shows: a key of a probe's scores."""

    title: str
    probe: str
    key: str
    shown: Literal["percent", "r2", "mae"]

    def text(self, value: Spread | None) -> str:
        if self.shown == "percent":
            return percent(value)
        return fixed(value, 3) if self.shown == "r2" else figures(value, 3)

    def higher_is_better(self, held: Held) -> Held:
        return {key: -value for key, value in held.items()} if self.shown == "mae" else held


@dataclass(frozen=True)
class Cell:
    text: str
    mark: Literal["", "best", "near"] = ""


@dataclass(frozen=True)
class Line:
    key: str  # of ROWS, or where the details of a recipe stand
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]  # the first names the rows
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def table(*results: Results | Mapping[str, Any]) -> list[list[str]]:
    """The honest rows of one recipe for a terminal: a row of headings, then a row for each thing a probe was put on.

    Args:
        results: results.json of each seed, as written or read; mean ± s.d. over them.
    """
    made = rows([found if isinstance(found, Results) else parse(found) for found in results])
    return [list(made.columns), *([line.name, *(cell.text for cell in line.cells)] for line in made.lines)]


def rows(results: Sequence[Results]) -> Table:
    """Every row that was measured, under every probe; empty if nothing was."""
    data = results[0].data if results else Data()
    columns = [column for column in columns_for(data) if any(held(results, column, row) for row in ROWS)]
    there = [row for row in ROWS if any(held(results, column, row) for column in columns)]
    by_column = [marked({row: held(results, column, row) for row in there}, column, data) for column in columns]
    names = ROWS | {"majority": MAJORITY.get(data.task, "")}
    lines = tuple(Line(row, names[row], tuple(cells[row] for cells in by_column)) for row in there)
    return Table(("", *(column.title for column in columns)), lines, tuple(_notes(results, data, lines)) if lines else ())


def columns_for(data: Data) -> list[Column]:
    """Accuracy of classes (and balanced accuracy where the classes are unbalanced), or R² and MAE of a number."""
    if data.task == "number":
        kinds: list[tuple[str, str, Literal["percent", "r2", "mae"]]] = [("R²", "r2", "r2"), ("MAE", "mae", "mae")]
    elif data.task == "classes":
        kinds = [("accuracy", "accuracy", "percent")]
        kinds += [("balanced accuracy", "balanced_accuracy", "percent")] if data.unbalanced else []
    else:
        kinds = []
    return [Column(f"{name}, {title}", probe, key, shown) for probe, name in PROBES.items() for title, key, shown in kinds]


def held(results: Sequence[Results], column: Column, row: str) -> Held:
    """Seed -> the number, for the runs that have it."""
    found: Held = {}
    for at, result in enumerate(results):
        score = result.probes.get(column.probe, {}).get(row)
        if score and column.key in score.values:
            found[seed_of(result, at)] = score.values[column.key]
    return found


def seed_of(result: Results, at: int) -> Hashable:
    """What pairs this run's numbers with another's: its seed, or its place where it has none."""
    return result.seed if result.seed is not None else ("run", at)


def _draws(point: Point, row: str, seed: Hashable) -> Pairs:
    return {(seed, draw): value for draw, value in enumerate(point.rows.get(row, ())) if value == value}


def points(results: Sequence[Results]) -> dict[Place, dict[str, Pairs]]:
    """The scores with few labels, by the number of labels, ascending."""
    found: dict[Place, dict[str, Pairs]] = {}
    for at, result in enumerate(results):
        for point in result.points:
            place = found.setdefault((point.per_class, point.labels if point.per_class is None else None), {})
            for row in ROWS:
                if scores := _draws(point, row, seed_of(result, at)):
                    place.setdefault(row, {}).update(scores)
    known = {place: scores for place, scores in found.items() if place != (None, None)}
    return dict(sorted(known.items(), key=lambda item: next(number for number in item[0] if number is not None)))


def marked(scores: dict[str, Held], column: Column, data: Data) -> dict[str, Cell]:
    """Cells of a column: the best in bold, and which others are not clearly worse than it."""
    better = {row: column.higher_is_better(values) for row, values in scores.items() if row != "majority"}
    means = {row: found.mean for row, values in better.items() if (found := spread(values.values()))}
    most = max(map(len, scores.values()), default=0)
    cells = {}
    for row, values in scores.items():
        value = spread(values.values())
        text = column.text(value) + (f" ({plural(value.n, 'seed')})" if value and value.n < most else "")
        cells[row] = Cell(text, _mark(row, better, means, column, data))
    return cells


def _mark(
    row: str, better: dict[str, Held], means: dict[str, float], column: Column, data: Data
) -> Literal["", "best", "near"]:
    if row not in means or len(means) < 2:
        return ""
    top = max(means, key=lambda name: means[name])
    if means[row] >= means[top] - 1e-12:
        return "best"
    examples = examples_of(data, column.key)
    error = sampling_error(means[row], means[top], examples) if column.shown == "percent" else None
    least = 1 / examples if examples and column.shown == "percent" else 0.0
    return "near" if clarity(difference(better[top], better[row]), error, least) in ("unclear", "worse") else ""


def examples_of(data: Data, key: str = "accuracy") -> int | None:
    """Test examples behind an accuracy; for the balanced one as many as a balanced test set would need to be as certain."""
    test = data.counts.get("test", ())
    if key == "balanced_accuracy" and test and min(test) > 0:
        return round(len(test) ** 2 / sum(1 / size for size in test))
    return data.sizes.get("test")


def _notes(results: Sequence[Results], data: Data, lines: Sequence[Line]) -> Iterator[str]:
    """What the numbers are, under the table."""
    metric = {
        "classes": "Accuracy on the test set, in percent",
        "number": "R² (1 is perfect, 0 is the mean) and mean absolute error, in units of the number, on the test set",
    }
    examples = f" of {data.sizes['test']:,} examples" if "test" in data.sizes else ""
    over = f"mean ± sample s.d. over {len(results)} seeds" if len(results) > 1 else "one seed: no spread"
    yield f"{metric[data.task]}{examples}; {over}."
    marks = {cell.mark for line in lines for cell in line.cells}
    if "best" in marks:
        rule = "its paired difference to the best is within the s.d. of that difference"
        if len(results) == 1:
            rule = "its difference to the best is within one standard error that the choice of test examples alone makes"
        near = f" ≈ is not clearly worse: {rule}." if "near" in marks else ""
        yield f"Bold is the best of its column.{near}"
    if len(results) == 1 and data.task == "number":
        yield "With one seed nothing says which differences of these are more than chance."
    edges = [
        f"{ROWS[row]} ({PROBES[probe]})"
        for probe in PROBES
        for row in ROWS
        if any((score := result.probes.get(probe, {}).get(row)) and score.at_edge for result in results)
    ]
    if edges:
        yield f"Chosen at the edge of what was tried: {', '.join(edges)}. A wider search might score higher."
    if data.unbalanced:
        yield "The classes are unbalanced: balanced accuracy is the mean over classes, so every class counts the same."


# --- recipes side by side ------------------------------------------------------------------------------------------------


def comparison(groups: Sequence[Group], keys: Sequence[str]) -> Table:
    """One line a recipe.

    Args:
        groups: the recipes.
        keys: where the details of each stand.
    """
    data = next((group.results[0].data for group in groups if group.results), Data())
    titles, columns = ["recipe", "seeds"], []
    for title, column, row in _compared(data):
        values = {group.name: held(group.results, column, row) for group in groups}
        if any(values.values()):
            titles.append(title)
            columns.append(marked(values, column, data) if row == "trained" else _plain(values, column))
    few = _few(groups)
    if few:
        place, scores = few
        titles.insert(2, f"these features, {labels_in_words(place)}")
        columns.insert(
            0, {name: Cell(percent(value) if data.task == "classes" else fixed(value, 3)) for name, value in scores.items()}
        )
    seconds = {
        group.name: spread(result.cost["seconds"] for result in group.results if "seconds" in result.cost) for group in groups
    }
    if any(seconds.values()):
        titles.append("training, seconds")
        columns.append({name: Cell(figures(value, 3)) for name, value in seconds.items()})
    lines = tuple(
        Line(key, group.name, (Cell(str(len(group.runs))), *(column[group.name] for column in columns)))
        for key, group in zip(keys, groups, strict=True)
    )
    return Table(tuple(titles), lines, tuple(_caveats(groups, lines)))


def _compared(data: Data) -> list[tuple[str, Column, str]]:
    chosen = columns_for(data)
    if data.task == "classes" and data.unbalanced:
        chosen = [column for column in chosen if column.key == "balanced_accuracy"]
    chosen = [column for column in chosen if column.shown != "mae"]
    trained = [(f"these features, {column.title}", column, "trained") for column in chosen]
    return trained + [(f"{ROWS[row]}, {column.title}", column, row) for column in chosen[:1] for row in ("untrained", "raw")]


def _plain(values: dict[str, Held], column: Column) -> dict[str, Cell]:
    return {name: Cell(column.text(spread(held.values()))) for name, held in values.items()}


def _few(groups: Sequence[Group]) -> tuple[Place, dict[str, Spread | None]] | None:
    """The scores with few labels at the place that stands for the curve, if any recipe has it."""
    found = {group.name: points(group.results) for group in groups}
    place = next((typical(places) for places in found.values() if typical(places)), None)
    if place is None:
        return None
    return place, {name: spread(places.get(place, {}).get("trained", {}).values()) for name, places in found.items()}


def typical(places: Mapping[Place, dict[str, Pairs]]) -> Place | None:
    """The place of the curve that a headline quotes: 10 labels per class, or the nearest below, or the first."""
    with_these = [place for place, scores in places.items() if scores.get("trained")]
    below = [place for place in with_these if place[0] is not None and place[0] <= 10]
    return below[-1] if below else with_these[0] if with_these else None


def labels_in_words(place: Place) -> str:
    per_class, labels = place
    if per_class is not None:
        return f"{plural(round(per_class), 'label')} per class"
    return MISSING if labels is None else plural(round(labels), "label")


def _caveats(groups: Sequence[Group], lines: Sequence[Line]) -> Iterator[str]:
    yield "Mean ± sample s.d. over seeds on the test set; a recipe of one seed has no spread."
    marks = {cell.mark for line in lines for cell in line.cells}
    if "near" in marks:
        yield "Bold is the best of its column. ≈ is not clearly worse: its paired difference to the best is within its s.d."
    elif "best" in marks:
        yield "Bold is the best of its column."
    facts = {(r.data.name, r.data.split, r.data.sizes.get("test"), r.data.labels_granted) for g in groups for r in g.results}
    if len(facts) > 1:
        yield "These recipes do not share their data, split or granted labels: their numbers are not comparable as they stand."
    if any(not group.results for group in groups):
        yield "Recipes without numbers have no results.json yet."
