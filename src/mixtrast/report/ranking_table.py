"""The main table of a comparison, for its page and for a terminal."""

from collections.abc import Iterator

from mixtrast.records import ROW_NAMES
from mixtrast.report.columns import Column
from mixtrast.report.numbers import MISSING, Spread, figures, spread
from mixtrast.report.ranking import Ranked, Ranking
from mixtrast.report.ranking_text import ranking_notes
from mixtrast.report.tables import SIGNS, Cell, Line, Mark, Table

MARKS: dict[str, Mark] = {"best": "best", "not worse": "near"}
EMPTY = Cell("")


def ranking_table(found: Ranking, column: Column) -> Table:
    """The configurations in order, then what they have to beat."""
    unit = "points" if column.share else "R²"
    gains = [f"{unit} to {name} [95 %]" for name in ("the best", *([found.reference] if found.reference else []))]
    titles = ("configuration", "seeds", column.title, *gains, *(other.title for other in found.others), "validation")
    lines = [_configuration(found, each, column) for each in found.configurations]
    return Table(titles, (*lines, *_references(found, column, [EMPTY] * len(gains))), tuple(ranking_notes(found)))


def ranking_rows(found: Ranking) -> list[list[str]]:
    """The table for a terminal, with signs and costs: a row of headings, then the lines; empty where nothing was evaluated."""
    if found.column is None:
        return []
    table = ranking_table(found, found.column)
    rows = [["", *table.columns, "s", "examples/s"]]
    for at, line in enumerate(table.lines):
        sign = next((SIGNS[cell.mark] for cell in line.cells if cell.mark), "")
        each = found.configurations[at] if at < len(found.configurations) else None
        costs = [_mean(each.cost(key)) if each else "" for key in ("seconds", "examples_per_second")]
        rows.append([sign, each.name if each else line.name, *(cell.text.removesuffix(" %") for cell in line.cells), *costs])
    return rows


def line_of(each: Ranked, cells: list[Cell]) -> Line:
    """The line of a configuration, which links to its details."""
    return Line(f"configuration-{each.rank}", f"{each.rank}  {each.name}", tuple(cells))


def _configuration(found: Ranking, each: Ranked, column: Column) -> Line:
    cells = [Cell(str(len(each.results))), Cell(column.text(spread(each.scores.values())), MARKS.get(each.standing, ""))]
    cells.append(Cell("best" if each.standing == "best" else column.gain(each.to_best)))
    if found.reference:
        cells.append(Cell("reference" if each.name == found.reference else column.gain(each.to_reference)))
    cells += [Cell(other.text(other.mean(each.results, "trained"))) for other in found.others]
    return line_of(each, [*cells, Cell(column.text(spread(each.validation.values())))])


def _references(found: Ranking, column: Column, gap: list[Cell]) -> Iterator[Line]:
    """Encoders before training, raw input, the majority class, and baselines on raw input."""
    names = {"untrained": "encoders before training", "raw": ROW_NAMES["raw"], "majority": found.data.majority_name}
    for row, name in names.items():
        if value := found.row(row):
            others = [Cell(other.text(found.row(row, other))) for other in found.others]
            yield Line(row, found.row_name(row, name), (EMPTY, Cell(column.text(value)), *gap, *others, EMPTY))
    for baseline in found.baselines:
        if value := found.row("raw", baseline):
            others = [EMPTY] * len(found.others)
            yield Line("raw", baseline.record.phrase, (EMPTY, Cell(baseline.text(value)), *gap, *others, EMPTY))


def _mean(value: Spread | None) -> str:
    return MISSING if value is None else figures(Spread(value.mean, None, value.n))
