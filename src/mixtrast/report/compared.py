"""The page of a comparison: a single file that opens anywhere and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixtrast import whole
from mixtrast.report.spread import Spread, count, figures, plural, spread
from mixtrast.report.standings import Ranked, Standings, busy, chosen_by_validation, standings
from mixtrast.report.tables import ROWS, Cell, Line, Table, held
from mixtrast.report.values import in_words, section, text

PAGE = "report.html"
ROWS_OF_CELLS = ("trained", "supervised", "untrained")  # the other rows are the same of every cell


@dataclass(frozen=True)
class Detail:
    """One cell in full: what it is, what its runs say of themselves, and where their pages are."""

    rank: int
    name: str
    settings: list[tuple[str, str]]
    verdicts: list[tuple[str, str]]  # verdict, of how many seeds
    links: list[tuple[str, str]]  # seed, page


def write_comparison(folder: Path) -> Path:
    """Writes report.html into the folder of a comparison, from the runs that are finished.

    Raises: ValueError with a sentence if the folder is no comparison.
    """
    folder = Path(folder)
    whole.write(folder / PAGE, render(standings(folder)).encode())
    return folder / PAGE


def render(found: Standings) -> str:
    """The page as text."""
    from mixtrast.report import heat, races
    from mixtrast.report.page import GOOD, house
    from mixtrast.report.pictures import COLOURS
    from mixtrast.report.sections import Drawing

    drawn = Drawing("comparison", None)
    columns = [column for column in (found.column, *found.others) if column is not None]
    maps = [drawn(heat.heat(found, column)) for column in columns] if heat.crossed(found.cells) else []
    cells = plural(len(found.cells), "cell")
    return (
        house()
        .get_template("compared.html")
        .render(
            title=f"{cells} on {found.data.name}",
            subtitle=_subtitle(found),
            headline=found.headline,
            choice=chosen_by_validation(found),
            missing=found.missing,
            ranking=_ranking(found) if found.column else None,
            rows=_rows(found) if found.column else None,
            scores=drawn(races.scores(found)),
            cost_picture=drawn(races.cost(found)),
            maps=maps,
            costs=_costs(found),
            details=[_detail(cell) for cell in found.cells],
            busy=busy(found.sessions),
            machine=sorted({result.device for cell in found.cells for result in cell.results if result.device}),
            command=text(found.record.get("command")),
            why=text(section(found.record, "capacity").get("why")),
            versions=[(name, text(version)) for name, version in section(found.record, "versions").items()],
            notes=found.data.notes,
            good=GOOD,
            colours=COLOURS,
            folder=found.folder.resolve().name,
        )
    )


def _subtitle(found: Standings) -> str:
    seeds = ", ".join(map(str, found.record["seeds"]))
    parts = [f"{plural(found.seeds, 'seed')} each ({seeds})"]
    names = {"train": "training", "val": "validation", "test": "test"}
    sizes = [f"{found.data.sizes[part]:,} {name}" for part, name in names.items() if part in found.data.sizes]
    return "; ".join([parts[0], f"{' + '.join(sizes)} examples" if sizes else ""]).rstrip("; ")


def _ranking(found: Standings) -> Table:
    """The table that the page is about."""
    assert found.column is not None
    unit = "points" if found.column.shown == "percent" else "R²"
    against = (f"{unit} to {found.reference}",) if found.reference else ()
    others = [column.title for column in found.others]
    titles = ("cell", "seeds", found.column.title, f"{unit} to the best (95 % interval)", *against, *others,
              f"on validation, {found.column.title}")  # fmt: skip
    lines = []
    for cell in found.cells:
        value = found.column.text(spread(cell.scores.values()))
        mark = {"best": "best", "not worse": "near"}.get(cell.standing, "")
        cells = [Cell(str(len(cell.results))), Cell(value, mark)]  # type: ignore[arg-type]
        cells.append(Cell("the best" if cell.standing == "best" else found.gap(cell.to_best, "()")))
        if found.reference:
            cells.append(Cell("reference" if cell.name == found.reference else found.gap(cell.to_reference, "()")))
        cells += [Cell(column.text(spread(held(cell.results, column, "trained").values()))) for column in found.others]
        cells.append(Cell(found.column.text(spread(cell.validation.values()))))
        lines.append(Line(f"cell-{cell.rank}", f"{cell.rank}  {cell.name}", tuple(cells)))
    gap = (Cell(""),) * (2 if found.reference else 1)
    for row, name in (("raw", "raw input"), ("majority", "no features at all")):
        if value_of := found.row(row):
            rest = [Cell(column.text(found.row(row, column))) for column in found.others]
            lines.append(
                Line(row, found.named(row, name), (Cell(""), Cell(found.column.text(value_of)), *gap, *rest, Cell("")))
            )
    blank = (Cell(""),) * (len(titles) - 3)
    for name, value_of in found.baselines():
        lines.append(Line("raw", name, (Cell(""), Cell(found.column.text(value_of)), *blank)))
    return Table(titles, tuple(lines), tuple(_caveats(found)))


def _caveats(found: Standings) -> Iterator[str]:
    """What the numbers mean, and what they do not."""
    seeds = max((len(cell.scores) for cell in found.cells), default=0)
    yield (
        f"Mean ± sample s.d. over {plural(seeds, 'seed')} on the test set; every seed has its own split, "
        "the same for all cells, so cells are compared seed by seed."
    )
    if seeds < 2:
        yield "With one seed there is no interval, and nothing says which differences are more than chance. Add seeds."
        return
    near = "≈ is not shown to be worse: " if any(cell.standing == "not worse" for cell in found.cells) else "Not worse means: "
    yield (
        f"Bold is the best. {near}the 95 % interval of its mean difference to the best (paired over seeds, Student's t with "
        f"{seeds - 1} degrees of freedom) includes 0, so these runs do not tell the two apart. That is not the same as equal: "
        + (f"with {seeds} seeds intervals are wide, and more seeds may part them. " if seeds < 10 else "")
        + "No correction is made for the number of cells."
    )
    if len(found.cells) > 2:
        yield (
            f"Each run touched its test set once. Picking the best of {len(found.cells)} cells by test scores is still "
            "optimistic: part of its lead is luck, and new data would show less. Choose by validation, and report the "
            "test score of that cell."
        )


def _rows(found: Standings) -> Table:
    """The honest rows of every cell, by the main score."""
    assert found.column is not None
    rows = [row for row in ROWS_OF_CELLS if any(held(cell.results, found.column, row) for cell in found.cells)]
    shared = [row for row in ("raw", "majority") if found.row(row)]
    lines = tuple(
        Line(
            f"cell-{cell.rank}",
            f"{cell.rank}  {cell.name}",
            tuple(Cell(found.column.text(spread(held(cell.results, found.column, row).values()))) for row in (*rows, *shared)),
        )
        for cell in found.cells
    )
    note = f"{found.column.title}, mean ± s.d. over seeds. All rows were probed alike, on the same split."
    return Table(("cell", *(ROWS[row] for row in (*rows, *shared))), lines, (note,))


def _costs(found: Standings) -> Table:
    columns = (
        ("training, seconds", "seconds", 1.0),
        ("examples a second", "examples_per_second", 1.0),
        ("evaluation, seconds", "evaluation_seconds", 1.0),
        ("peak memory, GB", "peak_memory_bytes", 1e-9),
        ("parameters", "parameters", 1.0),
    )
    lines = []
    for cell in found.cells:
        values = [(cell.cost(key), scale) for _, key, scale in columns]
        cells = [Cell(_figures(value, scale)) for value, scale in values]
        lines.append(Line(f"cell-{cell.rank}", f"{cell.rank}  {cell.name}", tuple(cells)))
    note = "Mean ± s.d. over seeds. Runs that go on at the same time slow each other down, all cells alike."
    return Table(("cell", *(title for title, _, _ in columns)), tuple(lines), (note,))


def _figures(value: Spread | None, scale: float) -> str:
    if value is None:
        return figures(None)
    sd = None if value.sd is None else scale * value.sd
    alike = sd == 0 and float(scale * value.mean).is_integer()
    if alike or scale * value.mean >= 1e5:  # as the number of parameters is
        return count(scale * value.mean)
    return figures(Spread(scale * value.mean, sd, value.n), 3)


def _detail(cell: Ranked) -> Detail:
    counted: dict[str, int] = {}
    for result in cell.results:
        for verdict in result.diagnosis:
            counted[verdict.verdict] = counted.get(verdict.verdict, 0) + 1
    settings = [(key, in_words(value)) for key, value in cell.settings.items()]
    verdicts = [(name, f"{number} of {len(cell.results)} seeds") for name, number in counted.items()]
    return Detail(cell.rank, cell.name, settings, verdicts, _links(cell.folder, [result.seed for result in cell.results]))


def _links(folder: str, seeds: Sequence[int | None]) -> list[tuple[str, str]]:
    return [(f"seed {seed}", f"runs/{folder}/seed-{seed}/report.html") for seed in seeds]
