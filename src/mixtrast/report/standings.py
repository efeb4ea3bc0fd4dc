"""A comparison in order: every cell's scores over seeds, its difference to the best, and what it cost."""

from __future__ import annotations

import json
import statistics
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mixtrast.report.paired import Paired, Standing, paired, standing
from mixtrast.report.records import HOLDS
from mixtrast.report.results import Data, Results, parse
from mixtrast.report.spread import MISSING, Spread, figures, fixed, percent, plural, spread
from mixtrast.report.tables import BASELINES, PROBES, ROWS, Column, Held, columns_for, held
from mixtrast.report.values import flat, in_words, section, text, whole

PLAN = "compare.yaml"
MANY = 3  # cells, beyond which a sentence does not name them all
MINUS = "−"


@dataclass(frozen=True)
class Ranked:
    """One cell.

    Args:
        rank: by the mean of the main score, 1 the highest; cells without one come last.
        folder: under runs/.
        settings: that are not the same in all cells, flat.
        results: of its finished runs.
        scores, validation: seed -> the main score on test, and on validation examples.
        to_best, to_reference: paired differences.
    """

    rank: int
    name: str
    folder: str
    settings: dict[str, Any]
    results: tuple[Results, ...]
    scores: Held
    validation: Held
    to_best: Paired | None
    to_reference: Paired | None
    standing: Standing

    def cost(self, key: str) -> Spread | None:
        return spread(result.cost[key] for result in self.results if key in result.cost)


@dataclass(frozen=True)
class Standings:
    """The whole of it.

    Args:
        record: compare.yaml.
        column: of the main score; None where nothing was probed.
        others: the main score of the other probes.
    """

    folder: Path
    record: Mapping[str, Any]
    data: Data
    column: Column | None
    others: tuple[Column, ...]
    cells: tuple[Ranked, ...]
    reference: str
    sessions: tuple[Mapping[str, Any], ...]

    @property
    def seeds(self) -> int:
        return len(self.record["seeds"])

    @property
    def missing(self) -> list[str]:
        """Runs that are not finished, in words."""
        wanted = [(cell, seed) for seed in self.record["seeds"] for cell in self.cells]
        return [f"{cell.name}, seed {seed}" for cell, seed in wanted if seed not in {each.seed for each in cell.results}]

    def row(self, row: str, column: Column | None = None) -> Spread | None:
        """A reference row over all seeds: what every cell has the same of counts once a seed (raw input, the majority). Where
        cells read the data in different ways it is that of the best of them; see `named`."""
        column = column or self.column
        if column is None:
            return None
        found: Held = {}
        for cell in self.cells:
            found = held(cell.results, column, row) | found
        return spread(found.values())

    def named(self, row: str, words: str) -> str:
        """What a reference row is called: whose it is, where cells differ in it."""
        first: Held = {}
        if self.column is None:
            return words
        for cell in self.cells:
            own = held(cell.results, self.column, row)
            if any(abs(own[seed] - first.setdefault(seed, own[seed])) > 1e-6 for seed in own):
                return f"{words} of the best cell"
        return words

    def baselines(self) -> list[tuple[str, Spread]]:
        """What needs no features, by name: evaluations of the raw input alone."""
        found = []
        for probe, name in BASELINES.items():
            if self.column is not None and (value := self.row("raw", replace(self.column, probe=probe))):
                found.append((name, value))
        return found

    def untrained(self) -> Spread | None:
        """Over seeds, of the mean over cells: encoders may differ."""
        if self.column is None:
            return None
        found: dict[Hashable, list[float]] = {}
        for cell in self.cells:
            for seed, value in held(cell.results, self.column, "untrained").items():
                found.setdefault(seed, []).append(value)
        return spread(statistics.fmean(values) for values in found.values())

    @property
    def headline(self) -> str:
        return " ".join(_headline(self))

    @property
    def table(self) -> list[list[str]]:
        """For a terminal: a row of headings, then the cells, then what they have to beat."""
        if self.column is None:
            return []
        rows = [[*self.headings()], *([*self.line(cell)] for cell in self.cells)]
        for name, label in (("untrained", "untrained encoder"), ("raw", "raw input"), ("majority", "no features")):
            value = self.untrained() if name == "untrained" else self.row(name)
            rest = [self.short(self.row(name, column), column) for column in self.others]
            if value:
                gap = [""] * (2 if self.reference else 1)
                label = label if name == "untrained" else self.named(name, label)
                rows.append(["", label, "", self.short(value), *gap, *rest, "", "", ""])
        more = [""] * (len(rows[0]) - 4)
        return rows + [["", name, "", self.short(value), *more] for name, value in self.baselines()]

    def headings(self) -> list[str]:
        assert self.column is not None
        against = [f"to {self.reference} [95 %]"] if self.reference else []
        others = [column.title for column in self.others]
        return [
            "",
            "cell",
            "seeds",
            self.column.title,
            "to the best [95 %]",
            *against,
            *others,
            "validation",
            "s",
            "examples/s",
        ]

    def line(self, cell: Ranked) -> list[str]:
        assert self.column is not None
        mark = {"best": "*", "not worse": "≈"}.get(cell.standing, "")
        value = self.short(spread(cell.scores.values()))
        to = [self.gap(cell.to_best) if cell.standing != "best" else "best"]
        to += [self.gap(cell.to_reference) if cell.name != self.reference else "reference"] if self.reference else []
        others = [self.short(spread(held(cell.results, column, "trained").values()), column) for column in self.others]
        cost = [
            figures(each and Spread(each.mean, None, each.n))
            for each in (cell.cost("seconds"), cell.cost("examples_per_second"))
        ]
        validation = self.short(spread(cell.validation.values()))
        return [mark, cell.name, str(len(cell.results)), value, *to, *others, validation, *cost]

    def short(self, value: Spread | None, column: Column | None = None) -> str:
        """Without the unit, which the table names once."""
        column = column or self.column
        return MISSING if column is None else column.text(value).removesuffix(" %")

    def gap(self, found: Paired | None, brackets: str = "[]") -> str:
        """A difference with its interval: points of percent, or R²."""
        if found is None or self.column is None:
            return MISSING
        scale, digits = (100, 1) if self.column.shown == "percent" else (1, 3)
        ends = [fixed(Spread(scale * end, None, 1), digits, signed=True) for end in (found.low, found.high) if end is not None]
        mean = fixed(Spread(scale * found.mean, None, 1), digits, signed=True)
        return mean if not ends else f"{mean} {brackets[0]}{ends[0]}, {ends[1]}{brackets[1]}"


