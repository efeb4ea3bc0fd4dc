"""What a run is worth, in sentences that are computed from its numbers."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixtrast.report.results import Data, Results, parse
from mixtrast.report.spread import Clarity, Spread, clarity, difference, fixed, luck, percent, plural, spread
from mixtrast.report.tables import Pairs, Place, columns_for, examples_of, held, labels_in_words, majority_of, points, typical

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

    def luck(self, to: str) -> float | None:
        """How far apart the choice of test examples alone may put the two."""
        ours, theirs = (spread(self.scores[row].values()) for row in ("trained", to))
        if ours is None or theirs is None:
            return None
        return luck(ours.mean, theirs.mean, examples_of(self.data), share=self.data.task == "classes")

    def by_luck(self, to: str) -> bool:
        """Whether the margin is the choice of test examples: one seed has one test set, whatever the spread over draws."""
        gain, luck = self.gain(to), self.luck(to)
        return gain is not None and len(self.seeds) < 2 and luck is not None and luck > (gain.sd or 0.0)

    def clarity(self, to: str) -> Clarity:
        gain = self.gain(to)
        if gain is not None and self.by_luck(to):
            gain = Spread(gain.mean, None, gain.n)
        examples = examples_of(self.data)
        return clarity(gain, self.luck(to), 1 / examples if examples and self.data.task == "classes" else 0.0)


def headline(*results: Results | Mapping[str, Any]) -> str:
    """What these features are worth, in plain sentences.

    Args:
        results: results.json of each seed of one recipe, as written or read.
    """
    found = [result if isinstance(result, Results) else parse(result) for result in results]
    if not found:
        return "There are no results yet, so nothing can be said of these features."
    claim = claim_of(found)
    sentences = [*_worth(claim), *_labels_seen(found), *_identifiers(found)] if claim else [_unmeasured(found)]
    return " ".join(sentences)


def claim_of(results: Sequence[Results]) -> Claim | None:
    """The scores that a headline is about: with few labels if they were measured, else with all; None if neither was."""
    data = results[0].data
    columns = columns_for(data)
    if not columns:
        return None
    curve = points(results)
    if place := typical(curve):
        return Claim(f"With {labels_in_words(place)}{_or_all(place, results)}", curve[place], data)
    for column in columns:
        if column.shown == "mae":
            continue
        scores = {row: held(results, column, row) for row in ("trained", *NAMES, "majority")}
        if scores["trained"]:
            pairs = {row: {(seed, 0): value for seed, value in values.items()} for row, values in scores.items() if values}
            return Claim(_all_labels(data) + (" and a kNN probe" if column.probe == "knn" else ""), pairs, data)
    return None


def _or_all(place: Place, results: Sequence[Results]) -> str:
    """Where a class has fewer labels than that."""
    least = min((size for result in results for size in result.data.counts.get("train", ()) if size), default=None)
    return ", or all of a class that has fewer," if least is not None and least < (place[0] or 0) else ""


def _all_labels(data: Data) -> str:
    if data.labels_granted is not None:
        return f"With the {plural(data.labels_granted, 'label')} per class that the whole run was granted"
    number = sum(data.counts.get("train", ())) or (data.sizes.get("train") if not data.unlabelled else None)
    return f"With all {number:,} training labels" if number else "With all training labels"


def _worth(claim: Claim) -> Iterator[str]:
    others = [f"{NAMES[row]} {claim.say(row)}" for row in NAMES if claim.scores.get(row)]
    if claim.data.unbalanced and claim.scores.get("majority"):
        others.append(f"{majority_of(claim.data)} {claim.say('majority')}")
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
    for by_luck in (False, True):
        if unclear := [row for row in found.get("unclear", ()) if claim.by_luck(row) == by_luck]:
            names = " or ".join(NAMES[row] for row in unclear)
            yield f"They are not better than {names} by more than {_luck(claim, unclear) if by_luck else 'the spread'}."
    if unknown := found.get("unknown"):
        names = " or ".join(NAMES[row] for row in unknown)
        yield f"From one seed it cannot be told whether the difference to {names} is more than chance."


def _luck(claim: Claim, rows: Sequence[str]) -> str:
    most = max(claim.luck(row) or 0.0 for row in rows)
    size = f"{100 * most:.1f} points" if claim.data.task == "classes" else f"{most:.2g} of R²"
    return f"the choice of {examples_of(claim.data):,} test examples alone makes (two standard errors: {size})"


def _labels_seen(results: Sequence[Results]) -> Iterator[str]:
    seen = {result.data.labels_seen for result in results if result.data.labels_seen}
    if seen:
        yield f"Training itself saw {plural(max(seen), 'label')}."


def _identifiers(results: Sequence[Results]) -> Iterator[str]:
    """A high score from rows that are sorted by class and numbered."""
    for note in dict.fromkeys(note for result in results for note in result.data.notes if "identifier" in note):
        yield f"A column may give the answer away, to raw input and to the features alike: {note}"


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
