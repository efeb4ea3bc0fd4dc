"""What a run is worth, in sentences that are computed from its numbers."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixtrast.report.results import Data, Results, parse
from mixtrast.report.spread import Clarity, Spread, clarity, difference, fixed, percent, plural, sampling_error, spread
from mixtrast.report.tables import MAJORITY, Pairs, columns_for, examples_of, held, labels_in_words, points, typical

NAMES = {
    "raw": "raw input",
    "untrained": "the same encoder untrained",
    "supervised": "the same encoder trained with plain labels",
}
REFERENCES = ("raw", "untrained")  # what features must beat to be worth their training


@dataclass(frozen=True)
class Claim:
    """Scores of every row under the same conditions, and how to say them."""

    condition: str  # "With 10 labels per class"
    scores: dict[str, Pairs]
    data: Data

    @property
    def seeds(self) -> set[Hashable]:
        return {seed for seed, _ in self.scores["trained"]}

    @property
    def draws(self) -> int:
        return max(draw for _, draw in self.scores["trained"]) + 1

    def say(self, row: str, unit: bool = False) -> str:
        value = spread(self.scores[row].values())
        return percent(value, unit) if self.data.task == "classes" else ("R² " if unit else "") + fixed(value, 3)

    def say_gain(self, gain: Spread) -> str:
        return percent(gain, unit=False, signed=True) if self.data.task == "classes" else fixed(gain, 3, signed=True)

    def gain(self, to: str) -> Spread | None:
        """Trained less another row: seed by seed, or draw by draw where there is one seed only."""
        mine, other = self.scores["trained"], self.scores.get(to, {})
        if len(self.seeds) < 2:
            return difference(dict(mine), dict(other))
        by_seed: dict[Hashable, list[float]] = {}
        for seed, draw in mine:
            if (seed, draw) in other:
                by_seed.setdefault(seed, []).append(mine[seed, draw] - other[seed, draw])
        return spread(statistics.fmean(values) for values in by_seed.values())

    def error(self, to: str) -> float | None:
        """How far apart the choice of test examples alone may put the two, one standard error."""
        means = [spread(self.scores[row].values()) for row in ("trained", to)]
        if self.data.task != "classes" or means[0] is None or means[1] is None:
            return None
        return sampling_error(means[0].mean, means[1].mean, examples_of(self.data))

    def clarity(self, to: str) -> Clarity:
        examples = examples_of(self.data)
        least = 1 / examples if examples and self.data.task == "classes" else 0.0
        return clarity(self.gain(to), self.error(to), least)


def headline(*results: Results | Mapping[str, Any]) -> str:
    """What these features are worth, in plain sentences.

    Args:
        results: results.json of each seed of one recipe, as written or read.
    """
    found = [result if isinstance(result, Results) else parse(result) for result in results]
    if not found:
        return "There are no results yet, so nothing can be said of these features."
    claim = claim_of(found)
    sentences = [*_worth(claim), *_labels_seen(found)] if claim else [_unmeasured(found)]
    return " ".join(sentences)


def claim_of(results: Sequence[Results]) -> Claim | None:
    """The scores that a headline is about: with few labels if they were measured, else with all; None if neither was."""
    data = results[0].data
    columns = columns_for(data)
    if not columns:
        return None
    curve = points(results)
    if place := typical(curve):
        return Claim(f"With {labels_in_words(place)}", curve[place], data)
    for column in columns:
        if column.shown == "mae":
            continue
        scores = {row: held(results, column, row) for row in ("trained", *NAMES, "majority")}
        if scores["trained"]:
            pairs = {row: {(seed, 0): value for seed, value in values.items()} for row, values in scores.items() if values}
            return Claim(_all_labels(data) + (" and a kNN probe" if column.probe == "knn" else ""), pairs, data)
    return None


def _all_labels(data: Data) -> str:
    if data.labels_granted is not None:
        return f"With the {plural(data.labels_granted, 'label')} per class that the whole run was granted"
    number = sum(data.counts.get("train", ())) or (data.sizes.get("train") if not data.unlabelled else None)
    return f"With all {number:,} training labels" if number else "With all training labels"


def _worth(claim: Claim) -> Iterator[str]:
    others = [f"{NAMES[row]} {claim.say(row)}" for row in NAMES if claim.scores.get(row)]
    if claim.data.unbalanced and claim.scores.get("majority"):
        others.append(f"{MAJORITY['classes']} {claim.say('majority')}")
    rest = f"; {', '.join(others)}" if others else ""
    yield f"{claim.condition} these features reach {claim.say('trained', unit=True)} on {claim.data.name}{rest}."
    yield _meaning(claim)
    gains = {row: gain for row in REFERENCES if (gain := claim.gain(row))}
    if gains:
        yield _gains(claim, gains)
        yield from _honest(claim, gains)
    missing = [NAMES[row] for row in REFERENCES if row not in gains]
    if missing:
        yield f"There is no number for {' nor for '.join(missing)}, so what training added to that is not known."


def _meaning(claim: Claim) -> str:
    """What ± is here."""
    seeds, draws = len(claim.seeds), claim.draws
    if draws > 1:
        over = f"(± is the s.d. over {draws} draws of labels"
        return f"{over} × {seeds} seeds.)" if seeds > 1 else f"{over}; one seed: no spread over seeds.)"
    return f"(± is the s.d. over {seeds} seeds.)" if seeds > 1 else "(One seed: no spread.)"


def _gains(claim: Claim, gains: Mapping[str, Spread]) -> str:
    pairs = "Seed by seed" if len(claim.seeds) > 1 else "Draw by draw" if claim.draws > 1 else "On this one seed"
    what = "points" if claim.data.task == "classes" else "of R²"
    parts = [f"{claim.say_gain(gain)} {what} against {NAMES[row]}" for row, gain in gains.items()]
    return f"{pairs} that is {' and '.join(parts)}."


def _honest(claim: Claim, gains: Mapping[str, Spread]) -> Iterator[str]:
    """What has to be said where the features are not clearly better."""
    found: dict[Clarity, list[str]] = {}
    for row in gains:
        found.setdefault(claim.clarity(row), []).append(row)
    if worse := found.get("worse"):
        yield f"They are worse than {' and '.join(NAMES[row] for row in worse)}."
    if unclear := found.get("unclear"):
        names = " or ".join(NAMES[row] for row in unclear)
        than = "the spread"
        if all(gains[row].sd is None for row in unclear):
            error = 100 * max(claim.error(row) or 0.0 for row in unclear)
            examples = examples_of(claim.data)
            than = f"the choice of {examples:,} test examples alone makes (one standard error: {error:.1f} points)"
        yield f"They are not better than {names} by more than {than}."
    if unknown := found.get("unknown"):
        names = " or ".join(NAMES[row] for row in unknown)
        yield f"From one seed it cannot be told whether the difference to {names} is more than chance."


def _labels_seen(results: Sequence[Results]) -> Iterator[str]:
    seen = {result.data.labels_seen for result in results if result.data.labels_seen}
    if seen:
        yield f"Training itself saw {plural(max(seen), 'label')}."


def _unmeasured(results: Sequence[Results]) -> str:
    """Where nothing measured the worth: why, and what the loss says, which is not the same."""
    data = results[0].data
    if data.task == "none":
        why = f"There are no labels on {data.name}, so what these features are worth for a task was not measured."
    else:
        why = f"No probe of these features on {data.name} is recorded, so what they are worth was not measured."
    loss, chance = (spread(r.learning[key] for r in results if key in r.learning) for key in ("loss", "chance"))
    if loss is None or chance is None:
        return why
    over = f" (± over {loss.n} seeds)" if loss.n > 1 else " (one seed: no spread)"
    return (
        f"{why} The loss went to {fixed(loss, 2)} where chance is {fixed(Spread(chance.mean, None, 1), 2)}{over}: "
        "that says how well the training task was learned, not how useful the features are."
    )
