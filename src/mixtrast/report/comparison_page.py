"""The page of a comparison: one HTML file that loads nothing from elsewhere."""

from pathlib import Path

from mixtrast import atomic
from mixtrast.records import GOOD_VERDICTS, ROW_NAMES
from mixtrast.records.folder import PAGE
from mixtrast.report.columns import Column
from mixtrast.report.data_section import SIZES
from mixtrast.report.numbers import Spread, figures, integer
from mixtrast.report.page import templates
from mixtrast.report.ranking import Ranking, read_ranking
from mixtrast.report.ranking_table import line_of, ranking_table
from mixtrast.report.ranking_text import chosen_by_validation, ranking_headline
from mixtrast.report.sessions import machine_use
from mixtrast.report.settings import in_words
from mixtrast.report.tables import Cell, Table
from mixtrast.text import count

OWN_ROWS = ("trained", "supervised", "untrained")  # the other rows are the same for all configurations
# Heading, field of the cost, size of the unit.
COSTS = (
    ("training, seconds", "seconds", 1.0),
    ("examples/s", "examples_per_second", 1.0),
    ("evaluation, seconds", "evaluation_seconds", 1.0),
    ("peak memory, GB", "peak_memory_bytes", 1e9),
    ("parameters", "parameters", 1.0),
)


def write_comparison(folder: Path) -> Path:
    """Write report.html into the folder of a comparison, from the runs that are finished.

    Raises: ValueError where the folder is no comparison.
    """
    folder = Path(folder)
    atomic.write(folder / PAGE, render(read_ranking(folder)).encode())
    return folder / PAGE


def render(found: Ranking) -> str:
    """The page as text."""
    from mixtrast.report.dot_plots import cost_plot, score_plot
    from mixtrast.report.heatmap import crossed, heatmap
    from mixtrast.report.pictures import COLOURS
    from mixtrast.report.sections import Drawing

    draw = Drawing("comparison")
    columns = [column for column in (found.column, *found.others) if column is not None]
    maps = [draw(heatmap(found, column)) for column in columns] if crossed(found.configurations) else []
    page = templates().get_template("comparison.html")
    return page.render(
        found=found,
        title=f"{count(len(found.configurations), 'configuration')} compared on {found.data.name}",
        subtitle=_subtitle(found),
        headline=ranking_headline(found),
        choice=chosen_by_validation(found),
        ranking=ranking_table(found, found.column) if found.column else None,
        rows=_rows(found, found.column) if found.column else None,
        scores=draw(score_plot(found)),
        cost_picture=draw(cost_plot(found)),
        maps=maps,
        costs=_costs(found),
        machine_use=machine_use(found.sessions),
        devices=sorted({result.cost.device for each in found.configurations for result in each.results} - {""}),
        in_words=in_words,
        good=GOOD_VERDICTS,
        colours=COLOURS,
    )


def _subtitle(found: Ranking) -> str:
    seeds, sizes = found.record.seeds, {name: getattr(found.data, key) for key, name in SIZES.items() if key != "examples"}
    said = ", ".join(f"{size:,} {name}" for name, size in sizes.items() if size is not None)
    return f"{count(len(seeds), 'seed')} each ({', '.join(map(str, seeds))})" + (f"; {said}" if said else "")


def _rows(found: Ranking, column: Column) -> Table:
    """Every row of scores of every configuration, by the main score."""
    rows = [row for row in OWN_ROWS if any(column.values(each.results, row) for each in found.configurations)]
    rows += [row for row in ("raw", "majority") if found.row(row)]
    lines = [
        line_of(each, [Cell(column.text(column.mean(each.results, row))) for row in rows]) for each in found.configurations
    ]
    note = f"{column.title}, mean ± standard deviation over seeds. All rows are evaluated in the same way, on the same split."
    names = ROW_NAMES | {"majority": found.data.majority_name}
    return Table(("configuration", *(names[row] for row in rows)), tuple(lines), (note,))


def _costs(found: Ranking) -> Table:
    lines = [line_of(each, [Cell(_cost(each.cost(key), size)) for _, key, size in COSTS]) for each in found.configurations]
    note = "Mean ± standard deviation over seeds. Runs at the same time slow each other down, all configurations alike."
    return Table(("configuration", *(title for title, _, _ in COSTS)), tuple(lines), (note,))


def _cost(value: Spread | None, unit: float) -> str:
    if value is None:
        return figures(None)
    mean, sd = value.mean / unit, None if value.sd is None else value.sd / unit
    if (sd == 0 and float(mean).is_integer()) or mean >= 1e5:  # as the number of parameters is
        return integer(mean)
    return figures(Spread(mean, sd, value.n), 3)
