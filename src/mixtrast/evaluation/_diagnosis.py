"""The diagnosis of a run: what its numbers mean, in plain words."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mixtrast.evaluation._verdict import judge_features
from mixtrast.records import BETTER_VERDICTS, Learning, Results, Verdict
from mixtrast.text import count

LEAST_PROGRESS = 0.05  # of the way from chance to the floor: below it a loss counts as unchanged
LEAST_RANK = 2.0  # effective rank: features below it have collapsed
MOST_UNIFORMITY = -0.05  # a mean squared distance of 0.025 between unit rows, a cosine of 0.99: embeddings have collapsed
LEAST_TRANSFER = 0.5  # of the gain on training examples that must be there on others, else it is overfitting
LEAST_STEPS = 100  # of training, below which nothing else is said against a method

SEVERITY = (
    *("diverged", "collapsed", "possible leak", "too early", "at chance", "no progress", "worse than before training"),
    *("overfitting", "no better than majority", "no better than raw input", "no better than before training"),
    *("no better than baseline", "worse than supervised", "learning", *BETTER_VERDICTS),
)


def diagnose(results: Results, *, warmup_done: bool | None = None) -> tuple[Verdict, ...]:
    """What the numbers of a run mean: verdicts, the gravest first. What was not measured is not judged.

    `warmup_done`: False where the learning rate is still rising.

    Verdicts: "learning": the loss has gone 5 % of the way from chance to the floor (0 where the floor is not known), else "at
    chance"; "no progress" if it was as low at the start. "too early": before warm-up is done, and with fewer than 100 steps
    where the features are not clearly better. "diverged": the loss is not finite. "collapsed": features have an effective rank
    below 2 (of more than 4), or a uniformity above -0.05. "overfitting": gain_val is less than half of gain_train, the same
    holds for what training added to each, and the two additions differ by more than `gain_margin`. "possible leak": a column
    looks like an identifier. Of the first probe: "better than baselines", "better with few labels", "worse than
    before training", "no better than before training", "... raw input", "... majority", "... baseline" (the best baseline on
    raw input), "worse than supervised". What is clearly better, `mixtrast.significance` decides.
    """
    learning = _finite(results.learning)
    early = learning.steps is not None and learning.steps < LEAST_STEPS
    found = [*_training(learning, warmup_done), *judge_features(results, early)]
    names = {verdict.verdict for verdict in found}
    if early and not names & {*BETTER_VERDICTS, "too early"}:
        says = f"Training took only {count(learning.steps or 0, 'step')}: too few to judge the method."
        found.append(Verdict("too early", f"{says} Train for longer (--epochs); a few thousand steps are typical."))
    return tuple(sorted(found, key=lambda verdict: SEVERITY.index(verdict.verdict)))


def _finite(learning: Learning) -> Learning:
    """Numbers that are not finite count as not measured, except the loss: then training diverged."""
    wrong: Any = {k: None for k, value in vars(learning).items() if _broken(value) and not k.startswith("loss")}
    return replace(learning, **wrong)


def _broken(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _training(learning: Learning, warmup_done: bool | None) -> Iterator[Verdict]:
    """What the loss and the geometry of the features say."""
    if _broken(learning.loss) or _broken(learning.loss_last):
        yield Verdict(
            "diverged",
            "Training diverged: the loss is not a finite number, and the features are not usable. Lower the learning rate to a "
            "tenth, and check the data for extreme or missing values.",
        )
    else:
        yield from _loss(learning, warmup_done)
    yield from _collapse(learning)
    yield from _overfitting(learning)
    if learning.warned:
        yield Verdict(
            "possible leak",
            f"A column may give the label away: {' '.join(learning.warned)} If the rows are sorted by class, all scores may "
            "come from it, those of raw input too. Leave it out and train again.",
        )


def _loss(learning: Learning, warmup_done: bool | None) -> Iterator[Verdict]:
    loss = learning.loss if learning.loss is not None else learning.loss_last
    first, chance, floor = learning.loss_first, learning.chance, learning.floor or 0.0
    if loss is None or chance is None or chance <= floor:
        return
    done, scale = (chance - loss) / (chance - floor), f"chance is {chance:.2f} and the lowest possible value {floor:.2f}"
    if done >= LEAST_PROGRESS and first is not None and first - loss < LEAST_PROGRESS * (chance - floor) and first < chance:
        yield Verdict(
            "no progress",
            f"The loss hardly changed: it was {first:.2f} at the start and is {loss:.2f} now ({scale}). Train for longer, or "
            "use three times the learning rate.",
        )
    elif done >= LEAST_PROGRESS:
        yield Verdict("learning", f"The loss is {loss:.2f}: {100 * done:.1f} % of the way down from chance ({scale}).")
    elif warmup_done is False:
        yield Verdict(
            "too early", f"The learning rate is still rising, so a loss of {loss:.2f} says nothing yet. Train for longer."
        )
    else:
        yield Verdict(
            "at chance",
            f"The encoder has learned almost nothing: the loss is {loss:.2f}, {scale}. Train for longer, use three times the "
            "learning rate, or use milder views; check that the data are scaled.",
        )


def _collapse(learning: Learning) -> Iterator[Verdict]:
    rank, dim, before = learning.rank, learning.dim, learning.rank_untrained
    if rank is not None and rank < LEAST_RANK and (dim is None or dim > 2 * LEAST_RANK):
        of = "" if dim is None else f" of {dim}"
        was = "" if before is None else f", {before:.1f} before training"
        says = f"The features collapsed: they vary in only {rank:.1f} directions{of} (effective rank{was})."
    elif learning.uniformity is not None and learning.uniformity > MOST_UNIFORMITY:
        says = f"The embeddings collapsed: all are nearly the same (uniformity {learning.uniformity:.3f}; well spread is -4)."
    else:
        return
    yield Verdict(
        "collapsed",
        f"{says} Lower the learning rate, use larger batches or a higher temperature, and check that the data are scaled and "
        "that examples differ.",
    )


def _overfitting(learning: Learning) -> Iterator[Verdict]:
    train, val, margin = learning.gain_train, learning.gain_val, learning.gain_margin
    if train is None or val is None or margin is None:
        return
    added, added_val = train - (learning.gain_train_before or 0.0), val - (learning.gain_val_before or 0.0)
    least = LEAST_PROGRESS * abs(learning.chance if learning.chance is not None else 1.0)
    if added <= least or val >= LEAST_TRANSFER * train or added_val >= LEAST_TRANSFER * added or added - added_val <= margin:
        return
    yield Verdict(
        "overfitting",
        f"The encoder overfits: its loss is {train:.2f} below chance on training examples and {val:.2f} below on others, and "
        f"training lowered it by {added:.2f} and {added_val:.2f}. Use more examples, stronger views or mixing, a smaller "
        "encoder, or fewer epochs.",
    )
