"""The score table of one recipe: every row that was measured, under every evaluation."""

from collections.abc import Iterator, Sequence

from mixtrast.records import ROW_NAMES, ROWS, DataRecord, Results
from mixtrast.report.columns import Column, columns_for, main_columns
from mixtrast.report.numbers import spread
from mixtrast.report.tables import SIGNS, Cell, Line, Marks, Table, marks_of
from mixtrast.significance import legend
from mixtrast.text import count

RUN_ONCE = "Run once; repeat with --seed 0 1 2."


def table(*results: Results) -> list[list[str]]:
    """The scores of one recipe over its seeds, for a terminal: a row of headings, then a row for each thing evaluated."""
    made = score_table(results)
    rows = ([line.name, *(f"{SIGNS[cell.mark]} {cell.text}".lstrip() for cell in line.cells)] for line in made.lines)
    return [list(made.columns), *rows]


def notes(*results: Results) -> tuple[str, ...]:
    """What the numbers and signs of `table` mean."""
    return score_table(results, best="*").notes


def one_line(results: Results, rows: Sequence[str] = ROWS) -> str:
    """The scores of one run under its main evaluation: "linear probe, accuracy: trained encoder 98.2 %, raw input 95.8 %"."""
    column = next((each for each in main_columns([results]) if each.values([results], "trained")), None)
    if column is None:
        return "no scores"
    names = ROW_NAMES | {"majority": results.data.majority_name}
    scores = [f"{names[row]} {column.text(value)}" for row in rows if (value := column.mean([results], row))]
    return f"{column.title}: {', '.join(scores)}"


def score_table(results: Sequence[Results], best: str = "Bold:") -> Table:
    """Rows of scores by column; without lines where nothing was measured. `best`: the sign of the best, for the legend."""
    data = results[0].data if results else DataRecord()
    columns = [column for column in columns_for(results) if any(column.values(results, row) for row in ROWS)]
    rows = [row for row in ROWS if any(column.values(results, row) for column in columns)]
    marks = [marks_of({row: column.sample(results, row) for row in rows}) for column in columns]
    names, pairs = ROW_NAMES | {"majority": data.majority_name}, list(zip(columns, marks, strict=True))
    lines = tuple(Line(row, names[row], tuple(_cell(column, results, row, each) for column, each in pairs)) for row in rows)
    notes = tuple(_notes(results, columns, marks, best)) if lines else ()
    return Table(("", *(column.title for column in columns)), lines, notes)


def marked_legend(marks: Sequence[Marks], best: str = "Bold:") -> str:
    """What the signs of the best and of ≈ mean, with the test that was made; empty where nothing is marked."""
    if not any(mark == "best" for each in marks for mark in each.marks.values()):
        return ""
    near = any(mark == "near" for each in marks for mark in each.marks.values())
    return f"{best} the best of its column." + (f" {legend(found for each in marks for found in each.tested)}" if near else "")


def _cell(column: Column, results: Sequence[Results], row: str, marks: Marks) -> Cell:
    value = spread(column.values(results, row).values())
    few = f" ({count(value.n, 'seed')})" if value and value.n < len(results) else ""
    return Cell(column.text(value) + few, marks.marks[row])


def _notes(results: Sequence[Results], columns: Sequence[Column], marks: Sequence[Marks], best: str) -> Iterator[str]:
    """What the numbers are."""
    data = results[0].data
    examples = f", {count(data.test, 'example')}" if data.test is not None else ""
    yield f"{_metric(data)}{examples}{_over(results)}"
    for record in {column.evaluation: column.record for column in columns if column.record.kind == "finetune"}.values():
        yield f"{record.title.capitalize()}: all weights are trained further with labels; before training, from scratch."
    if said := marked_legend(marks, best):
        yield said
    errors = [each for column, each in zip(columns, marks, strict=True) if column.unit == "error"]
    if any(found.low is None for each in errors for found in each.tested):
        yield "With one run, and no scores of single examples, differences of the mean absolute error cannot be tested."
    edges = [
        f"{ROW_NAMES[row]} ({column.record.title})"
        for column in {column.evaluation: column for column in columns}.values()
        for row in ROWS
        if any(score.at_edge for result in results if (score := result.probes.get(column.evaluation, {}).get(row)))
    ]
    if edges:
        yield f"The best setting was at the end of the search range for: {', '.join(edges)}. A wider range may score higher."
    if data.unbalanced and not data.multilabel:
        yield "The classes are unbalanced. Balanced accuracy is the mean over classes, so each class counts the same."


def _metric(data: DataRecord) -> str:
    if data.multilabel:
        return "Balanced accuracy of each label (present or not) on the test set in percent, mean over labels"
    if data.task == "number":
        return "R² (1: perfect, 0: no better than the mean) and mean absolute error, in units of the label, on the test set"
    return "Accuracy on the test set in percent"


def _over(results: Sequence[Results]) -> str:
    if len(results) < 2:
        return f". {RUN_ONCE}"
    own = ", each with its own split" if len({result.data.split for result in results}) > 1 else ""
    few = " Two seeds give wide intervals: use three or more." if len(results) == 2 else ""
    return f"; mean ± sample standard deviation over {len(results)} seeds{own}.{few}"
