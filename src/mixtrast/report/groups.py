"""Runs that differ in nothing but the seed are one recipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mixtrast.report.records import Run
from mixtrast.report.results import Results
from mixtrast.report.values import flat, in_words, stated


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, one of each seed, in order."""

    name: str
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Results, ...]:
        return tuple(run.results for run in self.runs if isinstance(run.results, Results))


def group(runs: Iterable[Run]) -> list[Group]:
    """Groups of runs that differ in nothing but the seed, in the order in which they were given.

    A folder counts once, and of several runs of one seed only the one that finished last: the same seed twice is no spread.
    """
    kinds: dict[str, list[Run]] = {}
    for run in {run.folder.resolve(): run for run in runs}.values():
        kinds.setdefault(json.dumps(run.asked, sort_keys=True, default=str), []).append(run)
    names = _names([found[0] for found in kinds.values()])
    groups = []
    for name, found in zip(names, kinds.values(), strict=True):
        kept, notes = _one_of_each_seed(found)
        groups.append(Group(name, kept, notes))
    return groups


def _one_of_each_seed(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    kept: dict[object, Run] = {}
    left = 0
    for run in runs:
        key: object = run.seed if run.seed is not None else run.folder
        left += key in kept
        if key not in kept or _finished(run) >= _finished(kept[key]):
            kept[key] = run
    note = f"{left} more {'run has' if left == 1 else 'runs have'} a seed that is already here; of each seed the latest counts."
    ordered = sorted(kept.values(), key=lambda run: (run.seed is None, run.seed or 0))
    return tuple(ordered), ((note,) if left else ())


def _finished(run: Run) -> str:
    return run.results.finished if isinstance(run.results, Results) else ""


def _names(firsts: Sequence[Run]) -> list[str]:
    """A name for each group: the method and the mixer, and what else tells it from the others."""
    settings = [flat(run.settings) for run in firsts]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    differ = [key for key in keys if len({in_words(each.get(key)) for each in settings}) > 1]
    shorts = {key: _short(key, keys) for key in differ}
    names = []
    for run, each in zip(firsts, settings, strict=True):
        base = _base(run)
        told = [f"{shorts[key]} {in_words(each[key])}" for key in differ if key in each and in_words(each[key]) not in base]
        if len(told) > 4:
            told = [*told[:3], f"and {len(told) - 3} more settings"]
        names.append(", ".join([" + ".join(base) or run.folder.name, *told]))
    return [name if names.count(name) == 1 else f"{name} ({run.folder.name})" for name, run in zip(names, firsts, strict=True)]


def _short(key: str, keys: Sequence[str]) -> str:
    """The last part of a setting's name, where no other setting ends so."""
    key = key.removesuffix(".name")
    last = key.rpartition(".")[2]
    return last if sum(other.removesuffix(".name").rpartition(".")[2] == last for other in keys) == 1 else key


def _base(run: Run) -> list[str]:
    """The method, and the mixer if there is one."""
    if isinstance(run.results, Results) and run.results.method:
        return [part for part in (run.results.method, run.results.mixer) if part]
    return [part for key in ("method", "mixer") if (part := stated(run.recipe.get(key)))]
