"""What `train` and `evaluate` print of a run: settings with their reasons, scores, verdicts, and what to do next."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from mixtrast import report
from mixtrast.cli._tables import options_text, print_rows, table_of
from mixtrast.records import Results
from mixtrast.records import read_results as results_of
from mixtrast.run import PreparedRun, Run

TRAINING = ("batch", "epochs", "steps", "optimizer", "lr", "schedule", "warmup", "precision", "channels_last", "device")


def print_settings(prepared: PreparedRun) -> None:
    """Print every part of the recipe and the training settings, each decision with its reason."""
    console, recipe = Console(highlight=False), prepared.recipe
    console.print(f"[bold]{prepared.dataset.name}[/bold]: {prepared.split.description}", soft_wrap=True)
    for note in prepared.notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    table = table_of(("setting", "value", "reason"))
    for section, part in (("method", recipe.method), ("mixer", recipe.mixer), ("encoder", recipe.encoder)):
        if part is not None:
            table.add_row(section, f"{part.name}   {options_text(part.options)}", _reasons(section, recipe.reasons))
    views = ", then ".join(f"{name}   {options_text(view.options)}" for name, view in recipe.views.items())
    table.add_row("views", views or "none", recipe.reasons.get("views", ""))
    for name in TRAINING:
        if (value := getattr(recipe.training, name)) is not None:
            table.add_row(name, str(value), recipe.reasons.get(f"training.{name}", ""))
    table.add_row("seed", str(recipe.seed), "")
    console.print(table)


def print_seed(prepared: PreparedRun) -> None:
    """Print what a further seed changes."""
    text = f"\n[bold]seed {prepared.recipe.seed}[/bold]: {prepared.split.description}"
    Console(highlight=False).print(text, soft_wrap=True)


def _reasons(section: str, reasons: Mapping[str, str]) -> str:
    """The reasons of a part and of its options."""
    own = [reasons[section]] if section in reasons else []
    return "; ".join(
        own + [f"{key.partition('.')[2]}: {reason}" for key, reason in reasons.items() if key.startswith(f"{section}.")]
    )


def print_outcome(run: Run) -> None:
    """Print the table of scores, the headline, the verdicts, where the page is, and what to do next."""
    results, console = results_of(run.folder), Console(highlight=False)
    _print_scores(console, results)
    console.print(f"\n{run.headline}", soft_wrap=True, markup=False)
    for verdict in results.diagnosis:
        _print_verdict(console, verdict.verdict, "", verdict.says)
    console.print(f"\n{results.cost.seconds or 0:.0f} s of training. The report: {run.page}", soft_wrap=True, markup=False)
    _print_next(console, results)


def print_other_data(run: Run) -> None:
    """Print the scores on the other data that were evaluated last."""
    results, console = results_of(run.folder), Console(highlight=False)
    key, found = list(results.other_data.items())[-1]
    console.print(f"[bold]{found.data.name}[/bold]: {found.data.split}", soft_wrap=True)
    for note in found.data.notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    _print_scores(console, results.on(key))
    if found.trained_on:
        console.print(f"\nThe run trained on {found.trained_on:,} of these test examples, so the scores are too high.")
    console.print(f"\nAdded to the report: {run.page}", soft_wrap=True, markup=False)


def print_line(run: Run) -> None:
    """Print the scores of one seed of several in one line."""
    results = results_of(run.folder)
    text = f"  {report.one_line(results)}; {results.cost.seconds or 0:.0f} s of training"
    Console(highlight=False).print(text, soft_wrap=True)


def print_seeds(folders: list[Path], page: Path) -> None:
    """Print the table, headline and verdicts of several seeds."""
    found, console = [results_of(folder) for folder in folders], Console(highlight=False)
    console.print(f"\n[bold]All {len(found)} seeds[/bold]")
    _print_scores(console, *found)
    console.print(f"\n{report.headline(*found)}", soft_wrap=True, markup=False)
    verdicts: dict[str, list[str]] = {}
    for verdict in (verdict for results in found for verdict in results.diagnosis):
        verdicts.setdefault(verdict.verdict, []).append(verdict.says)
    for name, says in verdicts.items():
        _print_verdict(console, name, f" ({len(says)} of {len(found)} seeds; numbers of the first)", says[0])
    console.print(f"\nThe report: {page}", soft_wrap=True, markup=False)
    _print_next(console, found[0])


def _print_scores(console: Console, *results: Results) -> None:
    """The score table and what its signs mean."""
    print_rows(console, report.table(*results))
    for note in report.notes(*results):
        console.print(note, soft_wrap=True, markup=False, style="dim")


def _print_verdict(console: Console, name: str, where: str, says: str) -> None:
    console.print(f"[bold]{name}[/bold]{where}: ", end="")
    console.print(says, soft_wrap=True, markup=False)


def _print_next(console: Console, results: Results) -> None:
    console.print("Next:")
    for command in results.next:
        console.print(f"  {command}", soft_wrap=True, markup=False)
