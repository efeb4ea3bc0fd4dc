"""What the command prints: settings with their reasons, tables, verdicts, and what to do next."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixtrast import domains, encoders, evaluate, methods, mixers, recipe, registry, report, views
from mixtrast.recipe import Training
from mixtrast.run import Prepared, Run
from mixtrast.studies import Comparison, Ready

ROOMS = {"methods": methods, "mixers": mixers, "views": views, "encoders": encoders, "evaluations": evaluate}


def settings(prepared: Prepared, *, brief: bool = False) -> None:
    """The resolved recipe, each decision with its reason; `brief`: only what another seed changes."""
    console = Console(highlight=False)
    if brief:
        console.print(f"\n[bold]seed {prepared.plan.seed}[/bold]: {prepared.split.says}", soft_wrap=True)
        return
    console.print(f"[bold]{prepared.data.name}[/bold]: {prepared.split.says}", soft_wrap=True)
    for note in prepared.notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("setting", "value", "because"):
        table.add_column(column, overflow="fold")
    for part in ("method", "mixer", "encoder"):
        if prepared.recipe[part] is not None:
            chosen = dict(prepared.recipe[part])
            table.add_row(part, f"{chosen.pop('name')}   {_options(chosen)}", _because(part, prepared.why))
    shown = ", then ".join(f"{name}   {_options(o)}" for name, o in prepared.recipe["views"].items()) or "none"
    table.add_row("views", shown, prepared.why.get("views", ""))
    told = ("batch", "epochs", "steps", "optimizer", "lr", "schedule", "warmup", "precision", "channels_last", "device")
    for key in told:
        value = prepared.recipe["training"][key]
        if value is not None:
            table.add_row(key, str(value), prepared.why.get(f"training.{key}", ""))
    table.add_row("seed", str(prepared.plan.seed), "")
    console.print(table)


def _because(part: str, why: Mapping[str, str]) -> str:
    """The reasons of a part and of its options."""
    own = [why[part]] if part in why else []
    return "; ".join(own + [f"{key.partition('.')[2]}: {why[key]}" for key in why if key.startswith(f"{part}.")])


def outcome(run: Run) -> None:
    """The table of honest rows, the headline, the verdicts, where the page is, what to do next."""
    results = run.results
    console = Console(highlight=False)
    _rows(console, report.table(results))
    console.print(f"\n{run.headline}", soft_wrap=True, markup=False)
    for verdict in results["diagnosis"]:
        console.print(f"[bold]{verdict['verdict']}[/bold]: ", end="")
        console.print(verdict["says"], soft_wrap=True, markup=False)
    console.print(f"\n{results['cost']['seconds']:.0f} s of training. The report: {run.page}", soft_wrap=True, markup=False)
    _next(console, results)


def elsewhere(run: Run) -> None:
    """The table of other data, and what was found in them."""
    results = run.results
    found = list(results["elsewhere"].values())[-1]
    console = Console(highlight=False)
    console.print(f"[bold]{found['data']['name']}[/bold]: {found['data']['split']}", soft_wrap=True)
    for note in found["data"]["notes"]:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    _rows(console, report.table({**found, "seed": results["seed"]}))
    if found["trained_on"]:
        console.print(f"\nOf these test examples {found['trained_on']:,} trained the encoder.")
    console.print(f"\nAdded to the report: {run.page}", soft_wrap=True, markup=False)


def _next(console: Console, results: dict[str, Any]) -> None:
    console.print("Next:")
    for command in results["next"]:
        console.print(f"  {command}", soft_wrap=True, markup=False)


def brief(run: Run) -> None:
    """One line, for one seed of several."""
    results = run.results
    tables = [table for table in results["probes"].values() if "trained" in table]
    table: dict[str, Any] = results["probes"].get("linear") or next(iter(tables), {})
    several = results["data"].get("several")
    metric = "balanced_accuracy" if several else "accuracy" if "accuracy" in table.get("trained", {}) else "r2"
    shown = (
        ", ".join(f"{row} {scores[metric]:.3f}" for row, scores in table.items() if metric in scores) or "nothing was probed"
    )
    Console(highlight=False).print(f"  {metric}: {shown}; {results['cost']['seconds']:.0f} s of training", soft_wrap=True)


def together(folders: list[Path], page: Path) -> None:
    """Table and headline over several seeds."""
    found = [json.loads((folder / "results.json").read_text(encoding="utf-8")) for folder in folders]
    console = Console(highlight=False)
    console.print(f"\n[bold]All {len(found)} seeds[/bold]")
    _rows(console, report.table(*found))
    console.print(f"\n{report.headline(*found)}", soft_wrap=True, markup=False)
    verdicts: dict[str, list[str]] = {}
    for results in found:
        for verdict in results["diagnosis"]:
            verdicts.setdefault(verdict["verdict"], []).append(verdict["says"])
    for name, says in verdicts.items():
        console.print(f"[bold]{name}[/bold] ({len(says)} of {len(found)} seeds; numbers of the first): ", end="")
        console.print(says[0], soft_wrap=True, markup=False)
    console.print(f"\nThe report: {page}", soft_wrap=True, markup=False)
    _next(console, found[0])


def grid(ready: Ready) -> None:
    """The cells with what is their own, and how they will run."""
    console = Console(highlight=False)
    console.print(f"[bold]{ready.checked.name}[/bold]: {ready.checked.says}", soft_wrap=True)
    for note in ready.checked.notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    seeds = " ".join(map(str, ready.record["seeds"]))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("cell", "method", "steps", "seeds"):
        table.add_column(column, overflow="fold", justify="right" if column == "steps" else "left")
    for cell in ready.checked.cells:
        table.add_row(cell.name, cell.method, f"{cell.steps:,}", seeds)
    console.print(table)
    here = ready.capacity
    threads = f"{here.threads} thread{'s' if here.threads > 1 else ''} each"
    console.print(f"{here.jobs} at a time, {threads}: {here.why}. In {ready.folder}", soft_wrap=True, markup=False)


def compared(done: Comparison) -> None:
    """The cells in order, what it means, and where the page is."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)
    found = report.standings(done.folder)
    if not found.table or found.column is None:
        console.print("No run has scores, so there is no table.")
        return
    metric = found.column.title.partition(", ")[2] + (" in %" if found.column.shown == "percent" else "")
    _rows(console, found.table, names=2)
    console.print(f"\n{found.headline}", soft_wrap=True, markup=False)
    console.print(
        f"{metric} on test, mean ± s.d. over seeds. * best; ≈ not shown to be worse: the 95 % interval of the difference, "
        "paired over seeds, includes 0. With few seeds intervals are wide; the best of many by test scores is optimistic.",
        soft_wrap=True,
        style="dim",
    )
    console.print(f"\nThe report: {done.page}\nThe numbers: {done.folder / 'compare.csv'}", soft_wrap=True, markup=False)


