"""Tables on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixtrast.recipe import Options


def table_of(columns: Sequence[str], *, right: Sequence[str] = (), narrow: Sequence[str] = ()) -> Table:
    """An empty table. `right`: columns of numbers; `narrow`: columns that are not wrapped."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in right else "left", no_wrap=column in narrow)
    return table


def print_rows(console: Console, rows: Sequence[Sequence[str]], names: int = 1) -> None:
    """Print a table whose first row are the headings. `names`: columns from the left that hold words."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, heading in enumerate(rows[0]):
        table.add_column(escape(heading), justify="left" if at < names else "right", no_wrap=at < names)
    for row in rows[1:]:
        table.add_row(*map(escape, row))
    console.print()
    console.print(table)


def options_text(options: Options) -> str:
    """Options that are set, "alpha=1.0 per=sample"."""
    return " ".join(f"{key}={value}" for key, value in options.items() if value not in (None, ()))
