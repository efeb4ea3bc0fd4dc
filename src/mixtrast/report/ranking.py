"""A comparison as data: the configurations in order, with their scores and differences."""

import statistics
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from mixtrast.records import (
    ComparisonRecord,
    DataRecord,
    Json,
    Results,
    SessionRecord,
    read_comparison,
    read_results,
    read_sessions,
)
from mixtrast.records.comparison import RUNS
from mixtrast.records.folder import RESULTS
from mixtrast.report.columns import Column, main_columns
from mixtrast.report.numbers import Spread, spread
from mixtrast.report.settings import flat, in_words
from mixtrast.significance import Difference, difference

Standing = Literal["best", "not worse", "worse", "unknown"]
STANDING: dict[str, Standing] = {"worse": "worse", "unclear": "not worse", "better": "not worse"}


@dataclass(frozen=True)
class Ranked:
    """One configuration."""

    rank: int  # by the mean of the main score, 1 the highest; configurations without a score come last
    name: str
    folder: str  # under runs/
    settings: dict[str, Json]  # that are not the same in all configurations, flat
    results: tuple[Results, ...]  # of its finished runs
    scores: dict[Hashable, float]  # seed -> the main score on test examples
    validation: dict[Hashable, float]
    to_best: Difference | None
    to_reference: Difference | None

    @property
    def standing(self) -> Standing:
        """Against the best: "worse" where it is clearly worse."""
        if not self.scores:
            return "unknown"
        return "best" if self.rank == 1 else STANDING.get(self.to_best.clarity if self.to_best else "", "unknown")

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict -> how many of its runs have it."""
        return Counter(verdict.verdict for result in self.results for verdict in result.diagnosis)

    def cost(self, key: str) -> Spread | None:
        """A field of the cost, over seeds."""
        return spread(getattr(result.cost, key) for result in self.results)


@dataclass(frozen=True)
class Ranking:
    """The configurations of a comparison in order."""

    folder: Path
    record: ComparisonRecord
    data: DataRecord
    column: Column | None  # of the main score; None where nothing was evaluated
    others: tuple[Column, ...]  # the main score of the other evaluations
    baselines: tuple[Column, ...]  # of raw input, which need no features
    configurations: tuple[Ranked, ...]
    sessions: tuple[SessionRecord, ...]

    @property
    def reference(self) -> str:
        """The configuration that all others are compared with, besides the best; or nothing."""
        return self.record.against or ""

    @property
    def missing(self) -> list[str]:
        """Runs that are not finished, in words."""
        pairs = [(each, seed) for seed in self.record.seeds for each in self.configurations]
        return [f"{each.name}, seed {seed}" for each, seed in pairs if seed not in {result.seed for result in each.results}]

    @cached_property
    def tested(self) -> tuple[Difference, ...]:
        """The differences to the best."""
        return tuple(each.to_best for each in self.configurations[1:] if each.to_best is not None)

    def row(self, row: str, column: Column | None = None) -> Spread | None:
        """The score of a reference row over all seeds.

        Raw input and the majority-class baseline are the same for all configurations and count once a seed; where
        configurations read the data in different ways, those of the best count (see `row_name`). Encoders before training may
        differ: their mean over configurations counts.
        """
        column = column or self.column
        if column is None:
            return None
        found: dict[Hashable, list[float]] = {}
        for each in self.configurations:
            for seed, value in column.values(each.results, row).items():
                found.setdefault(seed, []).append(value)
        return spread(statistics.fmean(values) if row == "untrained" else values[0] for values in found.values())

    def row_name(self, row: str, words: str) -> str:
        """The name of a reference row: that of the best configuration, where configurations differ in it."""
        first: dict[Hashable, float] = {}
        for each in self.configurations if self.column and row != "untrained" else ():
            own = self.column.values(each.results, row) if self.column else {}
            if any(abs(value - first.setdefault(seed, value)) > 1e-6 for seed, value in own.items()):
                return f"{words} of the best configuration"
        return words


def read_ranking(folder: Path) -> Ranking:
    """Read a comparison; runs that are not finished are missing.

    Raises: ValueError where the folder is no comparison.
    """
    folder = Path(folder)
    record = read_comparison(folder)
    results = {name: _results(folder / RUNS / each.folder, record.seeds) for name, each in record.configurations.items()}
    every = [result for found in results.values() for result in found]
    columns = main_columns(every)
    ranked = [column for column in columns if any(column.values(found, "trained") for found in results.values())]
    main = ranked[0] if ranked else None
    return Ranking(
        folder=folder,
        record=record,
        data=every[0].data if every else replace(DataRecord(), name=record.data.name or DataRecord.name),
        column=main,
        others=tuple(ranked[1:]),
        baselines=tuple(column for column in columns if column.record.kind == "baseline" and column not in ranked),
        configurations=_ordered(record, results, main),
        sessions=read_sessions(folder),
    )


def _results(folder: Path, seeds: Sequence[int]) -> tuple[Results, ...]:
    folders = [folder / f"seed-{seed}" for seed in seeds]
    return tuple(read_results(each) for each in folders if (each / RESULTS).is_file())


def _ordered(record: ComparisonRecord, results: dict[str, tuple[Results, ...]], column: Column | None) -> tuple[Ranked, ...]:
    scores = {name: column.values(found, "trained") if column else {} for name, found in results.items()}
    means = {name: value.mean for name, each in scores.items() if (value := spread(each.values()))}
    order = sorted(results, key=lambda name: -means.get(name, float("-inf")))
    own = _own_settings(record)

    def to(name: str, other: str | None) -> Difference | None:
        if column is None or other not in results:
            return None
        return difference(column.sample(results[name], "trained"), column.sample(results[other], "trained"))

    return tuple(
        Ranked(
            rank=rank,
            name=name,
            folder=record.configurations[name].folder,
            settings=own[name],
            results=results[name],
            scores=scores[name],
            validation=_validation(results[name], column),
            to_best=to(name, order[0]),
            to_reference=to(name, record.against),
        )
        for rank, name in enumerate(order, 1)
    )


def _own_settings(record: ComparisonRecord) -> dict[str, dict[str, Json]]:
    """Of each configuration the settings that are not the same in all."""
    settings = {name: flat(each.settings) for name, each in record.configurations.items()}
    keys = dict.fromkeys(key for each in settings.values() for key in each)
    differ = [key for key in keys if len({in_words(each[key]) if key in each else None for each in settings.values()}) > 1]
    return {name: {key: each[key] for key in differ if key in each} for name, each in settings.items()}


def _validation(results: Sequence[Results], column: Column | None) -> dict[Hashable, float]:
    """The score on the validation examples by which a probe was chosen."""
    found: dict[Hashable, float] = {}
    for result in results:
        score = result.probes.get(column.evaluation, {}).get("trained") if column else None
        keys = (f"val_{column.metric}", "val_accuracy", "val_r2") if column else ()
        if score and (key := next((key for key in keys if key in score.values), None)):
            found[result.seed] = score.values[key]
    return found
