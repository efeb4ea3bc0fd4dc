"""What `compare` prints: the plan, and the configurations in order."""

import sys

from rich.console import Console

from mixtrast import report
from mixtrast.cli._tables import print_rows, table_of
from mixtrast.studies import Comparison, PreparedComparison
from mixtrast.text import count


def print_plan(prepared: PreparedComparison) -> None:
    """Print the configurations, and how they will run."""
    console = Console(highlight=False)
    console.print(f"[bold]{prepared.grid.data.name}[/bold]: {prepared.grid.data.split}", soft_wrap=True)
    for note in prepared.grid.notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    seeds = " ".join(map(str, prepared.record.seeds))
    table = table_of(("configuration", "method", "steps", "seeds"), right=("steps",))
    for each in prepared.grid.configurations:
        table.add_row(each.name, each.method, f"{each.steps:,}", seeds)
    console.print(table)
    here = prepared.record.capacity
    text = f"{here.workers} at a time, {count(here.threads, 'thread')} each: {here.reason}. In {prepared.folder}"
    console.print(text, soft_wrap=True, markup=False)


def print_ranking(comparison: Comparison) -> None:
    """Print the configurations in order, what that means, and where the page is."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)
    ranking = report.read_ranking(comparison.folder)
    if ranking.column is None:
        console.print("No run has scores, so there is no table.")
        return
    print_rows(console, report.ranking_rows(ranking), names=2)
    console.print(f"\n{report.ranking_headline(ranking)}", soft_wrap=True, markup=False)
    metric = ranking.column.name + (" in %" if ranking.column.share else "")
    legend = f"{metric} on the test set, mean ± standard deviation over seeds. {report.ranking_legend(ranking)}"
    console.print(legend, soft_wrap=True, style="dim", markup=False)
    numbers = comparison.folder / "compare.csv"
    console.print(f"\nThe report: {comparison.page}\nThe numbers: {numbers}", soft_wrap=True, markup=False)