def standings(folder: Path) -> Standings:
    """Reads a comparison; runs that are not finished are missing.

    Raises: ValueError where the folder is no comparison.
    """
    import yaml  # type: ignore[import-untyped, unused-ignore]

    folder = Path(folder)
    try:
        record = yaml.safe_load((folder / PLAN).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder} is not a comparison: its {PLAN} cannot be read ({error}).") from error
    if not isinstance(record, Mapping) or not isinstance(record.get("cells"), Mapping):
        raise ValueError(f"{folder / PLAN} names no cells. {HOLDS}")
    results = {
        name: _results(folder / "runs" / text(cell.get("folder")), record["seeds"]) for name, cell in record["cells"].items()
    }
    data = next((found[0].data for found in results.values() if found), Data(name=text(section(record, "data").get("name"))))
    probes = list(dict.fromkeys([*PROBES, *(p for r in results.values() for each in r for p in each.probes)]))
    key = {"number": "r2", "classes": "balanced_accuracy" if data.unbalanced else "accuracy"}.get(data.task)
    columns = [
        column
        for column in columns_for(data, probes)
        if column.key == key and any(held(found, column, "trained") for found in results.values())
    ]
    reference = text(record.get("against"))
    cells = _ranked(record, results, columns[0] if columns else None, reference)
    main = columns[0] if columns else None
    return Standings(folder, record, data, main, tuple(columns[1:]), cells, reference, _sessions(folder))


def _results(folder: Path, seeds: Sequence[int]) -> tuple[Results, ...]:
    found = []
    for seed in seeds:
        path = folder / f"seed-{seed}" / "results.json"
        if path.is_file():
            found.append(parse(json.loads(path.read_text(encoding="utf-8"))))
    return tuple(found)


def _ranked(
    record: Mapping[str, Any], results: Mapping[str, tuple[Results, ...]], column: Column | None, reference: str
) -> tuple[Ranked, ...]:
    scores = {name: held(found, column, "trained") if column else {} for name, found in results.items()}
    means = {name: value.mean for name, each in scores.items() if (value := spread(each.values()))}
    order = sorted(results, key=lambda name: -means.get(name, float("-inf")))
    best = scores[order[0]] if order else {}
    settings = {name: flat(section(cell, "settings")) for name, cell in record["cells"].items()}
    differ = [key for key in dict.fromkeys(k for each in settings.values() for k in each) if _differs(key, settings)]
    return tuple(
        Ranked(
            rank=rank,
            name=name,
            folder=text(record["cells"][name].get("folder")),
            settings={key: settings[name][key] for key in differ if key in settings[name]},
            results=results[name],
            scores=scores[name],
            validation=_validation(results[name], column),
            to_best=paired(scores[name], best),
            to_reference=paired(scores[name], scores[reference]) if reference in scores else None,
            standing=standing(scores[name], best) if name in means else "unknown",
        )
        for rank, name in enumerate(order, 1)
    )


def _differs(key: str, settings: Mapping[str, Mapping[str, Any]]) -> bool:
    return len({in_words(each[key]) if key in each else None for each in settings.values()}) > 1


def _validation(results: Sequence[Results], column: Column | None) -> Held:
    """What the probe scored on the validation examples that chose its strength."""
    found: dict[Hashable, float] = {}
    for result in results:
        score = result.probes.get(column.probe, {}).get("trained") if column else None
        if score and column and (key := _validation_key(score.values, column)):
            found[result.seed] = score.values[key]
    return found


