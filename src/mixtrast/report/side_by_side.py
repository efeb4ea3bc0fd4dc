"""Several recipes on one page: a line for each, and whether the best is clearly ahead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mixtrast.records import ROW_NAMES, Results
from mixtrast.report.columns import main_columns
from mixtrast.report.groups import Group
from mixtrast.report.label_points import LabelCount, label_points, quoted
from mixtrast.report.numbers import figures, gain, spread
from mixtrast.report.score_table import RUN_ONCE, marked_legend
from mixtrast.report.tables import Cell, Line, Marks, Table, marks_of
from mixtrast.significance import Difference, Sample, difference, intervals_in_words

APART = "they differ in their data, split or number of labels, so their scores are not comparable."


@dataclass(frozen=True)
class _Scores:
    """A column of the table: its title, a cell for each group, and the marks in it."""

    title: str
    cells: dict[str, Cell]
    marks: Marks = field(default_factory=lambda: Marks({}))


def best_recipe(groups: Sequence[Group]) -> str:
    """Which recipe scores highest, and whether it is clearly better than the next."""
    if not _comparable(groups):
        return f"No recipe here can be called better than another: {APART}"
    column = next(iter(main_columns(_every(groups))), None)
    samples = {each.name: column.sample(each.results, "trained") for each in groups} if column else {}
    means = {name: value for name, sample in samples.items() if (value := spread(sample.finite))}
    if column is None or len(means) < 2:
        return "Fewer than two of these recipes have scores, so they cannot be ranked."
    first, second = sorted(means, key=lambda name: -means[name].mean)[:2]
    said = f"{first} reaches {column.text(means[first])} on {_every(groups)[0].data.name} ({column.title}), the highest of "
    said += f"{len(means)} recipes; {second} reaches {column.text(means[second])}."
    found = difference(samples[first], samples[second])
    if found is None:
        return f"{said} They have no seed in common, so the difference cannot be tested."
    return f"{said} The difference is {gain(found, column.share, ' points' if column.share else ' R²')}{_clear(found)}"


def side_by_side(groups: Sequence[Group], keys: Sequence[str]) -> Table:
    """One line for each recipe, with the anchors of their details on the page as keys."""
    columns = [*_few_labels(groups), *_all_labels(groups)]
    seconds = {each.name: spread(result.cost.seconds for result in each.results) for each in groups}
    if any(seconds.values()):
        columns.append(_Scores("training, seconds", {name: Cell(figures(value, 3)) for name, value in seconds.items()}))
    if not _comparable(groups):  # then a column has no best
        columns = [_Scores(each.title, {name: Cell(cell.text) for name, cell in each.cells.items()}) for each in columns]
    lines = tuple(
        Line(key, each.name, (Cell(str(len(each.runs))), *(column.cells[each.name] for column in columns)))
        for key, each in zip(keys, groups, strict=True)
    )
    titles = ("recipe", "seeds", *(each.title for each in columns))
    return Table(titles, lines, tuple(_notes(groups, [each.marks for each in columns])))


def _clear(found: Difference) -> str:
    """What the interval says."""
    if found.clarity == "unknown":
        return f"; one run cannot tell whether that is more than chance. {RUN_ONCE}"
    return f" ({intervals_in_words([found])})" + ("." if found.clarity == "better" else ", which is not clear: it may be 0.")


def _every(groups: Sequence[Group]) -> list[Results]:
    return [result for each in groups for result in each.results]


def _comparable(groups: Sequence[Group]) -> bool:
    """Whether runs of one seed use the same data, split in the same way; a split may follow the seed."""
    data = [(result.seed, result.data) for result in _every(groups)]
    splits = {(seed, each.split) for seed, each in data}
    same = len({(each.name, each.test, each.labels_per_class) for _, each in data}) < 2
    return same and len(splits) == len({seed for seed, _ in splits})


def _all_labels(groups: Sequence[Group]) -> Iterator[_Scores]:
    """What every recipe reaches with all labels, then what it has to beat."""
    columns = main_columns(_every(groups))
    for row, chosen in (("trained", columns), ("untrained", columns[:1]), ("raw", columns[:1])):
        for column in chosen:
            samples = {each.name: column.sample(each.results, row) for each in groups}
            if any(sample.values for sample in samples.values()):
                marks = marks_of(samples) if row == "trained" else Marks(dict.fromkeys(samples, ""))
                texts = {each.name: column.text(column.mean(each.results, row)) for each in groups}
                cells = {name: Cell(text, marks.marks[name]) for name, text in texts.items()}
                yield _Scores(f"{ROW_NAMES[row]}, {column.title}", cells, marks)


def _few_labels(groups: Sequence[Group]) -> Iterator[_Scores]:
    """The scores with few labels, at the point that a headline quotes, if any recipe has it."""
    points = {each.name: label_points(each.results) for each in groups}
    labels: LabelCount | None = next((found for curve in points.values() if (found := quoted(curve))), None)
    column = next(iter(main_columns(_every(groups))), None)
    if labels is None or column is None:
        return
    samples = {name: curve.get(labels, {}).get("trained", Sample({})) for name, curve in points.items()}
    marks = marks_of(samples)
    cells = {name: Cell(column.text(spread(sample.finite)), marks.marks[name]) for name, sample in samples.items()}
    yield _Scores(f"{ROW_NAMES['trained']}, {labels}", cells, marks)


def _notes(groups: Sequence[Group], marks: Sequence[Marks]) -> Iterator[str]:
    yield "Mean ± sample standard deviation on the test set over seeds; with few labels over draws of labels × seeds."
    if said := marked_legend(marks) if _comparable(groups) else "":
        yield f"{said} The best of several on one test set is partly luck."
    if not _comparable(groups):
        yield f"These recipes are not ranked: {APART}"
    if any(not each.results for each in groups):
        yield "Recipes without numbers have no results.json yet."
