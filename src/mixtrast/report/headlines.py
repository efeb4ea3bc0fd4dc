"""The headline of a run: how good its features are, in sentences that are computed from its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mixtrast.records import ROW_NAMES, DataRecord, Results
from mixtrast.report.columns import columns_for
from mixtrast.report.label_points import LabelCount, label_points, quoted
from mixtrast.report.numbers import Spread, decimals, fixed, gain, percent, spread
from mixtrast.report.score_table import RUN_ONCE
from mixtrast.significance import Difference, Sample, difference, intervals_in_words
from mixtrast.text import count

OTHERS = ("raw", "untrained", "supervised")  # rows that are quoted beside the trained encoder
NAMES = {"raw": ROW_NAMES["raw"], "untrained": f"the {ROW_NAMES['untrained']}"}  # in a sentence
REFERENCES = ("raw", "untrained")  # rows that features must beat to be worth their training


@dataclass(frozen=True)
class Claim:
    """The scores that a headline is about, and the data that they were measured on."""

    condition: str  # "With 10 labels per class"
    probe: str  # how the evaluation is called, "a linear probe"
    samples: dict[str, Sample]  # row -> scores
    data: DataRecord

    @property
    def share(self) -> bool:
        """Whether scores are written in percent, not as R²."""
        return self.data.task == "classes"

    def score(self, row: str, unit: bool = False) -> str:
        """The score of a row in words."""
        value = spread(self.samples[row].values.values())
        return percent(value, unit) if self.share else ("R² " if unit else "") + fixed(value, 3)

    @property
    def gains(self) -> dict[str, Difference]:
        """Reference -> trained less that."""
        found = {row: difference(self.samples["trained"], self.samples[row]) for row in REFERENCES if row in self.samples}
        return {row: each for row, each in found.items() if each is not None}


def headline(*results: Results) -> str:
    """How good the features of one recipe are, in plain sentences, from the results of each seed."""
    if not results:
        return "There are no results yet, so the features cannot be judged."
    claim = claim_of(results)
    return " ".join([*_scores(claim), *_labels_used(results), *_identifiers(results)] if claim else [_unmeasured(results)])


def claim_of(results: Sequence[Results]) -> Claim | None:
    """The scores that a headline is about: with few labels if they were measured, else with all; None if neither was."""
    data, points = results[0].data, label_points(results)
    if (labels := quoted(points)) and data.task in ("classes", "number"):
        curve = next((each for each in results[0].evaluations.values() if each.kind == "curve"), None)
        return Claim(f"With {labels}{_or_fewer(labels, results)}", curve.phrase if curve else "a probe", points[labels], data)
    for column in columns_for(results):
        if column.unit != "error" and column.values(results, "trained"):
            samples = {row: column.sample(results, row) for row in ("trained", *OTHERS, "majority")}
            there = {row: sample for row, sample in samples.items() if sample.values}
            return Claim(_all_labels(data), column.record.phrase or column.evaluation, there, data)
    return None


def _or_fewer(labels: LabelCount, results: Sequence[Results]) -> str:
    """Where a class has fewer labels than that."""
    least = min((size for result in results for size in result.data.counts.get("train", ()) if size), default=None)
    return " (all of a class that has fewer)" if least is not None and least < (labels.per_class or 0) else ""


def _all_labels(data: DataRecord) -> str:
    if data.labels_per_class is not None:
        return f"With the {count(data.labels_per_class, 'label')} per class that the run may use"
    number = sum(data.counts.get("train", ())) or (data.train if not data.unlabelled else None)
    return f"With all {number:,} training labels" if number else "With all training labels"


def _scores(claim: Claim) -> Iterator[str]:
    others = [f"{ROW_NAMES[row]} {claim.score(row)}" for row in OTHERS if row in claim.samples]
    if claim.data.unbalanced and "majority" in claim.samples:
        others.append(f"{claim.data.majority_name} {claim.score('majority')}")
    reached = f"{claim.condition}, {claim.probe} on the trained encoder reaches {claim.score('trained', unit=True)}"
    yield f"{reached} on {claim.data.name}{'; ' if others else ''}{', '.join(others)}."
    yield _deviation(claim.samples["trained"])
    if gains := claim.gains:
        yield _gains(claim, gains)
        yield from _not_better(claim, gains)
    if missing := [NAMES[row] for row in REFERENCES if row not in gains]:
        yield f"There is no score of {' or of '.join(missing)}, so the gain over that is not known."


def _deviation(trained: Sample) -> str:
    """What ± is, or that there is none."""
    seeds, draws = len(trained.seeds), max(draw for _, draw in trained.values) + 1
    over = [f"{draws} draws of labels"] * (draws > 1) + [f"{seeds} seeds"] * (seeds > 1)
    said = f"± is the standard deviation over {' × '.join(over)}. " if over else ""
    return (said + (RUN_ONCE if seeds < 2 else "")).rstrip()


def _gains(claim: Claim, gains: dict[str, Difference]) -> str:
    unit = " points" if claim.share else " R²"
    parts = [f"{gain(found, claim.share, unit)} over {NAMES[row]}" for row, found in gains.items()]
    tests = intervals_in_words(gains.values())
    return f"Gain: {', '.join(parts)}." + (f" In brackets: {tests}." if tests else "")


def _not_better(claim: Claim, gains: dict[str, Difference]) -> Iterator[str]:
    """What has to be said where the trained encoder is not clearly better."""
    by_clarity: dict[str, list[str]] = {}
    for row, found in gains.items():
        by_clarity.setdefault(found.clarity, []).append(row)
    if worse := by_clarity.get("worse"):
        yield f"The trained encoder is clearly worse than {' and '.join(NAMES[row] for row in worse)}."
    for row in by_clarity.get("unclear", ()):
        yield _unclear(claim, NAMES[row], gains[row])
    if unknown := by_clarity.get("unknown"):
        names = " or ".join(NAMES[row] for row in unknown)
        yield f"One run cannot tell whether the difference to {names} is more than chance."


def _unclear(claim: Claim, name: str, found: Difference) -> str:
    """The difference (1.2) is smaller than the uncertainty of the test set (±4.0)."""
    if abs(found.mean) < 1e-9:
        return f"It is not better than {name}: both reach the same score."
    scale, digits = (100, 1) if claim.share else (1, 3)
    of = {"seeds": f"of {found.n} seeds", "draws": f"of {found.n} draws of labels"}.get(found.over, "of the test set")
    size, margin = (decimals(scale * each, digits) for each in (abs(found.mean), found.margin or 0.0))
    return f"It is not clearly better than {name}: the difference ({size}) is smaller than the uncertainty {of} (±{margin})."


def _labels_used(results: Sequence[Results]) -> Iterator[str]:
    used = max((result.data.labels_used or 0 for result in results), default=0)
    data = results[0].data
    every = "all " if used == sum(data.counts.get("train", ())) and data.labels_per_class is None else ""
    if used:
        yield f"Training used {every}{count(used, 'label')}."


def _identifiers(results: Sequence[Results]) -> Iterator[str]:
    """A high score that may come from rows that are sorted by class and numbered."""
    for note in dict.fromkeys(note for result in results for note in result.data.notes if "identifier" in note):
        yield f"A column may give the answer away, to raw input and to the encoder alike: {note}"


def _unmeasured(results: Sequence[Results]) -> str:
    """Where nothing was evaluated: why, and what the loss says, which is not the same."""
    data = results[0].data
    why = f"No evaluation on {data.name} is recorded, so it is not known how good the features are."
    if data.task == "none":
        why = f"{data.name} has no labels, so the features were not evaluated on a task."
    loss, chance = (spread(getattr(result.learning, key) for result in results) for key in ("loss", "chance"))
    if loss is None or chance is None:
        return why
    over = f"± over {loss.n} seeds" if loss.n > 1 else "one run"
    said = f"{why} The loss ended at {fixed(loss, 2)}, where chance is {fixed(Spread(chance.mean, None, 1), 2)} ({over}): "
    return f"{said}that shows how well the training task was learned, not how useful the features are."