def _validation_key(values: Mapping[str, float], column: Column) -> str | None:
    return next((key for key in (f"val_{column.key}", "val_accuracy", "val_r2") if key in values), None)


def _sessions(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The last line of each session."""
    path, last = folder / "sessions.jsonl", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found = json.loads(line)
            last[text(found.get("session"))] = found
        except (ValueError, AttributeError):  # cut short by a kill
            continue
    return tuple(last.values())


# --- in words -------------------------------------------------------------------------------------------------------------


def _headline(found: Standings) -> Iterator[str]:
    column, cells = found.column, [cell for cell in found.cells if cell.scores]
    if column is None or not cells:
        yield "No run has scores yet, so nothing can be compared."
        return
    best = cells[0]
    over = plural(len(best.scores), "seed")
    yield (
        f"{best.name} reaches {column.text(spread(best.scores.values()))} on {found.data.name} ({column.title}, {over}), the "
        f"most of {plural(len(cells), 'cell')}."
    )
    others = cells[1:]
    near = [cell.name for cell in others if cell.standing == "not worse"]
    worse = [cell for cell in others if cell.standing == "worse"]
    if near:
        yield f"Not shown to be worse: {', '.join(near)}."
    if len(worse) > MANY:
        least, most = worse[0], worse[-1]
        ends = f"from {least.name} ({found.gap(least.to_best)}) to {most.name} ({found.gap(most.to_best)})"
        yield f"Worse, seed by seed: the other {len(worse)}, {ends}."
    elif worse:
        yield f"Worse, seed by seed: {', '.join(f'{cell.name} ({found.gap(cell.to_best)})' for cell in worse)}."
    if any(cell.standing == "unknown" for cell in others):
        yield "One seed says nothing of chance, so no cell can be called better than another."
    beaten = [(name, value) for name, value in (("untrained", found.untrained()), ("raw", found.row("raw"))) if value]
    if beaten:
        words = {"untrained": "the same encoders untrained", "raw": found.named("raw", ROWS["raw"])}
        yield f"Beside them: {', '.join(f'{words[name]} {_mean(column, value)}' for name, value in beaten)}."
    yield from _honest(best, column)


def _honest(best: Ranked, column: Column) -> Iterator[str]:
    """Where even the best is not shown to be worth its training."""
    said: dict[str, list[str]] = {}
    for row, words in (("untrained", "its encoder untrained"), ("raw", "raw input")):
        gain = paired(best.scores, held(best.results, column, row))
        if gain and gain.high is not None and gain.high < 0:
            said.setdefault("is worse than", []).append(words)
        elif gain and gain.holds_zero:
            said.setdefault("is not shown to be better than", []).append(words)
    for verb, others in said.items():
        yield f"Even the best {verb} {' or '.join(others)}."


def _mean(column: Column, value: Spread) -> str:
    alone = Spread(value.mean, None, value.n)
    return percent(alone) if column.shown == "percent" else f"R² {fixed(alone, 3)}"


def chosen_by_validation(found: Standings) -> str:
    """Which cell the validation scores would have chosen: the choice that does not look at the test set."""
    scored = [(value.mean, cell) for cell in found.cells if (value := spread(cell.validation.values())) and cell.scores]
    if found.column is None or len(scored) < 2:
        return ""
    best = max(scored, key=lambda pair: pair[0])[1]
    test = found.column.text(spread(best.scores.values()))
    if best.rank == 1:
        return f"Validation scores alone choose the same cell, {best.name}."
    return f"Validation scores alone would have chosen {best.name}, with {test} on test: an honest choice reports that."


def busy(sessions: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """How the runs shared the machine: wall time, jobs, and how busy the cores were."""
    known = [each for each in sessions if whole(each.get("seconds")) is not None]
    if not known:
        return []
    seconds = sum(float(each["seconds"]) for each in known)
    pairs = [("wall time", _clock(seconds) + (f", in {len(known)} sessions" if len(known) > 1 else ""))]
    pairs.append(
        (
            "runs at a time",
            " / ".join(
                dict.fromkeys(
                    f"{each.get('jobs')}, with {plural(int(each.get('threads') or 1), 'thread')} each" for each in known
                )
            ),
        )
    )
    pairs.append(("cores", " / ".join(dict.fromkeys(str(each.get("cores")) for each in known))))
    if all(each.get("cpu_seconds") is not None for each in known):
        share = sum(float(each["cpu_seconds"]) for each in known) / max(
            1e-9, sum(float(each["seconds"]) * int(each.get("cores") or 1) for each in known)
        )
        pairs.append(("cores busy with runs", f"{100 * share:.0f} % of the time"))
    return pairs


def _clock(seconds: float) -> str:
    whole_seconds = round(seconds)
    hours, minutes = whole_seconds // 3600, whole_seconds % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole_seconds % 60} s" if minutes else f"{whole_seconds} s"
