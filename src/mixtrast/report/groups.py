"""Runs that differ only in the seed are one recipe."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mixtrast.records import Json, Results, RunRecord
from mixtrast.report.settings import flat, in_words

MOST = 4  # settings in the name of a recipe


@dataclass(frozen=True)
class Group:
    """Runs that differ only in the seed, one for each seed, in order."""

    name: str
    runs: tuple[RunRecord, ...]
    notes: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Results, ...]:
        return tuple(run.results for run in self.runs if isinstance(run.results, Results))


def group(runs: Iterable[RunRecord]) -> list[Group]:
    """Groups of runs that differ only in the seed, in the order of the runs.

    A folder counts once; of several runs of one seed only the one that finished last counts.
    """
    recipes: dict[str, list[RunRecord]] = {}
    for run in {run.folder.resolve(): run for run in runs}.values():
        recipes.setdefault(json.dumps(run.recipe.requested, sort_keys=True, default=str), []).append(run)
    names = _names([found[0] for found in recipes.values()])
    return [Group(name, *_one_of_each_seed(found)) for name, found in zip(names, recipes.values(), strict=True)]


def _one_of_each_seed(runs: Sequence[RunRecord]) -> tuple[tuple[RunRecord, ...], tuple[str, ...]]:
    latest: dict[object, RunRecord] = {}
    left = 0
    for run in runs:
        key: object = run.seed if run.seed is not None else run.folder
        left += key in latest
        if key not in latest or _finished(run) >= _finished(latest[key]):
            latest[key] = run
    more = "1 more run has" if left == 1 else f"{left} more runs have"
    note = f"{more} a seed that is already there; of each seed the latest run counts."
    ordered = sorted(latest.values(), key=lambda run: (run.seed is None, run.seed or 0))
    return tuple(ordered), ((note,) if left else ())


def _finished(run: RunRecord) -> str:
    return run.results.finished if isinstance(run.results, Results) else ""


def _names(firsts: Sequence[RunRecord]) -> list[str]:
    """A name for each group: the method and the mixer, and the other settings in which it differs."""
    settings = [flat(run.recipe.settings) for run in firsts]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    differ = [key for key in keys if len({in_words(each.get(key)) for each in settings}) > 1]
    names = [_name(run, each, {key: _short(key, keys) for key in differ}) for run, each in zip(firsts, settings, strict=True)]
    return [name if names.count(name) == 1 else f"{name} ({run.folder.name})" for name, run in zip(names, firsts, strict=True)]


def _name(run: RunRecord, settings: dict[str, Json], differ: dict[str, str]) -> str:
    base = _base(run)
    words = {short: in_words(settings[key]) for key, short in differ.items() if key in settings}
    own = [f"{short} {value}" for short, value in words.items() if value not in base]
    if len(own) > MOST:
        own = [*own[: MOST - 1], f"and {len(own) - MOST + 1} more settings"]
    return ", ".join([" + ".join(base) or run.folder.name, *own])


def _short(key: str, keys: Sequence[str]) -> str:
    """The last part of a setting's name, where no other setting ends so."""
    key = key.removesuffix(".name")
    last = key.rpartition(".")[2]
    return last if sum(other.removesuffix(".name").rpartition(".")[2] == last for other in keys) == 1 else key


def _base(run: RunRecord) -> list[str]:
    """The method, and the mixer if there is one."""
    if isinstance(run.results, Results) and run.results.method:
        return [part for part in (run.results.method, run.results.mixer) if part]
    parts = [run.recipe.settings.get(key) for key in ("method", "mixer")]
    return [name for part in parts if (name := str((part.get("name") if isinstance(part, dict) else part) or ""))]
