"""What the command prints: settings with their reasons, tables, verdicts, and what to do next."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mixtrast import domains, encoders, evaluate, methods, mixers, registry, report, views
from mixtrast.recipe import Training
from mixtrast.run import Prepared, Run

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
            table.add_row(part, f"{chosen.pop('name')}   {_options(chosen)}", prepared.why.get(part, ""))
    shown = ", then ".join(f"{name}   {_options(o)}" for name, o in prepared.recipe["views"].items()) or "none"
    table.add_row("views", shown, prepared.why.get("views", ""))
    told = ("batch", "epochs", "steps", "optimizer", "lr", "schedule", "warmup", "precision", "channels_last", "device")
    for key in told:
        value = prepared.recipe["training"][key]
        if value is not None:
            table.add_row(key, str(value), prepared.why.get(f"training.{key}", ""))
    table.add_row("seed", str(prepared.plan.seed), "")
    console.print(table)


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


def _next(console: Console, results: dict[str, Any]) -> None:
    console.print("Next:")
    for command in results["next"]:
        console.print(f"  {command}", soft_wrap=True, markup=False)


def brief(run: Run) -> None:
    """One line, for one seed of several."""
    results = run.results
    table: dict[str, Any] = results["probes"].get("linear") or next(iter(results["probes"].values()), {})
    metric = "accuracy" if "accuracy" in table.get("trained", {}) else "r2"
    shown = ", ".join(f"{row} {scores[metric]:.3f}" for row, scores in table.items()) or "nothing was probed"
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


def listing(what: str, name: str | None) -> None:
    """A room, a line each; or one of it, or the training, with its docstring and options."""
    console = Console(highlight=False)
    if what == "training":
        _described(console, "training", Training, {})
    elif name is not None:
        room = domains if what in ("domains", "datasets") else ROOMS[what]
        kind, preset = registry.resolve(room, name)
        if preset:
            console.print(f"[bold]{name}[/bold] is {kind.__name__} with {_options(preset)}")
        section = {"views": f"views.{name}", "evaluations": f"evaluation.{name}"}.get(what, what.rstrip("s"))
        _described(console, "data" if room is domains else section, kind, preset)
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for each, kind in _room(what).items():
            table.add_row(each, registry.summary(kind))
        console.print(table)
        console.print(f"\nOne of them with its options: mixtrast list {what} {next(iter(_room(what)))}")


def _described(console: Console, section: str, kind: type[Any], preset: Mapping[str, Any]) -> None:
    console.print(inspect.cleandoc(kind.__doc__ or ""), markup=False, soft_wrap=True)
    for option, parameter in registry.options(kind).items():
        if option != "mixer":
            default = preset.get(option, parameter.default)
            said = f"  --{section}.{option}  {registry.hint(kind, option)}  (default {default!r})"
            console.print(said, markup=False, soft_wrap=True)


def _room(what: str) -> Mapping[str, type[Any]]:
    if what in ("domains", "datasets"):
        kinds = {name: registry.find(domains, name) for name in domains.names()}
        return {name: kind for name, kind in kinds.items() if kind.built_in == (what == "datasets")}
    room = ROOMS[what]
    found = {name: registry.find(room, name) for name in registry.names(room)}
    return found | {size: registry.find(room, size) for size in registry.sizes(room)}


def _options(part: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in part.items() if value not in (None, ()))


def _rows(console: Console, rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, heading in enumerate(rows[0]):
        table.add_column(heading, justify="left" if at == 0 else "right", no_wrap=at == 0)
    for row in rows[1:]:
        table.add_row(*row)
    console.print()
    console.print(table)