def listing(what: str | None, name: str | None) -> None:
    """All rooms, a line each; one room, a line for each of its things; or one of these, or the training, with its options."""
    console = Console(highlight=False)
    if what is None:
        _everything(console)
    elif what == "training":
        _described(console, "training", Training, {})
    elif what == "recipes":
        _recipes(console, name)
    elif what == "datasets" and name is None:
        _sets(console)
    elif name is not None:
        of_data = what in ("domains", "datasets")
        kind, preset = (domains.find(name), dict[str, Any]()) if of_data else registry.resolve(ROOMS[what], name)
        if preset:
            console.print(f"[bold]{name}[/bold] is {kind.__name__} with {_options(preset)}")
        section = {"views": f"views.{name}", "evaluations": f"evaluation.{name}"}.get(what, what.rstrip("s"))
        _described(console, "data" if of_data else section, kind, preset)
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        sizes = registry.sizes(ROOMS[what]) if what in ROOMS else {}
        for each, kind in _room(what).items():
            size = sizes.get(each)
            table.add_row(each, f"{size[0]} with {_options(size[1])}" if size else registry.summary(kind))
        console.print(table)
        console.print(f"\nOne of them with its options: mixtrast list {what} {next(iter(_room(what)))}")


def _everything(console: Console) -> None:
    """The names alone, room by room."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for room in (*ROOMS, "domains", "datasets"):
        table.add_row(room, ", ".join(_room(room)))
    table.add_row("recipes", ", ".join(recipe.named.names()))
    table.add_row("training", "options of the loop, as in --training.steps 500")
    console.print(table)
    console.print("\nA line for each: mixtrast list methods")


def _sets(console: Console) -> None:
    """Which are here, which are fetched when asked for, which have to be put there, and how large they are."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "where", "size", "what"):
        table.add_column(column, overflow="fold", no_wrap=column == "name", justify="right" if column == "size" else "left")
    for name, kind in _room("datasets").items():
        about = getattr(kind, "about", None)
        place = None if about is None else about.place()
        if about is None:
            where, size = "comes along", ""
        else:
            where = str(place.parent) if place else "is fetched" if about.fetched else "not here"
            size = domains.size_of(about.size) if about.size else "?"
        table.add_row(name, where, size, registry.summary(kind))
    console.print(table)
    folders = " and ".join(map(str, domains.data_folders(None)))
    console.print(f"\nLooked for in {folders}; MIXTRAST_DATA names another folder.", soft_wrap=True)
    console.print(
        "What to put where, address and licence: mixtrast train NAME. Options: mixtrast list datasets NAME", soft_wrap=True
    )


def _recipes(console: Console, name: str | None) -> None:
    """All with their first line, or one as it stands."""
    if name is not None:
        console.print(recipe.named.find(name).read_text(encoding="utf-8"), markup=False, soft_wrap=True)
        console.print(f"Use it: mixtrast train --recipe {name} DATA", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in recipe.named.names():
        table.add_row(each, recipe.named.header(each)[0])
    console.print(table)
    console.print(f"\nOne of them whole: mixtrast list recipes {recipe.named.names()[0]}")


def _described(console: Console, section: str, kind: type[Any], preset: Mapping[str, Any]) -> None:
    console.print(inspect.cleandoc(kind.__doc__ or ""), markup=False, soft_wrap=True)
    for option, parameter in registry.options(kind).items():
        if option != "mixer":
            default = preset.get(option, parameter.default)
            said = f"  --{section}.{option}  {registry.hint(kind, option)}  (default {default!r})"
            console.print(said, markup=False, soft_wrap=True)


def _room(what: str) -> Mapping[str, type[Any]]:
    if what in ("domains", "datasets"):
        kinds = {name: domains.find(name) for name in domains.names()}
        return {name: kind for name, kind in kinds.items() if kind.built_in == (what == "datasets")}
    room = ROOMS[what]
    found = {name: registry.find(room, name) for name in registry.names(room)}
    return found | {size: registry.find(room, size) for size in registry.sizes(room)}


def _options(part: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in part.items() if value not in (None, ()))


def _rows(console: Console, rows: list[list[str]], names: int = 1) -> None:
    """`names`: columns from the left that hold words."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, heading in enumerate(rows[0]):
        table.add_column(escape(heading), justify="left" if at < names else "right", no_wrap=at < names)
    for row in rows[1:]:
        table.add_row(*map(escape, row))
    console.print()
    console.print(table)
