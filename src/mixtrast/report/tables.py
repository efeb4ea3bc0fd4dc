"""The honest rows of one recipe as plain cells, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mixtrast.report.results import Data, Point, Results, parse
from mixtrast.report.spread import (
    MISSING,
    Clarity,
    Spread,
    clarity,
    difference,
    figures,
    fixed,
    luck,
    percent,
    plural,
    spread,
)

ROWS = {
    "trained": "these features",
    "untrained": "the same encoder, untrained",
    "raw": "raw input",
    "supervised": "the same encoder, trained with plain labels",
    "majority": "no features at all",
}
PROBES = {
    "linear": "linear probe",
    "knn": "kNN",
    "boosting": "trees",
    "convolutions": "random convolutions",
    "finetune": "fine-tuned",
    "dabs": "DABS's probe",
}
BASELINES = {"boosting": "boosted trees of raw input", "convolutions": "random convolutions of raw input"}
MAJORITY = {"classes": "always the most frequent class", "number": "always the mean of the training set"}
Mark = Literal["", "best", "near"]
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

    def clarity(self, of: Held, to: Held, data: Data) -> Clarity:
        """Whether one is better than the other seed by seed, or by more than the choice of test examples makes of one seed."""
        ours, theirs = (spread(held.values()) for held in (of, to))
        if self.shown == "mae" or ours is None or theirs is None:
            return clarity(difference(of, to))
        examples, share = examples_of(data, self.key), self.shown == "percent"
        error = luck(ours.mean, theirs.mean, examples, share=share)
        return clarity(difference(of, to), error, 1 / examples if examples and share else 0.0)

    def higher_is_better(self, held: Held) -> Held:
        return {key: -value for key, value in held.items()} if self.shown == "mae" else held


@dataclass(frozen=True)
class Cell:
    text: str
    mark: Mark = ""


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
    probes = dict.fromkeys([*PROBES, *(probe for result in results for probe in result.probes)])
    columns = [column for column in columns_for(data, probes) if any(held(results, column, row) for row in ROWS)]
    there = [row for row in ROWS if any(held(results, column, row) for column in columns)]
    by_column = [marked({row: held(results, column, row) for row in there}, column, data) for column in columns]
    names = ROWS | {"majority": majority_of(data)}
    lines = tuple(Line(row, names[row], tuple(cells[row] for cells in by_column)) for row in there)
    return Table(("", *(column.title for column in columns)), lines, tuple(_notes(results, data, lines)) if lines else ())


def majority_of(data: Data) -> str:
    """What the row that costs nothing is called."""
    return "always the same answer" if data.several else MAJORITY.get(data.task, "")


def columns_for(data: Data, probes: Iterable[str] = PROBES) -> list[Column]:
    """Accuracy of classes (and balanced accuracy where the classes are unbalanced), or R² and MAE of a number."""
    if data.task == "number":
        kinds: list[tuple[str, str, Literal["percent", "r2", "mae"]]] = [("R²", "r2", "r2"), ("MAE", "mae", "mae")]
    elif data.several:
        kinds = [("balanced accuracy, mean over labels", "balanced_accuracy", "percent")]
    elif data.task == "classes":
        kinds = [("accuracy", "accuracy", "percent")]
        kinds += [("balanced accuracy", "balanced_accuracy", "percent")] if data.unbalanced else []
    else:
        kinds = []
    return [
        Column(f"{PROBES.get(probe, probe)}, {title}", probe, key, shown) for probe in probes for title, key, shown in kinds
    ]


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
    known = {place: scores for place, scores in found.items() if (place[0] or place[1] or 0) > 0}
    return dict(sorted(known.items(), key=lambda item: next(number for number in item[0] if number is not None)))


def typical(places: Mapping[Place, dict[str, Pairs]]) -> Place | None:
    """The place of the curve that a headline quotes: 10 labels per class (100 labels), or the nearest below, or the first."""
    with_these = [place for place, scores in places.items() if scores.get("trained")]
    below = [place for place in with_these if (place[0] or 0) <= 10 and (place[1] or 0) <= 100]
    return below[-1] if below else with_these[0] if with_these else None


def labels_in_words(place: Place) -> str:
    per_class, labels = place
    if per_class is not None:
        return f"{plural(round(per_class), 'label')} per class"
    return MISSING if labels is None else plural(round(labels), "label")


def marked(scores: dict[str, Held], column: Column, data: Data) -> dict[str, Cell]:
    """Cells of a column: the best in bold, and which others are not clearly worse than it."""
    marks = mark(scores, column, data)
    most = max(map(len, scores.values()), default=0)
    cells = {}
    for row, values in scores.items():
        value = spread(values.values())
        few = f" ({plural(value.n, 'seed')})" if value and value.n < most else ""
        cells[row] = Cell(column.text(value) + few, marks[row])
    return cells


def mark(scores: Mapping[str, Held], column: Column, data: Data) -> dict[str, Mark]:
    """Which row is the best, and which are not clearly worse; "majority" is no competitor."""
    better = {row: column.higher_is_better(values) for row, values in scores.items() if row != "majority"}
    means = {row: found.mean for row, values in better.items() if (found := spread(values.values()))}
    marks: dict[str, Mark] = dict.fromkeys(scores, "")
    if len(means) < 2:
        return marks
    top = max(means, key=lambda row: means[row])
    for row in means:
        if means[row] >= means[top] - 1e-12:
            marks[row] = "best"
        elif column.clarity(better[top], better[row], data) in ("unclear", "worse"):
            marks[row] = "near"
    return marks


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
    over += ", each with its own split" if len({result.data.split for result in results}) > 1 else ""
    several = "Whether each label is there, balanced accuracy on the test set, in percent, mean over labels"
    yield f"{several if data.several else metric[data.task]}{examples}; {over}."
    if any("finetune" in result.probes for result in results):
        yield "Fine-tuned: all weights go on learning, with labels. Of the untrained encoder that is training from scratch."
    marks = {cell.mark for line in lines for cell in line.cells}
    if "best" in marks:
        rule = "its paired difference to the best is within the s.d. of that difference"
        if len(results) == 1:
            rule = "its difference to the best is within two standard errors that the choice of test examples alone makes"
        near = f" ≈ is not clearly worse: {rule}." if "near" in marks else ""
        yield f"Bold is the best of its column.{near}"
    if len(results) == 1 and data.task == "number":
        yield "With one seed nothing says which differences of the mean absolute error are more than chance."
    edges = [
        f"{ROWS[row]} ({PROBES[probe]})"
        for probe in PROBES
        for row in ROWS
        if any((score := result.probes.get(probe, {}).get(row)) and score.at_edge for result in results)
    ]
    if edges:
        yield f"Chosen at the edge of what was tried: {', '.join(edges)}. A wider search might score higher."
    if data.unbalanced and not data.several:
        yield "The classes are unbalanced: balanced accuracy is the mean over classes, so every class counts the same."
